"""The merchant server as the lane speaks to it: HTTP of docs/protocols/http.md, section "Exit lane"."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from unqueue.lane.sequence.words import (
    Abandon,
    CallInfo,
    Claim,
    ExitInfo,
    GateGood,
    Left,
    RaiseAlarm,
    ReadExits,
    Release,
    Request,
    SendAside,
    TellWeighing,
)
from unqueue.lane.weighing import Expected, Line, Suspect, Tare, Verdict
from unqueue.station.link import ServerEvent, ServerLink


class _Wire(msgspec.Struct):
    """What is read of the server's JSON; unknown members are skipped."""


class _Order(_Wire):
    id: str
    number: str
    item_count: int


class _Line(_Wire):
    line: int
    product_id: str
    name_zh: str
    name_en: str
    quantity: int
    weight_g_expected: int
    weight_g_sd: float


class _Weighing(_Wire):
    measured_g: int
    expected_g: int
    sigma_g: float
    tolerance_g: int
    verdict: Any
    suspects: list[Suspect]
    low_g: int | None = None
    high_g: int | None = None
    overweight: bool = False
    parts: int = 1
    counted: int | None = None


class _AnsweredCall(_Wire):
    kind: str
    evidence: dict[str, Any]


class _Exit(_Wire):
    id: str
    status: Any
    order: _Order
    lines: list[_Line]
    tags: int
    checks: list[str]
    weighing: _Weighing | None
    passages: int | None
    expected: Expected | None = None
    call: _AnsweredCall | None = None
    bay: str | None = None


class _Call(_Wire):
    id: str
    kind: str
    status: Any
    action: str | None


class _Trolley(_Wire):
    tare_g: float
    tare_g_sd: float


class _OpeningsWanted(_Wire):
    wanted: list[str]


class _GateGoods(_Wire):
    surplus: list[GateGood]


class Briefing(_Wire):
    """What the lane needs while it is cut off: the server's clock (seconds since 1970), the key that verifies passes
    (base64), the orders bound to this lane that it must not take, and which of them it has given up for good.
    """

    store_id: str
    now_s: float
    public_key: str
    taken: list[str]
    given_up: list[str] = []


