"""A ccTalk bus: one serial line, the host, and the devices that it asks one after the other.

Answers have no numbers. An answer that comes too late would pass for the answer to the next question, and a credit
would be counted twice or not at all. So after every unanswered question the bus asks that device for its equipment
category (header 245), whose answer it knows, and believes nothing until that answer has come: a device answers in
order. If that had to be asked twice, its second answer is skipped when it comes. Answers of a shape that doesn't fit
the question are skipped, too.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, NoReturn, TypeVar

import msgspec

from unqueue.devices.drivers.claiming import Claimed
from unqueue.devices.ports import DeviceFailed
from unqueue.devices.transports.serial import LineDown, LineSettings, SerialLine
from unqueue.devices.wire.cctalk import HOST, Checksum, EchoFilter, Frame, FrameDecoder, Header, encode_frame
from unqueue.devices.wire.cctalk_messages import Question, Request, decode_number, decode_text, encode_request

T = TypeVar("T")
Kind = Literal["Coin Acceptor", "Bill Validator", "Payout"]
"""Equipment categories (part 3, table 1)."""

_ANSWER_LENGTH_MAX = 64
"""No answer that we ask for is longer; less plausible noise is thus waited for."""


class CctalkBusSettings(msgspec.Struct, frozen=True):
    """The bus's line. Behind most adapters the host hears itself: `echo` is recognised unless it is set to false."""

    url: str
    baud_rate: int = 9600
    echo: bool = True
    answer_timeout_s: float = 0.3
    attempts: int = 3
    """How often a question is asked that may be asked twice."""
    busy_pause_s: float = 0.1


class BusTrouble(Exception):
    """No usable answer. `sent`: the request went out, so that it may have been obeyed."""

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.sent = sent


class Refused(Exception):
    """The device answered NAK: it won't, or doesn't know how to."""


class _Busy(Exception):
    """The device asks to be asked later."""


