"""How Alipay writes amounts, times, orders and states; shared by the client, its sandbox and the bill. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from unqueue.kernel.clock import from_micros
from unqueue.kernel.money import Money
from unqueue.providers.port import AttemptStatus

CURRENCY = "CNY"
CHINA = timezone(timedelta(hours=8), "UTC+8")
"""China's time, which knows no summer time: every time that Alipay writes or reads."""
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
FEN_MAX = 10_000_000_000
"""``total_amount`` is from 0.01 to 100000000.00 yuan."""

STATES: Mapping[str, AttemptStatus] = {
    "WAIT_BUYER_PAY": "pending",
    "TRADE_SUCCESS": "succeeded",
    "TRADE_FINISHED": "succeeded",
    "TRADE_CLOSED": "closed",
}
"""``trade_status``. A finished trade was paid, and can't be refunded any more. A closed one was never paid, or all of
it was given back.
"""

_YUAN = re.compile(r"(-?)(\d{1,10})(?:\.(\d{1,2}))?", re.ASCII)
_ORDER = re.compile(r"([0-9A-Za-z_-]{1,64})\.([0-9]{1,20})", re.ASCII)
_SPECIAL = re.compile(r"[/=&\s]+")


def yuan(amount: Money) -> str:
    """An amount as a decimal number of yuan.

    >>> yuan(Money(5, "CNY")), yuan(Money(129000, "CNY"))
    ('0.05', '1290.00')
    """
    assert amount.currency == CURRENCY, "Alipay counts in yuan"
    whole, fen = divmod(abs(amount.amount_minor), 100)
    return f"{'-' if amount.amount_minor < 0 else ''}{whole}.{fen:02d}"


def read_yuan(text: str) -> Money:
    """The amount of a decimal number of yuan; ValueError for anything else, and where fen would have to be rounded.

    >>> read_yuan("12.9"), read_yuan("-0.05")
    (Money(amount_minor=1290, currency='CNY'), Money(amount_minor=-5, currency='CNY'))
    """
    match = _YUAN.fullmatch(text)
    if match is None:
        raise ValueError(f"no amount in yuan: {text[:40]!r}")
    minus, whole, fraction = match.groups()
    fen = int(whole) * 100 + int((fraction or "").ljust(2, "0"))
    return Money(-fen if minus else fen, CURRENCY)


def china_time(at: datetime) -> str:
    """A moment on the clocks of China.

    >>> from datetime import UTC
    >>> china_time(datetime(2026, 1, 2, 19, 4, 5, tzinfo=UTC))
    '2026-01-03 03:04:05'
    """
    return at.astimezone(CHINA).strftime(TIME_FORMAT)


def china_time_us(at_us: int) -> str:
    """The same for microseconds since 1970 UTC."""
    return china_time(from_micros(at_us))


def read_china_time(text: str) -> datetime:
    """The moment that China's clocks showed ``text``; ValueError where it is no time."""
    return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=CHINA)


def passback(order_id: str, order_number: str) -> str:
    """``passback_params``: which order is paid. It reads the same encoded for a URL or not, however often that is done.

    >>> passback("4d1f", "104729389")
    '4d1f.104729389'
    """
    return f"{order_id}.{order_number}"


def read_passback(text: str) -> tuple[str, str]:
    """Order id and order number of ``passback_params``; ValueError where they are not ours."""
    match = _ORDER.fullmatch(text)
    if match is None:
        raise ValueError("the order was not handed back")
    return match[1], match[2]


def subject(text: str) -> str:
    """What is paid for, without the characters that Alipay forbids there, and not too long (256).

    >>> subject("3 件商品 / 3 items & more")
    '3 件商品 3 items more'
    """
    return _SPECIAL.sub(" ", text).strip()[:256]
