"""A strip of paper: rows of text as GB18030, and ESC/POS commands between them.

All text is sent as GB18030 in Chinese character mode (`FS &`): without that command a printer takes the bytes of
Chinese characters for two characters of its code page each. A column is one narrow character, 12 dots; a character of
more than one byte takes two.
"""

import contextlib
import os
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

DOTS_PER_COLUMN = 12
_CHINESE_MODE = b"\x1c&"
_LOGO_DOTS_HIGH_MAX = 160
_WHITE_FROM = 150  # shades below are printed: a coloured logo comes out solid, not as a raster of dots


# GB 18030 has these signs in two bytes as full-width forms only.
_WIDE_SIGNS = str.maketrans({"¥": "￥", "£": "￡"})


def printable(text: str) -> str:
    r"""What a GB18030 printer can show of a text: no control characters (a product's name must not cut the paper),
    and letters that only have four-byte codes without their accents.

    >>> printable("Jalapeño ¥5\x1bm"), printable("龙井茶 é")
    ('Jalapeno ￥5m', '龙井茶 é')
    """
    return "".join(_printable(character) for character in text.translate(_WIDE_SIGNS))


def _printable(character: str) -> str:
    if unicodedata.category(character).startswith("C"):
        return ""
    # Four-byte Han characters are in the mandatory part of GB 18030, other four-byte characters are not.
    if len(character.encode("gb18030")) < 4 or unicodedata.name(character, "").startswith("CJK UNIFIED"):
        return character
    plain = "".join(part for part in unicodedata.normalize("NFKD", character) if len(part.encode("gb18030")) < 4)
    return plain or "?"


