"""Power is cut after every single byte of every ccTalk conversation: of the kiosk, or of both ends.

Whatever happens: what lies in the machine was credited exactly once or, only when the device lost power too, is covered
by `CreditUnknown`; and what the hoppers gave is what the payout says. The bus runs in this process, behind a real
pseudo-terminal, so that hundreds of cuts take seconds.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import pytest
from tests.support.cash_rigs import Cash, Hearer, counted

from unqueue.devices.drivers.cctalk_bill_validator import BillValidatorSettings, CctalkBillValidator
from unqueue.devices.drivers.cctalk_bus import CctalkBus, CctalkBusSettings
from unqueue.devices.drivers.cctalk_coin_acceptor import CctalkCoinAcceptor, CoinAcceptorSettings
from unqueue.devices.drivers.cctalk_hopper import CctalkHoppers, HopperSettings
from unqueue.devices.ports import (
    CashAcceptor,
    Credited,
    DeviceFailed,
    DeviceStatus,
    GivenBack,
    InEscrow,
    wait_until_ready,
)
from unqueue.devices.simulators.cctalk import CctalkOptions, SimulatedBus
from unqueue.kernel.cash import Denomination

pytestmark = pytest.mark.slow  # more than a thousand cuts

YUAN, JIAO = Denomination("CNY", 100, "coin"), Denomination("CNY", 50, "coin")
FIRST_COIN, FIRST_NOTE = Denomination("CNY", 10, "coin"), Denomination("CNY", 100, "note")
ADDRESSES = {FIRST_COIN: 2, FIRST_NOTE: 40}


class Kiosk(Hearer):
    """Its events and its mark are on disk before anything is acknowledged, and so is what it means to do."""

    async def listen(self, device: CashAcceptor) -> None:
        deciding = asyncio.create_task(self._decide(device))
        try:
            await super().listen(device)
        finally:
            deciding.cancel()
            await asyncio.gather(deciding, return_exceptions=True)

    async def _decide(self, device: CashAcceptor) -> None:
        """A note that was meant to be stacked before the power was cut still is."""
        assert await wait_until_ready(device, 3, 0.001) == DeviceStatus("ready")
        await asyncio.sleep(0.01)
        if self._undecided():
            with contextlib.suppress(DeviceFailed):  # then the next event says what became of it
                await device.stack()

    def _undecided(self) -> bool:
        notes = [event for event in self.events if isinstance(event, InEscrow | Credited | GivenBack)]
        return bool(notes) and isinstance(notes[-1], InEscrow)


@contextlib.asynccontextmanager
async def simulated() -> AsyncIterator[SimulatedBus]:
    hoppers = (f"{YUAN}=20", f"{JIAO}=20")
    bus = SimulatedBus(CctalkOptions(hoppers=hoppers, coin_ms=2, give_up_ms=5, stack_ms=3, string_ms=1))
    await bus.line.plug()
    try:
        yield bus
    finally:
        await bus.line.close()


def line_of(simulator: SimulatedBus) -> CctalkBus:
    return CctalkBus(CctalkBusSettings(simulator.line.announced()["url"], answer_timeout_s=0.25))


def acceptor(simulator: SimulatedBus, money: Denomination) -> CctalkCoinAcceptor | CctalkBillValidator:
    if money.form == "coin":
        coins = CoinAcceptorSettings(poll_interval_s=0.004, guard_s=0.0, settle_s=0.02, positions=1)
        return CctalkCoinAcceptor(line_of(simulator), coins)
    notes = BillValidatorSettings(poll_interval_s=0.004, settle_s=0.02, positions=1)
    return CctalkBillValidator(line_of(simulator), notes)


async def inside(simulator: SimulatedBus) -> Cash:
    return counted((await simulator.handle({"get": True}))["inside"])


async def is_cut(simulator: SimulatedBus, timeout_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while simulator.state()["fault"] is None:
                await asyncio.sleep(0.0005)
    return bool(simulator.state()["fault"])


async def live(
    simulator: SimulatedBus,
    kiosk: Kiosk,
    money: Denomination,
    act: Callable[[CashAcceptor], Coroutine[Any, Any, None]],
) -> None:
    """One life of the kiosk: it listens while `act` runs, and then is gone without another word on the line."""
    device = acceptor(simulator, money)
    await device.claim()
    listening = asyncio.create_task(kiosk.listen(device))
    acting = asyncio.create_task(act(device))
    await asyncio.wait({acting})
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await simulator.line.unplug()
    await device.release()
    acting.result()


async def opened(device: CashAcceptor, money: Denomination) -> None:
    assert await wait_until_ready(device, 3, 0.001) == DeviceStatus("ready")
    await asyncio.sleep(0.006)
    await device.enable(frozenset({money}))


class Cut:
    """Three lives of a kiosk, the second of which ends after so many bytes."""

    def __init__(self, simulator: SimulatedBus, money: Denomination, after_bytes: int, *, starting: bool) -> None:
        self.kiosk = Kiosk()
        self._simulator = simulator
        self._money = money
        self._after_bytes = after_bytes
        self._starting = starting

    async def insert(self) -> None:
        await self._simulator.handle({"insert": str(self._money)})

    async def first_life(self, device: CashAcceptor) -> None:
        """It gets a mark; then, perhaps, something happens that it does not hear of."""
        await opened(device, self._money)
        await self.insert()
        await self.kiosk.hear(Credited)
        if self._starting:
            await self._simulator.handle({"cut_after_bytes": 1})
            await self.insert()
            await is_cut(self._simulator, 1)

    async def second_life(self, device: CashAcceptor) -> None:
        if not self._starting:
            await opened(device, self._money)
            await self._simulator.handle({"cut_after_bytes": self._after_bytes})
            await self.insert()
            if self._money.form == "coin":
                await asyncio.sleep(0.0005)
                await self.insert()
        await is_cut(self._simulator, 0.5)

    async def last_life(self, device: CashAcceptor) -> None:
        """Everything is told in order: with one more credit all before it have been told."""
        state = self._simulator.devices[ADDRESSES[self._money]].state
        await opened(device, self._money)
        before = self.kiosk.credited()[self._money]
        async with asyncio.timeout(3):
            while self.kiosk.credited()[self._money] == before:
                if state().get("escrow") is None:  # else an earlier note is still in the way
                    await self.insert()
                await device.enable(frozenset({self._money}))
                await asyncio.sleep(0.015)
            await device.enable(frozenset())
            while state().get("escrow") is not None:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.015)
        with contextlib.suppress(TimeoutError):  # on a busy machine the last is told late
            async with asyncio.timeout(2):
                while (await inside(self._simulator) - self.kiosk.credited()).total() > self.kiosk.unknown():
                    await asyncio.sleep(0.005)


async def cut_while_taking(money: Denomination, after_bytes: int, *, device_too: bool, starting: bool) -> None:
    """`starting`: the cut is in the conversation with which a kiosk begins."""
    async with simulated() as simulator:
        cut = Cut(simulator, money, after_bytes, starting=starting)
        await live(simulator, cut.kiosk, money, cut.first_life)
        await simulator.handle({"fault": None, "cut_after_bytes": after_bytes if starting else None})
        await live(simulator, cut.kiosk, money, cut.second_life)
        if device_too:
            await simulator.handle({"power": "blink", "address": ADDRESSES[money]})
        await simulator.handle({"fault": None, "cut_after_bytes": None})
        await live(simulator, cut.kiosk, money, cut.last_life)

        credited, held = cut.kiosk.credited(), await inside(simulator)
        missing, invented = held - credited, credited - held
        where = f"{after_bytes} bytes: {cut.kiosk.events}"
        assert not invented, where
        assert sum(missing.values()) <= cut.kiosk.unknown(), where
        assert device_too or (not missing and not cut.kiosk.unknown()), where


async def cut_while_paying(after_bytes: int, *, device_too: bool, begun: bool) -> None:
    """`begun`: the mark is on disk before the conversation that is cut."""
    wanted = {YUAN: 4, JIAO: 2}
    async with simulated() as simulator:
        mark = None

        async with hoppers_of(simulator) as hoppers:
            await wait_until_ready(hoppers, 3, 0.001)
            if not begun:
                await simulator.handle({"cut_after_bytes": after_bytes})
            with contextlib.suppress(DeviceFailed):
                mark = await hoppers.begin()  # on disk, from here on
                if begun:
                    await simulator.handle({"cut_after_bytes": after_bytes})
                await hoppers.dispense(wanted, mark)
                while not (await hoppers.payout(mark)).done:
                    pass
            await simulator.line.unplug()
        if device_too:
            for address in (3, 4):
                await simulator.handle({"power": "blink", "address": address})
        await simulator.handle({"fault": None, "cut_after_bytes": None})

        async with hoppers_of(simulator) as hoppers:
            async with asyncio.timeout(3):
                while (await hoppers.status()).status == "failed":
                    await asyncio.sleep(0.001)
            paid: Cash = Counter()
            if mark is not None:
                await hoppers.dispense(wanted, mark)  # nobody knows whether it was begun: it is not begun twice
                paid = await ended(hoppers, mark)
                assert paid == given(simulator), after_bytes
            rest = Counter(wanted) - paid
            if rest:
                mark = await hoppers.begin()
                await hoppers.dispense(rest, mark)
                assert await ended(hoppers, mark) == rest
        assert given(simulator) == wanted, after_bytes


def hoppers_of(simulator: SimulatedBus) -> CctalkHoppers:
    both = [HopperSettings(address=3, denomination=str(YUAN)), HopperSettings(address=4, denomination=str(JIAO))]
    return CctalkHoppers(line_of(simulator), both)


def given(simulator: SimulatedBus) -> Cash:
    return counted(simulator.state()["paid_out"])


async def ended(hoppers: CctalkHoppers, mark: str) -> Cash:
    async with asyncio.timeout(3):
        while not (payout := await hoppers.payout(mark)).done:
            await asyncio.sleep(0.001)
    assert payout.exact
    return Counter(payout.paid)


def side_by_side(cuts: Sequence[Callable[[], Coroutine[Any, Any, Any]]]) -> None:
    """Each has a bus of its own: they don't disturb each other."""

    async def some(cuts: Sequence[Callable[[], Coroutine[Any, Any, Any]]]) -> None:
        await asyncio.gather(*(cut() for cut in cuts))

    for at in range(0, len(cuts), 16):
        asyncio.run(some(cuts[at : at + 16]))
