"""Toledo 8217: a scale's bytes, both ways, without I/O.

Sources: METTLER TOLEDO DIVA Service Manual 72191202 (05/2012), §6.1.3 (8217) and §6.1.4 (8213, the same with one more
digit for pounds); Rice Lake BenchPro Operation Manual PN 180557 p. 26; Brecknell 67XXU Service Manual pp. 69-71. Where
they differ, the decoders take either; docs/protocols/toledo-8217.md has the table.

The line is 9600 baud, 7 data bits, even parity, 1 stop bit. Functions here work on the 7-bit characters. Where no
UART checks the parity for us (a terminal server set to 8 data bits) `add_even_parity` and `strip_even_parity` do.
"""

import re
from enum import IntFlag
from typing import Literal

import msgspec

from unqueue.kernel.money import divide_half_up

STX = 0x02
LF = 0x0A
CR = 0x0D
Unit = Literal["kg", "lb"]

_POUND_UG = 453_592_370  # micrograms: the international pound of 1959 is exactly 0.45359237 kg
_WEIGHT = re.compile(rb" *([0-9]{1,7}(?:\.[0-9]{1,4})?)(N?)")
_WEIGHT_CHARACTERS = frozenset(b" 0123456789.N")
_WEIGHT_LENGTH_MAX = 16
_TARE_DIGITS = 5
_LENGTHS = {ord("?"): 4, ord("E"): 3, ord("F"): 3, CR: 2}  # of the answers that begin with STX and this byte


class Status(IntFlag):
    """The status byte (DIVA §6.1.3.3). BAD_COMMAND is only believable from scales that clear bit 6 otherwise: the
    8213 mode and BenchPro always set it, BenchPro sets NET always, too.
    """

    MOTION = 1
    OVER_CAPACITY = 2
    UNDER_ZERO = 4
    OUTSIDE_ZERO_RANGE = 8
    CENTER_OF_ZERO = 16
    NET = 32
    BAD_COMMAND = 64


class Weight(msgspec.Struct, frozen=True, tag=True):
    """A stable weight: `digits` as sent, such as `01.250`. The unit is a setting of the scale, not on the wire."""

    digits: str
    net: bool = False


class StatusReport(msgspec.Struct, frozen=True, tag=True):
    """Instead of a weight, and after a command that changes something."""

    status: Status


class Acknowledged(msgspec.Struct, frozen=True, tag=True):
    """The answer to `A`, which starts the self-test."""


class EchoStarted(msgspec.Struct, frozen=True, tag=True):
    """From here on the scale sends back what it gets."""


class EchoEnded(msgspec.Struct, frozen=True, tag=True):
    """Sent by Brecknell only; the others end the echo without a word."""


class Stray(msgspec.Struct, frozen=True, tag=True):
    """A byte that belongs to no answer: an echo, a line feed or noise."""

    byte: int


Answer = Weight | StatusReport | Acknowledged | EchoStarted | EchoEnded | Stray


class WeightRequest(msgspec.Struct, frozen=True, tag=True):
    """`W`"""


class ZeroRequest(msgspec.Struct, frozen=True, tag=True):
    """`Z`"""


class TareRequest(msgspec.Struct, frozen=True, tag=True):
    """`T` CR, or with five digits the known tare (`01250` is 1.250 kg or 12.50 lb)."""

    digits: str = ""


class ClearTareRequest(msgspec.Struct, frozen=True, tag=True):
    """`C`"""


class StartTestRequest(msgspec.Struct, frozen=True, tag=True):
    """`A`: test RAM, ROM and NOVRAM."""


class TestResultRequest(msgspec.Struct, frozen=True, tag=True):
    """`B`: the result, a status byte of its own; `@` is "all passed"."""

    __test__ = False  # pytest collects classes whose name begins so


class StartEchoRequest(msgspec.Struct, frozen=True, tag=True):
    """`E`: send back every byte until `F`."""


class EndEchoRequest(msgspec.Struct, frozen=True, tag=True):
    """`F`"""


class EchoByte(msgspec.Struct, frozen=True, tag=True):
    """A byte to send back, between `E` and `F`."""

    byte: int


class UnknownRequest(msgspec.Struct, frozen=True, tag=True):
    """A byte that is no command: answered with BAD_COMMAND."""

    byte: int


