"""The lane's devices, made from its settings: the one place of the lane that names drivers."""

from collections.abc import Iterator

import msgspec

from unqueue.devices.drivers.llrp_gate import LlrpReader, LlrpReaderSettings, greeting
from unqueue.devices.drivers.modbus_io import ModbusIoModule, ModbusIoSettings
from unqueue.devices.drivers.toledo8217 import Toledo8217Scale, Toledo8217Settings
from unqueue.devices.drivers.toledo_continuous import ToledoContinuousScale, ToledoContinuousSettings
from unqueue.devices.ports import (
    Belt,
    Device,
    DeviceStatus,
    EasDetector,
    FireAlarm,
    Gate,
    Lights,
    POSPrinter,
    RFIDScanner,
    Scale,
    Scanner,
    TagDeactivator,
    ToneIndicator,
)
from unqueue.devices.wire.modbus_io import LANE_WIRING
from unqueue.kernel.settings_lane import Lane as LaneSettings
from unqueue.kernel.settings_lane import Rfid as RfidSettings
from unqueue.kernel.settings_lane import Scale as ScaleSettings
from unqueue.station.peripherals import open_printer, open_scanner


class Hardware(msgspec.Struct, frozen=True):
    """One lane's devices. Scanner and printer may be missing: there are the camera, the keys and the receipt's page.
    ``rfid`` reads which goods pass the gate, where the store has such a reader.
    """

    scale: Scale
    belt: Belt
    deactivator: TagDeactivator
    eas: EasDetector
    gate: Gate
    lights: Lights
    tone: ToneIndicator
    fire_alarm: FireAlarm
    scanner: Scanner | None = None
    printer: POSPrinter | None = None
    rfid: RFIDScanner | None = None

    def devices(self) -> Iterator[Device]:
        """All that are there."""
        for field in self.__struct_fields__:
            device: Device | None = getattr(self, field)
            if device is not None:
                yield device


def open_hardware(settings: LaneSettings, *, time_zone: str) -> Hardware:
    """The devices that the settings name, unclaimed. ValueError for a signal map that makes no sense."""
    module = ModbusIoModule(
        ModbusIoSettings(settings.io.host, settings.io.port, wiring=LANE_WIRING.moved(settings.io.map))
    )
    return Hardware(
        scale=_scale(settings.scale),
        belt=module.belt,
        deactivator=module.deactivator,
        eas=module.eas,
        gate=module.gate,
        lights=module.lights,
        tone=module.tone,
        fire_alarm=module.fire_alarm,
        scanner=open_scanner(settings.scanner),
        printer=open_printer(settings.printer, time_zone),
        rfid=_open_rfid(settings.rfid),
    )


def _open_rfid(settings: RfidSettings | None) -> RFIDScanner | None:
    return LlrpReader(_llrp(settings)) if settings is not None else None


def _llrp(settings: RfidSettings) -> LlrpReaderSettings:
    return LlrpReaderSettings(settings.host, settings.port, settings.antennas)


async def rfid_status(settings: RfidSettings) -> DeviceStatus:
    """How the gate's reader is, asked without taking it into use."""
    return await greeting(_llrp(settings))


def _scale(settings: ScaleSettings) -> Scale:
    if settings.driver == "toledo_continuous":
        return ToledoContinuousScale(
            ToledoContinuousSettings(
                settings.port,
                interval_g=settings.interval_g,
                baud_rate=settings.baud_rate,
                data_bits=7 if settings.parity == "line" else 8,
                parity="even" if settings.parity == "line" else "none",
                checksum=settings.checksum,
            )
        )
    return Toledo8217Scale(
        Toledo8217Settings(
            settings.port,
            unit=settings.unit,
            interval_g=settings.interval_g,
            baud_rate=settings.baud_rate,
            parity=settings.parity,
            resynchronise=settings.resynchronise,
            command_interval_s=settings.command_interval_ms / 1000,
        )
    )
