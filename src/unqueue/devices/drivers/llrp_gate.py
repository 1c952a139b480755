"""A UHF RFID reader at the gate that speaks LLRP: it reads every tag near its antennas, all the time.

The reader is a server on the store's network; one client has it at a time. Once it greets, it is told to give signs of
life and to report each tag at once; whatever operation an earlier client left in it is deleted. A reader that falls
silent, refuses, or sends what is no LLRP is hung up on and tried again, with growing pauses.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import AsyncIterator

import msgspec

from unqueue.devices.drivers.claiming import Claimed
from unqueue.devices.ports import DeviceStatus, TagRead
from unqueue.devices.transports.backoff import backoff_s
from unqueue.devices.transports.serial import describe
from unqueue.devices.transports.tasks import end
from unqueue.devices.wire import llrp_messages as llrp
from unqueue.devices.wire.llrp import BadMessage, BadStream, Frame, FrameDecoder, encode_frame
from unqueue.devices.wire.llrp_messages import Type

logger = logging.getLogger(__name__)

LLRP_PORT = 5084
"""LLRP's registered TCP port."""
_WAITING_MAX = 1024
_CHUNK = 65_536
_SILENT_PERIODS_MAX = 2.5
_CLOSE_S_MAX = 0.5
_REFUSALS = {
    1: "the reader has another connection of its own",
    2: "another client has the reader",
    3: "the reader refuses the connection",
}
"""By the status of ConnectionAttemptEvent."""


class LlrpReaderSettings(msgspec.Struct, frozen=True):
    """Where the reader is. ``antennas``: those at the gate; 0 is all of them."""

    host: str
    port: int = LLRP_PORT
    antennas: tuple[int, ...] = (0,)
    keepalive_s: float = 4.0
    """How often the reader gives a sign of life."""
    answer_s_max: float = 5.0
    connect_timeout_s: float = 3.0
    retry_s_min: float = 0.1
    retry_s_max: float = 5.0


class _Broken(Exception):
    """Why a connection is of no use any more."""


