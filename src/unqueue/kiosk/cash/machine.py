"""The cash devices of one kiosk: how they are put together, what they can give now, and what is wrong with them."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import msgspec

from unqueue.devices.ports import CashAcceptor, CashDispenser, DeviceFailed
from unqueue.kernel.cash import Denomination
from unqueue.kiosk.cash.acceptance import Candidate, Reason
from unqueue.kiosk.cash.change import Stock
from unqueue.kiosk.cash.ledger import Contents, cashbox, dispenser, held
from unqueue.kiosk.cash.refusals import UnknownCashDevice
from unqueue.kiosk.cash.session import Session

_REFUSALS_MAX = 3


@runtime_checkable
class Resting(Protocol):
    """An acceptor that can tell being switched off overnight from a loss, if it hears that nothing was let in."""

    def at_rest(self, mark: str) -> str:
        """The same mark, for a hearer who knows that nothing was taken since."""
        ...


class CashDeviceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a cash device is used. All counts are pieces per denomination.

    `feeds`: denominations that its acceptor puts into a dispenser, and that dispenser's name (its own for a recycler).
    `keep`: the float, given only where there is no other way. `over_full`: above this, give these first. `capacity`: a
    dispenser that holds this many takes no more: what comes then goes to the cashbox. `cashbox_max`: pieces that the
    cashbox takes, None: the device says itself when it is full.
    """

    name: str
    feeds: Mapping[Denomination, str] = {}
    keep: Mapping[Denomination, int] = {}
    over_full: Mapping[Denomination, int] = {}
    capacity: Mapping[Denomination, int] = {}
    cashbox_max: int | None = None
    payout_max: int = 200


@dataclass
class CashDevice:
    """One physical device: an acceptor, a dispenser, or a recycler, which is both."""

    settings: CashDeviceSettings
    acceptor: CashAcceptor | None = None
    dispenser: CashDispenser | None = None
    # What the device said is wrong now: kind → detail. `blocking` are those while which it takes no money.
    troubles: dict[str, str] = field(default_factory=dict)
    blocking: set[str] = field(default_factory=set)
    enabled: frozenset[Denomination] | None = None  # what it was told last; None: not known
    closed_at_s: float = 0.0  # when it was told to take nothing, by the event loop's clock
    refusals: int = 0  # how often its dispenser did not begin a payout of this payment

    @property
    def is_shunned(self) -> bool:
        """It was tried often enough: this payment is given by others."""
        return self.refusals >= _REFUSALS_MAX

    @property
    def name(self) -> str:
        return self.settings.name


class Machine:
    """All cash devices of the kiosk, by name."""

    def __init__(self, devices: Sequence[CashDevice]) -> None:
        self.devices = {device.name: device for device in devices}
        self.away: frozenset[str] = frozenset()
        assert len(self.devices) == len(devices), "two cash devices have one name"
        for device in devices:
            for target in device.settings.feeds.values():
                fed = self.devices.get(target)
                assert fed is not None, f"{device.name} feeds {target}, which is no device"
                assert fed.dispenser is not None, f"{device.name} feeds {target}, which gives nothing"

    def device(self, name: str) -> CashDevice:
        found = self.devices.get(name)
        if found is None:
            raise UnknownCashDevice(device=name)
        return found

    @property
    def acceptors(self) -> list[tuple[CashDevice, CashAcceptor]]:
        return [(device, device.acceptor) for device in self.devices.values() if device.acceptor is not None]

    @property
    def dispensers(self) -> list[tuple[CashDevice, CashDispenser]]:
        return [(device, device.dispenser) for device in self.devices.values() if device.dispenser is not None]

    async def claim(self) -> None:
        for port in self._ports():
            await port.claim()

    async def release(self) -> None:
        for port in self._ports():
            with contextlib.suppress(DeviceFailed):
                await port.release()

    def _ports(self) -> list[CashAcceptor | CashDispenser]:
        ports: list[CashAcceptor | CashDispenser] = []
        for device in self.devices.values():
            for port in (device.acceptor, device.dispenser):
                if port is not None and all(port is not other for other in ports):
                    ports.append(port)
        return ports

    async def stocks(self, contents: Contents, locked: Mapping[str, object]) -> list[Stock]:
        """What can be given now: what the books say, or what a device counts itself where that is less. Devices that
        did not answer are in `away` afterwards.
        """
        stocks: list[Stock] = []
        away: set[str] = set()
        for device, port in self.dispensers:
            if device.name in locked or device.is_shunned:
                continue
            try:
                levels = await port.levels()
            except DeviceFailed:
                away.add(device.name)
                continue
            settings = device.settings
            for denomination, booked in held(contents, dispenser(device.name)).items():
                count = min(booked, levels.get(denomination, booked))
                if count > 0:
                    keep, over = settings.keep.get(denomination, 0), settings.over_full.get(denomination)
                    stocks.append(Stock(device.name, denomination, count, keep, over))
        self.away = frozenset(away)
        return stocks

    async def candidates(
        self, device: CashDevice, session: Session, contents: Contents, locked: Mapping[str, object]
    ) -> list[Candidate]:
        """What the device recognises, and where each piece would go. DeviceFailed while it is not connected."""
        assert device.acceptor is not None, "only an acceptor has candidates"
        return [
            self.candidate(device, denomination, session, contents, locked)
            for denomination in sorted(await device.acceptor.denominations())
        ]

    def candidate(
        self, device: CashDevice, denomination: Denomination, session: Session, contents: Contents,
        locked: Mapping[str, object],
    ) -> Candidate:  # fmt: skip
        target = self.destination(device, denomination, contents)
        refused: Reason | None = None
        if device.name in locked or device.blocking:
            refused = "device"
        elif target == cashbox(device.name) and self._is_full(device, contents):
            refused = "full"
        surely = target != cashbox(device.name) and device.settings.feeds[denomination] not in locked
        return Candidate(denomination, session.credit_of(denomination), surely, refused)

    def destination(self, device: CashDevice, denomination: Denomination, contents: Contents) -> str:
        """Where a piece would go: the dispenser it feeds while that has room, or the cashbox."""
        fed = device.settings.feeds.get(denomination)
        if fed is None:
            return cashbox(device.name)
        capacity = self.devices[fed].settings.capacity.get(denomination)
        if capacity is not None and held(contents, dispenser(fed)).get(denomination, 0) >= capacity:
            return cashbox(device.name)
        return dispenser(fed)

    def place(self, device: CashDevice, denomination: Denomination, where: str) -> str:
        """Where the device says that a piece went."""
        if where == "cashbox":
            return cashbox(device.name)
        return dispenser(device.settings.feeds.get(denomination, device.name))

    @staticmethod
    def _is_full(device: CashDevice, contents: Contents) -> bool:
        if "full" in device.troubles:
            return True
        most = device.settings.cashbox_max
        return most is not None and sum(held(contents, cashbox(device.name)).values()) >= most