class StoreServer:
    """One lane's connection to the server. ``interval_g`` is that of its scale."""

    def __init__(
        self,
        base_url: str,
        lane: str,
        token: str,
        *,
        interval_g: int = 5,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._lane = lane
        self._interval_g = interval_g
        self._link = ServerLink(base_url, token, transport=transport)

    async def close(self) -> None:
        await self._link.close()

    async def ask(self, request: Request, request_id: str) -> tuple[ExitInfo, ...]:
        """The answer to one of the sequence's requests; the same id makes it the same request. TryLater or
        ServerRefused.
        """
        match request:
            case ReadExits():
                found = await self._link.send("GET", f"/api/lanes/{self._lane}/exits")
                return tuple(exit_info(one) for one in msgspec.json.decode(found, type=list[_Exit]))
            case Claim(pass_, order_number, shown_s):
                path = f"/api/lanes/{self._lane}/exits"
                body: dict[str, Any] = {"id": request_id, "pass": pass_, "order_number": order_number}
                body["shown_s"] = shown_s
                body["interval_g"] = self._interval_g
            case TellWeighing(exit_id):
                path, body = f"/api/exits/{exit_id}/weighings", weighing_body(request, request_id)
            case Release(exit_id, passages, tags_deactivated):
                path = f"/api/exits/{exit_id}/release"
                body = {"passages": passages, "tags_deactivated": tags_deactivated}
            case Left(exit_id, passages):
                path, body = f"/api/exits/{exit_id}/left", {"passages": passages}
            case Abandon(exit_id, reason):
                path, body = f"/api/exits/{exit_id}/abandon", {"reason": reason}
            case SendAside(exit_id, bay):
                path, body = f"/api/exits/{exit_id}/aside", {"bay": bay}
        return (exit_info(msgspec.json.decode(await self._link.send("POST", path, body), type=_Exit)),)

    async def exit(self, exit_id: str) -> ExitInfo:
        """An exit as it stands."""
        return exit_info(msgspec.json.decode(await self._link.send("GET", f"/api/exits/{exit_id}"), type=_Exit))

    async def alarm(self, alarm: RaiseAlarm, alarm_id: str) -> CallInfo:
        """Call staff; again with the same id: how that call stands."""
        body = {
            "id": alarm_id,
            "kind": alarm.kind,
            "exit_id": alarm.exit_id,
            "detail": alarm.detail,
            "cause": alarm.cause,
            "goods": msgspec.to_builtins(alarm.goods),
        }
        call = msgspec.json.decode(await self._link.send("POST", f"/api/lanes/{self._lane}/alarms", body), type=_Call)
        return CallInfo(call.id, call.status, call.kind, call.action)

    async def alarm_over(self, alarm_id: str) -> None:
        """Nobody need answer that call any more."""
        await self._link.send("POST", f"/api/lanes/{self._lane}/alarms/{alarm_id}/over")

    async def surplus(self, exit_id: str, counts: Mapping[str, int]) -> tuple[GateGood, ...]:
        """Of what passed the gate with an exit, pieces by GTIN-14: the goods that are more than was paid."""
        body = {"exit_id": exit_id, "counts": dict(counts)}
        answer = await self._link.send("POST", f"/api/lanes/{self._lane}/gate-goods", body)
        return tuple(msgspec.json.decode(answer, type=_GateGoods).surplus)

    async def gate_openings(self) -> list[str]:
        """The ids of what staff asked of the gate a moment ago, until :meth:`gate_opened` was told."""
        found = await self._link.send("GET", f"/api/lanes/{self._lane}/gate-openings")
        return msgspec.json.decode(found, type=_OpeningsWanted).wanted

    async def gate_opened(self, opening_id: str) -> None:
        """The gate has opened for staff. The same again is the same."""
        await self._link.send("POST", f"/api/lanes/{self._lane}/gate-openings/{opening_id}/opened")

    async def brief(
        self, heard: list[str], *, let_out: list[str] | None = None, now_s: float | None = None
    ) -> Briefing:
        """What to know before the server is away. ``heard`` are the orders that this lane will not take any more,
        ``let_out`` those that it let out and could not tell of; passes that end before ``now_s`` have ended here.
        """
        body = {"heard": heard, "let_out": let_out or [], "now_s": now_s}
        return msgspec.json.decode(
            await self._link.send("POST", f"/api/lanes/{self._lane}/briefing", body), type=Briefing
        )

    async def tell_offline(self, body: Mapping[str, Any]) -> None:
        """An exit that the lane decided alone. The same again is the same."""
        await self._link.send("POST", f"/api/lanes/{self._lane}/offline-exits", dict(body))

    async def heartbeat(self, state: str, devices: Mapping[str, Mapping[str, str]]) -> None:
        """Say how the lane and its devices are."""
        await self._link.send("POST", f"/api/lanes/{self._lane}/heartbeat", {"state": state, "devices": devices})

    async def trolley(self, code: str) -> Tare:
        """What a trolley weighs. ServerRefused for one that nobody knows yet."""
        found = await self._link.send("GET", f"/api/lanes/{self._lane}/trolleys/{quote(code, safe='')}")
        one = msgspec.json.decode(found, type=_Trolley)
        return Tare(round(one.tare_g), one.tare_g_sd, code)

    async def receipt(self, exit_id: str) -> dict[str, Any]:
        """The ``Receipt`` of an exit's order."""
        receipt: dict[str, Any] = msgspec.json.decode(await self._link.send("GET", f"/api/exits/{exit_id}/receipt"))
        return receipt

    def events(self) -> AsyncIterator[ServerEvent]:
        """What changes at this lane, until the connection ends. ServerAway."""
        return self._link.events()


def exit_info(wire: _Exit) -> ExitInfo:
    """What the sequence needs to know of an exit."""
    weighing = wire.weighing
    return ExitInfo(
        exit_id=wire.id,
        status=wire.status,
        order_id=wire.order.id,
        number=wire.order.number,
        item_count=wire.order.item_count,
        lines=tuple(
            Line(
                line.line,
                line.product_id,
                line.name_zh,
                line.name_en,
                line.quantity,
                line.weight_g_expected,
                line.weight_g_sd,
            )
            for line in wire.lines
        ),
        tags=wire.tags,
        checks=tuple(wire.checks),
        weighing=Verdict(
            measured_g=weighing.measured_g,
            expected_g=weighing.expected_g,
            sigma_g=weighing.sigma_g,
            tolerance_g=weighing.tolerance_g,
            verdict=weighing.verdict,
            suspects=tuple(weighing.suspects),
            low_g=weighing.low_g,
            high_g=weighing.high_g,
            overweight=weighing.overweight,
            parts=weighing.parts,
            counted=weighing.counted,
            items=wire.order.item_count if wire.expected is not None and wire.expected.by_count else 0,
        )
        if weighing is not None
        else None,
        passages=wire.passages,
        expected=wire.expected,
        is_thanked=wire.call is not None and wire.call.kind == "audit" and wire.call.evidence.get("outcome") == "clean",
        bay=wire.bay,
    )


def weighing_body(request: TellWeighing, request_id: str) -> dict[str, Any]:
    verdict, tare = request.verdict, request.tare
    return {
        "id": request_id,
        "measured_g": verdict.measured_g,
        "interval_g": request.interval_g,
        "expected_g": verdict.expected_g,
        "sigma_g": verdict.sigma_g,
        "tolerance_g": verdict.tolerance_g,
        "low_g": verdict.low_g,
        "high_g": verdict.high_g,
        "overweight": verdict.overweight,
        "parts": verdict.parts,
        "counted": verdict.counted,
        "verdict": verdict.verdict,
        "suspects": msgspec.to_builtins(verdict.suspects),
        "tags_deactivated": request.tags_deactivated,
        "tare_g": tare.tare_g if tare is not None else 0,
        "tare_g_sd": tare.tare_g_sd if tare is not None else 0.0,
        "trolley": tare.code if tare is not None else None,
    }
