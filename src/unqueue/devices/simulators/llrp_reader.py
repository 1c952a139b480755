"""A UHF RFID reader at a gate that speaks LLRP on a TCP port, in its own process, and the tags that pass its antennas.

Control requests: `{"tags": [{"epc": "3074…", "reads": 6, "rssi_dbm": -48, "antenna": 1}]}` (tags are carried past;
instead of `epc` a `gtin` with its `serial`), `{"shelf": […]}` (tags that lie within reach from now on, instead of those
before), `{"noise": 3}` (so many strange tags, far away, read once), `{"fault": …}` with one of `FAULTS` or null,
`{"get": true}`. Each is answered with the state.
"""

import asyncio
import random
import time
from typing import Any

import msgspec

from unqueue.devices.simulators.control import ControlRefused, one_of, only_keys
from unqueue.devices.simulators.loopback import LOOPBACK, LoopbackServer
from unqueue.devices.simulators.serving import Announce, serve
from unqueue.devices.wire import llrp_messages as llrp
from unqueue.devices.wire.epc import Sgtin, encode_epc
from unqueue.devices.wire.llrp import BadMessage, BadStream, Frame, FrameDecoder, encode_frame
from unqueue.devices.wire.llrp_messages import Type

FAULTS = (None, "unplugged", "silent", "busy", "refuse", "garbage", "split", "spoiled", "antenna")
"""Gone from the network; says nothing any more; has another client; refuses every request; noise between messages;
messages byte by byte; a report before each whose inside is spoiled; its first antenna is off.
"""

_ANOTHER_CLIENT = 2
_READS_MAX = 1000
_SPLIT_PAUSE_S = 0.0005


class LlrpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the reader is set up."""

    port: int = 0
    """TCP port; 0 takes any free one. Real readers have 5084."""
    control_port: int = 0
    """Port of the physical side; 0 takes any free one."""
    read_ms: int = 40
    """How often a tag within reach is read."""
    shelf_ms: int = 400
    """How often one that lies on a shelf nearby is."""
    seed: int = 1


class PassingTag(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tag, how strong it is heard, and how often."""

    epc: str = ""
    gtin: str = ""
    serial: str = "1"
    reads: int = 6
    rssi_dbm: int = -48
    antenna: int = 1

    def bits(self) -> bytes:
        """Its EPC. ControlRefused for what no tag can hold."""
        try:
            if self.gtin:
                scheme: Any = "sgtin-96" if self.serial.isdecimal() else "sgtin-198"
                return encode_epc(Sgtin(self.gtin, self.serial), scheme)
            return bytes.fromhex(self.epc)
        except ValueError as error:
            raise ControlRefused(str(error)) from error

    def report(self, now_us: int) -> llrp.Report:
        epc = self.bits()
        bits = 198 if epc[0] == 0x36 else 8 * len(epc)
        return llrp.Report(epc, bits, self.antenna, self.rssi_dbm, 1, now_us, now_us)


