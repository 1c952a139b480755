"""Bills to test with: a provider whose bill is a JSON list of rows."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from tests.support.databases import OPENING

from unqueue.kernel.clock import micros
from unqueue.kernel.money import Money
from unqueue.providers.bills import BillRow
from unqueue.server.settlement.service import Biller

OPENING_US = micros(OPENING)
CHINA = ZoneInfo("Asia/Shanghai")


def biller(method: str) -> Biller:
    return Biller(method, msgspec.json.Decoder(list[BillRow]).decode, CHINA)


def bill(*rows: BillRow) -> bytes:
    return msgspec.json.encode(rows)


def charge(attempt_id: str, amount_minor: int, fee_minor: int = 0, **more: Any) -> BillRow:
    return _row("charge", attempt_id, amount_minor, fee_minor, **more)


def refund(attempt_id: str, refund_id: str, amount_minor: int, fee_minor: int = 0, **more: Any) -> BillRow:
    return _row("refund", attempt_id, amount_minor, fee_minor, refund_id=refund_id, **more)


def _row(kind: Any, attempt_id: str, amount_minor: int, fee_minor: int, **more: Any) -> BillRow:
    facts: dict[str, Any] = {"reference": f"4200{attempt_id[:8]}", "at_us": OPENING_US, "status": "SUCCESS", **more}
    amount, fee = Money(amount_minor, "CNY"), Money(fee_minor, "CNY")
    return BillRow(kind=kind, attempt_id=attempt_id, amount=amount, fee=fee, **facts)
