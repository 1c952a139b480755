"""A receipt printer for tests: it draws what ESC/POS bytes would print, dot by dot, so that a person can look at it.

It knows the commands that our receipts use, from Epson's ESC/POS reference, and raises on all others. Text is drawn on
the printer's own grid: 12 by 24 dots for a narrow character, 24 by 24 for a Chinese one; without `FS &` the bytes of
Chinese characters come out as the code page's (PC437), as on paper.
"""

from dataclasses import dataclass, field
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFont

FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
CELL, HIGH, MARGIN = 12, 24, 16
_MONO_SC = 7  # "Noto Sans Mono CJK SC" in the collection


class NotUnderstood(ValueError):
    """Bytes that this printer does not know."""


@dataclass
class _State:
    chinese: bool = False
    align: int = 0
    bold: bool = False
    wide: int = 1
    high: int = 1
    module_dots: int = 3
    error_level: str = "l"
    stored: bytes = b""


@dataclass
class Printed:
    """What came out: an image for each piece of paper that was cut, its text, and the QR codes' contents."""

    pages: list[Image.Image] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    pictures: int = 0


class PaperPrinter:
    """Prints on paper of `columns` narrow characters."""

    def __init__(self, columns: int) -> None:
        self.dots = columns * CELL
        self._columns = columns
        self._state = _State()
        self._strips: list[Image.Image] = []
        self._row: list[tuple[str, int, bool, int, int]] = []
        self._fonts: dict[tuple[int, int], ImageFont.FreeTypeFont] = {}
        self.printed = Printed()

    def feed(self, data: bytes) -> Printed:
        at = 0
        while at < len(data):
            at = self._command(data, at) if data[at] < 0x20 else self._character(data, at)
        return self.printed

    def _character(self, data: bytes, at: int) -> int:
        state = self._state
        length = 1
        if state.chinese and data[at] >= 0x81:
            length = 4 if 0x30 <= data[at + 1] <= 0x39 else 2  # GB 18030-2022 section 6
        text = data[at : at + length].decode("gb18030" if length > 1 else "cp437")
        self._row.append((text, min(length, 2), state.bold, state.wide, state.high))
        return at + length

    def _command(self, data: bytes, at: int) -> int:
        state, two = self._state, data[at : at + 2]
        if data[at] == 0x0A:
            self._end_row()
            return at + 1
        if two == b"\x1b@":
            self._state = _State()
            return at + 2
        if two in {b"\x1c&", b"\x1c."}:
            state.chinese = two == b"\x1c&"
            return at + 2
        if two in {b"\x1ba", b"\x1bE", b"\x1bd", b"\x1d!"}:
            self._set(two, data[at + 2])
            return at + 3
        if two == b"\x1dV":
            self._cut()
            return at + (4 if data[at + 2] in {65, 66} else 3)
        return self._picture(data, at)

    def _picture(self, data: bytes, at: int) -> int:
        three = data[at : at + 3]
        if three == b"\x1dv0":
            return self._raster(data, at)
        if three == b"\x1d(k":
            size = data[at + 3] + 256 * data[at + 4]
            self._qr(data[at + 5 : at + 5 + size])
            return at + 5 + size
        raise NotUnderstood(data[at : at + 8].hex(" "))

    def _set(self, command: bytes, value: int) -> None:
        state = self._state
        match command:
            case b"\x1ba":
                state.align = value & 3
            case b"\x1bE":
                state.bold = bool(value & 1)
            case b"\x1d!":
                state.wide, state.high = (value >> 4) + 1, (value & 7) + 1
            case _:
                for _ in range(value):
                    self._end_row()

    def _end_row(self) -> None:
        row, self._row = self._row, []
        self.printed.text.append("".join(cell[0] for cell in row))
        width = sum(CELL * length * wide for _, length, _, wide, _ in row)
        if width > self.dots:
            raise NotUnderstood(f"{width} dots of text on {self.dots} dots of paper: {self.printed.text[-1]!r}")
        high = max((cell[4] for cell in row), default=1) * HIGH
        strip = Image.new("L", (width or 1, high + 6), 255)
        left = 0
        for text, length, bold, wide, tall in row:
            cell = Image.new("L", (CELL * length, HIGH), 255)
            size = 21 if length == 2 else 20
            ImageDraw.Draw(cell).text((0, -5), text, font=self._font(size), fill=0, stroke_width=int(bold))
            cell = cell.resize((CELL * length * wide, HIGH * tall))
            strip.paste(cell, (left, high - HIGH * tall))
            left += CELL * length * wide
        self._put(strip)

    def _font(self, size: int) -> ImageFont.FreeTypeFont:
        key = (size, _MONO_SC)
        if key not in self._fonts:
            self._fonts[key] = ImageFont.truetype(str(FONT), size, index=_MONO_SC)
        return self._fonts[key]

    def _raster(self, data: bytes, at: int) -> int:
        bytes_wide = data[at + 4] + 256 * data[at + 5]
        high = data[at + 6] + 256 * data[at + 7]
        if bytes_wide * 8 > self.dots + 7:
            raise NotUnderstood(f"a picture of {bytes_wide * 8} dots on {self.dots} dots of paper")
        end = at + 8 + bytes_wide * high
        dots = Image.frombytes("1", (bytes_wide * 8, high), bytes(~byte & 0xFF for byte in data[at + 8 : end]))
        self._put(dots.convert("L"))
        self.printed.pictures += 1
        return end

    def _qr(self, body: bytes) -> None:
        state = self._state
        match body[:2]:
            case b"1C":
                state.module_dots = body[2]
            case b"1E":
                state.error_level = "lmqh"[body[2] - 48]
            case b"1P":
                state.stored = body[3:]
            case b"1Q":
                content = state.stored.decode()
                code = segno.make(content, error=state.error_level, micro=False, boost_error=False)
                modules = [[255 - 255 * bit for bit in row] for row in code.matrix]
                picture = Image.new("L", (len(modules), len(modules)))
                picture.putdata([dot for row in modules for dot in row])
                side = len(modules) * state.module_dots
                if side > self.dots:
                    raise NotUnderstood(f"a code of {side} dots on {self.dots} dots of paper")
                self._put(picture.resize((side, side), Image.Resampling.NEAREST))
                self.printed.codes.append(content)

    def _put(self, strip: Image.Image) -> None:
        paper = Image.new("L", (self.dots, strip.height), 255)
        left = (0, (self.dots - strip.width) // 2, self.dots - strip.width)[self._state.align]
        paper.paste(strip, (max(0, left), 0))
        self._strips.append(paper)

    def _cut(self) -> None:
        height = sum(strip.height for strip in self._strips)
        page = Image.new("L", (self.dots + 2 * MARGIN, height + 2 * MARGIN), 255)
        top = MARGIN
        for strip in self._strips:
            page.paste(strip, (MARGIN, top))
            top += strip.height
        self._strips = []
        self.printed.pages.append(page)


def print_on(columns: int, data: bytes) -> Printed:
    """What a printer with paper of `columns` makes of the bytes."""
    return PaperPrinter(columns).feed(data)
