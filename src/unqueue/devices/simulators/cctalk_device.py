"""What all simulated ccTalk devices have in common, and the two acceptors' buffer of events."""

import asyncio
from collections import Counter, deque
from typing import Any

import msgspec

from unqueue.devices.simulators.control import ControlRefused
from unqueue.devices.wire.cctalk import Checksum, Header
from unqueue.devices.wire.cctalk_messages import (
    EVENTS_BUFFERED,
    Event,
    EventBuffer,
    Question,
    Request,
    SetInhibits,
    SetMasterInhibit,
    counter_after,
    decode_request,
    encode_event_buffer,
    encode_number,
)
from unqueue.kernel.cash import Denomination

Answer = tuple[int, bytes]
ACK: Answer = (Header.REPLY, b"")
NAK: Answer = (Header.NAK, b"")


class Money(msgspec.Struct):
    """Where coins and notes lie, by denomination: what a person with a key and open eyes would count."""

    taken: Counter[Denomination] = msgspec.field(default_factory=Counter)
    """In the cashbox or stacker, for good."""
    recycled: Counter[Denomination] = msgspec.field(default_factory=Counter)
    """Went into a hopper."""
    given_back: Counter[Denomination] = msgspec.field(default_factory=Counter)
    stuck: Counter[Denomination] = msgspec.field(default_factory=Counter)
    """Neither in the cashbox nor in anybody's hand."""


def counted(money: Counter[Denomination]) -> dict[str, int]:
    return {str(denomination): count for denomination, count in sorted(money.items()) if count}


class SimulatedDevice:
    """A device with power, that knows what it is."""

    category = ""
    product = ""

    def __init__(self, address: int, serial_number: int, checksum: Checksum) -> None:
        self.address = address
        self.serial_number = serial_number
        self.checksum = checksum
        self.powered = True
        self.requests = 0

    def answer(self, header: int, data: bytes) -> Answer | None:  # noqa: PLR0911  # a table
        """What it says to a command; None: nothing, it has no power."""
        if not self.powered:
            return None
        self.requests += 1
        request = decode_request(header, data)
        match request:
            case Question(Header.SIMPLE_POLL):
                return ACK
            case Question(Header.RESET_DEVICE):
                self.switch_off()
                self.switch_on()
                return ACK
            case Question(Header.REQUEST_EQUIPMENT_CATEGORY):
                return Header.REPLY, self.category.encode()
            case Question(Header.REQUEST_MANUFACTURER):
                return Header.REPLY, b"UNQ"
            case Question(Header.REQUEST_PRODUCT_CODE):
                return Header.REPLY, self.product.encode()
            case Question(Header.REQUEST_SERIAL_NUMBER):
                return Header.REPLY, encode_number(self.serial_number)
        return self._obey(request)

    def switch_off(self) -> None:
        """Power is lost."""
        self.powered = False

    def switch_on(self) -> None:
        """Power is back."""
        self.powered = True

    def handle(self, request: dict[str, Any]) -> None:
        """What hands do to this device alone."""
        raise ControlRefused(f"a {self.category} knows nothing of {', '.join(sorted(request))}")

    def state(self) -> dict[str, Any]:
        return {"device": self.category, "powered": self.powered, "requests": self.requests}

    def _obey(self, request: Request) -> Answer:
        raise NotImplementedError


class SimulatedAcceptor(SimulatedDevice):
    """Inhibits, a counter, five events. What is not in the buffer any more is lost, as it is when power goes."""

    poll_header = Header.READ_BUFFERED_CREDIT
    taking_at_first = True
    """Whether it needs header 228 before it takes anything."""

    def __init__(self, address: int, serial_number: int, checksum: Checksum, poll_timeout_s: float) -> None:
        super().__init__(address, serial_number, checksum)
        self._clock = asyncio.get_running_loop().time
        self._poll_timeout_s = poll_timeout_s
        self.money = Money()
        self._counter = 0
        self._forget()

    def switch_off(self) -> None:
        super().switch_off()
        self._forget()

    @property
    def listening(self) -> bool:
        """Whether it takes anything at all: it has power, is told to, and somebody asks what happened."""
        return self.powered and self._taking and self._clock() - self._polled_at <= self._poll_timeout_s

    def takes(self, position: int) -> bool:
        return bool(self.inhibits & 1 << position - 1)

    def note(self, a: int, b: int) -> None:
        """Remember an event."""
        self._counter = counter_after(self._counter, 1)
        self._events.appendleft(Event(a, b))

    def insert(self, denomination: Denomination, how: str | None) -> str:
        """A coin or note is put in; where it goes."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        return super().state() | {
            "counter": self._counter,
            "inhibits": self.inhibits,
            "listening": self.listening,
            "taken": counted(self.money.taken),
            "recycled": counted(self.money.recycled),
            "given_back": counted(self.money.given_back),
            "stuck": counted(self.money.stuck),
        }

    def _forget(self) -> None:
        self._counter = 0
        self._events: deque[Event] = deque(maxlen=EVENTS_BUFFERED)
        self.inhibits = 0
        self._taking = self.taking_at_first
        self._polled_at = -1e9

    def _obey(self, request: Request) -> Answer:
        match request:
            case Question(header) if header == self.poll_header:
                if self._clock() - self._polled_at > self._poll_timeout_s and not self.taking_at_first:
                    self._taking = False  # a bill validator must be told again
                self._polled_at = self._clock()
                return Header.REPLY, encode_event_buffer(EventBuffer(self._counter, tuple(self._events)))
            case Question(Header.REQUEST_INHIBIT_STATUS):
                return Header.REPLY, encode_number(self.inhibits, 2)
            case SetInhibits(taken):
                self.inhibits = taken
                return ACK
            case SetMasterInhibit(taking):
                self._taking = taking
                return ACK
        return NAK
