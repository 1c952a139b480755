"""The lane's devices, made from its settings: the one place of the lane that names drivers."""

from collections.abc import Iterator

import msgspec

from unqueue.devices.drivers.modbus_io import ModbusIoModule, ModbusIoSettings
from unqueue.devices.drivers.toledo8217 import Toledo8217Scale, Toledo8217Settings
from unqueue.devices.ports import (
    Belt,
    Device,
    EasDetector,
    FireAlarm,
    Gate,
    Lights,
    POSPrinter,
    Scale,
    Scanner,
    TagDeactivator,
    ToneIndicator,
)
from unqueue.devices.wire.modbus_io import LANE_WIRING
from unqueue.kernel.settings import Lane as LaneSettings
from unqueue.station.peripherals import open_printer, open_scanner


class Hardware(msgspec.Struct, frozen=True):
    """One lane's devices. Scanner and printer may be missing: there are the camera, the keys and the receipt's page."""

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
    scale = Toledo8217Settings(
        settings.scale.port,
        unit=settings.scale.unit,
        interval_g=settings.scale.interval_g,
        parity=settings.scale.parity,
        resynchronise=settings.scale.resynchronise,
    )
    return Hardware(
        scale=Toledo8217Scale(scale),
        belt=module.belt,
        deactivator=module.deactivator,
        eas=module.eas,
        gate=module.gate,
        lights=module.lights,
        tone=module.tone,
        fire_alarm=module.fire_alarm,
        scanner=open_scanner(settings.scanner),
        printer=open_printer(settings.printer, time_zone),
    )
