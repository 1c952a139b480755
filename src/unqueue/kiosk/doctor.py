"""`unqueue doctor` on a kiosk's computer: the server, this kiosk's token, both clocks, its journal, and each device.

A device belongs to one process. While the kiosk runs, its devices are asked for through the kiosk; otherwise they are
asked directly, and only with questions: nothing is taken, given or printed.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from unqueue.kernel import machine
from unqueue.kernel.findings import Check, Finding, failed, ok, warning
from unqueue.kernel.settings import Kiosk, Settings, SettingsError
from unqueue.kiosk.cash.refusals import JournalInUse
from unqueue.kiosk.cash.store import JOURNAL, CashJournal
from unqueue.kiosk.cashier import REFUNDS, REPORTS
from unqueue.kiosk.hardware import cash_policy, open_cash, open_hardware
from unqueue.station import doctor as station

WEB = Path(__file__).parent.parent / "web_dist"
_MENDS = {
    "cash": "Look at the cash devices, and at `unqueue kiosk cash counts`: a locked one waits for `… cash unlock`.",
    "scanner": "Check its power and cable, and [kiosk.scanner] port. Another program may hold the line.",
    "printer": "Check paper, cover, power and cable, and [kiosk.printer] url.",
    REPORTS: "Look at `unqueue kiosk cash reports`; once the reason is mended: `unqueue kiosk cash resend --by NAME`.",
    REFUNDS: "Look at `unqueue kiosk cash reports`, count the machine, then `unqueue kiosk cash refund ID --by NAME`.",
}
_CASH_MEND = "Check its power and cable, and its port and address in [[kiosk.cash.devices]]."


def checks(settings: Settings, kiosk: Kiosk) -> list[Check]:
    """What to look at on the machine that runs `unqueue kiosk`."""
    running = station.running_state(kiosk, "kiosk")
    devices = (
        [Check("devices", lambda: station.of_running(running, "kiosk", mend_of))] if running else _device_checks(kiosk)
    )
    return [
        Check("clock", lambda: machine.clock(settings.store.time_zone)),
        Check("kiosk port", lambda: [machine.port("kiosk port", kiosk.host, kiosk.port, ours=running is not None)]),
        Check("kiosk data", lambda: machine.disk(kiosk.data_dir)),
        Check("server", lambda: server(kiosk)),
        Check("cash", lambda: cash_settings(kiosk)),
        *devices,
        Check("kiosk screen", lambda: [machine.screens("kiosk screen", WEB, ["kiosk"])]),
    ]


def _device_checks(kiosk: Kiosk) -> list[Check]:
    found = [Check(name, _asking(ask, kiosk)) for name, ask in {"scanner": scanner, "printer": printer}.items()]
    cash = Check("cash devices", lambda: station.listed(cash_devices(kiosk)))
    return [*found, cash, Check("cash journal", lambda: cash_journal(kiosk))]


def _asking(ask: Callable[[Kiosk], AsyncIterator[Finding]], kiosk: Kiosk) -> Callable[[], list[Finding]]:
    return lambda: station.listed(ask(kiosk))


def mend_of(name: str) -> str:
    """What to do about a device that has failed; one that is not named here is a cash device."""
    return _MENDS.get(name, _CASH_MEND)


def server(kiosk: Kiosk) -> Iterator[Finding]:
    """The server answers, knows this kiosk, has the same time, and takes cash if the kiosk can."""
    device_add = f"unqueue device add {kiosk.id} --kind kiosk"
    if not (yield from station.server(kiosk, "kiosk", f"/api/kiosks/{kiosk.id}/payments", device_add=device_add)):
        return
    methods = station.ask_server(kiosk, "/api/payment-methods").json()
    if kiosk.cash.devices and not any(method["kind"] == "cash" for method in methods):
        mend = 'On the server: add a [[payments.providers]] with kind = "cash".'
        yield warning("cash", "this kiosk could take cash, but the server has no such way to pay", mend)
    if not methods:
        yield failed("tenders", "the server has no way to pay here", "Add [[payments.providers]] on the server.")


def cash_settings(kiosk: Kiosk) -> Iterator[Finding]:
    """The cash devices' options, the rates, the pieces: whether they can be read."""
    try:
        open_cash(kiosk.cash)
        cash_policy(kiosk)
    except SettingsError as error:
        for complaint in error.complaints:
            yield failed(complaint.key, complaint.what, complaint.mend)


def cash_journal(kiosk: Kiosk) -> Iterator[Finding]:
    """What the kiosk could not tell the server, and refunds in doubt, while the kiosk does not run."""
    path = kiosk.data_dir / JOURNAL
    if not path.exists():
        return
    try:
        journal = CashJournal(path, kiosk.id)
    except JournalInUse:
        return  # the kiosk is just starting, or its screen does not answer
    try:
        refused = [one for one in journal.stuck_reports() if one.code]
        unsure = journal.claims("unsure")
    finally:
        journal.close()
    if refused:
        told = ", ".join(f"{one.kind} {one.about} ({one.code})" for one in refused)
        yield failed(REPORTS, f"the server refused {told}", mend_of(REPORTS))
    if unsure:
        yield failed(REFUNDS, f"in doubt: {', '.join(one.refund_id for one in unsure)}", mend_of(REFUNDS))
    if not refused and not unsure:
        yield ok("cash journal", "the server refused none of its reports")


async def scanner(kiosk: Kiosk) -> AsyncIterator[Finding]:
    """The scanner's line opens. Scanners say nothing until they scan."""
    hardware = open_hardware(kiosk, time_zone="UTC")
    if kiosk.scanner and hardware.scanner:
        yield await station.ask_device("scanner", kiosk.scanner.port, hardware.scanner, mend_of("scanner"))


async def printer(kiosk: Kiosk) -> AsyncIterator[Finding]:
    """The printer answers and has paper."""
    hardware = open_hardware(kiosk, time_zone="UTC")
    if kiosk.printer and hardware.printer:
        yield await station.ask_device("printer", kiosk.printer.url, hardware.printer, mend_of("printer"))


async def cash_devices(kiosk: Kiosk) -> AsyncIterator[Finding]:
    """Each cash device answers."""
    ports = {one.name: one.port for one in kiosk.cash.devices}
    try:
        devices = open_cash(kiosk.cash)
    except SettingsError:
        return  # cash_settings tells
    for device in devices:
        port = device.acceptor or device.dispenser
        if port is not None:
            yield await station.ask_device(device.name, ports[device.name], port, mend_of(device.name))