class CctalkBus(Claimed):
    """Shared by its devices: it is in use from the first claim to the last release."""

    def __init__(self, settings: CctalkBusSettings) -> None:
        self._settings = settings
        self._line = SerialLine(LineSettings(settings.url, settings.baud_rate), self._on_data, self._on_state)
        self._claims = 0
        self._turn = asyncio.Lock()
        self._echo = EchoFilter()
        self._decoder: FrameDecoder | None = None
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()  # None: the line broke
        self._kinds: dict[int, Kind] = {}
        self._unanswered: Counter[int] = Counter()
        """By address: how many answers to 245 may still be on their way."""
        self._agreed: set[int] = set()
        """Addresses from which no answer to an older question can come any more."""

    async def claim(self) -> None:
        self._claims += 1
        self._line.start()

    async def release(self) -> None:
        self._claims = max(0, self._claims - 1)
        if not self._claims:
            await self._line.stop()

    @property
    def connected(self) -> bool:
        """Whether there is a line."""
        return self._line.connected

    def expect(self, address: int, kind: Kind) -> None:
        """What is to be at this address: whatever else answers there is not believed."""
        self._kinds[address] = kind

    async def ask(
        self,
        address: int,
        request: Request,
        decode: Callable[[bytes], T],
        *,
        checksum: Checksum = "sum",
        repeat: bool = True,
    ) -> T:
        """Ask, and return the answer as `decode` (ValueError: not this one) understands it. BusTrouble, Refused.

        `repeat=False` for what must not be done twice: it is sent at most once.
        """
        async with self._turn:
            for attempt in range(1, self._settings.attempts + 1):
                if address not in self._agreed:
                    await self._agree(address, checksum)
                try:
                    return await self._exchange(address, request, decode, checksum)
                except _Busy:
                    trouble = BusTrouble(f"device {address} is busy", sent=False)
                    await asyncio.sleep(self._settings.busy_pause_s)
                except BusTrouble as silence:
                    trouble = silence
                    if not repeat or not self._line.connected:
                        break
                if attempt == self._settings.attempts:
                    break
            raise trouble

    async def _agree(self, address: int, checksum: Checksum) -> None:
        """Let the device say what it is, so that what comes after it answers what we ask after it."""

        def decode(data: bytes) -> None:
            if not self._is_kind(address, data):
                raise ValueError("the answer to something else")

        for attempt in range(1, self._settings.attempts + 1):
            self._unanswered[address] += 1
            try:
                await self._exchange(address, Question(Header.REQUEST_EQUIPMENT_CATEGORY), decode, checksum)
            except (BusTrouble, Refused, _Busy) as trouble:
                if attempt == self._settings.attempts or not self._line.connected:
                    detail = str(trouble) if self._line.connected else self._line.trouble
                    raise BusTrouble(f"{detail} ({self._kinds[address]} asked for)", sent=False) from None
            else:
                self._unanswered[address] -= 1
                return

    def _is_kind(self, address: int, data: bytes) -> bool:
        return data.strip().lower() == self._kinds[address].lower().encode("ascii")

    def _is_left_over(self, address: int, request: Request, data: bytes) -> bool:
        """Whether this answers an older question of what the device is."""
        if request == Question(Header.REQUEST_EQUIPMENT_CATEGORY):
            return False
        if self._unanswered[address] and self._is_kind(address, data):
            self._unanswered[address] -= 1
            return True
        return False

    async def _exchange(self, address: int, request: Request, decode: Callable[[bytes], T], checksum: Checksum) -> T:
        """One question and its answer. The caller has the turn."""
        header, data = encode_request(request)
        frame = encode_frame(Frame(address, header, data), checksum)
        self._decoder = FrameDecoder(
            checksum,
            destinations=frozenset({HOST}),
            sources=frozenset({address}),
            data_length_max=_ANSWER_LENGTH_MAX,
        )
        while not self._frames.empty():
            self._frames.get_nowait()
        if self._settings.echo:
            self._echo.sent(frame)
        self._agreed.discard(address)
        try:
            self._line.write(frame)
        except LineDown as down:
            raise BusTrouble(str(down), sent=False) from None
        try:
            answer = await self._answer(address, request, decode)
        except (Refused, _Busy):
            self._agreed.add(address)
            raise
        self._agreed.add(address)
        if header != Header.REQUEST_EQUIPMENT_CATEGORY:
            self._unanswered[address] = 0  # what was asked before is answered or lost
        return answer

    async def _answer(self, address: int, request: Request, decode: Callable[[bytes], T]) -> T:
        deadline = asyncio.get_running_loop().time() + self._settings.answer_timeout_s
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    answer = await self._frames.get()
            except TimeoutError:
                # Silence ends what noise pretended to begin: the answer may have been hidden behind it.
                assert self._decoder is not None, "set before anything was sent"
                for hidden in self._decoder.flush():
                    self._frames.put_nowait(hidden)
                if self._frames.empty():
                    raise BusTrouble(f"device {address} does not answer", sent=True) from None
                continue
            if answer is None:
                raise BusTrouble(self._line.trouble, sent=True)
            match answer.header:
                case Header.NAK:
                    raise Refused(f"device {address} refuses")
                case Header.BUSY:
                    raise _Busy
                case Header.REPLY if not self._is_left_over(address, request, answer.data):
                    with contextlib.suppress(ValueError):  # a late answer to something else
                        return decode(answer.data)

    def _on_data(self, data: bytes) -> None:
        if self._settings.echo:
            data = self._echo.feed(data)
        if self._decoder is not None:
            for frame in self._decoder.feed(data):
                self._frames.put_nowait(frame)

    def _on_state(self, connected: bool) -> None:
        self._agreed.clear()
        self._unanswered.clear()
        self._echo.sent(b"")
        if not connected:
            self._frames.put_nowait(None)


class Handle:
    """One address on the bus: what a driver of a single device asks through."""

    def __init__(self, bus: CctalkBus, address: int, kind: Kind, checksum: Checksum, name: str) -> None:
        self.bus = bus
        self.address = address
        self.name = name
        bus.expect(address, kind)
        self._checksum = checksum

    async def ask(self, request: Request, decode: Callable[[bytes], T], *, repeat: bool = True) -> T:
        """BusTrouble, Refused."""
        return await self.bus.ask(self.address, request, decode, checksum=self._checksum, repeat=repeat)

    async def question(self, header: Header, decode: Callable[[bytes], T]) -> T:
        """BusTrouble, Refused."""
        return await self.ask(Question(header), decode)

    def fail(self, trouble: BusTrouble | Refused) -> NoReturn:
        """Say it in the port's words."""
        uncertain = isinstance(trouble, BusTrouble) and trouble.sent
        raise DeviceFailed(device=self.name, detail=str(trouble), uncertain=uncertain) from trouble


async def identify(handle: Handle) -> tuple[int, dict[str, Any]]:
    """A device's serial number and what it says of itself. BusTrouble, Refused."""
    serial_number = await handle.question(Header.REQUEST_SERIAL_NUMBER, decode_number)
    about: dict[str, Any] = {"serial_number": serial_number}
    for name, header in (("manufacturer", Header.REQUEST_MANUFACTURER), ("product", Header.REQUEST_PRODUCT_CODE)):
        try:
            about[name] = await handle.question(header, decode_text)
        except Refused:
            about[name] = ""
    return serial_number, about
