"""Scanner and printer of a station, made from its settings; with the stations' own ``hardware.py`` the one place that
names drivers.
"""

from unqueue.devices.drivers.escpos_printer import EscposPrinter, EscposPrinterSettings
from unqueue.devices.drivers.serial_scanner import SerialScanner, SerialScannerSettings
from unqueue.devices.ports import POSPrinter, Scanner
from unqueue.kernel.settings_lane import Printer as PrinterSettings
from unqueue.kernel.settings_lane import Scanner as ScannerSettings


def open_scanner(settings: ScannerSettings | None) -> Scanner | None:
    """The scanner, unclaimed; None where there is none."""
    if settings is None:
        return None
    return SerialScanner(SerialScannerSettings(settings.port, baud_rate=settings.baud_rate))


def open_printer(settings: PrinterSettings | None, time_zone: str) -> POSPrinter | None:
    """The printer, unclaimed; None where there is none. ``time_zone`` is that of the times on its paper."""
    if settings is None:
        return None
    return EscposPrinter(
        EscposPrinterSettings(
            settings.url,
            width_chars=settings.width_chars,
            time_zone=time_zone,
            baud_rate=settings.baud_rate,
            answers_status=settings.answers_status,
            logo_file=settings.logo_file,
        )
    )
