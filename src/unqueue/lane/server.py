"""The merchant server as the lane speaks to it: HTTP of docs/protocols/http.md, section "Exit lane"."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import msgspec

from unqueue.lane.sequence.words import (
    Abandon,
    CallInfo,
    Claim,
    ExitInfo,
    Left,
    RaiseAlarm,
    ReadExits,
    Release,
    Request,
    TellWeighing,
)
from unqueue.lane.weighing import Line, Suspect, Verdict

_TIMEOUT_S = 5.0
_EVENTS_SILENT_S_MAX = 40.0  # the server sends a comment every 15 seconds


class ServerAway(Exception):
    """No answer, or one that says that the same request may succeed later."""


class ServerRefused(Exception):
    """A refusal for good. ``problem`` is its RFC 9457 document."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.problem = problem
        self.code = str(problem.get("code", "error"))
        super().__init__(self.code)


class ServerEvent(msgspec.Struct, frozen=True):
    """Something changed: an exit, a call, a lane; ``id`` says which."""

    name: str
    id: str


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


class _Exit(_Wire):
    id: str
    status: Any
    order: _Order
    lines: list[_Line]
    tags: int
    checks: list[str]
    weighing: _Weighing | None
    passages: int | None


class _Call(_Wire):
    id: str
    kind: str
    status: Any
    action: str | None


class StoreServer:
    """One lane's connection to the server."""

    def __init__(self, base_url: str, lane: str, token: str) -> None:
        self._lane = lane
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT_S,
            trust_env=False,  # the store's own network, never a proxy
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, request: Request, request_id: str) -> tuple[ExitInfo, ...]:
        """The answer to one of the sequence's requests; the same id makes it the same request. ServerAway or
        ServerRefused.
        """
        match request:
            case ReadExits():
                found = await self._send("GET", f"/api/lanes/{self._lane}/exits")
                return tuple(exit_info(one) for one in msgspec.json.decode(found, type=list[_Exit]))
            case Claim(pass_, order_number):
                path = f"/api/lanes/{self._lane}/exits"
                body: dict[str, Any] = {"id": request_id, "pass": pass_, "order_number": order_number}
            case TellWeighing(exit_id):
                path, body = f"/api/exits/{exit_id}/weighings", _weighing_body(request, request_id)
            case Release(exit_id, passages, tags_deactivated):
                path = f"/api/exits/{exit_id}/release"
                body = {"passages": passages, "tags_deactivated": tags_deactivated}
            case Left(exit_id, passages):
                path, body = f"/api/exits/{exit_id}/left", {"passages": passages}
            case Abandon(exit_id, reason):
                path, body = f"/api/exits/{exit_id}/abandon", {"reason": reason}
        return (exit_info(msgspec.json.decode(await self._send("POST", path, body), type=_Exit)),)

    async def exit(self, exit_id: str) -> ExitInfo:
        """An exit as it stands."""
        return exit_info(msgspec.json.decode(await self._send("GET", f"/api/exits/{exit_id}"), type=_Exit))

    async def alarm(self, alarm: RaiseAlarm, alarm_id: str) -> CallInfo:
        """Call staff; again with the same id: how that call stands."""
        body = {"id": alarm_id, "kind": alarm.kind, "exit_id": alarm.exit_id, "detail": alarm.detail}
        call = msgspec.json.decode(await self._send("POST", f"/api/lanes/{self._lane}/alarms", body), type=_Call)
        return CallInfo(call.id, call.status, call.kind, call.action)

    async def heartbeat(self, state: str, devices: Mapping[str, Mapping[str, str]]) -> None:
        """Say how the lane and its devices are."""
        await self._send("POST", f"/api/lanes/{self._lane}/heartbeat", {"state": state, "devices": devices})

    async def receipt(self, exit_id: str) -> dict[str, Any]:
        """The ``Receipt`` of an exit's order."""
        receipt: dict[str, Any] = msgspec.json.decode(await self._send("GET", f"/api/exits/{exit_id}/receipt"))
        return receipt

    async def events(self) -> AsyncIterator[ServerEvent]:
        """What changes at this lane, until the connection ends. ServerAway."""
        try:
            timeout = httpx.Timeout(_TIMEOUT_S, read=_EVENTS_SILENT_S_MAX)
            async with self._http.stream("GET", "/api/events", timeout=timeout) as response:
                if not response.is_success:
                    raise ServerAway(f"the server answers {response.status_code}")
                name = ""
                async for line in response.aiter_lines():
                    field, _, value = line.partition(": ")
                    if field == "event":
                        name = value
                    elif field == "data":
                        yield ServerEvent(name, str(msgspec.json.decode(value)["id"]))
        except httpx.HTTPError as error:
            raise ServerAway(str(error) or type(error).__name__) from error

    async def _send(self, method: str, path: str, body: Any = None) -> bytes:
        try:
            response = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ServerAway(str(error) or type(error).__name__) from error
        if response.is_success:
            return response.content
        try:
            problem: dict[str, Any] = response.json()
        except ValueError as error:
            raise ServerAway(f"the server answers {response.status_code}") from error
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ServerAway(str(problem.get("en", response.status_code)))
        raise ServerRefused(problem)


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
        )
        if weighing is not None
        else None,
        passages=wire.passages,
    )


def _weighing_body(request: TellWeighing, request_id: str) -> dict[str, Any]:
    verdict = request.verdict
    return {
        "id": request_id,
        "measured_g": verdict.measured_g,
        "interval_g": request.interval_g,
        "expected_g": verdict.expected_g,
        "sigma_g": verdict.sigma_g,
        "tolerance_g": verdict.tolerance_g,
        "verdict": verdict.verdict,
        "suspects": msgspec.to_builtins(verdict.suspects),
        "tags_deactivated": request.tags_deactivated,
    }
