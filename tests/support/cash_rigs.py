"""Cash devices to hold against their ports: a driver, a simulated device in its own process, and hands.

To add a device, write a rig and name it in `ACCEPTOR_RIGS` or `DISPENSER_RIGS`: the contract suites run on all of them.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from tests.support.ssp_rig import SspRig

from unqueue.devices.drivers.cctalk_bill_validator import BillValidatorSettings, CctalkBillValidator
from unqueue.devices.drivers.cctalk_bus import CctalkBus, CctalkBusSettings
from unqueue.devices.drivers.cctalk_coin_acceptor import CctalkCoinAcceptor, CoinAcceptorSettings
from unqueue.devices.drivers.cctalk_hopper import CctalkHoppers, HopperSettings
from unqueue.devices.ports import (
    CashAcceptor,
    CashDispenser,
    CashEvent,
    Credited,
    CreditUnknown,
    DeviceFailed,
    InEscrow,
)
from unqueue.devices.simulators.control import ControlClient
from unqueue.devices.simulators.process import SimulatorProcess
from unqueue.kernel.cash import Denomination, parse_denomination

Start = Callable[..., SimulatorProcess]
Cash = Counter[Denomination]


class AcceptorRig(Protocol):
    """A device that takes money."""

    money: tuple[Denomination, Denomination]
    """Two kinds that it takes."""
    has_escrow: bool
    exact: bool
    """It counts for good, and knows what became of each note: a power cut or a jam leaves nothing unknown."""

    def driver(self) -> CashAcceptor:
        """A new driver of the same device, as after a restart of the kiosk."""
        ...

    def hands(self) -> ControlClient: ...

    async def insert(self, hands: ControlClient, money: Denomination, how: str | None = None) -> None:
        """`how`: "counterfeit", "jam" or "string"."""
        ...

    async def plug(self, hands: ControlClient, *, plugged: bool) -> None: ...

    async def cut_power(self, hands: ControlClient) -> None:
        """The device loses power for a moment, and forgets what it forgets then."""
        ...

    async def inside(self, hands: ControlClient) -> Cash:
        """What lies in the machine for good, since it was started."""
        ...


class DispenserRig(Protocol):
    """A device that gives money."""

    money: tuple[Denomination, Denomination]
    """Two kinds that it gives; ten or more of each lie in it."""
    exact: bool
    """It counts what lies in it, and refuses to begin what it can't finish."""

    def driver(self) -> CashDispenser: ...

    def hands(self) -> ControlClient: ...

    async def fill(self, hands: ControlClient, money: Denomination, count: int) -> None: ...

    async def jam(self, hands: ControlClient, money: Denomination, *, jammed: bool) -> None: ...

    async def plug(self, hands: ControlClient, *, plugged: bool) -> None: ...

    async def deafen(self, hands: ControlClient, *, deaf: bool) -> None:
        """The host doesn't hear the device any more, which obeys nonetheless."""
        ...

    async def cut_power(self, hands: ControlClient) -> None: ...

    async def given(self, hands: ControlClient) -> Cash:
        """What it has given since it was started."""
        ...


class CctalkRig:
    """A ccTalk bus of the simulator."""

    def __init__(self, start: Start, *options: str) -> None:
        quick = ("--coin-ms", "15", "--give-up-ms", "40", "--stack-ms", "10", "--string-ms", "5")
        self.simulator = start("cctalk", *quick, *options)
        self.bus_settings = CctalkBusSettings(self.simulator.announced["url"], answer_timeout_s=0.15)

    def hands(self) -> ControlClient:
        return self.simulator.control()

    async def plug(self, hands: ControlClient, *, plugged: bool) -> None:
        await hands.ask(fault=None if plugged else "unplugged")

    async def insert(self, hands: ControlClient, money: Denomination, how: str | None = None) -> None:
        await hands.ask(insert=str(money), how=how)

    async def inside(self, hands: ControlClient) -> Cash:
        return counted((await hands.ask(get=True))["inside"])


class CctalkCoins(CctalkRig):
    has_escrow = False
    exact = False
    money = (Denomination("CNY", 100, "coin"), Denomination("CNY", 50, "coin"))

    def driver(self) -> CashAcceptor:
        settings = CoinAcceptorSettings(poll_interval_s=0.005, guard_s=0.03, settle_s=0.05)
        return CctalkCoinAcceptor(CctalkBus(self.bus_settings), settings)

    async def cut_power(self, hands: ControlClient) -> None:
        await hands.ask(power="blink", address=2)


