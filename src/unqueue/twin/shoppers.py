"""Simulated shoppers: they scan, change their minds, pay, and walk out, over the same HTTP and devices as people.

Most are honest. Some forget to scan a thing; a few mean to. All they were promised is noted in a :class:`Diary`, so
that a test can ask the store afterwards whether every promise held.
"""

import asyncio
import contextlib
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import msgspec

from unqueue.twin.client import Refused, StoreClient
from unqueue.twin.world import Good, LaneWorld, Piece

Mood = Literal["honest", "forgetful", "dishonest"]
Pay = Callable[[dict[str, Any]], Awaitable[None]]
POLL_S = 0.15
ITEMS_MEAN = 9
SIDE_BAY = "bay"
EXIT_PATIENCE_S = 180.0


class Pace(msgspec.Struct, frozen=True):
    """How fast simulated people are, in seconds. A test sets all to 0."""

    arrival: float = 12.0
    between_scans: float = 4.0
    at_payment: float = 5.0
    laying_an_item: float = 0.6
    attendant: float = 12.0


class Diary(msgspec.Struct):
    """What shoppers were promised and what they did."""

    scans: dict[str, list[str]] = {}
    orders: dict[str, str] = {}
    paid: set[str] = set()
    passes: dict[str, str] = {}
    left: list[str] = []
    stopped: list[str] = []
    wrong: list[str] = []
    """Where the store said one thing and then another."""


class LanePlace:
    """A lane as shoppers meet it: its world, its screen, and the queue of one before it."""

    def __init__(self, world: LaneWorld, screen: StoreClient, server: StoreClient) -> None:
        self.world = world
        self.screen = screen
        self.server = server
        self.turn = asyncio.Lock()
        self.unpaid: list[Piece] = []

    async def state(self) -> str:
        return str((await self.screen.get("state"))["state"])

    async def order_goods(self) -> dict[str, Any] | None:
        """The goods of the order that is at the lane now, as the lane's own device token may see them."""
        exits = await self.server.get(f"/api/lanes/{self.world.lane}/exits")
        if not exits:
            return None
        goods = [self.world.good_of(line["product_id"]) for line in exits[-1]["lines"]]
        return {
            "number": exits[-1]["order"]["number"],
            "goods": [
                {"gtin": good.gtin, "name_zh": good.name_zh, "name_en": good.name_en, "quantity": line["quantity"]}
                for good, line in zip(goods, exits[-1]["lines"], strict=True)
                if good is not None
            ],
        }

    async def until(self, *states: str, timeout_s: float = 60.0) -> str:
        """Wait until the lane's screen shows one of ``states``; which it was."""
        async with asyncio.timeout(timeout_s):
            while (state := await self.state()) not in states:
                await asyncio.sleep(POLL_S)
            return state