class SimulatedReader:
    """The whole device: its network side, its one operation, and what its antennas see."""

    def __init__(self, options: LlrpOptions) -> None:
        self._options = options
        self._server = LoopbackServer(self._serve, options.port)
        self._random = random.Random(options.seed)  # noqa: S311  # a simulation must be repeatable, not secret
        self._fault: str | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._rospec: str | None = None  # disabled, inactive or active
        self._shelf: list[PassingTag] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._keepalive: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._reported = 0
        self._acknowledged = 0

    async def plug(self) -> None:
        await self._server.start()
        if not self._tasks:
            self._begin(self._read_shelf())

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.stop()

    def announced(self) -> dict[str, Any]:
        port = self._server.port
        return {"url": f"llrp://{LOOPBACK}:{port}", "host": LOOPBACK, "port": port}

    async def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """A request of the physical side; the answer is the state."""
        only_keys(request, "get", "tags", "shelf", "noise", "fault")
        if "fault" in request:
            await self._suffer(one_of(request["fault"], *FAULTS))
        if "shelf" in request:
            self._shelf = _tags(request["shelf"])
        for tag in _tags(request.get("tags", [])):
            self._begin(self._pass(tag))
        for _ in range(min(int(request.get("noise", 0)), _READS_MAX)):
            epc = "e2" + self._random.randbytes(11).hex()
            await self._report(PassingTag(epc, reads=1, rssi_dbm=self._random.randint(-80, -68)))
        return {
            "fault": self._fault,
            "connected": self._writer is not None,
            "rospec": self._rospec,
            "reported": self._reported,
            "acknowledged": self._acknowledged,
        }

    # What the antennas see.

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass(self, tag: PassingTag) -> None:
        for _ in range(min(tag.reads, _READS_MAX)):
            await self._report(msgspec.structs.replace(tag, rssi_dbm=tag.rssi_dbm - self._random.randint(0, 3)))
            await asyncio.sleep(self._options.read_ms / 1000)

    async def _read_shelf(self) -> None:
        while True:
            for tag in self._shelf:
                await self._report(tag)
            await asyncio.sleep(self._options.shelf_ms / 1000)

    async def _report(self, tag: PassingTag) -> None:
        if self._rospec != "active" or (self._fault == "antenna" and tag.antenna == 1):
            return
        if self._fault == "spoiled":
            await self._send(Frame(Type.RO_ACCESS_REPORT, 0, bytes.fromhex("00f00005ff")))
        await self._send(llrp.encode_reports(0, [tag.report(time.time_ns() // 1000)]))
        self._reported += 1

    # The network side.

    async def _suffer(self, fault: str | None) -> None:
        was, self._fault = self._fault, fault
        if "antenna" in {was, fault} and was != fault:
            lost = llrp.Event(antenna=(llrp.ANTENNA_LOST if fault == "antenna" else 1, 1))
            await self._send(llrp.encode_event(0, lost))
        if fault in {"unplugged", "busy"}:
            await self._server.stop()
        if fault != "unplugged":
            await self._server.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._writer is not None or self._fault == "busy":
            writer.write(encode_frame(llrp.encode_event(0, llrp.Event(attempt=_ANOTHER_CLIENT))))
            await writer.drain()
            return
        self._writer = writer
        try:
            await self._send(llrp.encode_event(0, llrp.Event(attempt=llrp.CONNECTED, at_us=time.time_ns() // 1000)))
            decoder = FrameDecoder()
            while data := await reader.read(4096):
                for frame in decoder.feed(data):
                    if not await self._obey(frame):
                        return
        except BadStream:
            return
        finally:
            self._writer = None
            self._rospec = None
            if self._keepalive is not None:
                self._keepalive.cancel()

    async def _obey(self, frame: Frame) -> bool:
        """Do what the client says; whether the connection goes on."""
        if frame.type == Type.KEEPALIVE_ACK:
            self._acknowledged += 1
            return True
        kind = Type(frame.type) if frame.type in set(Type) else None
        answer = llrp.ANSWERS.get(kind) if kind is not None else None
        if kind is None or answer is None:
            text = f"message {frame.type} is not for this reader"
            await self._send(llrp.encode_status(Type.ERROR_MESSAGE, frame.message_id, llrp.Status(109, text)))
            return True
        try:
            trouble = "told to refuse" if self._fault == "refuse" else self._carry_out(kind, frame)
        except BadMessage as error:
            trouble = str(error)
        status = llrp.Status(llrp.PARAMETER_ERROR, trouble) if trouble else llrp.Status()
        await self._send(llrp.encode_status(answer, frame.message_id, status))
        if kind == Type.START_ROSPEC and self._fault == "antenna":
            await self._send(llrp.encode_event(0, llrp.Event(antenna=(llrp.ANTENNA_LOST, 1))))
        return kind != Type.CLOSE_CONNECTION

    def _carry_out(self, kind: Type, frame: Frame) -> str:
        """Why not; empty when it is done."""
        if kind == Type.SET_READER_CONFIG:
            self._set_keepalive(llrp.keepalive_ms_of(frame))
            return ""
        if kind == Type.CLOSE_CONNECTION:
            return ""
        number = llrp.rospec_id_of(frame)
        if kind == Type.DELETE_ROSPEC and number in {llrp.ALL_ROSPECS, llrp.ROSPEC_ID}:
            self._rospec = None
            return ""
        before, after = {
            Type.ADD_ROSPEC: (None, "disabled"),
            Type.ENABLE_ROSPEC: ("disabled", "inactive"),
            Type.START_ROSPEC: ("inactive", "active"),
            Type.STOP_ROSPEC: ("active", "inactive"),
        }.get(kind, ("", ""))
        if number != llrp.ROSPEC_ID or self._rospec != before:
            return f"ROSpec {number} is {self._rospec or 'unknown'}"
        self._rospec = after
        return ""

    def _set_keepalive(self, period_ms: int | None) -> None:
        if period_ms is None:
            return
        if self._keepalive is not None:
            self._keepalive.cancel()
        if period_ms:
            self._keepalive = asyncio.create_task(self._keep_alive(period_ms / 1000))
            self._tasks.add(self._keepalive)
            self._keepalive.add_done_callback(self._tasks.discard)

    async def _keep_alive(self, period_s: float) -> None:
        while True:
            await asyncio.sleep(period_s)
            await self._send(Frame(Type.KEEPALIVE, 0))

    async def _send(self, frame: Frame) -> None:
        writer, data = self._writer, encode_frame(frame)
        if writer is None or self._fault == "silent":
            return
        if self._fault == "garbage":
            data = self._random.randbytes(24) + data
        pieces = [data[at : at + 1] for at in range(len(data))] if self._fault == "split" else [data]
        async with self._turn:
            for piece in pieces:
                writer.write(piece)
                if len(pieces) > 1:
                    await asyncio.sleep(_SPLIT_PAUSE_S)


def _tags(wanted: Any) -> list[PassingTag]:
    """ControlRefused for what is no tag."""
    try:
        tags = msgspec.convert(wanted, list[PassingTag])
    except msgspec.ValidationError as error:
        raise ControlRefused(str(error)) from error
    for tag in tags:
        if not tag.bits():
            raise ControlRefused("a tag has an epc or a gtin")
    return tags


async def run(options: LlrpOptions, announce: Announce) -> None:
    """Be a reader until SIGTERM or SIGINT. `announce` gets `host`, `port` and `control_port`."""
    reader = SimulatedReader(options)
    await serve("rfid", reader, reader, options.control_port, announce)
