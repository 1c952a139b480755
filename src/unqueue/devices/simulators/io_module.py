"""A Modbus TCP I/O module in its own process, with what is wired to it in an exit lane: belt, deactivator, pedestals,
barrier, lamps, tone.

Control requests: `{"pulse": "eas_alarm", "count": 2, "width_ms": 5}` (a counter's terminal sees pulses; deactivated
tags only while the deactivator is on), `{"passage": 1}` (persons walk through, if the gate is open),
`{"set": {"belt_occupied": true}}` (an input's level), `{"tags": 3, "after_ms": 900}` (so many live tags lie on the belt
and come past the deactivator so long after its field came on), `{"fault": "unplugged" | "silent" | "restart" | null}`,
`{"get": true}`. Each is answered with the state; its `history` numbers every opening and passage, for good, in seconds
since `began_s` of this machine's monotonic clock.
"""

import asyncio
import logging
from typing import Any

import msgspec
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from unqueue.devices.simulators.control import ControlRefused, one_of, only_keys
from unqueue.devices.simulators.loopback import LOOPBACK
from unqueue.devices.simulators.serving import Announce, serve
from unqueue.devices.simulators.terminals import Terminals
from unqueue.devices.wire.modbus_io import LANE_WIRING, MOXA_E1212, RegisterMap, Wiring, counter_words

# pymodbus calls it an error when a client goes away; here that is everyday life.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

FAULTS = (None, "unplugged", "silent", "restart")
"""Gone from the network; obeys without answering; loses counters and outputs for a moment and is back at once."""

_READ_INPUTS, _READ_REGISTERS, _WRITE_COILS = 2, 4, (5, 15)


class IoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the module is set up and what the lane's machinery is like."""

    port: int = 0
    """Modbus TCP port; 0 takes any free one."""
    control_port: int = 0
    """Port of the physical side; 0 takes any free one."""
    pulse_ms: int = 500
    """Width of the pulse outputs."""
    gate_open_ms: int = 10_000
    """How long the barrier stays open when nobody walks through."""
    gate_close_ms: int = 300
    """How soon it closes behind a person."""
    watchdog_ms: int = 5_000
    """Outputs go off when no request came for so long (the module's "safe status"); 0: never."""
    registers: RegisterMap = MOXA_E1212
    wiring: Wiring = LANE_WIRING