class Shopper:
    """One simulated visit."""

    def __init__(
        self,
        name: str,
        mood: Mood,
        *,
        base_url: str,
        goods: Sequence[Good],
        lane: LanePlace,
        pay: Pay,
        pace: Pace,
        diary: Diary,
        seed: int,
    ) -> None:
        self.name = name
        self.mood = mood
        self.where = "door"
        self.items = 0
        self._client = StoreClient(base_url)
        self._goods = goods
        self._lane = lane
        self._pay = pay
        self._pace = pace
        self._diary = diary
        self._random = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self._trolley: list[Piece] = []
        self._unpaid: list[Piece] = []
        self._pocketed: list[Piece] = []
        self._told: Any = None

    async def visit(self) -> None:
        """From the door to the door. A refusal or a store that stays away ends the visit without the goods."""
        try:
            trip = await self._client.post("/api/trips", {"language": "zh"})
            self._client.authorize(trip["token"])
            self.where = "shelf"
            await self._shop(trip["id"])
            order = await self._client.post(f"/api/trips/{trip['id']}/order")
            self._diary.orders[order["id"]] = trip["id"]
            if order["total"] != self._told:
                self._diary.wrong.append(f"{self.name}: the basket said {self._told}, the order {order['total']}")
            self.where = "pay"
            await self._pause(self._pace.at_payment)
            await self._pay_order(order["id"])
            self.where = f"queue:{self._lane.world.lane}"
            async with self._lane.turn:
                self.where = self._lane.world.lane
                await self._leave(order["id"])
            self.where = "gone"
        except (Refused, OSError) as error:  # a TimeoutError is an OSError
            self._diary.stopped.append(f"{self.name}: {error}")
            self.where = "gone"
        finally:
            await self._lane.world.clear_if(self._trolley)
            await self._client.close()

    async def _shop(self, trip: str) -> None:
        wanted = max(1, min(30, round(self._random.expovariate(1 / ITEMS_MEAN)) + 1))
        # The skipped one is any but the first: an order with no line can't be submitted.
        skipped = self._random.randrange(1, wanted) if self.mood != "honest" and wanted > 1 else -1
        for number in range(wanted):
            good = self._goods[min(int(self._random.paretovariate(0.6)) - 1, 10**9) % len(self._goods)]
            self.items += 1
            await self._pause(self._pace.between_scans)
            if number == skipped:
                self._skip(good)
                continue
            await self._scan(trip, good)

    def _skip(self, good: Good) -> None:
        piece = self._lane.world.piece(good.gtin)
        if self.mood == "dishonest" and piece.tag_live:
            self._pocketed.append(piece)
        else:
            self._unpaid.append(piece)

    async def _scan(self, trip: str, good: Good) -> None:
        scan = {"id": str(uuid.UUID(int=self._random.getrandbits(128), version=4)), "code": good.code or good.gtin}
        answer = await self._client.post(f"/api/trips/{trip}/scans", scan)
        self._diary.scans.setdefault(trip, []).append(scan["id"])
        self._hear(answer["basket"])
        line = answer["line"]
        self._trolley.append(self._lane.world.piece(good.gtin, line["weight_g"]))
        if line["sold_by"] == "piece" and self._random.random() < 0.15:
            quantity = line["quantity"] + 1
            changed = await self._client.send(
                "PATCH", f"/api/trips/{trip}/lines/{line['line']}", json={"quantity": quantity}
            )
            self._hear(changed["basket"])
            self._trolley.append(self._lane.world.piece(good.gtin))
            self.items += 1

    def _hear(self, basket: dict[str, Any]) -> None:
        self._told = basket["total"]
        if basket["item_count"] != len(self._trolley) + 1:
            told = f"{basket['item_count']} in the basket, {len(self._trolley) + 1} in the trolley"
            self._diary.wrong.append(f"{self.name}: {told}")

    async def _pay_order(self, order: str) -> None:
        methods = await self._client.get("/api/payment-methods")
        body = {"method": methods[0]["method"], "id": str(uuid.UUID(int=self._random.getrandbits(128), version=4))}
        payment = await self._client.post(f"/api/orders/{order}/payments", body)
        await self._pay(payment)
        async with asyncio.timeout(60):
            while (await self._client.get(f"/api/orders/{order}"))["status"] == "open":
                await asyncio.sleep(POLL_S)
        self._diary.paid.add(order)

    async def _leave(self, order: str) -> None:
        """Show the pass, lay the goods, walk when the gate is open; show it again where the lane forgot."""
        lane, laid = self._lane, False
        lane.unpaid = self._unpaid
        async with asyncio.timeout(EXIT_PATIENCE_S):
            while True:
                state = await lane.state()
                if state == "open" and await lane.world.walk(self._pocketed) is not None:
                    break
                if state == "aside" and laid:
                    await self._go_aside(order)
                    break
                if state == "idle":
                    await self._show_pass(order)
                elif state in {"loading", "weighing"} and not laid:
                    laid = True
                    await self._lay_goods()
                await asyncio.sleep(POLL_S)
        self._diary.left.append(order)
        await lane.until("idle", timeout_s=EXIT_PATIENCE_S)

    async def _go_aside(self, order: str) -> None:
        """Take everything to the side bay, and wait until staff let it go."""
        await self._lane.world.take_off()
        await self._lane.world.put_back()
        while (await self._client.get(f"/api/orders/{order}"))["status"] != "left":
            await asyncio.sleep(POLL_S)

    async def _show_pass(self, order: str) -> None:
        code = (await self._client.get(f"/api/orders/{order}/pass"))["pass"]
        self._diary.passes[order] = code
        await self._lane.world.show(code)
        await asyncio.sleep(POLL_S)

    async def _lay_goods(self) -> None:
        for piece in (*self._trolley, *self._unpaid):
            await self._pause(self._pace.laying_an_item)
            await self._lane.world.lay([piece])

    async def _pause(self, mean_s: float) -> None:
        if mean_s:
            await asyncio.sleep(self._random.expovariate(1 / mean_s))


class Attendant:
    """A simulated member of staff, who clears calls as a person would: looks, takes off what is not paid, answers."""

    def __init__(self, base_url: str, name: str, pin: str, lanes: dict[str, LanePlace], pace: Pace) -> None:
        self._client = StoreClient(base_url)
        self._name, self._pin = name, pin
        self._lanes = lanes
        self._pace = pace

    async def work(self) -> None:
        """Answer the calls of the lanes that simulated shoppers use, until cancelled."""
        try:
            session = await self._client.post("/api/staff/sessions", {"name": self._name, "pin": self._pin})
            self._client.authorize(session["token"])
            while True:
                await asyncio.sleep(max(POLL_S, self._pace.attendant / 10))
                with contextlib.suppress(OSError):  # the store is away for long: look again
                    await self._look()
        finally:
            await self._client.close()

    async def _look(self) -> None:
        for call in await self._client.get("/api/staff/calls", status="open"):
            if call["lane"] in {*self._lanes, SIDE_BAY}:
                await asyncio.sleep(self._pace.attendant)
                await self._answer(call, self._lanes.get(call["lane"]))

    async def _rescan(self, order_id: str) -> None:
        """Scan everything of an audit again, one article after the other; all of it is there."""
        path = f"/api/staff/audits/{order_id}"
        audit = await self._client.get(path)
        keys = [one["key"] for one in audit["articles"] if one["chosen"] for _ in range(one["quantity"])]
        scans = [{"article": key, "at_ms": 1_000 * place} for place, key in enumerate(keys)]
        compared = await self._client.post(f"{path}/compare", {"scans": scans})
        body = {"id": str(uuid.uuid4()), "comparison_id": compared["id"], "scans": scans}
        await self._client.post(f"{path}/conclude", body)

    async def _answer(self, call: dict[str, Any], place: LanePlace | None) -> None:
        """Answer a call from a lane, or from the side bay, where what is not paid is kept back without any more ado."""
        action, reason = "done", "looked at it"
        if call["kind"] == "audit":
            with contextlib.suppress(Refused):  # somebody else was quicker
                await self._rescan(call["order"]["id"])
            return
        if call["kind"] == "min_age":
            action, reason = "let_go", "ID checked"
        elif call["kind"] == "weight":
            action, reason = "let_go", "everything that goes out is on the order"
            if place is not None and place.unpaid:
                await place.world.remove(place.unpaid)
                place.unpaid = []
                action, reason = "reweigh", "took an unscanned item off the belt"
        body = {"id": str(uuid.uuid4()), "action": action, "reason": reason, "evidence_id": call["evidence_id"]}
        try:
            await self._client.post(f"/api/staff/calls/{call['id']}/answer", body)
        except Refused:
            return  # somebody else was quicker
