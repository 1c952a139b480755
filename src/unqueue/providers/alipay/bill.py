"""Reads Alipay's bill of a day's trades (业务明细): a zip of CSV files in GBK, or the details alone. Pure.

Comment lines begin with ``#``: they say whose bill it is, where the list begins and ends, and how much it should add up
to. Columns are found by their names, for their number has grown over the years.
"""

import csv
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from unqueue.kernel.clock import micros
from unqueue.kernel.money import Money
from unqueue.providers.alipay.messages import CURRENCY, read_china_time, read_yuan
from unqueue.providers.bills import BillMalformed, BillRow

BYTES_MAX = 500_000_000
"""No file of a bill is longer, unpacked."""

_TITLE = "#支付宝业务明细查询"
_END = "业务明细列表结束"
_KINDS: Mapping[str, Literal["charge", "refund"]] = {"交易": "charge", "退款": "refund"}
_REFERENCE, _ATTEMPT, _KIND, _AT = "支付宝交易号", "商户订单号", "业务类型", "完成时间"
_AMOUNT, _REFUND, _FEE = "订单金额(元)", "退款批次号/请求号", "服务费(元)"
_NEEDED = (_REFERENCE, _ATTEMPT, _KIND, _AT, _AMOUNT, _REFUND, _FEE)
_COUNTS = {"charge": re.compile(r"#+交易合计：(\d+)笔"), "refund": re.compile(r"#+退款合计：(\d+)笔")}


def read_bill(content: bytes) -> tuple[BillRow, ...]:
    """The lines of a bill, in its order. BillMalformed, with the line in its file, where it is not such a bill."""
    if not content.startswith(b"PK"):
        return tuple(_rows(_text(content)))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [_text(_unpacked(archive, member)) for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise BillMalformed(0, f"the zip can't be read: {error}") from None
    details = [text for text in files if text.startswith(_TITLE)]
    if not details:
        raise BillMalformed(0, f"no file of the zip begins with {_TITLE}")
    return tuple(row for text in details for row in _rows(text))


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise BillMalformed(0, "the zip unpacks to more than any bill")
    return content


def _text(content: bytes) -> str:
    try:
        return content.decode("gb18030")  # all that GBK has, and what it lacks
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BillMalformed(line, "this is not GBK text; take the file as Alipay gave it") from None


def _rows(text: str) -> Iterator[BillRow]:
    if not text.startswith(_TITLE):
        raise BillMalformed(1, f"a bill begins with {_TITLE}")
    lines = csv.reader(io.StringIO(text, newline=""))
    columns: dict[str, int] = {}
    counts = {"charge": 0, "refund": 0}
    ended, last = False, 0
    try:
        for row in lines:
            line, last = last + 1, lines.line_num  # a row may go over lines: it is named by its first
            if not row:
                continue
            if row[0].startswith("#"):
                ended = ended or _END in row[0]
                _check_count(row[0], counts, line)
            elif not columns:
                columns = _columns(row, line)
            else:
                read = _row(row, columns, line)
                counts[read.kind] += 1
                yield read
    except csv.Error as error:
        raise BillMalformed(last + 1, str(error)) from None
    if not ended:
        raise BillMalformed(last, f"the bill ends before #{_END}: a part is missing")


def _check_count(comment: str, counts: Mapping[str, int], line: int) -> None:
    """The bill says how many lines it should have had."""
    for kind, pattern in _COUNTS.items():
        match = pattern.match(comment)
        if match is not None and int(match[1]) != counts[kind]:
            raise BillMalformed(line, f"the bill counts {match[1]} of what it lists {counts[kind]}: a part is missing")


def _columns(row: Sequence[str], line: int) -> dict[str, int]:
    """Where each column is. Brackets come full-width and half-width."""
    columns = {unicodedata.normalize("NFKC", name).strip(): index for index, name in enumerate(row)}
    if len(columns) != len(row):
        raise BillMalformed(line, "two columns have the same name")
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise BillMalformed(line, f"no column {missing[0]}")
    return columns


def _row(row: Sequence[str], columns: Mapping[str, int], line: int) -> BillRow:
    if len(row) != len(columns):
        raise BillMalformed(line, f"{len(row)} columns instead of {len(columns)}")
    cells = {name: row[index].strip() for name, index in columns.items()}
    kind = _KINDS.get(cells[_KIND])
    if kind is None:
        raise BillMalformed(line, f"{_KIND} is {cells[_KIND]!r}, neither 交易 nor 退款")
    amount = _amount(cells, _AMOUNT, line)
    if (amount.amount_minor < 0) != (kind == "refund") and amount.amount_minor != 0:
        raise BillMalformed(line, f"{_AMOUNT} of a {cells[_KIND]} is {cells[_AMOUNT]}")
    if kind == "refund" and not cells[_REFUND]:
        raise BillMalformed(line, f"a refund without {_REFUND}")
    try:
        at_us = micros(read_china_time(cells[_AT]))
    except ValueError:
        raise BillMalformed(line, f"{_AT} is no time: {cells[_AT]!r}") from None
    return BillRow(
        kind=kind,
        attempt_id=cells[_ATTEMPT],
        refund_id=cells[_REFUND] if kind == "refund" else "",
        reference=cells[_REFERENCE],
        amount=Money(abs(amount.amount_minor), CURRENCY),
        fee=Money(-_amount(cells, _FEE, line).amount_minor, CURRENCY),
        at_us=at_us,
        status=cells[_KIND],
    )


def _amount(cells: Mapping[str, str], name: str, line: int) -> Money:
    try:
        return read_yuan(cells[name])
    except ValueError:
        raise BillMalformed(line, f"{name} is no amount: {cells[name]!r}") from None
