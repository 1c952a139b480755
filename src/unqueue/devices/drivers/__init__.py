"""Drivers: what turns a port's words into a device's bytes. They know no simulator."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # The type checker holds each driver against its port here; at run time nothing is imported for it.
    from unqueue.devices import ports
    from unqueue.devices.drivers.cctalk_bill_validator import CctalkBillValidator
    from unqueue.devices.drivers.cctalk_coin_acceptor import CctalkCoinAcceptor
    from unqueue.devices.drivers.cctalk_hopper import CctalkHoppers
    from unqueue.devices.drivers.escpos_printer import EscposPrinter
    from unqueue.devices.drivers.llrp_gate import LlrpReader
    from unqueue.devices.drivers.modbus_io import ModbusIoModule
    from unqueue.devices.drivers.serial_scanner import SerialScanner
    from unqueue.devices.drivers.ssp_recycler import SspNoteRecycler
    from unqueue.devices.drivers.toledo8217 import Toledo8217Scale

    def _scale(driver: Toledo8217Scale) -> ports.Scale:
        return driver

    def _scanner(driver: SerialScanner) -> ports.Scanner:
        return driver

    def _rfid(driver: LlrpReader) -> ports.RFIDScanner:
        return driver

    def _printer(driver: EscposPrinter) -> ports.POSPrinter:
        return driver

    def _cctalk_coins(driver: CctalkCoinAcceptor) -> ports.CashAcceptor:
        return driver

    def _cctalk_notes(driver: CctalkBillValidator) -> ports.CashAcceptor:
        return driver

    def _cctalk_hoppers(driver: CctalkHoppers) -> ports.CashDispenser:
        return driver

    def _note_recycler(driver: SspNoteRecycler) -> tuple[ports.CashAcceptor, ports.CashDispenser]:
        return driver, driver

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
