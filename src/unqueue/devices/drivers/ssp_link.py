"""One SSP session with one device: questions and answers in turn, with sequence flags, repeats and encryption."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Protocol

import msgspec

from unqueue.devices.transports.serial import LineDown, LineSettings, SerialLine
from unqueue.devices.wire.ssp import Packet, PacketDecoder, encode_packet
from unqueue.devices.wire.ssp_encryption import (
    FIXED_KEY_DEFAULT,
    STEX,
    KeyExchange,
    decrypt,
    encrypt,
    prime_from,
    session_key,
)
from unqueue.devices.wire.ssp_messages import PAYOUT_REFUSALS, Command, Reply, encode_number

_PRIME_BITS = 30  # the devices' own arithmetic has 64 bits, and squares these
_PADDING_LENGTH = 15


class Answer(msgspec.Struct, frozen=True):
    """The generic response, and what came after it."""

    reply: int
    data: bytes = b""

    @property
    def ok(self) -> bool:
        return self.reply == Reply.OK

    @property
    def payout_refusal(self) -> str:
        """Why a payout was not begun."""
        if self.reply == Reply.COMMAND_CANNOT_BE_PROCESSED and self.data:
            return f"the payout was refused: {PAYOUT_REFUSALS.get(self.data[0], 'no reason given')}"
        return f"the payout was answered {self.reply:02X}"


class SessionLost(Exception):
    """The device does not answer, or no longer knows the session: it must be opened anew."""


class Line(Protocol):
    """What the link needs of a `SerialLine`."""

    trouble: str

    @property
    def connected(self) -> bool: ...

    def start(self) -> None: ...

    async def stop(self) -> None: ...

    def write(self, data: bytes) -> None: ...


NewLine = Callable[[LineSettings, Callable[[bytes], None], Callable[[bool], None]], Line]


class SspLink:
    """Ask one question at a time; the caller sees to that."""

    def __init__(
        self,
        line: LineSettings,
        *,
        address: int = 0,
        fixed_key: int = FIXED_KEY_DEFAULT,
        answer_timeout_s: float = 1.0,
        repeats: int = 5,
        new_line: NewLine = SerialLine,
    ) -> None:
        self._line = new_line(line, self._on_data, self._on_state)
        self._address = address
        self._fixed_key = fixed_key
        self._answer_timeout_s = answer_timeout_s
        self._repeats = repeats
        self._decoder = PacketDecoder()
        self._answers: asyncio.Queue[Packet | None] = asyncio.Queue()  # None: the line broke
        self._came = asyncio.Event()
        self._sequence = True
        self._key: bytes | None = None
        self._count = 0
        self._usable = False  # false when an answer is owed: its flag and count could pass for the next question's

    @property
    def trouble(self) -> str:
        """Why there is no line."""
        return self._line.trouble

    def start(self) -> None:
        self._line.start()

    async def stop(self) -> None:
        await self._line.stop()

    async def wait_connected(self) -> None:
        while not self._line.connected:
            self._came.clear()
            await self._came.wait()

    async def open(self, *, encrypted: bool) -> None:
        """Agree on the sequence flag and, if wanted, on a key. LineDown, SessionLost."""
        self._key = None
        self._forget_answers()
        self._sequence = True
        self._usable = True
        await self._must(bytes([Command.SYNC]))
        self._sequence = False
        if not encrypted:
            return
        primes = sorted(prime_from((1 << _PRIME_BITS) + secrets.randbits(_PRIME_BITS)) for _ in range(2))
        exchange = KeyExchange(primes[1], primes[0], 2 + secrets.randbits(_PRIME_BITS))
        await self._must(encode_number(Command.SET_GENERATOR, exchange.generator))
        await self._must(encode_number(Command.SET_MODULUS, exchange.modulus))
        theirs = await self._must(encode_number(Command.REQUEST_KEY_EXCHANGE, exchange.intermediate))
        negotiated = exchange.key_half(int.from_bytes(theirs.data[:8], "little"))
        self._key, self._count = session_key(negotiated, self._fixed_key), 0

    async def ask(self, data: bytes, *, repeat: bool = True) -> Answer:
        """The device's answer. LineDown; SessionLost when none came: then the order may have been carried out.

        A question without answer is repeated with the same sequence flag: who has carried it out only answers again.
        `repeat` is false for an order that must not be carried out twice even by a device that forgot the flag.
        """
        if not self._usable:
            raise SessionLost("the session is not open")
        self._usable = False
        sent = (
            data if self._key is None else encrypt(data, self._count, self._key, secrets.token_bytes(_PADDING_LENGTH))
        )
        frame = encode_packet(Packet(sent, self._sequence, self._address))
        for _ in range(self._repeats + 1 if repeat else 1):
            self._line.write(frame)
            try:
                async with asyncio.timeout(self._answer_timeout_s):
                    packet = await self._next_answer()
            except TimeoutError:
                continue
            answer = self._understand(packet)
            self._sequence = not self._sequence
            self._usable = True
            return answer
        raise SessionLost("the device does not answer")

    async def _must(self, data: bytes) -> Answer:
        answer = await self.ask(data)
        if not answer.ok:
            raise SessionLost(f"{Command(data[0]).name} was answered {answer.reply:02X}")
        return answer

    async def _next_answer(self) -> Packet:
        while True:
            packet = await self._answers.get()
            if packet is None:
                raise LineDown(self._line.trouble)
            if (packet.sequence, packet.address) == (self._sequence, self._address) and packet.data:
                return packet

    def _understand(self, packet: Packet) -> Answer:
        if self._key is None:
            data = packet.data
            if data[0] == STEX:
                raise SessionLost("the device encrypts, and we don't")
        else:
            decrypted = decrypt(packet.data, self._key)
            if decrypted is None:  # a plain answer is never believed: anybody could send it
                raise SessionLost("the device has forgotten the key")
            if decrypted.count != self._count + 1:
                raise SessionLost("the device counts packets differently")
            self._count += 1
            data = decrypted.data
        if not data:
            raise SessionLost("the device's answer is empty")
        if data[0] == Reply.KEY_NOT_SET:
            raise SessionLost("the device wants a key")
        return Answer(data[0], data[1:])

    def _forget_answers(self) -> None:
        self._decoder.reset()
        while not self._answers.empty():
            self._answers.get_nowait()

    def _on_data(self, data: bytes) -> None:
        for packet in self._decoder.feed(data):
            if isinstance(packet, Packet):
                self._answers.put_nowait(packet)

    def _on_state(self, connected: bool) -> None:
        if connected:
            self._came.set()
        else:
            self._decoder.reset()
            self._answers.put_nowait(None)