def columns(text: str) -> int:
    """How many columns a printable text takes.

    >>> columns("茶 Tea"), columns("￥5")
    (6, 3)
    """
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    return 1 if len(character.encode("gb18030")) == 1 else 2


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Rows that fit. A Chinese text breaks anywhere, others between words where the row would not get too short."""
    row = ""
    for character in text:
        if columns(row + character) <= width:
            row += character
            continue
        kept, word = row, ""
        if _columns(character) == 1 and character != " " and " " in row.strip():
            kept, _, word = row.rpartition(" ")
            if columns(word) > width // 2 or columns(word) != len(word) or not kept.strip():
                kept, word = row, ""
        yield kept.rstrip()
        row = (word + character).lstrip()
    if row:
        yield row


class Paper:
    """Rows of text and python-escpos' commands between them."""

    def __init__(self, width_chars: int) -> None:
        self._width = width_chars
        self._printer = _new_dummy()
        self._bytes = bytearray()
        self._printer.hw("INIT")
        self._take_commands()
        self._bytes += _CHINESE_MODE

    def _take_commands(self) -> None:
        self._bytes += self._printer.output
        self._printer.clear()

    def _set(self, **style: Any) -> None:
        self._printer.set(**style)
        self._take_commands()

    def _rows(self, rows: Iterable[str]) -> None:
        for row in rows:
            self._bytes += row.encode("gb18030") + b"\n"

    def text(self, text: str) -> None:
        self._rows(_wrapped(printable(text), self._width))

    def preformatted(self, row: str) -> None:
        """A row that was set by someone else, a card terminal: its blanks stay; what is too wide goes on below."""
        text = printable(row).rstrip() or ""
        while columns(text) > self._width:
            cut = next(at for at in range(len(text), 0, -1) if columns(text[:at]) <= self._width)
            self._rows([text[:cut]])
            text = text[cut:]
        self._rows([text])

    def centered(self, text: str, *, large: bool = False) -> None:
        if not text:
            return
        size = 2 if large else 1
        self._set(align="center", bold=large, custom_size=True, width=size, height=size)
        self._rows(_wrapped(printable(text), self._width // size))
        self._set(align="left", bold=False, custom_size=True, width=1, height=1)

    def pair(self, left: str, right: str, *, tall: bool = False) -> None:
        """Text at the left and an amount at the right edge, on a row of its own where they don't fit on one."""
        if tall:
            self._set(bold=True, custom_size=True, width=1, height=2)
        *rows, last = [*_wrapped(printable(left), self._width)] or [""]
        ends = [*_wrapped(printable(right), self._width)] or [""]
        if columns(last) + 1 + columns(ends[0]) > self._width:
            rows.append(last)
            last = ""
        gap = max(0, self._width - columns(last) - columns(ends[0]))
        self._rows([*rows, last + " " * gap + ends[0], *ends[1:]])
        if tall:
            self._set(bold=False, custom_size=True, width=1, height=1)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Cells in columns of equal width: the first at its left edge, the others at their right edge.

        Where a cell is too wide for its column, each row becomes rows of its own, with its first cell at their left.
        """
        cells = [[printable(cell) for cell in row] for row in rows]
        count = max(len(row) for row in cells)
        width = self._width // count
        first = self._width - width * (count - 1)
        if all(columns(cell) < width for row in cells for cell in row[1:]) and all(
            columns(row[0]) <= first for row in cells
        ):
            for row in cells:
                padded = [cell.rjust(width - columns(cell) + len(cell)) for cell in row[1:]]
                self._rows([row[0].ljust(first - columns(row[0]) + len(row[0])) + "".join(padded)])
            return
        head, *rest = cells
        for row in rest:
            self._rows(_wrapped(f"{head[0]} {row[0]}", self._width))
            for name, cell in zip(head[1:], row[1:], strict=True):
                self.pair(f"  {name}", cell)

    def rule(self) -> None:
        self._rows(["-" * self._width])

    def feed(self) -> None:
        self._rows([""])

    def banner(self, text: str) -> None:
        """A line that nobody overlooks."""
        self._set(align="center", bold=True, custom_size=True, width=2, height=2)
        self._rows(_wrapped(printable(text), self._width // 2))
        self._set(align="left", bold=False, custom_size=True, width=1, height=1)

    def qr(self, content: str, caption: str = "") -> None:
        """A QR code that fits the paper, and what it is for."""
        self._set(align="center")
        self._printer.qr(content, native=True, size=_qr_module_dots(len(content.encode()), self._width))
        self._take_commands()
        self._rows([""])
        self._set(align="left")
        self.centered(caption)

    def logo(self, path: Path) -> None:
        """A picture, in black and white, at most three quarters of the paper wide."""
        self._set(align="center")
        self._printer.image(
            _black_and_white(path, self._width * DOTS_PER_COLUMN * 3 // 4), impl="bitImageRaster", center=False
        )
        self._take_commands()
        self._rows([""])
        self._set(align="left")

    def cut(self) -> bytes:
        self._printer.cut()
        self._take_commands()
        return bytes(self._bytes)


def _black_and_white(path: Path, dots_wide_max: int) -> Image.Image:
    with Image.open(path) as picture:
        colours = picture.convert("RGBA")
    paper = Image.new("RGBA", colours.size, "white")
    paper.alpha_composite(colours)
    scale = min(1.0, dots_wide_max / paper.width, _LOGO_DOTS_HIGH_MAX / paper.height)
    size = (max(1, round(paper.width * scale)), max(1, round(paper.height * scale)))
    return paper.convert("L").resize(size).point(lambda shade: 255 * (shade >= _WHITE_FROM)).convert("1")


def _qr_module_dots(byte_count: int, width_chars: int) -> int:
    """Dots of a module, as large as fits on two thirds of the paper, from 3 (0.4 mm) to 6."""
    version = next((number for number, most in enumerate(_QR_BYTES, 1) if byte_count <= most), len(_QR_BYTES) + 1)
    modules = 17 + 4 * version + 8  # with the quiet zone
    return max(3, min(6, width_chars * DOTS_PER_COLUMN * 2 // 3 // modules))


# ISO/IEC 18004 table 7: bytes that fit in versions 1 to 12 at error correction L, which is what the printer is told.
_QR_BYTES = (17, 32, 53, 78, 106, 134, 154, 192, 230, 271, 321, 367)


@cache
def _dummy_class() -> Any:
    """python-escpos' printer that only collects bytes. Imported late, since that takes half a second, and with a
    directory of its own, since it leaves a cache file behind in one that it never removes.
    """
    variable = "ESCPOS_CAPABILITIES_PICKLE_DIR"
    with tempfile.TemporaryDirectory(prefix="unqueue-escpos-") as directory, contextlib.ExitStack() as stack:
        if variable not in os.environ:
            os.environ[variable] = directory
            stack.callback(os.environ.pop, variable)
        from escpos.printer import Dummy  # type: ignore[import-untyped]  # noqa: PLC0415  # see above; it has no types

    return Dummy


def _new_dummy() -> Any:
    return _dummy_class()()
