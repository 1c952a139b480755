"""The kiosk's devices, made from its settings: the one place of the kiosk that names drivers."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from unqueue.devices.drivers.cctalk_bill_validator import BillValidatorSettings, CctalkBillValidator
from unqueue.devices.drivers.cctalk_bus import CctalkBus, CctalkBusSettings
from unqueue.devices.drivers.cctalk_coin_acceptor import CctalkCoinAcceptor, CoinAcceptorSettings
from unqueue.devices.drivers.cctalk_hopper import CctalkHoppers, HopperSettings
from unqueue.devices.drivers.ssp_recycler import SspNoteRecycler, SspNoteRecyclerSettings
from unqueue.devices.ports import Device, POSPrinter, Scanner
from unqueue.kernel.cash import Denomination, parse_denomination
from unqueue.kernel.settings import Cash, Kiosk, SettingsError
from unqueue.kernel.settings import CashDevice as CashSettings
from unqueue.kernel.settings_reading import Complaint
from unqueue.kiosk.cash.currencies import CashPolicy, ExchangeRate
from unqueue.kiosk.cash.machine import CashDevice, CashDeviceSettings
from unqueue.station.peripherals import open_printer, open_scanner

_COMMON = frozenset({"capacity", "cashbox_max"})
_OPTIONS: Mapping[str, frozenset[str]] = {
    "cctalk_coin_acceptor": _COMMON | {"checksum", "feeds", "dispenser_paths", "denominations"},
    "cctalk_bill_validator": _COMMON | {"checksum", "denominations"},
    "cctalk_hopper": _COMMON | {"checksum"},
    "ssp_recycler": _COMMON | {"recycled", "encrypted", "fixed_key"},
}


class Hardware(msgspec.Struct, frozen=True):
    """One kiosk's devices. All may be missing: then one types, pays without cash, and reads the receipt elsewhere."""

    scanner: Scanner | None = None
    printer: POSPrinter | None = None
    cash: tuple[CashDevice, ...] = ()

    def devices(self) -> Iterator[Device]:
        """Those that the kiosk claims itself; the cash devices are the till's."""
        for device in (self.scanner, self.printer):
            if device is not None:
                yield device


def open_hardware(settings: Kiosk, *, time_zone: str) -> Hardware:
    """The devices that the settings name, unclaimed. SettingsError for options that make no sense."""
    return Hardware(
        scanner=open_scanner(settings.scanner),
        printer=open_printer(settings.printer, time_zone),
        cash=tuple(open_cash(settings.cash)),
    )


def cash_policy(settings: Kiosk) -> CashPolicy:
    """How the kiosk takes cash. SettingsError for a rate or a time that can't be read."""
    cash = settings.cash
    rates = []
    for index, rate in enumerate(cash.rates):
        try:
            rates.append(
                ExchangeRate(
                    rate.currency,
                    rate.rate,
                    _moment(rate.valid_from) or datetime.min.replace(tzinfo=UTC),
                    _moment(rate.valid_until) or datetime.max.replace(tzinfo=UTC),
                )
            )
        except ValueError as error:
            mend = "Rates look like 7.8125, times like 2026-03-01T00:00:00Z."
            raise _complaint(f"rates.{index}", str(error), mend) from error
    return CashPolicy(
        currency=settings.currency,
        increment_minor=cash.step_minor or None,
        rates=tuple(rates),
        favour=cash.favour,
    )


def open_cash(cash: Cash) -> list[CashDevice]:
    """The cash devices, unclaimed; those with one port share its line. SettingsError."""
    buses: dict[str, CctalkBus] = {}
    devices: list[CashDevice] = []
    for index, one in enumerate(cash.devices):
        unknown = set(one.options) - _OPTIONS[one.driver]
        if unknown:
            known = ", ".join(sorted(_OPTIONS[one.driver]))
            raise _complaint(f"devices.{index}.options", f"{one.driver} has no {min(unknown)}", f"It has {known}.")
        try:
            devices.append(_open(one, cash, buses))
        except ValueError as error:
            mend = "unqueue.toml.example explains each option."
            raise _complaint(f"devices.{index}", str(error), mend) from error
    return devices


