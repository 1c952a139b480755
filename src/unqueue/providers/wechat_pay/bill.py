"""WeChat Pay's trade bill (交易账单): from its CSV to rows that every provider's bill has. Pure.

https://pay.weixin.qq.com/docs/merchant/products/bill-download/format-trade.html: UTF-8; a line of column names, a line
for each charge and each refund of the day with a grave accent before every value, a line of the summary's names, and
the summary. Amounts are in yuan, times are China's. Columns are found by name: their number and order differ between
kinds of bills (``ALL``, ``SUCCESS``, ``REFUND``) and over the years.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone

from unqueue.kernel.clock import micros
from unqueue.kernel.money import Money, currency_exponent, divide_half_up
from unqueue.providers.bills import BillMalformed, BillRow

CHINA = timezone(timedelta(hours=8))
_TIME, _TRANSACTION, _NUMBER = "交易时间", "微信订单号", "商户订单号"
_STATE, _CURRENCY, _FEE, _TOTAL = "交易状态", "货币种类", "手续费", "订单金额"
_REFUND, _REFUND_NUMBER, _REFUNDED, _REFUND_STATE = "微信退款单号", "商户退款单号", "申请退款金额", "退款状态"
_NEEDED = (_TIME, _TRANSACTION, _NUMBER, _STATE, _CURRENCY, _FEE)
_NEEDED_OF_REFUNDS = (_REFUND, _REFUND_NUMBER, _REFUNDED, _REFUND_STATE)
_COUNT = "总交易单数"
_DECIMAL = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,8}))?", re.ASCII)
_CHARGED = {"SUCCESS"}
_GIVEN_BACK = {"REFUND", "REVOKED"}


def read_bill(content: bytes) -> list[BillRow]:
    """The rows of a bill, in its order. BillMalformed tells the line that can't be read.

    A charge's amount is the order's (订单金额), coupons of WeChat Pay included: what the store asked for. A refund's is
    what the store asked to give back (申请退款金额). Fees have five decimals in the file; here they are rounded to the
    currency's own, halves away from zero, so their sum may differ by cents from what WeChat Pay settles.
    A bill without its summary, or with another number of rows than it says, was cut off.
    """
    lines = _lines(content)
    number, header = next(lines, (0, ""))
    columns = [name.strip() for name in header.split(",")]
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise BillMalformed(number, f"this is no trade bill of WeChat Pay: it has no column {', '.join(missing)}")
    rows: list[BillRow] = []
    for number, line in lines:
        if not line.startswith("`"):
            _check_summary(lines, number, line, len(rows))
            return rows
        values = _values(line)
        if len(values) != len(columns):
            raise BillMalformed(number, f"{len(values)} values stand under {len(columns)} column names")
        rows.append(_row(dict(zip(columns, values, strict=True)), number))
    raise BillMalformed(0, "the summary at the end is missing: the file was cut off; please download it again")


def _lines(content: bytes) -> Iterator[tuple[int, str]]:
    """The lines that aren't empty, with their numbers."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BillMalformed(content[: error.start].count(b"\n") + 1, "this is not UTF-8 text") from None
    # Not splitlines: names of goods may hold whatever else Unicode calls the end of a line.
    for number, line in enumerate(text.split("\n"), 1):
        if stripped := line.rstrip("\r"):
            yield number, stripped


def _values(line: str) -> list[str]:
    r"""The values of a line. A name of goods may hold a comma; only one before a grave accent parts values.

    >>> _values("`2026-01-02 08:30:00,`米,面,`0.05")
    ['2026-01-02 08:30:00', '米,面', '0.05']
    """
    return line[1:].split(",`")


def _row(values: Mapping[str, str], line: int) -> BillRow:
    state, currency = values[_STATE], values[_CURRENCY]
    if not re.fullmatch("[A-Z]{3}", currency):
        raise BillMalformed(line, f"{_CURRENCY} {currency!r} is no currency")
    fee = Money(_minor(values[_FEE], currency, line, _FEE, rounded=True), currency)
    at_us = _at_us(values[_TIME], line)
    if state in _CHARGED:
        if _TOTAL not in values:
            raise BillMalformed(line, f"a charge stands in a bill without the column {_TOTAL}")
        return BillRow(
            kind="charge",
            attempt_id=values[_NUMBER],
            reference=values[_TRANSACTION],
            amount=_amount(values[_TOTAL], currency, line, _TOTAL),
            fee=fee,
            at_us=at_us,
            status=state,
        )
    if state not in _GIVEN_BACK:
        raise BillMalformed(line, f"{_STATE} {state!r} is not known")
    missing = [name for name in _NEEDED_OF_REFUNDS if name not in values]
    if missing:
        raise BillMalformed(line, f"a refund stands in a bill without the column {', '.join(missing)}")
    return BillRow(
        kind="refund",
        attempt_id=values[_NUMBER],
        refund_id=values[_REFUND_NUMBER],
        reference=values[_REFUND],
        amount=_amount(values[_REFUNDED], currency, line, _REFUNDED),
        fee=fee,
        at_us=at_us,
        status=values[_REFUND_STATE] or state,
    )


def _amount(text: str, currency: str, line: int, name: str) -> Money:
    amount = Money(_minor(text, currency, line, name), currency)
    if amount.amount_minor < 0:
        raise BillMalformed(line, f"{name} {text!r} is negative")
    return amount


def _minor(text: str, currency: str, line: int, name: str, *, rounded: bool = False) -> int:
    """A decimal number of yuan in fen, exactly or ``rounded``."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise BillMalformed(line, f"{name} {text!r} is no amount")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    places = 10 ** len(fraction)
    scaled = (int(whole) * places + int(fraction or "0")) * 10 ** currency_exponent(currency)
    if scaled % places and not rounded:
        raise BillMalformed(line, f"{name} {text!r} has more decimals than {currency}")
    return divide_half_up(-scaled if sign else scaled, places)


def _at_us(text: str, line: int) -> int:
    try:
        return micros(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA))
    except ValueError:
        raise BillMalformed(line, f"{_TIME} {text!r} is no time such as 2026-01-31 09:30:00") from None


def _check_summary(lines: Iterator[tuple[int, str]], line: int, header: str, count: int) -> None:
    names = [name.strip() for name in header.split(",")]
    if _COUNT not in names:
        raise BillMalformed(line, "this is neither a row (values begin with a grave accent) nor the summary")
    number, summary = next(lines, (0, ""))
    values = _values(summary) if summary.startswith("`") else []
    if len(values) != len(names):
        raise BillMalformed(number or line, "the summary at the end is not whole; please download the file again")
    told = values[names.index(_COUNT)]
    if told != str(count):
        raise BillMalformed(number, f"the summary counts {told} rows, the file has {count}; please download it again")