Request = (
    WeightRequest
    | ZeroRequest
    | TareRequest
    | ClearTareRequest
    | StartTestRequest
    | TestResultRequest
    | StartEchoRequest
    | EndEchoRequest
    | EchoByte
    | UnknownRequest
)

_LETTERS: dict[int, Request] = {
    ord("W"): WeightRequest(),
    ord("Z"): ZeroRequest(),
    ord("C"): ClearTareRequest(),
    ord("A"): StartTestRequest(),
    ord("B"): TestResultRequest(),
    ord("E"): StartEchoRequest(),
    ord("F"): EndEchoRequest(),
}
_BYTES = {type(request): bytes([letter]) for letter, request in _LETTERS.items()}


def encode_answer(answer: Answer) -> bytes:
    r"""What the scale sends.

    >>> encode_answer(Weight("01.250"))
    b'\x0201.250\r'
    >>> encode_answer(StatusReport(Status.MOTION | Status.NET))
    b'\x02?!\r'
    """
    match answer:
        case Weight(digits, net):
            return b"\x02" + digits.encode("ascii") + (b"N\r" if net else b"\r")
        case StatusReport(status):
            return bytes([STX, ord("?"), status, CR])
        case Acknowledged():
            return b"\x02\r"
        case EchoStarted():
            return b"\x02E\r"
        case EchoEnded():
            return b"\x02F\r"
        case Stray(byte):
            return bytes([byte])


def encode_request(request: Request) -> bytes:
    r"""What the host sends.

    >>> encode_request(WeightRequest()), encode_request(TareRequest("01250"))
    (b'W', b'T01250\r')
    """
    match request:
        case TareRequest(digits):
            return b"T" + digits.encode("ascii") + b"\r"
        case EchoByte(byte) | UnknownRequest(byte):
            return bytes([byte])
        case _:
            return _BYTES[type(request)]


