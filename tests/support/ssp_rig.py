"""The note recycler for the contract suites: its driver, and the simulated device in its own process."""

import asyncio
from collections import Counter
from typing import Any, Self

import msgspec

from unqueue.devices.drivers.ssp_recycler import SspNoteRecycler, SspNoteRecyclerSettings
from unqueue.devices.simulators.control import ControlClient
from unqueue.kernel.cash import Denomination, parse_denomination

Cash = Counter[Denomination]


class SspRig:
    """Takes and gives. It counts for good: neither a power cut nor a jam leaves anything unknown."""

    money = (Denomination("CNY", 1000, "note"), Denomination("CNY", 500, "note"))
    has_escrow = True
    exact = True

    def __init__(self, start: Any, *options: str) -> None:
        quick = ("--step-ms", "15", "--boot-ms", "30")
        self.simulator = start("note-recycler", *quick, *options)
        self.settings = SspNoteRecyclerSettings(
            self.simulator.announced["url"],
            poll_interval_s=0.005,
            answer_timeout_s=0.1,
            repeats=2,
            settle_s=0.05,
            retry_s=0.02,
        )

    def with_settings(self, **changes: Any) -> Self:
        """The same device, used differently."""
        self.settings = msgspec.structs.replace(self.settings, **changes)
        return self

    def driver(self) -> SspNoteRecycler:
        return SspNoteRecycler(self.settings)

    def hands(self) -> ControlClient:
        return self.simulator.control()  # type: ignore[no-any-return]

    async def plug(self, hands: ControlClient, *, plugged: bool) -> None:
        await hands.ask(fault=None if plugged else "unplugged")

    async def insert(self, hands: ControlClient, money: Denomination, how: str | None = None) -> None:
        """A shopper tries for as long as the mouth is closed by the note before."""
        quality = "counterfeit" if how == "counterfeit" else "genuine"
        for _ in range(20):
            if (await hands.ask(insert=str(money), quality=quality))["taken"]:
                break
            await asyncio.sleep(0.01)
        if how == "string":
            await hands.ask(pull=True)
        if how == "jam":
            await _until_it_is(hands, "stacking")
            await hands.ask(jam="unsafe")

    async def cut_power(self, hands: ControlClient) -> None:
        await hands.ask(power=False)
        await hands.ask(power=True)

    async def inside(self, hands: ControlClient) -> Cash:
        state = await hands.ask(get=True)
        return _counted(state["cashbox"]) + _counted(state["store"])

    async def fill(self, hands: ControlClient, money: Denomination, count: int) -> None:
        await hands.ask(store={str(money): count})

    async def jam(self, hands: ControlClient, money: Denomination, *, jammed: bool) -> None:
        """Whatever moves is stuck, whichever note it is."""
        del money
        await hands.ask(jam="safe" if jammed else None)

    async def deafen(self, hands: ControlClient, *, deaf: bool) -> None:
        await hands.ask(fault="silent" if deaf else None)

    async def given(self, hands: ControlClient) -> Cash:
        return _counted((await hands.ask(get=True))["dispensed"])


async def _until_it_is(hands: ControlClient, place: str) -> None:
    async with asyncio.timeout(2):
        while (await hands.ask(get=True))["path"] != place:
            await asyncio.sleep(0.001)


def _counted(state: dict[str, int]) -> Cash:
    return Counter({parse_denomination(text): count for text, count in state.items()})
