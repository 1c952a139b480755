"""Coin hoppers on a ccTalk bus, together: UnifiedPOS CoinDispenser.

A hopper counts every coin that it ever gave in memory that keeps without power (header 168). A payout's mark holds
these counts as they were before it, so that what was given since is a subtraction, whoever lost power meanwhile. An
order of coins is sent once: if its answer is lost, the counts tell whether it was obeyed.
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple, NoReturn, Self

import msgspec

from unqueue.devices.drivers.cctalk_bus import BusTrouble, CctalkBus, Handle, Refused, identify
from unqueue.devices.drivers.claiming import Claimed
from unqueue.devices.ports import DeviceFailed, DeviceStatus, Payout
from unqueue.devices.wire.cctalk import Checksum, Header
from unqueue.devices.wire.cctalk_messages import (
    DISPENSE_COUNT_MODULUS,
    JAMMED,
    Dispense,
    EnableHopper,
    HopperFlags,
    HopperStatus,
    PayoutLevel,
    decode_ack,
    decode_byte,
    decode_hopper_flags,
    decode_hopper_status,
    decode_number,
    decode_payout_level,
    decode_started,
)
from unqueue.kernel.cash import Denomination, parse_denomination

_ORDER_MAX = 255


class HopperSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One hopper: its address, and what coins are in it (`CNY-100-coin`): a hopper does not know."""

    address: int
    denomination: str
    checksum: Checksum = "sum"


