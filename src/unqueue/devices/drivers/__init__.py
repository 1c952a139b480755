"""Drivers: what turns a port's words into a device's bytes. They know no simulator."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # The type checker holds each driver against its port here; at run time nothing is imported for it.
    from unqueue.devices import ports
    from unqueue.devices.drivers.escpos_printer import EscposPrinter
    from unqueue.devices.drivers.modbus_io import ModbusIoModule
    from unqueue.devices.drivers.serial_scanner import SerialScanner
    from unqueue.devices.drivers.toledo8217 import Toledo8217Scale

    def _scale(driver: Toledo8217Scale) -> ports.Scale:
        return driver

    def _scanner(driver: SerialScanner) -> ports.Scanner:
        return driver

    def _printer(driver: EscposPrinter) -> ports.POSPrinter:
        return driver

    def _io(
        io: ModbusIoModule,
    ) -> tuple[
        ports.Belt,
        ports.TagDeactivator,
        ports.EasDetector,
        ports.Gate,
        ports.Lights,
        ports.ToneIndicator,
        ports.FireAlarm,
    ]:
        return io.belt, io.deactivator, io.eas, io.gate, io.lights, io.tone, io.fire_alarm