class _Session:
    """One connection: messages out, messages in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._decoder = FrameDecoder()
        self._frames: deque[Frame] = deque()
        self.ids = itertools.count(1)

    def send(self, frame: Frame) -> None:
        self._writer.write(encode_frame(frame))

    async def next(self, patience_s: float) -> Frame:
        """The next message. _Broken when none comes in time, or what comes is none."""
        try:
            async with asyncio.timeout(patience_s):
                while not self._frames:
                    data = await self._reader.read(_CHUNK)
                    if not data:
                        raise _Broken("the reader hung up")
                    self._frames.extend(self._decoder.feed(data))
        except TimeoutError as error:
            raise _Broken("the reader gives no sign of life") from error
        except BadStream as error:
            raise _Broken(str(error)) from error
        return self._frames.popleft()


async def _greet(session: _Session, patience_s: float) -> None:
    """The reader speaks first: whether it takes us as its client."""
    frame = await session.next(patience_s)
    attempt = None
    if frame.type == Type.READER_EVENT_NOTIFICATION:
        with contextlib.suppress(BadMessage):
            attempt = llrp.event_of(frame).attempt
    if attempt is None:
        raise _Broken(f"the reader begins with message {frame.type} instead of its greeting")
    if attempt != llrp.CONNECTED:
        raise _Broken(_REFUSALS.get(attempt, f"the reader refuses the connection ({attempt})"))


async def greeting(settings: LlrpReaderSettings) -> DeviceStatus:
    """Whether the reader is there and would take a client. It is left as it is: nothing is set, deleted or read."""
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            reader, writer = await asyncio.open_connection(settings.host, settings.port)
        try:
            session = _Session(reader, writer)
            await _greet(session, settings.answer_s_max)
            session.send(Frame(Type.CLOSE_CONNECTION, next(session.ids)))
            while (await session.next(_CLOSE_S_MAX)).type != Type.CLOSE_CONNECTION_RESPONSE:
                pass
        finally:
            writer.transport.abort()
    except _Broken as broken:
        return DeviceStatus("failed", str(broken))
    except OSError as error:
        return DeviceStatus("failed", describe(error))
    return DeviceStatus("ready")


class LlrpReader(Claimed):
    """See `ports.RFIDScanner`."""

    def __init__(self, settings: LlrpReaderSettings) -> None:
        self._settings = settings
        self._keeper: asyncio.Task[None] | None = None
        self._session: _Session | None = None
        self._ended = asyncio.Event()
        self._trouble = "not connected yet"
        self._reading = False
        self._lost_antennas: set[int] = set()
        self._reads: asyncio.Queue[TagRead | None] = asyncio.Queue()  # None: released

    async def claim(self) -> None:
        self._forget_reads()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_connected(), name="llrp")

    async def release(self) -> None:
        """Say good-bye, so that the reader takes its next client at once."""
        if self._keeper is None:
            return
        if self._session is not None:
            self._session.send(Frame(Type.CLOSE_CONNECTION, next(self._session.ids)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _CLOSE_S_MAX)
        await end(self._keeper)
        self._keeper = None
        self._trouble = "not claimed"
        self._forget_reads()
        self._reads.put_nowait(None)

    async def status(self) -> DeviceStatus:
        if not self._reading:
            return DeviceStatus("failed", self._trouble)
        if self._lost_antennas:
            return DeviceStatus("failed", f"antenna {min(self._lost_antennas)} is not connected")
        return DeviceStatus("ready")

    async def reads(self) -> AsyncIterator[TagRead]:
        while (read := await self._reads.get()) is not None:
            yield read

    def _forget_reads(self) -> None:
        while not self._reads.empty():
            self._reads.get_nowait()

    async def _keep_connected(self) -> None:
        settings, failures = self._settings, 0
        while True:
            try:
                await self._connect_and_read()
            except (_Broken, OSError, TimeoutError) as error:
                if self._reading:
                    failures = 0
                self._trouble = str(error) if isinstance(error, _Broken) else describe(error)
                if failures == 0:
                    logger.warning("%s:%s: %s", settings.host, settings.port, self._trouble)
                failures += 1
            finally:
                self._reading = False
                self._session = None
                self._ended.set()
            await asyncio.sleep(backoff_s(failures, settings.retry_s_min, settings.retry_s_max))

    async def _connect_and_read(self) -> None:
        settings = self._settings
        async with asyncio.timeout(settings.connect_timeout_s):
            reader, writer = await asyncio.open_connection(settings.host, settings.port)
        try:
            session = _Session(reader, writer)
            await _greet(session, settings.answer_s_max)
            self._ended.clear()
            self._session = session
            await self._set_up(session)
            self._reading = True
            logger.info("%s:%s: reading tags", settings.host, settings.port)
            while True:
                self._take(session, await session.next(_SILENT_PERIODS_MAX * settings.keepalive_s))
        finally:
            writer.transport.abort()

    async def _set_up(self, session: _Session) -> None:
        settings, ids = self._settings, session.ids
        self._lost_antennas.clear()
        await self._ask(session, llrp.set_reader_config(next(ids), round(settings.keepalive_s * 1000)))
        # Not every reader takes "all", and none of ours is there at first: what matters is that ours can be added.
        for number in (llrp.ALL_ROSPECS, llrp.ROSPEC_ID):
            await self._ask(session, llrp.about_rospec(Type.DELETE_ROSPEC, next(ids), number), may_refuse=True)
        for request in (
            llrp.add_rospec(next(ids), settings.antennas),
            llrp.about_rospec(Type.ENABLE_ROSPEC, next(ids)),
            llrp.about_rospec(Type.START_ROSPEC, next(ids)),
        ):
            await self._ask(session, request)

    async def _ask(self, session: _Session, request: Frame, *, may_refuse: bool = False) -> None:
        """One request and its answer; what the reader tells meanwhile is taken as always."""
        session.send(request)
        name, wanted = Type(request.type).name, llrp.ANSWERS[Type(request.type)]
        async with asyncio.timeout(self._settings.answer_s_max):
            while True:
                frame = await session.next(self._settings.answer_s_max)
                if frame.message_id == request.message_id and frame.type in {wanted, Type.ERROR_MESSAGE}:
                    break
                self._take(session, frame)
        try:
            status = llrp.status_of(frame)
        except BadMessage as error:
            raise _Broken(f"the answer to {name} can't be read: {error}") from error
        if (status.code != llrp.SUCCESS or frame.type != wanted) and not may_refuse:
            raise _Broken(f"the reader refuses {name}: {status.code} {status.text}".rstrip())

    def _take(self, session: _Session, frame: Frame) -> None:
        """A message that answers nothing. One whose inside is spoiled is passed over: the stream goes on behind it."""
        try:
            match frame.type:
                case Type.KEEPALIVE:
                    session.send(Frame(Type.KEEPALIVE_ACK, frame.message_id))
                case Type.RO_ACCESS_REPORT:
                    for report in llrp.reports_of(frame):
                        self._keep(TagRead(report.epc, report.antenna, report.rssi_dbm, report.count))
                case Type.READER_EVENT_NOTIFICATION:
                    self._take_event(llrp.event_of(frame))
                case Type.CLOSE_CONNECTION_RESPONSE:
                    raise _Broken("the reader closed the connection")
                case _:
                    logger.debug("message %s was not asked for", frame.type)
        except BadMessage as error:
            logger.warning("%s: %s", self._settings.host, error)

    def _take_event(self, event: llrp.Event) -> None:
        if event.closed:
            raise _Broken("the reader closes the connection")
        if event.antenna is not None:
            kind, antenna = event.antenna
            (self._lost_antennas.add if kind == llrp.ANTENNA_LOST else self._lost_antennas.discard)(antenna)

    def _keep(self, read: TagRead) -> None:
        while self._reads.qsize() >= _WAITING_MAX:
            self._reads.get_nowait()
        self._reads.put_nowait(read)
