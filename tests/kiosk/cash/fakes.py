"""Devices that are nothing but their port, and a power supply that fails.

The fakes keep the physical truth: where every piece lies. Their memory outlives the kiosk's power cuts, as that of a
device with a power supply of its own does. They stand in for ports only; the till's tests with the real drivers and
simulators are in test_till_on_the_wire.py.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self

from unqueue.devices.ports import (
    CashEvent,
    Credited,
    CreditUnknown,
    DeviceFailed,
    DeviceStatus,
    GivenBack,
    InEscrow,
    Payout,
    Trouble,
)
from unqueue.kernel.cash import Denomination


class PowerCut(BaseException):
    """The kiosk is without power from here on."""


class Power:
    """Counts the steps of the kiosk, and cuts its power at one of them. What is dead does nothing more."""

    def __init__(self) -> None:
        self.steps = 0
        self.cut_at: int | None = None
        self.is_dead = False

    def step(self) -> None:
        if self.is_dead:
            raise PowerCut
        self.steps += 1
        if self.steps == self.cut_at:
            self.is_dead = True
            raise PowerCut

    def restore(self) -> None:
        self.is_dead, self.cut_at = False, None


class FakePort:
    """What the fakes of both ports share: a name, a plug, and the kiosk's power between us and it."""

    def __init__(self, name: str, power: Power) -> None:
        self.name = name
        self.power = power
        self.is_plugged = True

    def reach(self) -> None:
        """A call arrives at the device."""
        self.power.step()
        if not self.is_plugged:
            raise DeviceFailed(device=self.name, detail="unplugged")

    async def answer(self) -> None:
        """The device did it; its answer goes back."""
        await asyncio.sleep(0)
        self.power.step()

    async def claim(self) -> None:
        self.power.step()

    async def release(self) -> None:
        self.power.step()

    async def status(self) -> DeviceStatus:
        return DeviceStatus("ready" if self.is_plugged else "failed")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class FakeDispenser(FakePort):
    """Holds pieces and gives them, one at each look, as mechanics are slow. `jams_after`: pieces until it stops."""

    def __init__(
        self, name: str, power: Power, pieces: Mapping[Denomination, int], purse: "Counter[Denomination]"
    ) -> None:
        super().__init__(name, power)
        self.pieces: Counter[Denomination] = Counter(pieces)
        self.purse = purse
        self.jams_after: int | None = None
        self.is_exact = True
        self.begun = 0
        self.payouts: dict[str, tuple[dict[Denomination, int], Counter[Denomination], str, bool]] = {}

    async def denominations(self) -> frozenset[Denomination]:
        self.reach()
        return frozenset(self.pieces)

    async def levels(self) -> dict[Denomination, int]:
        self.reach()
        await self.answer()
        return dict(self.pieces)

    async def begin(self) -> str:
        self.reach()
        await self.answer()
        return f"{self.name}#{self.begun}"

    async def dispense(self, counts: Mapping[Denomination, int], mark: str) -> None:
        self.reach()
        if mark not in self.payouts:
            assert mark == f"{self.name}#{self.begun}", "a mark that was never given"
            self.begun += 1
            self.payouts[mark] = (dict(counts), Counter(), "", False)
        await self.answer()

    async def payout(self, mark: str) -> Payout:
        self.reach()
        self.move(mark)
        await self.answer()
        if mark not in self.payouts:
            return Payout(paid={}, done=True)
        _, paid, problem, done = self.payouts[mark]
        told = paid
        if problem and not self.is_exact and paid:
            told = paid.copy()
            told[next(iter(paid))] -= 1  # it gave one more than it is sure of
        return Payout(paid=dict(+told), done=done, problem=problem, exact=self.is_exact or not problem)

    def move(self, mark: str) -> None:
        """One more piece falls out."""
        if mark not in self.payouts or self.payouts[mark][3]:
            return
        asked, paid, _, _ = self.payouts[mark]
        todo = +(Counter(asked) - paid)
        problem = ""
        for piece in sorted(todo):
            if self.jams_after is not None and self.jams_after <= 0:
                problem = "jam"
            elif self.pieces[piece] == 0:
                problem = "empty"
            else:
                self.pieces[piece] -= 1
                self.purse[piece] += 1
                paid[piece] += 1
                if self.jams_after is not None:
                    self.jams_after -= 1
            break
        done = bool(problem) or not +(Counter(asked) - paid)
        self.payouts[mark] = (asked, paid, problem, done)

    def run_on(self) -> None:
        """The kiosk is away; the mechanics go on with what they were told."""
        for mark in self.payouts:
            while not self.payouts[mark][3]:
                self.move(mark)


