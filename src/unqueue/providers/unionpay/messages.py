"""UnionPay's messages: forms of named texts, their signed text, their times and answer codes. Pure.

Requests and notifications are URL-encoded forms. Answers look like one, but nothing in them is encoded:
``respCode=00&respMsg=成功[0000000]&…``. Source: UnionPay's gateway interface, version 5.1.0
(docs/protocols/unionpay.md says where each rule was read).
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Literal
from urllib.parse import parse_qsl

import msgspec

from unqueue.kernel.clock import from_micros, micros

VERSION = "5.1.0"
"""Signatures of the older 5.0.0 are over SHA-1: a message that claims another version is not believed."""
SIGN_METHOD_RSA = "01"

FRONT = "/gateway/api/frontTransReq.do"
BACK = "/gateway/api/backTransReq.do"
QUERY = "/gateway/api/queryTrans.do"

CONSUME, QUERIED, REFUND, REVERSAL = "01", "00", "04", "31"
"""``txnType``: a purchase, a question about one, a refund (退货), a reversal of the same clearing day (消费撤销)."""

NO_NOTIFICATION = "http://www.specialUrl.com"
"""The ``backUrl`` of those who want no notification; the field itself must be there."""

CURRENCIES: Mapping[str, str] = {"156": "CNY"}
"""``currencyCode`` (ISO 4217 numeric) → alphabetic code. The gateway settles in renminbi."""
CURRENCY_CODES: Mapping[str, str] = {alphabetic: number for number, alphabetic in CURRENCIES.items()}

_FIELDS_MAX = 100
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,39}")
_IN_BRACES = re.compile(r"\{[^{}]*\}")
_SHANGHAI = timezone(timedelta(hours=8))  # China keeps one time, and no summer time since 1991
_TIME = "%Y%m%d%H%M%S"


class Malformed(ValueError):
    """These bytes are no message of this protocol."""


def signed_text(fields: Mapping[str, str]) -> bytes:
    """What a message signs: its fields without ``signature``, sorted by name, as ``name=value`` joined by ``&``.

    >>> signed_text({"txnType": "00", "merId": "777290058110048", "signature": "…"})
    b'merId=777290058110048&txnType=00'
    """
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "signature").encode()


def parse_form(body: bytes) -> dict[str, str]:
    """The fields of a URL-encoded form in UTF-8; those that are empty are left out. Malformed.

    >>> parse_form(b"merId=7&respMsg=%E6%88%90%E5%8A%9F&reserved=")
    {'merId': '7', 'respMsg': '成功'}
    """
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise Malformed("not a URL-encoded form in UTF-8") from None
    return _fields(pairs)


def parse_answer(body: bytes) -> dict[str, str]:
    """The fields of an answer, in which nothing is encoded. An ``&`` within braces belongs to the value. Malformed.

    >>> parse_answer("respCode=00&respMsg=成功[0000000]&extra={a=1&b=2}&signature=QQ==".encode())["extra"]
    '{a=1&b=2}'
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("not in UTF-8") from None
    pairs: list[tuple[str, str]] = []
    for part in text.strip().split("&"):
        if pairs and pairs[-1][1].count("{") > pairs[-1][1].count("}"):
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]}&{part}")
        else:
            name, _, value = part.partition("=")
            pairs.append((name, value))
    return _fields(pairs)


def answer_body(fields: Mapping[str, str]) -> bytes:
    """An answer as the gateway writes it: :func:`parse_answer` reads it."""
    return "&".join(f"{name}={value}" for name, value in fields.items()).encode()


def _fields(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The signed text does not show where one field ends and the next begins, so a name or value that could hide such
    a border is refused: a genuine message can't be cut up anew.
    """
    fields: dict[str, str] = {}
    if len(pairs) > _FIELDS_MAX:
        raise Malformed("too many fields")
    for name, value in pairs:
        if not _NAME.fullmatch(name) or name in fields:
            raise Malformed("a field's name is not one, or comes twice")
        if "&" in value and not _IN_BRACES.fullmatch(value):
            raise Malformed(f"{name} holds a separator")
        fields[name] = value
    return {name: value for name, value in fields.items() if value}


def transaction_time(at_us: int) -> str:
    """A moment as ``yyyyMMddHHmmss`` in Beijing, as ``txnTime`` and ``payTimeout`` want it.

    >>> transaction_time(1_700_000_000_000_000)
    '20231115061320'
    """
    return from_micros(at_us).astimezone(_SHANGHAI).strftime(_TIME)


def transaction_time_us(text: str) -> int:
    """The moment of a ``yyyyMMddHHmmss`` in Beijing, in microseconds since 1970 UTC. Malformed.

    >>> transaction_time_us("20231115061320")
    1700000000000000
    """
    try:
        at = datetime.strptime(text, _TIME).replace(tzinfo=_SHANGHAI)
    except ValueError:
        at = None
    if at is None or at.strftime(_TIME) != text:  # strptime also takes "2023111506132"
        raise Malformed("not a time")
    return micros(at)


def clearing_day(at_us: int) -> str:
    """The gateway's clearing day of a moment, ``yyyyMMdd``: it ends at 23:00 in Beijing.

    >>> clearing_day(transaction_time_us("20231115225959")), clearing_day(transaction_time_us("20231115230000"))
    ('20231115', '20231116')
    """
    return transaction_time(at_us + 3_600_000_000)[:8]


class Reserved(msgspec.Struct, frozen=True):
    """What we have the gateway say back to us (``reqReserved``): which order, its number, and until when it can be
    paid; in letters, digits and ``|``, for other signs disturb the gateway's own parser.
    """

    order_id: str
    order_number: str
    pay_timeout: str

    def text(self) -> str:
        return f"{self.order_id}|{self.order_number}|{self.pay_timeout}"


def reserved_of(fields: Mapping[str, str]) -> Reserved | None:
    """What we said in the request, or None where it isn't ours.

    >>> reserved_of({"reqReserved": "0a1b|104729389|20231115061320"})
    Reserved(order_id='0a1b', order_number='104729389', pay_timeout='20231115061320')
    """
    parts = fields.get("reqReserved", "").split("|")
    return Reserved(*parts) if len(parts) == 3 else None


Verdict = Literal["succeeded", "pending", "unknown", "later", "refused"]

_VERDICTS: Mapping[str, Verdict] = {
    "00": "succeeded",
    "A6": "succeeded",  # 有缺陷的成功: the money was taken, and the issuer's confirmation is still to come
    "03": "pending",  # 交易通讯超时
    "04": "pending",  # 交易状态未明
    "05": "pending",  # 交易已受理
    "34": "unknown",  # 查无此交易
    "02": "later",  # 系统未开放或暂时关闭
    "06": "later",  # 系统繁忙
    "37": "later",  # 已超过最大查询次数或操作过于频繁
}


def verdict(code: str) -> Verdict:
    """What a ``respCode`` or ``origRespCode`` means. ``later``: not decided, ask again; every other code is a no.

    >>> verdict("00"), verdict("05"), verdict("34"), verdict("61")
    ('succeeded', 'pending', 'unknown', 'refused')
    """
    return _VERDICTS.get(code, "refused")
