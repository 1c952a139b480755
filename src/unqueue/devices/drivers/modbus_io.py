"""One Modbus TCP I/O module, and the devices that hang on its terminals: belt, tag deactivator, EAS detector, gate,
lights, tone indicator and fire alarm contact.

Pulses are never polled for: the module counts edges itself, and the driver reads the counters, so a pulse of a
millisecond is not missed, nor one that comes while the connection is down. No order is sent twice by itself: an
opening whose answer is lost is reported as uncertain, because a second one might let a second person out.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import msgspec
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from unqueue.devices.drivers.claiming import Claimed
from unqueue.devices.ports import DeviceFailed, DeviceStatus, LightColor
from unqueue.devices.transports.backoff import backoff_s
from unqueue.devices.transports.tasks import end
from unqueue.devices.wire.modbus_io import LANE_WIRING, MOXA_E1212, Counter, RegisterMap, Wiring, counter_value

logger = logging.getLogger(__name__)
# pymodbus logs each failed connection by itself; we say it once, in `status` and in our own log.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_DEVICE = "io module"


class ModbusIoSettings(msgspec.Struct, frozen=True):
    """Where the module is and what is wired to it."""

    host: str
    port: int = 502
    registers: RegisterMap = MOXA_E1212
    wiring: Wiring = LANE_WIRING
    poll_interval_s: float = 0.1
    """How often the counters are read even if nobody asks, to notice a restarted module."""
    timeout_s: float = 0.5
    retry_s_min: float = 0.1
    retry_s_max: float = 5.0


class ModbusIoModule(Claimed):
    """The module. Its devices share one connection, which lives as long as one of them is claimed."""

    def __init__(self, settings: ModbusIoSettings) -> None:
        self._settings = settings
        self._claims = 0
        self._client: AsyncModbusTcpClient | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._outputs_known = False
        self._hung_up = asyncio.Event()
        self._trouble = "not connected yet"
        self._counters: dict[str, Counter] = {}
        self._inputs: dict[str, bool] = {}
        self.belt = ModbusBelt(self)
        self.deactivator = ModbusTagDeactivator(self)
        self.eas = ModbusEasDetector(self)
        self.gate = ModbusGate(self)
        self.lights = ModbusLights(self)
        self.tone = ModbusToneIndicator(self)
        self.fire_alarm = ModbusFireAlarm(self)

    async def claim(self) -> None:
        """With the first claim every output that holds its level is switched off, as soon as the module answers: a
        lane that died may have left the deactivator or the belt running.
        """
        self._claims += 1
        if self._keeper is None:
            self._outputs_known = False
            self._keeper = asyncio.create_task(self._keep_connected(), name="modbus io")

    async def release(self) -> None:
        """With the last release the outputs are switched off, if the module can be reached."""
        if self._claims == 0:
            return
        self._claims -= 1
        if self._claims or self._keeper is None:
            return
        await end(self._keeper)
        self._keeper = None
        async with self._turn:
            with contextlib.suppress(DeviceFailed):
                await self._switch_outputs_off()
        self._hang_up("not claimed")

    async def status(self) -> DeviceStatus:
        try:
            await self._refresh()
        except DeviceFailed as failure:
            return DeviceStatus("failed", failure.details["detail"])
        return DeviceStatus("ready")

    @property
    def restarts(self) -> int:
        """How often the module was seen to have restarted."""
        return max((counter.restarts for counter in self._counters.values()), default=0)

    async def count(self, name: str) -> int:
        """The total of a counter, read now."""
        await self._refresh()
        return self._counters[name].total

    async def input(self, name: str) -> bool:
        """The level of an input, read now."""
        await self._refresh()
        return self._inputs[name]

    async def switch(self, name: str, *, on: bool) -> None:
        """Set an output that holds its level."""
        async with self._turn:
            await self._write(self._settings.registers.coils_at + self._settings.wiring.coils[name], on=on)

    async def pulse(self, name: str) -> None:
        """Give one pulse."""
        async with self._turn:
            address = self._settings.registers.pulse_coils_at + self._settings.wiring.pulse_coils[name]
            await self._write(address, on=True)

    def can_pulse(self, name: str) -> bool:
        """Whether something is wired to that pulse output."""
        return name in self._settings.wiring.pulse_coils

    async def _keep_connected(self) -> None:
        failures = 0
        while True:
            try:
                await self._connect()
                if failures or not self._counters:
                    logger.info("%s: connected", self._settings.host)
                failures = 0
                while True:
                    await self._refresh()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._settings.poll_interval_s):
                            await self._hung_up.wait()
            except DeviceFailed as failure:
                if failures == 0:
                    logger.warning("%s: %s", self._settings.host, failure)
                failures += 1
                pause = backoff_s(failures, self._settings.retry_s_min, self._settings.retry_s_max)
                await asyncio.sleep(pause)

    async def _connect(self) -> None:
        async with self._turn:
            # Neither pymodbus' retries nor its reconnecting: both could send an order a second time.
            client = AsyncModbusTcpClient(
                self._settings.host,
                port=self._settings.port,
                timeout=self._settings.timeout_s,
                retries=0,
                reconnect_delay=0,
            )
            if not await client.connect():
                client.close()
                self._trouble = f"no connection to {self._settings.host}:{self._settings.port}"
                raise DeviceFailed(device=_DEVICE, detail=self._trouble)
            self._client = client
            self._hung_up.clear()
            await self._start_counters()
            if not self._outputs_known:
                await self._switch_outputs_off()
                self._outputs_known = True

    async def _start_counters(self) -> None:
        run_at = self._settings.registers.counter_run_at
        if run_at is None:
            return
        count = self._settings.registers.channels
        running = await self._ask(lambda client: client.read_coils(run_at, count=count, device_id=self._unit))
        for channel in self._settings.wiring.counters.values():
            if not running.bits[channel]:
                await self._write(run_at + channel, on=True)

    async def _switch_outputs_off(self) -> None:
        for channel in self._settings.wiring.coils.values():
            await self._write(self._settings.registers.coils_at + channel, on=False)

    async def _refresh(self) -> None:
        async with self._turn:
            await self._read_counters()
            await self._read_inputs()

    async def _read_counters(self) -> None:
        channels = self._settings.wiring.counters
        if not channels:
            return
        words, first = self._settings.registers.counter_words, min(channels.values())
        at, count = self._settings.registers.counters_at + first * words, (max(channels.values()) - first + 1) * words
        answer = await self._ask(lambda client: client.read_input_registers(at, count=count, device_id=self._unit))
        for name, channel in channels.items():
            place = (channel - first) * words
            raw = counter_value(answer.registers[place : place + words])
            counter = self._counters.get(name)
            self._counters[name] = counter.advanced(raw, words=words) if counter else Counter(total=raw, raw=raw)

    async def _read_inputs(self) -> None:
        channels = self._settings.wiring.inputs
        if not channels:
            return
        first = min(channels.values())
        at, count = self._settings.registers.inputs_at + first, max(channels.values()) - first + 1
        answer = await self._ask(lambda client: client.read_discrete_inputs(at, count=count, device_id=self._unit))
        for name, channel in channels.items():
            self._inputs[name] = answer.bits[channel - first]

    async def _write(self, address: int, *, on: bool) -> None:
        await self._ask(lambda client: client.write_coil(address, on, device_id=self._unit))

    async def _ask(self, request: Callable[[AsyncModbusTcpClient], Awaitable[ModbusPDU]]) -> ModbusPDU:
        """One request. The caller has the turn. After any trouble the connection is made anew, so that no late
        answer can pass for the answer to another request.
        """
        if self._client is not None and not self._client.connected:
            self._hang_up("the I/O module hung up")
        if self._client is None:
            raise DeviceFailed(device=_DEVICE, detail=self._trouble)
        try:
            answer = await request(self._client)
        except (ModbusException, OSError) as error:
            self._hang_up("the I/O module does not answer")
            raise DeviceFailed(device=_DEVICE, detail=self._trouble, uncertain=True) from error
        except BaseException:
            self._hang_up("a request was broken off")
            raise
        if answer.isError():
            self._trouble = f"the I/O module refuses: {answer}"
            raise DeviceFailed(device=_DEVICE, detail=self._trouble)
        return answer

    def _hang_up(self, reason: str) -> None:
        self._trouble = reason
        self._hung_up.set()
        if self._client is not None:
            self._client.close()
            self._client = None

    @property
    def _unit(self) -> int:
        return self._settings.registers.device_id


class _OnModule(Claimed):
    """A device on the module's terminals."""

    def __init__(self, module: ModbusIoModule) -> None:
        self._module = module
        self._claimed = False

    async def claim(self) -> None:
        if not self._claimed:
            self._claimed = True
            await self._module.claim()

    async def release(self) -> None:
        if self._claimed:
            self._claimed = False
            await self._module.release()

    async def status(self) -> DeviceStatus:
        return await self._module.status()


