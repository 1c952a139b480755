"""A receipt as ESC/POS bytes, in Chinese or English.

All text is sent as GB18030 in Chinese character mode (`FS &`): without that command a printer takes the bytes of
Chinese characters for two characters of its code page each. A column is one narrow character; a character of more
than one byte takes two.
"""

import contextlib
import os
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from unqueue.kernel.money import format_minor

_CHINESE_MODE = b"\x1c&"

_WORDS = {
    "zh": {
        "tax_id": "税号",
        "number": "小票号",
        "order": "订单号",
        "time": "时间",
        "each": "×",
        "deposit": "押金",
        "subtotal": "小计",
        "discount": "优惠",
        "total": "合计",
        "tax": "税率{rate}% 不含税 {net} 税额",
        "reference": "流水号",
        "thanks": "谢谢惠顾,欢迎再来",
    },
    "en": {
        "tax_id": "Tax ID",
        "number": "Receipt",
        "order": "Order",
        "time": "Time",
        "each": "x",
        "deposit": "Deposit",
        "subtotal": "Subtotal",
        "discount": "You saved",
        "total": "Total",
        "tax": "{rate}% of {net} net: tax",
        "reference": "Reference",
        "thanks": "Thank you, see you soon",
    },
}


def render_receipt(
    receipt: Mapping[str, Any],
    width_chars: int = 48,
    language: str = "zh",
    *,
    time_zone: str = "Asia/Shanghai",
    qr: str | None = None,
) -> bytes:
    """The bytes that print a `Receipt` of the HTTP contract (docs/protocols/http.md) and cut it.

    `width_chars` is what fits on a line: 48 for 80 mm paper, 32 for 58 mm. Times are shown in `time_zone`. The QR code
    holds `qr`, or else the receipt's number.
    """
    paper = _Paper(width_chars)
    words = _WORDS[language]
    _head(paper, receipt, words, language, time_zone)
    for line in receipt["lines"]:
        _line(paper, line, words, language)
    _foot(paper, receipt, words, language)
    paper.qr(qr or receipt["number"])
    paper.centered(words["thanks"])
    return paper.cut()


def _head(paper: "_Paper", receipt: Mapping[str, Any], words: Mapping[str, str], language: str, zone: str) -> None:
    store = receipt["store"]
    paper.centered(_in(language, store, "name"), large=True)
    paper.centered(_in(language, store, "address"))
    if store.get("tax_id"):
        paper.centered(f"{words['tax_id']} {store['tax_id']}")
    paper.rule()
    issued_at = datetime.fromisoformat(receipt["issued_at"]).astimezone(ZoneInfo(zone))
    paper.pair(words["number"], receipt["number"])
    paper.pair(words["order"], receipt["order_number"])
    paper.pair(words["time"], issued_at.strftime("%Y-%m-%d %H:%M:%S"))
    paper.rule()


def _line(paper: "_Paper", line: Mapping[str, Any], words: Mapping[str, str], language: str) -> None:
    paper.text(_in(language, line, "name"))
    price = _money(line["unit_price"])
    if line["sold_by"] == "weight":
        quantity = f"{line['weight_g'] / 1000:.3f} kg {words['each']} {price}/kg"
    else:
        quantity = f"{line['quantity']} {words['each']} {price}"
    paper.pair(f"  {quantity}", _money(line["subtotal"]))
    for discount in line["discounts"]:
        paper.pair(f"  {discount[language]}", _money(discount["amount"], negative=True))
    if line["deposit"]["amount_minor"]:
        paper.pair(f"  {words['deposit']}", _money(line["deposit"]))


def _foot(paper: "_Paper", receipt: Mapping[str, Any], words: Mapping[str, str], language: str) -> None:
    paper.rule()
    paper.pair(words["subtotal"], _money(receipt["subtotal"]))
    if receipt["discount"]["amount_minor"]:
        paper.pair(words["discount"], _money(receipt["discount"], negative=True))
    if receipt["deposit"]["amount_minor"]:
        paper.pair(words["deposit"], _money(receipt["deposit"]))
    paper.pair(words["total"], _money(receipt["total"]), tall=True)
    for tax in receipt["taxes"]:
        rate = f"{tax['rate_bp'] / 100:g}"
        paper.pair(words["tax"].format(rate=rate, net=_money(tax["net"])), _money(tax["tax"]))
    paper.rule()
    for tender in receipt["tenders"]:
        paper.pair(tender[language], _money(tender["amount"]))
        if tender.get("reference"):
            paper.pair(f"  {words['reference']}", tender["reference"])


def _in(language: str, thing: Mapping[str, Any], name: str) -> str:
    """The text in the language, or in the other one when it is missing."""
    other = "en" if language == "zh" else "zh"
    return str(thing.get(f"{name}_{language}") or thing.get(f"{name}_{other}") or "")


def _money(amount: Mapping[str, Any], *, negative: bool = False) -> str:
    sign = -1 if negative else 1
    return format_minor(sign * int(amount["amount_minor"]), amount["currency"])


def printable(text: str) -> str:
    r"""What a GB18030 printer can show of a text: no control characters (a product's name must not cut the paper),
    and letters that only have four-byte codes without their accents.

    >>> printable("Jalapeño ¥5\x1bm"), printable("龙井茶 é")
    ('Jalapeno ￥5m', '龙井茶 é')
    """
    return "".join(_printable(character) for character in text.replace("¥", "￥"))


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
    row = ""
    for character in text:
        if columns(row + character) > width:
            yield row.rstrip()
            row = character.lstrip()
        else:
            row += character
    if row:
        yield row


class _Paper:
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

    def rule(self) -> None:
        self._rows(["-" * self._width])

    def qr(self, content: str) -> None:
        self._set(align="center")
        self._printer.qr(content, native=True, size=6)
        self._take_commands()
        self._rows([""])
        self._set(align="left")

    def cut(self) -> bytes:
        self._printer.cut()
        self._take_commands()
        return bytes(self._bytes)


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
