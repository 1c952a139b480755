"""Toledo continuous output: what a floor scale's terminal sends by itself, many times a second. Without I/O.

    STX SWA SWB SWC  weight (6)  tare (6)  CR  [checksum]

Sources: METTLER TOLEDO Wildcat Technical Manual (12/00), appendix 2, tables 6-8 to 6-11; Rockwell Automation
1771-based Toledo Scale Interface Module, appendix D; KERN FTC-BA-e-0720, 5.2.2. All bytes have seven bits. The checksum
is what makes the low seven bits of the sum over the whole frame zero; a terminal may be set up to leave it out.
"""

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from unqueue.kernel.money import divide_half_up

STX, CR = 0x02, 0x0D
ZERO_COMMAND = b"Z"
"""The host's wish that what lies there be the new zero; the stream tells whether it was."""
Unit = Literal["kg", "lb", "g"]

_ALWAYS = 0x20
_NET, _NEGATIVE, _OUT_OF_RANGE, _MOTION, _KILOGRAMS, _NO_ZERO = 0x01, 0x02, 0x04, 0x08, 0x10, 0x40
_GRAMS = 0x01
_UNITS = 0x07
_STEPS = {0x08: 1, 0x10: 2, 0x18: 5}
_BODY = 17
_FIELD = re.compile(rb" *[0-9]+")
_UG: dict[Unit, int] = {"kg": 1_000_000_000, "lb": 453_592_370, "g": 1_000_000}
"""Micrograms; the international pound of 1959 is exactly 0.45359237 kg."""


class Frame(msgspec.Struct, frozen=True):
    """One reading. ``gross_g`` and ``tare_g`` are grams, ``interval_g`` is the step of the terminal's display.
    ``out_of_range``: more than the capacity, or less than the zero range reaches; ``no_zero``: the terminal has not
    found its zero since it was switched on.
    """

    gross_g: int
    interval_g: int
    tare_g: int = 0
    moving: bool = False
    out_of_range: bool = False
    no_zero: bool = False


class FrameDecoder:
    """Frames out of a stream that may begin anywhere and be spoiled; ``checksum`` as the terminal is set up."""

    def __init__(self, *, checksum: bool = True) -> None:
        self._length = _BODY + checksum
        self._checksum = checksum
        self._seen = bytearray()

    def reset(self) -> None:
        """Begin anew: the line was away."""
        self._seen.clear()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The whole frames that end in ``data``. What is none is skipped."""
        self._seen += data
        while (start := self._seen.find(STX)) >= 0 and len(self._seen) - start >= self._length:
            frame = decode(bytes(self._seen[start : start + self._length]), checksum=self._checksum)
            del self._seen[: start + (1 if frame is None else self._length)]
            if frame is not None:
                yield frame
        del self._seen[: max(start, 0) if start >= 0 else len(self._seen)]


def decode(data: bytes, *, checksum: bool = True) -> Frame | None:
    r"""One frame's bytes; None where they are none.

    >>> decode(b"\x02\x2c\x30\x20012340000000\r", checksum=False)
    Frame(gross_g=123400, interval_g=10, tare_g=0, moving=False, out_of_range=False, no_zero=False)
    """
    if len(data) != _BODY + checksum or data[0] != STX or data[_BODY - 1] != CR or max(data) > 0x7F:
        return None
    if checksum and sum(data) & 0x7F:
        return None
    a, b, c = data[1:4]
    fields = (data[4:10], data[10:16])
    if not (a & b & c & _ALWAYS) or (a & 0x18) not in _STEPS or (c & _UNITS) > _GRAMS:
        return None
    out_of_range = bool(b & _OUT_OF_RANGE)
    if not all(_FIELD.fullmatch(field) for field in fields) and not out_of_range:
        return None
    unit: Unit = "g" if c & _UNITS == _GRAMS else "kg" if b & _KILOGRAMS else "lb"
    shown_g, tare_g = (_grams(int(field) if _FIELD.fullmatch(field) else 0, a & 0x07, unit) for field in fields)
    if b & _NEGATIVE:
        shown_g = -shown_g
    return Frame(
        gross_g=shown_g + tare_g if b & _NET else shown_g,
        interval_g=max(_grams(_STEPS[a & 0x18], a & 0x07, unit), 1),
        tare_g=tare_g if b & _NET else 0,
        moving=bool(b & _MOTION),
        out_of_range=out_of_range,
        no_zero=bool(b & _NO_ZERO),
    )


def encode(frame: Frame, *, checksum: bool = True) -> bytes:
    r"""What a terminal set to kilograms sends, with the fewest decimals that show its interval: 1, 2 or 5 times a power
    of ten grams, from 1 g to 5 kg.

    >>> encode(Frame(123_400, 20), checksum=False)
    b'\x0240 012340000000\r'
    """
    power = len(str(frame.interval_g)) - 1
    step = {1: 0x08, 2: 0x10, 5: 0x18}[frame.interval_g // 10**power]
    unit_g = 10**power
    shown_g = frame.gross_g - frame.tare_g
    a = _ALWAYS | step | (2 + 3 - power)
    b = _ALWAYS | _KILOGRAMS | (_NET if frame.tare_g else 0) | (_NEGATIVE if shown_g < 0 else 0)
    b |= (_OUT_OF_RANGE if frame.out_of_range else 0) | (_MOTION if frame.moving else 0)
    b |= _NO_ZERO if frame.no_zero else 0
    digits = f"{abs(shown_g) // unit_g:06d}{frame.tare_g // unit_g:06d}".encode("ascii")
    body = bytes([STX, a, b, _ALWAYS]) + digits + bytes([CR])
    return body + bytes([-sum(body) & 0x7F]) if checksum else body


def _grams(digits: int, point: int, unit: Unit) -> int:
    """What six digits mean: ``point`` 2 is without a decimal point, 5 has three decimals, 0 lacks two zeros."""
    scale = _UG[unit] * digits
    return divide_half_up(scale * 100, 1_000_000 * 10**point)
