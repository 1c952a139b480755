"""Trade bills as WeChat Pay writes them: CSV with a grave accent before every value, and a summary at the end.

https://pay.weixin.qq.com/docs/merchant/products/bill-download/format-trade.html
"""

import gzip
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.money import Money
from unqueue.providers.sandbox_kit import model
from unqueue.providers.sandbox_kit.book import Book
from unqueue.providers.sandbox_kit.model import Payment, Refund, Refused
from unqueue.providers.wechat_pay.sandbox.options import Options

CHINA = timezone(timedelta(hours=8))
COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
RATE_PER_10_000 = 60


class Bills:
    """The merchant's bills, one for each day in China, written when they are asked for."""

    def __init__(self, book: Book, options: Options, openid: str) -> None:
        self._book = book
        self._options = options
        self._openid = openid

    def describe(self, query: Mapping[str, str]) -> dict[str, Any]:
        """``bill_date=YYYY-MM-DD&bill_type=ALL|SUCCESS|REFUND&tar_type=GZIP``: where the file is, and its SHA-1."""
        day, kind, packing = query.get("bill_date", ""), query.get("bill_type", "ALL"), query.get("tar_type", "")
        content = self._write(day, kind)
        return {
            "download_url": f"{self._book.public_url}/v3/billdownload/file?token={day}_{kind}_{packing}",
            "hash_type": "SHA1",
            "hash_value": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        }

    def file(self, token: str) -> bytes:
        """The file behind ``download_url``."""
        day, _, rest = token.partition("_")
        kind, _, packing = rest.partition("_")
        content = self._write(day, kind)
        return gzip.compress(content) if packing == "GZIP" else content

    def _write(self, day: str, kind: str) -> bytes:
        try:
            start = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=CHINA)
        except ValueError:
            raise Refused(400, "PARAM_ERROR", "bill_date 无效") from None
        if kind not in {"ALL", "SUCCESS", "REFUND"}:
            raise Refused(400, "PARAM_ERROR", "bill_type 无效")
        from_us, before_us = micros(start), micros(start + timedelta(days=1))
        merchant_id, store = self._options.merchant_id, self._book.store
        payments = store.payments_decided(merchant_id, from_us, before_us) if kind != "REFUND" else []
        paid = [payment for payment in payments if payment.status == "succeeded"]
        refunds = store.refunds_made(merchant_id, from_us, before_us) if kind != "SUCCESS" else []
        if not paid and not refunds:
            raise Refused(400, "NO_STATEMENT_EXIST", "账单文件不存在")
        rows = [(payment.decided_us, self._charge(payment)) for payment in paid]
        rows += [(refund.created_us, self._refund(refund)) for refund in refunds]
        lines = [COLUMNS, *(_line(row) for _, row in sorted(rows, key=lambda row: row[0]))]
        lines += [SUMMARY, _line(_summary(paid, refunds))]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _charge(self, payment: Payment) -> list[str]:
        amount = _yuan(payment.amount)
        facts = [amount, "0.00", "0", "0", "0.00", "0.00", "", ""]
        return self._row(payment, payment.decided_us, "SUCCESS", facts, _fee(payment.amount), amount, "0.00")

    def _refund(self, refund: Refund) -> list[str]:
        payment = self._book.find(refund.merchant_id, refund.payment_id)
        # A bill is a snapshot: a refund that settles within the day may still be told as being on its way.
        status = "SUCCESS" if model.refund_status_at(refund, self._book.now_us) == "succeeded" else "PROCESSING"
        amount = _yuan(refund.amount)
        facts = ["0.00", "0.00", refund.reference, refund.refund_id, amount, "0.00", "ORIGINAL", status]
        return self._row(payment, refund.created_us, "REFUND", facts, _fee(refund.amount, -1), "0.00", amount)

    def _row(  # noqa: PLR0917  # in the order of the columns
        self, payment: Payment, at_us: int, state: str, facts: list[str], fee: str, total: str, refunded: str
    ) -> list[str]:
        at = from_micros(at_us).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
        who = [self._options.app_id, self._options.merchant_id, "0", ""]
        what = [payment.reference, payment.payment_id, self._openid, payment.details["trade_type"], state]
        rate = f"{RATE_PER_10_000 / 100:.2f}%"
        names = [payment.subject_zh, payment.details["attach"]]
        return [at, *who, *what, "OTHERS", "CNY", *facts, *names, fee, rate, total, refunded, ""]


def _summary(paid: list[Payment], refunds: list[Refund]) -> list[str]:
    taken = Money(sum(payment.amount.amount_minor for payment in paid), "CNY")
    given = Money(sum(refund.amount.amount_minor for refund in refunds), "CNY")
    total, back = _yuan(taken), _yuan(given)
    return [str(len(paid) + len(refunds)), total, back, "0.00", _fee(taken - given), total, back]


def _line(values: list[str]) -> str:
    return ",".join(f"`{value}" for value in values)


def _yuan(amount: Money) -> str:
    return f"{amount.amount_minor // 100}.{amount.amount_minor % 100:02d}"


def _fee(amount: Money, sign: int = 1) -> str:
    """The fee in yuan with five decimals: a fen of the amount costs ten times the rate of such decimals."""
    parts = sign * amount.amount_minor * RATE_PER_10_000 // 10
    return ("-" if parts < 0 else "") + f"{abs(parts) // 100_000}.{abs(parts) % 100_000:05d}"