def _open(one: CashSettings, cash: Cash, buses: dict[str, CctalkBus]) -> CashDevice:
    options = one.options
    if one.driver == "ssp_recycler":
        recycled = _pieces(options.get("recycled", ""))
        recycler = SspNoteRecycler(
            SspNoteRecyclerSettings(
                one.port,
                address=one.address,
                encrypted=options.get("encrypted", "true") == "true",
                recycled=frozenset(recycled) if "recycled" in options else None,
                **({"fixed_key": int(options["fixed_key"], 16)} if "fixed_key" in options else {}),
            )
        )
        settings = _used(one, cash, feeds=dict.fromkeys(recycled, one.name), holds=recycled)
        return CashDevice(settings, acceptor=recycler, dispenser=recycler)
    bus = buses.setdefault(one.port, CctalkBus(CctalkBusSettings(one.port)))
    if one.driver == "cctalk_hopper":
        checksum = options.get("checksum", "sum")
        hopper = msgspec.convert(
            {"address": one.address or 3, "denomination": one.denomination, "checksum": checksum}, HopperSettings
        )
        holds = [parse_denomination(one.denomination)]
        return CashDevice(_used(one, cash, feeds={}, holds=holds), dispenser=CctalkHoppers(bus, [hopper], one.name))
    how: dict[str, object] = {"denominations": _named(options.get("denominations", ""))}
    if one.address:
        how["address"] = one.address
    if "checksum" in options:
        how["checksum"] = options["checksum"]
    if one.driver == "cctalk_bill_validator":
        validator = CctalkBillValidator(bus, msgspec.convert(how, BillValidatorSettings), one.name)
        return CashDevice(_used(one, cash, feeds={}, holds=[]), acceptor=validator)
    how["paths"] = {int(path): "dispenser" for path in options.get("dispenser_paths", "").split()}
    acceptor = CctalkCoinAcceptor(bus, msgspec.convert(how, CoinAcceptorSettings), one.name)
    return CashDevice(_used(one, cash, feeds=_fed(options.get("feeds", ""), cash), holds=[]), acceptor=acceptor)


def _used(
    one: CashSettings, cash: Cash, *, feeds: Mapping[Denomination, str], holds: list[Denomination]
) -> CashDeviceSettings:
    """How the till uses a device; the float is kept where its denomination lies."""
    capacity = int(one.options.get("capacity", "0"))
    cashbox_max = int(one.options.get("cashbox_max", "0"))
    keep = {piece: cash.float_min[str(piece)] for piece in holds if str(piece) in cash.float_min}
    return CashDeviceSettings(
        name=one.name,
        feeds=feeds,
        keep=keep,
        capacity=dict.fromkeys(holds, capacity) if capacity else {},
        cashbox_max=cashbox_max or None,
    )


def _fed(names: str, cash: Cash) -> dict[Denomination, str]:
    """Which dispenser each coin falls into: the hoppers that are named."""
    hoppers = {one.name: one for one in cash.devices if one.driver == "cctalk_hopper"}
    fed = {}
    for name in names.split():
        if name not in hoppers:
            raise ValueError(f"feeds names {name}, which is no cctalk_hopper")
        fed[parse_denomination(hoppers[name].denomination)] = name
    return fed


def _pieces(text: str) -> list[Denomination]:
    return [parse_denomination(word) for word in text.split()]


def _named(text: str) -> dict[str, str]:
    """``TK001A=CNY-100-coin TK002A=…``"""
    pairs = dict(word.split("=", 1) for word in text.split() if "=" in word)
    for money in pairs.values():
        parse_denomination(money)
    return pairs


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} says no time zone")
    return moment


def _complaint(key: str, what: str, mend: str) -> SettingsError:
    return SettingsError([Complaint("settings", f"kiosk.cash.{key}", what, mend)])