class ModbusBelt(_OnModule):
    """See `ports.Belt`: coil `belt_run`, counter `belt_items`, input `belt_occupied`."""

    async def start(self) -> None:
        await self._module.switch("belt_run", on=True)

    async def stop(self) -> None:
        await self._module.switch("belt_run", on=False)

    async def item_count(self) -> int:
        return await self._module.count("belt_items")

    async def is_occupied(self) -> bool:
        return await self._module.input("belt_occupied")


class ModbusTagDeactivator(_OnModule):
    """See `ports.TagDeactivator`: coil `deactivator_on`, counter `tags_deactivated`."""

    async def activate(self) -> None:
        await self._module.switch("deactivator_on", on=True)

    async def deactivate(self) -> None:
        await self._module.switch("deactivator_on", on=False)

    async def deactivated_count(self) -> int:
        return await self._module.count("tags_deactivated")


class ModbusEasDetector(_OnModule):
    """See `ports.EasDetector`: counter `eas_alarm`."""

    async def alarm_count(self) -> int:
        return await self._module.count("eas_alarm")


class ModbusGate(_OnModule):
    """See `ports.Gate`: pulse coils `gate_open` and, where wired, `gate_close`; input `gate_closed`; counter
    `passages`.
    """

    async def open(self) -> None:
        await self._module.pulse("gate_open")

    async def close(self) -> None:
        if self._module.can_pulse("gate_close"):
            await self._module.pulse("gate_close")

    async def is_closed(self) -> bool:
        return await self._module.input("gate_closed")

    async def passage_count(self) -> int:
        return await self._module.count("passages")


class ModbusLights(_OnModule):
    """See `ports.Lights`: coils `lamp_green` and `lamp_red`."""

    async def switch_on(self, color: LightColor) -> None:
        await self._module.switch(f"lamp_{color}", on=True)

    async def switch_off(self, color: LightColor) -> None:
        await self._module.switch(f"lamp_{color}", on=False)


class ModbusToneIndicator(_OnModule):
    """See `ports.ToneIndicator`: coil `tone`."""

    async def sound(self, *, cycles: int = 1, tone_ms: int = 300, pause_ms: int = 200) -> None:
        for cycle in range(cycles):
            if cycle:
                await asyncio.sleep(pause_ms / 1000)
            try:
                await self._module.switch("tone", on=True)
                await asyncio.sleep(tone_ms / 1000)
            finally:
                await self._module.switch("tone", on=False)


class ModbusFireAlarm(_OnModule):
    """See `ports.FireAlarm`: input `fire_alarm`."""

    async def is_active(self) -> bool:
        return await self._module.input("fire_alarm")
