"""What the gateway does for each method of a merchant, on the book."""

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.ids import new_token
from unqueue.kernel.money import Money
from unqueue.providers.alipay.messages import (
    CHINA,
    CURRENCY,
    china_time_us,
    passback,
    read_china_time,
    read_passback,
    read_yuan,
    yuan,
)
from unqueue.providers.alipay.sandbox.trades import Trades
from unqueue.providers.alipay.sandbox.words import BUYER, done
from unqueue.providers.sandbox_kit.model import Payment, Refused

CODE_PREFIX = "https://qr.alipay.com/bax"
_EXPIRES_US = 15 * 24 * 3600 * 1_000_000
"""A trade that names no ``time_expire`` stays open for 15 days."""
_PRODUCTS = {"alipay.trade.precreate": "QR_CODE_OFFLINE", "alipay.trade.wap.pay": "QUICK_WAP_WAY"}

Content = Mapping[str, str]
"""``biz_content``: the business parameters."""


class Methods:
    """The methods that answer a merchant. ``files`` are the bills that wait to be fetched, by their secret number."""

    def __init__(self, trades: Trades) -> None:
        self.trades = trades
        self.base_url = ""
        self.files: dict[str, tuple[str, date]] = {}
        self.known: Mapping[str, Callable[[str, Content, Content], dict[str, Any]]] = {
            "alipay.trade.precreate": self._precreate,
            "alipay.trade.query": self._query,
            "alipay.trade.close": self._close,
            "alipay.trade.cancel": self._cancel,
            "alipay.trade.refund": self._refund,
            "alipay.trade.fastpay.refund.query": self._refund_query,
            "alipay.data.dataservice.bill.downloadurl.query": self._bill,
        }

    def begin(self, merchant_id: str, method: str, content: Content, public: Content) -> Payment:
        """The payment that ``alipay.trade.precreate`` or ``alipay.trade.wap.pay`` asks for. Refused."""
        if content.get("product_code", _PRODUCTS[method]) != _PRODUCTS[method]:
            raise _wrong("product_code")
        if content.get("seller_id", merchant_id) != merchant_id:
            raise _wrong("seller_id")
        if not content.get("subject"):
            raise _wrong("subject")
        now_us = self.trades.now_us
        try:
            order_id, order_number = read_passback(content.get("passback_params", ""))
        except ValueError:  # whoever keeps their orders otherwise
            order_id, order_number = "", ""
        expires = content.get("time_expire", "")
        payment = Payment(
            merchant_id=merchant_id,
            payment_id=_number(content, "out_trade_no"),
            cashier_token=new_token(),
            reference=f"{china_time_us(now_us)[:10].replace('-', '')}2200140{secrets.randbelow(10**13):013d}",
            order_id=order_id,
            order_number=order_number,
            amount=_amount(content, "total_amount"),
            subject_zh=content["subject"],
            subject_en=content["subject"],
            return_url=public.get("return_url", ""),
            notify_url=public.get("notify_url", ""),
            created_us=now_us,
            expires_us=micros(read_china_time(expires)) if expires else now_us + _EXPIRES_US,
            code=CODE_PREFIX + secrets.token_hex(13) if method == "alipay.trade.precreate" else "",
        )
        asked = [method, sorted(content.items()), payment.notify_url, payment.return_url]
        return self.trades.begin(payment, json.dumps(asked))

    def _precreate(self, merchant_id: str, content: Content, public: Content) -> dict[str, Any]:
        payment = self.begin(merchant_id, "alipay.trade.precreate", content, public)
        if payment.status in {"succeeded", "closed"}:
            raise Refused(409, f"payment_{payment.status}")
        return done(out_trade_no=payment.payment_id, qr_code=payment.code)

    def _query(self, merchant_id: str, content: Content, _: Content) -> dict[str, Any]:
        payment = self._trade(merchant_id, content)
        total = yuan(payment.amount)
        paid = payment.status == "succeeded"
        return done(
            trade_no=payment.reference,
            out_trade_no=payment.payment_id,
            trade_status=self.trades.state(payment),
            total_amount=total,
            receipt_amount=total if paid else "0.00",
            buyer_pay_amount=total if paid else "0.00",
            invoice_amount=total if paid else "0.00",
            point_amount="0.00",
            buyer_user_id=BUYER,
            buyer_logon_id="san***@sandbox.example",
            passback_params=passback(payment.order_id, payment.order_number) if payment.order_id else "",
            send_pay_date=china_time_us(payment.decided_us) if paid else "",
        )

    def _close(self, merchant_id: str, content: Content, _: Content) -> dict[str, Any]:
        payment = self.trades.shut(merchant_id, self._trade(merchant_id, content).payment_id)
        return done(trade_no=payment.reference, out_trade_no=payment.payment_id)

    def _cancel(self, merchant_id: str, content: Content, _: Content) -> dict[str, Any]:
        payment, action = self.trades.revoke(merchant_id, _number(content, "out_trade_no"))
        trade_no = payment.reference if action else ""
        return done(trade_no=trade_no, out_trade_no=payment.payment_id, retry_flag="N", action=action)

    def _refund(self, merchant_id: str, content: Content, _: Content) -> dict[str, Any]:
        payment = self._trade(merchant_id, content)
        amount = _amount(content, "refund_amount")
        moved = self.trades.give_back(payment, _number(content, "out_request_no"), amount)
        return done(
            trade_no=payment.reference,
            out_trade_no=payment.payment_id,
            buyer_user_id=BUYER,
            fund_change="Y" if moved else "N",
            refund_fee=yuan(self.trades.refunded(payment)),
            gmt_refund_pay=china_time_us(self.trades.now_us),
        )

    def _refund_query(self, merchant_id: str, content: Content, _: Content) -> dict[str, Any]:
        payment = self._trade(merchant_id, content)
        request_no = _number(content, "out_request_no")
        try:
            refund = self.trades.find_refund(merchant_id, self.trades.refund_id(payment.payment_id, request_no))
        except Refused:
            return done()
        return done(
            trade_no=payment.reference,
            out_trade_no=payment.payment_id,
            out_request_no=request_no,
            total_amount=yuan(payment.amount),
            refund_amount=yuan(refund.amount),
            refund_status="REFUND_SUCCESS",
        )

    def _bill(self, merchant_id: str, content: Content, _: Content) -> dict[str, Any]:
        if content.get("bill_type") != "trade":
            raise _wrong("bill_type")
        try:
            day = date.fromisoformat(content.get("bill_date", ""))
        except ValueError:
            raise _wrong("bill_date") from None
        if day > from_micros(self.trades.now_us).astimezone(CHINA).date():
            raise Refused(404, "bill_unknown")
        secret = new_token()
        self.files[secret] = (merchant_id, day)
        query = f"bizType=trade&userId={merchant_id}&fileType=csv.zip&bizDates={day:%Y%m%d}&fileId={secret}"
        return done(bill_download_url=f"{self.base_url}/downloadBillFile.resource?{query}")

    def _trade(self, merchant_id: str, content: Content) -> Payment:
        """The trade that is named; Alipay's own number goes before the merchant's."""
        if trade_no := content.get("trade_no"):
            payment_id = self.trades.find_reference(merchant_id, trade_no).payment_id
        else:
            payment_id = _number(content, "out_trade_no")
        return self.trades.trade(merchant_id, payment_id)


def day_us(day: date) -> tuple[int, int]:
    """A day in China: from when, until when (microseconds since 1970 UTC)."""
    start = read_china_time(f"{day.isoformat()} 00:00:00")
    return micros(start), micros(start + timedelta(days=1))


def _number(content: Content, name: str) -> str:
    number = content.get(name, "")
    if not (0 < len(number) <= 64 and number.isascii() and number.replace("_", "").replace("-", "").isalnum()):
        raise _wrong(name)
    return number


def _amount(content: Content, name: str) -> Money:
    try:
        amount = read_yuan(content.get(name, ""))
    except ValueError:
        raise _wrong(name) from None
    if amount.amount_minor <= 0 or amount.currency != CURRENCY:
        raise _wrong(name)
    return amount


def _wrong(name: str) -> Refused:
    return Refused(422, "parameter_invalid", name)