class ModbusPort:
    """The module's network side: register reads and writes become reads and writes of the terminals."""

    def __init__(self, terminals: Terminals, registers: RegisterMap, port: int, watchdog_s: float) -> None:
        self._terminals = terminals
        self._registers = registers
        self._port = port
        self._watchdog_s = watchdog_s
        self._watchdog: asyncio.TimerHandle | None = None
        self._server: ModbusTcpServer | None = None
        self.silent = False

    async def plug(self) -> None:
        if self._server is not None:
            return
        self._server = ModbusTcpServer(self._device(), address=(LOOPBACK, self._port), trace_packet=self._trace)
        await self._server.serve_forever(background=True)
        listener = self._server.transport
        assert isinstance(listener, asyncio.Server), "pymodbus listens with asyncio"
        self._port = int(listener.sockets[0].getsockname()[1])

    async def unplug(self) -> None:
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it so
            self._server = None

    async def close(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        await self.unplug()

    def announced(self) -> dict[str, Any]:
        return {"url": f"modbus://{LOOPBACK}:{self._port}", "host": LOOPBACK, "port": self._port}

    def _trace(self, sending: bool, packet: bytes) -> bytes:
        return b"" if sending and self.silent else packet

    def _device(self) -> SimDevice:
        channels = self._registers.channels
        return SimDevice(
            id=0,
            simdata=(
                _bits(*(at for at in self._coil_blocks() if at is not None), count=channels),
                _bits(self._registers.inputs_at, count=channels),
                [SimData(0, datatype=DataType.REGISTERS)],
                [
                    SimData(
                        self._registers.counters_at,
                        count=channels * self._registers.counter_words,
                        datatype=DataType.REGISTERS,
                    )
                ],
            ),
            action=self._act,
        )

    def _coil_blocks(self) -> list[int | None]:
        registers = self._registers
        return [registers.coils_at, registers.pulse_coils_at, registers.counter_run_at, registers.counter_clear_at]

    async def _act(self, function: int, *request: Any) -> ExcCodes | None:
        """Called by pymodbus for each request: bring its registers up to date, or do what is written."""
        start: int  # the first of `current`: a register, or 16 bits
        address: int
        count: int
        current: list[int]
        new: list[int] | list[bool] | None
        start, address, count, current, new = request
        self._rearm_watchdog()
        if new is not None and function in _WRITE_COILS:
            written = [self._write(address + place, on=bool(value)) for place, value in enumerate(new)]
            return None if all(written) else ExcCodes.ILLEGAL_VALUE
        if function == _READ_REGISTERS:
            words = [word for value in self._terminals.counters for word in self._words(value)]
            for place in range(count):
                current[address - start + place] = words[address + place - self._registers.counters_at]
        elif function == _READ_INPUTS:
            _put_bits(current, start, self._registers.inputs_at, self._terminals.inputs)
        else:
            for at, levels in self._levels():
                _put_bits(current, start, at, levels)
        return None

    def _words(self, value: int) -> list[int]:
        words = self._registers.counter_words
        return counter_words(value % (1 << 16 * words), words)

    def _levels(self) -> list[tuple[int, list[bool]]]:
        terminals = self._terminals
        kinds = (terminals.coils, terminals.pulses, terminals.counting, [False] * self._registers.channels)
        blocks = zip(self._coil_blocks(), kinds, strict=True)
        return [(at, levels) for at, levels in blocks if at is not None]

    def _write(self, address: int, *, on: bool) -> bool:
        """Whether the module accepts it."""
        terminals = self._terminals
        for at, obey in zip(
            self._coil_blocks(),
            (terminals.switch, terminals.pulse, terminals.count_or_stop, terminals.clear_counter),
            strict=True,
        ):
            if at is not None and at <= address < at + self._registers.channels:
                return obey(address - at, on=on)
        return False

    def _rearm_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._watchdog_s:
            self._watchdog = asyncio.get_running_loop().call_later(self._watchdog_s, self._terminals.outputs_off)


def _bits(*blocks: int, count: int) -> list[SimData]:
    return [SimData(at, values=[False] * count, datatype=DataType.BITS) for at in blocks]


def _put_bits(registers: list[int], start: int, at: int, levels: list[bool]) -> None:
    """Levels into 16-bit registers, bit 0 first; register `start` is the first."""
    for place, level in enumerate(levels):
        register, bit = divmod(at + place, 16)
        registers[register - start] = registers[register - start] & ~(1 << bit) | level << bit


class SimulatedIoModule:
    """The whole device: terminals, what hangs on them, network and mishaps."""

    def __init__(self, options: IoOptions) -> None:
        self.terminals = Terminals(
            options.wiring, options.registers.channels, options.pulse_ms, options.gate_open_ms, options.gate_close_ms
        )
        self.port = ModbusPort(self.terminals, options.registers, options.port, options.watchdog_ms / 1000)
        self._fault: str | None = None

    async def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """A request of the physical side; the answer is the state, and how much of it came to pass as `done`."""
        only_keys(request, "get", "pulse", "count", "width_ms", "passage", "set", "tags", "after_ms", "fault")
        done = 0
        if "pulse" in request:
            name = one_of(request["pulse"], *self.terminals.wiring.counters)
            width_s = float(request.get("width_ms", 10)) / 1000
            done = await self.terminals.feel_pulses(name, int(request.get("count", 1)), width_s)
        if "passage" in request:
            done = await self.terminals.walk_through(int(request["passage"]))
        if "tags" in request:
            self.terminals.lay_tags(int(request["tags"]), float(request.get("after_ms", 0)) / 1000)
        for name, level in request.get("set", {}).items():
            if name not in self.terminals.wiring.inputs:
                raise ControlRefused(f"no such input: {name}")
            self.terminals.set_input(name, level=bool(level))
        if "fault" in request:
            await self._suffer(one_of(request["fault"], *FAULTS))
        return {**self.terminals.state(), "fault": self._fault, "done": done}

    async def _suffer(self, fault: str | None) -> None:
        self._fault = fault if fault != "restart" else None
        self.port.silent = fault == "silent"
        if fault == "restart":
            await self.port.unplug()
            self.terminals.restart()
        await (self.port.unplug() if fault == "unplugged" else self.port.plug())


async def run(options: IoOptions, announce: Announce) -> None:
    """Be an I/O module until SIGTERM or SIGINT. `announce` gets `host`, `port` and `control_port`."""
    module = SimulatedIoModule(options)
    await serve("io", module.port, module, options.control_port, announce)