class CctalkNotes(CctalkRig):
    has_escrow = True
    exact = False
    money = (Denomination("CNY", 1000, "note"), Denomination("CNY", 500, "note"))

    def driver(self) -> CashAcceptor:
        settings = BillValidatorSettings(poll_interval_s=0.005, settle_s=0.05)
        return CctalkBillValidator(CctalkBus(self.bus_settings), settings)

    async def cut_power(self, hands: ControlClient) -> None:
        await hands.ask(power="blink", address=40)


class CctalkHopperRig(CctalkRig):
    exact = False
    money = (Denomination("CNY", 100, "coin"), Denomination("CNY", 50, "coin"))

    def driver(self) -> CashDispenser:
        hoppers = [HopperSettings(address=at, denomination=str(money)) for at, money in enumerate(self.money, 3)]
        return CctalkHoppers(CctalkBus(self.bus_settings), hoppers)

    async def fill(self, hands: ControlClient, money: Denomination, count: int) -> None:
        await hands.ask(fill=count, address=3 + self.money.index(money))

    async def jam(self, hands: ControlClient, money: Denomination, *, jammed: bool) -> None:
        await hands.ask(jam=jammed, address=3 + self.money.index(money))

    async def deafen(self, hands: ControlClient, *, deaf: bool) -> None:
        await hands.ask(fault="silent" if deaf else None)

    async def cut_power(self, hands: ControlClient) -> None:
        for at in range(len(self.money)):
            await hands.ask(power="blink", address=3 + at)

    async def given(self, hands: ControlClient) -> Cash:
        return counted((await hands.ask(get=True))["paid_out"])


_HOPPERS = ("--hopper", "CNY-100-coin=50", "--hopper", "CNY-50-coin=50")
ACCEPTOR_RIGS: dict[str, Callable[[Start], AcceptorRig]] = {
    "ccTalk coins": CctalkCoins,
    "ccTalk notes": CctalkNotes,
    "SSP notes": SspRig,
    "SSP notes on TCP": lambda start: SspRig(start, "--tcp-port", "0"),
}
DISPENSER_RIGS: dict[str, Callable[[Start], DispenserRig]] = {
    "ccTalk hoppers": lambda start: CctalkHopperRig(start, *_HOPPERS),
    "SSP notes": SspRig,
}


def counted(state: dict[str, int]) -> Cash:
    """Money of a simulator's state."""
    return Counter({parse_denomination(text): count for text, count in state.items()})


class Hearer:
    """A kiosk: what it heard, and the mark that it has on disk. Notes in escrow are stacked, or given back."""

    def __init__(self, *, stacks: bool = True) -> None:
        self.mark: str | None = None
        self.events: list[CashEvent] = []
        self.stacks = stacks

    async def listen(self, device: CashAcceptor) -> None:
        """Hear and acknowledge, until cancelled."""
        async for event in device.events(self.mark):
            self.events.append(event)
            self.mark = event.mark
            await device.acknowledge(event.mark)
            if isinstance(event, InEscrow):
                with suppress(DeviceFailed):  # the next event says what became of it
                    await (device.stack() if self.stacks else device.give_back())

    async def hear(self, kind: type[Any], count: int = 1, timeout_s: float = 3.0) -> list[Any]:
        """Wait until so many events of a kind have come."""
        async with asyncio.timeout(timeout_s):
            while len(found := self.of(kind)) < count:
                await asyncio.sleep(0.002)
        return found

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def credited(self) -> Cash:
        return Counter(event.denomination for event in self.of(Credited))

    def unknown(self) -> float:
        """How much more may be in the machine: coins or notes."""
        counts = [event.count for event in self.of(CreditUnknown)]
        return float("inf") if None in counts else sum(counts)


@asynccontextmanager
async def listening(device: CashAcceptor, hearer: Hearer) -> AsyncIterator[None]:
    """The hearer listens to the claimed device meanwhile. What it died of, if it did, is raised."""
    task = asyncio.create_task(hearer.listen(device))
    try:
        yield
    finally:
        task.cancel()
        [died] = await asyncio.gather(task, return_exceptions=True)
        if isinstance(died, Exception):
            raise died