class FakeAcceptor(FakePort):
    """Takes coins at once, notes by way of escrow. `into`: dispensers that pieces fall into while these have room."""

    def __init__(
        self, name: str, power: Power, known: frozenset[Denomination], purse: "Counter[Denomination]",
        into: Mapping[Denomination, FakeDispenser],
    ) -> None:  # fmt: skip
        super().__init__(name, power)
        self.known = known
        self.purse = purse
        self.into = into
        self.box: Counter[Denomination] = Counter()
        self.wanted: frozenset[Denomination] = frozenset()
        self.escrow: Denomination | None = None
        self.log: list[CashEvent] = []
        self.acknowledged = 0
        self.room = 10**9
        self.grew = asyncio.Event()

    def say(self, event: CashEvent) -> None:
        self.log.append(event)
        self.grew.set()

    @property
    def next_mark(self) -> str:
        return f"{self.name}@{len(self.log) + 1}"

    def insert(self, piece: Denomination) -> bool:
        """The shopper puts a piece in; whether the device takes it."""
        if not self.is_plugged or piece not in self.wanted or self.escrow is not None or not self.purse[piece]:
            return False
        self.purse[piece] -= 1
        if piece.form == "note":
            self.escrow = piece
            self.say(InEscrow(piece, self.next_mark))
        else:
            self._swallow(piece)
        return True

    def _swallow(self, piece: Denomination) -> None:
        target = self.into.get(piece)
        if target is not None and target.pieces[piece] < self.room:
            target.pieces[piece] += 1
            self.say(Credited(piece, "dispenser", self.next_mark))
        else:
            self.box[piece] += 1
            self.say(Credited(piece, "cashbox", self.next_mark))

    async def denominations(self) -> frozenset[Denomination]:
        self.reach()
        return self.known

    async def enable(self, wanted: frozenset[Denomination]) -> None:
        self.reach()
        self.wanted = wanted
        await self.answer()

    async def events(self, after: str | None) -> AsyncIterator[CashEvent]:
        # Nothing was ever heard: what comes from now on. Otherwise what came after the mark; what was acknowledged is
        # forgotten, booked or not.
        heard = int(after.partition("@")[2].rstrip("r")) if after is not None else len(self.log)
        self.acknowledged = max(self.acknowledged, heard)
        while True:
            self.power.step()
            if self.acknowledged < len(self.log):
                yield self.log[self.acknowledged]
                continue
            self.grew.clear()
            await self.grew.wait()

    async def acknowledge(self, mark: str) -> None:
        self.power.step()
        number = int(mark.partition("@")[2])
        assert number <= self.acknowledged + 1, "events are acknowledged in order"
        self.acknowledged = max(self.acknowledged, number)
        await self.answer()

    async def mark(self) -> str:
        self.reach()
        await self.answer()
        return f"{self.name}@{len(self.log)}"

    def at_rest(self, mark: str) -> str:
        return f"{mark}r"

    async def stack(self) -> None:
        self.reach()
        if self.escrow is None:
            raise DeviceFailed(device=self.name, detail="nothing in escrow")
        piece, self.escrow = self.escrow, None
        self._swallow(piece)
        await self.answer()

    async def give_back(self) -> None:
        self.reach()
        if self.escrow is None:
            raise DeviceFailed(device=self.name, detail="nothing in escrow")
        self.reject("asked")
        await self.answer()

    def reject(self, reason: str) -> None:
        if self.escrow is not None:
            self.purse[self.escrow] += 1
            self.escrow = None
            self.say(GivenBack(reason, self.next_mark))

    def trouble(self, kind: str, *, blocks: bool = False) -> None:
        self.say(Trouble(kind, f"it says {kind}", blocks, self.next_mark))  # type: ignore[arg-type]

    def unknown(self, detail: str = "events were lost") -> None:
        self.say(CreditUnknown(detail, 1, self.next_mark))