class AnswerDecoder:
    r"""Bytes from the scale, in any pieces, become answers. Noise becomes `Stray` bytes, never an exception.

    >>> decoder = AnswerDecoder()
    >>> decoder.feed(b"\x0201.2"), decoder.feed(b"50\r")
    ([], [Weight(digits='01.250', net=False)])
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def reset(self) -> None:
        """Forget half a frame."""
        self._buffer.clear()

    def feed(self, data: bytes) -> list[Answer]:
        self._buffer += data
        answers: list[Answer] = []
        while self._buffer:
            answer, length = _first_answer(self._buffer)
            if answer is None:
                break
            answers.append(answer)
            del self._buffer[:length]
        return answers


def _first_answer(buffer: bytearray) -> tuple[Answer | None, int]:
    """The answer at the start of the buffer and its length; None when it takes more bytes to tell."""
    stray = Stray(buffer[0]), 1
    if buffer[0] != STX:
        return stray
    length = _LENGTHS.get(buffer[1]) if len(buffer) > 1 else 2
    if length is None:
        return _first_weight(buffer) or stray
    if len(buffer) < length:
        return None, 0
    answer = _answer_of_fixed_length(buffer[:length])
    return (answer, length) if answer else stray


def _answer_of_fixed_length(frame: bytearray) -> Answer | None:
    if frame[-1] != CR:
        return None
    match frame[1]:
        case 0x3F:
            # The status byte may have any value, STX and CR among them: its place tells it, not its value.
            return StatusReport(Status(frame[2])) if frame[2] < 0x80 else None
        case 0x45:
            return EchoStarted()
        case 0x46:
            return EchoEnded()
        case _:
            return Acknowledged()


def _first_weight(buffer: bytearray) -> tuple[Answer | None, int] | None:
    """Like `_first_answer` for what can only be a weight; None when it is none."""
    end = buffer.find(CR, 1, _WEIGHT_LENGTH_MAX)
    text = bytes(buffer[1 : end if end >= 0 else _WEIGHT_LENGTH_MAX])
    if end >= 0:
        match = _WEIGHT.fullmatch(text)
        return (Weight(match[1].decode("ascii"), bool(match[2])), end + 1) if match else None
    if len(buffer) >= _WEIGHT_LENGTH_MAX or not _WEIGHT_CHARACTERS.issuperset(text):
        return None
    return None, 0


class RequestDecoder:
    r"""Bytes from the host, in any pieces, become requests. Knows whether the scale is in echo mode.

    >>> RequestDecoder().feed(b"EhiFW")
    [StartEchoRequest(), EchoByte(byte=104), EchoByte(byte=105), EndEchoRequest(), WeightRequest()]
    """

    def __init__(self) -> None:
        self._echoing = False
        self._tare: bytearray | None = None

    def feed(self, data: bytes) -> list[Request]:
        requests: list[Request] = []
        for byte in data:
            requests += self._take(byte)
        return requests

    def _take(self, byte: int) -> list[Request]:
        if self._echoing:
            self._echoing = byte != ord("F")
            return [EchoByte(byte) if self._echoing else EndEchoRequest()]
        if self._tare is not None:
            return self._take_tare(self._tare, byte)
        if byte in (CR, LF):
            return []  # some hosts end every command with a line end
        if byte == ord("T"):
            self._tare = bytearray()
            return []
        self._echoing = byte == ord("E")
        return [_LETTERS.get(byte) or UnknownRequest(byte)]

    def _take_tare(self, digits: bytearray, byte: int) -> list[Request]:
        if byte in b"0123456789" and len(digits) < _TARE_DIGITS:
            digits.append(byte)
            return []
        self._tare = None
        complete = len(digits) in (0, _TARE_DIGITS)
        request = TareRequest(digits.decode("ascii")) if complete else UnknownRequest(ord("T"))
        # A host that sends a bare `T` (Odoo does) is understood when its next command arrives.
        return [request] if byte == CR else [request, *self._take(byte)]


def weight_g(weight: Weight, unit: Unit) -> int:
    """The weight in whole grams, halves up.

    >>> weight_g(Weight("01.250"), "kg"), weight_g(Weight("02.50"), "lb")
    (1250, 1134)
    """
    whole, _, fraction = weight.digits.partition(".")
    unit_ug = 1_000_000_000 if unit == "kg" else _POUND_UG
    return divide_half_up(int(whole + fraction) * unit_ug, 10 ** len(fraction) * 1_000_000)


def weight_from_g(net_g: int, unit: Unit = "kg", *, net: bool = False) -> Weight:
    """How the scale shows `net_g` grams: `WW.WWW` kg or `WW.WW` lb (DIVA §6.1.3.2).

    >>> weight_from_g(1250), weight_from_g(1134, "lb")
    (Weight(digits='01.250', net=False), Weight(digits='02.50', net=False))
    """
    assert net_g >= 0, "the protocol has no sign"
    decimals = 3 if unit == "kg" else 2
    unit_ug = 1_000_000_000 if unit == "kg" else _POUND_UG
    shown = divide_half_up(net_g * 1_000_000 * 10**decimals, unit_ug)
    whole, fraction = divmod(shown, 10**decimals)
    return Weight(f"{whole:02d}.{fraction:0{decimals}d}", net)


def tare_digits(tare_g: int, unit: Unit = "kg") -> str:
    """The five digits of a known tare: `WW.WWW` kg or `WWW.WW` lb without the point (DIVA §6.1.3.2).

    >>> tare_digits(1250), tare_digits(1134, "lb")
    ('01250', '00250')
    """
    digits = weight_from_g(tare_g, unit).digits.replace(".", "").rjust(_TARE_DIGITS, "0")
    if len(digits) > _TARE_DIGITS:
        raise ValueError(f"the scale takes tares of five digits, not {digits}")
    return digits


def tare_digits_g(digits: str, unit: Unit = "kg") -> int:
    """The grams of the five digits of a known tare."""
    decimals = 3 if unit == "kg" else 2
    return weight_g(Weight(f"{digits[:-decimals]}.{digits[-decimals:]}"), unit)


def add_even_parity(data: bytes) -> bytes:
    """7-bit characters as 8-bit bytes whose top bit makes the number of ones even.

    >>> add_even_parity(b"W").hex()
    'd7'
    """
    return bytes(byte | 0x80 if byte.bit_count() % 2 else byte for byte in data)


def strip_even_parity(data: bytes) -> bytes:
    r"""The 7-bit characters; one with the wrong parity becomes NUL, as a tty delivers it (POSIX INPCK, no PARMRK).

    >>> strip_even_parity(bytes([0xD7, 0x57]))
    b'W\x00'
    """
    return bytes(byte & 0x7F if byte.bit_count() % 2 == 0 else 0 for byte in data)