class HopperMark(NamedTuple):
    """Where a hopper stood before a payout: which one, coins ever given, orders since it was switched on."""

    address: int
    serial_number: int
    coins_given: int
    event_counter: int

    def __str__(self) -> str:
        """
        >>> str(HopperMark(3, 4711, 1000, 2))
        '3/4711/1000/2'
        """
        return f"{self.address}/{self.serial_number}/{self.coins_given}/{self.event_counter}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` wrote. ValueError for anything else.

        >>> HopperMark.parse("3/4711/1000/2").coins_given
        1000
        """
        address, serial_number, coins_given, event_counter = map(int, text.split("/"))
        return cls(address, serial_number, coins_given, event_counter)


class _Reading(NamedTuple):
    mark: HopperMark
    status: HopperStatus
    flags: HopperFlags


class CctalkHoppers(Claimed):
    """See `ports.CashDispenser`."""

    def __init__(self, bus: CctalkBus, hoppers: list[HopperSettings], name: str = "coin hoppers") -> None:
        self._bus = bus
        self._name = name
        self._hoppers = {
            hopper.address: Handle(bus, hopper.address, "Payout", hopper.checksum, f"hopper {hopper.address}")
            for hopper in hoppers
        }
        self._denominations = {hopper.address: parse_denomination(hopper.denomination) for hopper in hoppers}
        self._serial_numbers: dict[int, int] = {}
        self._used: set[str] = set()
        self._turn = asyncio.Lock()
        self._claimed = False

    async def claim(self) -> None:
        if not self._claimed:
            self._claimed = True
            await self._bus.claim()

    async def release(self) -> None:
        """A payout that has begun goes on: `payout` tells afterwards what became of it."""
        if self._claimed:
            self._claimed = False
            self._serial_numbers.clear()
            await self._bus.release()

    async def status(self) -> DeviceStatus:
        """Ready when every hopper answers and none is jammed; busy while one pays out."""
        busy = False
        async with self._turn:
            for address in self._hoppers:
                try:
                    reading = await self._read(address)
                except (BusTrouble, Refused) as trouble:
                    return DeviceStatus("failed", str(trouble))
                if reading.flags & JAMMED:
                    return DeviceStatus("failed", f"hopper {address}: {reading.flags & JAMMED!r}")
                busy = busy or bool(reading.status.remaining)
        return DeviceStatus("busy", "paying out") if busy else DeviceStatus("ready")

    async def denominations(self) -> frozenset[Denomination]:
        async with self._turn:
            present = await self._readings()
        return frozenset(self._denominations[address] for address in present)

    async def levels(self) -> dict[Denomination, int]:
        """Hoppers don't count what lies in them; some see that it is nothing."""
        levels: dict[Denomination, int] = {}
        async with self._turn:
            present = await self._readings()
            for address in present:
                try:
                    level = await self._hoppers[address].question(Header.REQUEST_PAYOUT_STATUS, decode_payout_level)
                except Refused:
                    continue
                except BusTrouble as trouble:
                    self._fail(trouble)
                if PayoutLevel.EMPTY_SENSOR in level and PayoutLevel.EMPTY in level:
                    levels[self._denominations[address]] = 0
        return levels

    async def begin(self) -> str:
        """The mark names the hoppers that answer: only those can pay out."""
        async with self._turn:
            present = await self._readings()
        return " ".join(str(reading.mark) for reading in present.values())

    async def dispense(self, counts: Mapping[Denomination, int], mark: str) -> None:
        marks = parse_marks(mark)
        orders = self._orders(counts, marks)
        async with self._turn:
            if mark in self._used:
                return
            try:
                for before in marks.values():
                    if (await self._read(before.address)).mark != before:
                        return  # it was used, before or after a loss of power: `payout` tells
                for address in orders:
                    await self._hoppers[address].ask(EnableHopper(on=True), decode_ack)
            except (BusTrouble, Refused) as trouble:
                self._fail(trouble)
            for address, count in orders.items():
                await self._order(address, count, mark)

    async def payout(self, mark: str) -> Payout:
        paid: dict[Denomination, int] = {}
        done, exact, problem = True, True, ""
        async with self._turn:
            for before in parse_marks(mark).values():
                if before.address not in self._hoppers:
                    exact, problem = False, "replaced"
                    continue
                try:
                    reading = await self._read(before.address)
                except (BusTrouble, Refused) as trouble:
                    self._fail(trouble)
                given = (reading.mark.coins_given - before.coins_given) % DISPENSE_COUNT_MODULUS
                if reading.mark.serial_number != before.serial_number or given > _ORDER_MAX:
                    exact, problem = False, problem or "replaced"
                    continue
                if given:
                    denomination = self._denominations[before.address]
                    paid[denomination] = paid.get(denomination, 0) + given
                done = done and not reading.status.remaining
                problem = problem or _problem(reading)
        return Payout(paid, done, problem, exact)

    async def stop(self) -> None:
        """Stop paying out now (header 172): for a door that is opened. `payout` tells what was given. DeviceFailed."""
        async with self._turn:
            try:
                for handle in self._hoppers.values():
                    await handle.question(Header.EMERGENCY_STOP, decode_byte)
            except (BusTrouble, Refused) as trouble:
                self._fail(trouble)

    async def _order(self, address: int, count: int, mark: str) -> None:
        """Have an enabled hopper pay out. From the first order on, coins of this mark may be on their way."""
        order = Dispense(self._serial_numbers[address], count)
        begun = mark in self._used
        try:
            await self._hoppers[address].ask(order, decode_started, repeat=False)
        except (BusTrouble, Refused) as trouble:
            sent = isinstance(trouble, BusTrouble) and trouble.sent
            if sent:
                self._used.add(mark)
            raise DeviceFailed(device=self._name, detail=str(trouble), uncertain=begun or sent) from trouble
        self._used.add(mark)

    def _orders(self, counts: Mapping[Denomination, int], marks: Mapping[int, HopperMark]) -> dict[int, int]:
        """How many coins each hopper is to give; several hoppers of one coin share as evenly as can be."""
        orders = {}
        for denomination, count in counts.items():
            able = [address for address in marks if self._denominations.get(address) == denomination]
            if count and (not able or count > _ORDER_MAX * len(able) or count < 0):
                raise DeviceFailed(device=self._name, detail=f"can't give {count} of {denomination}")
            for at, address in enumerate(able):
                share = (count + at) // len(able)
                if share:
                    orders[address] = share
        return orders

    async def _readings(self) -> dict[int, _Reading]:
        """Of the hoppers that answer. DeviceFailed when none does."""
        readings = {}
        trouble: BusTrouble | Refused | None = None
        for address in self._hoppers:
            try:
                readings[address] = await self._read(address)
            except (BusTrouble, Refused) as its_trouble:
                trouble = its_trouble
        if not readings or not self._bus.connected:  # a hopper may be out of order; a line that breaks is all of them
            self._fail(trouble or BusTrouble("no hoppers are set up", sent=False))
        return readings

    async def _read(self, address: int) -> _Reading:
        """BusTrouble, Refused."""
        handle = self._hoppers[address]
        if not self._claimed:
            raise BusTrouble("not claimed", sent=False)
        try:
            if address not in self._serial_numbers:
                self._serial_numbers[address], _ = await identify(handle)
            status = await handle.question(Header.REQUEST_HOPPER_STATUS, decode_hopper_status)
            flags = await handle.question(Header.TEST_HOPPER, decode_hopper_flags)
            # The count comes last: it may be ahead of the status, but never behind a payout that is done.
            count = await handle.question(Header.REQUEST_HOPPER_DISPENSE_COUNT, decode_number)
        except BusTrouble:
            self._serial_numbers.pop(address, None)  # what answers next may be another hopper
            raise
        mark = HopperMark(address, self._serial_numbers[address], count, status.event_counter)
        return _Reading(mark, status, flags)

    def _fail(self, trouble: BusTrouble | Refused) -> NoReturn:
        raise DeviceFailed(device=self._name, detail=str(trouble)) from trouble


def parse_marks(mark: str) -> dict[int, HopperMark]:
    """The hoppers of a payout's mark, by address. ValueError when it is none."""
    marks = [HopperMark.parse(text) for text in mark.split()]
    return {each.address: each for each in marks}


def _problem(reading: _Reading) -> str:
    """Why a hopper stopped before it had given everything, as far as it says."""
    if not reading.status.unpaid or reading.status.remaining:
        return ""
    if reading.flags & JAMMED:
        return "jam"
    if HopperFlags.TIMEOUT in reading.flags:
        return "empty"
    if reading.flags & (HopperFlags.POWERED_UP | HopperFlags.POWER_FAILED_PAYING):
        return "reset"
    return "stopped"
