"""What WeChat Pay does for a merchant, in its own words, over the sandbox's books."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.ids import new_id, new_token
from unqueue.kernel.money import Money
from unqueue.providers.sandbox_kit import model
from unqueue.providers.sandbox_kit.book import Book
from unqueue.providers.sandbox_kit.model import Payment, Refused
from unqueue.providers.sandbox_kit.model import Refund as BookedRefund
from unqueue.providers.wechat_pay.sandbox.options import Options

CHINA = timezone(timedelta(hours=8))
EXPIRES_US = 7 * 24 * 3600 * 1_000_000
"""An order without ``time_expire`` can be paid for seven days."""
STATES = {"pending": "NOTPAY", "succeeded": "SUCCESS", "failed": "PAYERROR", "closed": "CLOSED"}
STATE_TEXTS = {
    "NOTPAY": "订单未支付",
    "SUCCESS": "支付成功",
    "PAYERROR": "支付失败",
    "CLOSED": "订单已关闭",
    "REFUND": "订单发生过退款",
}
REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "payment_unknown": (404, "ORDER_NOT_EXIST", "订单不存在"),
    "payment_conflict": (403, "OUT_TRADE_NO_USED", "商户订单号重复"),
    "amount_invalid": (400, "PARAM_ERROR", "amount.total 无效"),
    "expired": (400, "PARAM_ERROR", "time_expire 已过"),
    "payment_not_succeeded": (400, "INVALID_REQUEST", "订单未支付，不能退款"),
    "refund_conflict": (400, "INVALID_REQUEST", "退款单号已用于另一笔退款"),
    "refund_amount_invalid": (400, "PARAM_ERROR", "amount.refund 无效"),
    "refund_exceeds_payment": (403, "NOT_ENOUGH", "退款金额超过订单可退金额"),
    "refund_unknown": (404, "RESOURCE_NOT_EXISTS", "退款单不存在"),
}
"""The books' refusals → HTTP status, ``code`` and ``message``."""

Number = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_\-|*]+$", min_length=6, max_length=32)]
RefundNumber = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_\-|*@]+$", min_length=1, max_length=64)]
NotifyUrl = Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+[^\s?#]*$", max_length=255)]


class AskedAmount(msgspec.Struct, frozen=True):
    total: Annotated[int, Meta(ge=1)]
    currency: str = "CNY"


class H5Info(msgspec.Struct, frozen=True):
    type: Annotated[str, Meta(min_length=1, max_length=32)]


class Scene(msgspec.Struct, frozen=True):
    payer_client_ip: Annotated[str, Meta(min_length=2, max_length=45)]
    h5_info: H5Info | None = None


class Payer(msgspec.Struct, frozen=True):
    openid: Annotated[str, Meta(min_length=1, max_length=128)]


class OrderAsked(msgspec.Struct, frozen=True, kw_only=True):
    """``POST /v3/pay/transactions/{native,h5,jsapi}``."""

    appid: str
    mchid: str
    description: Annotated[str, Meta(min_length=1, max_length=127)]
    out_trade_no: Number
    notify_url: NotifyUrl
    amount: AskedAmount
    time_expire: Annotated[datetime, Meta(tz=True)] | None = None
    attach: Annotated[str, Meta(max_length=128)] = ""
    scene_info: Scene | None = None
    payer: Payer | None = None


class RefundAskedAmount(msgspec.Struct, frozen=True):
    refund: Annotated[int, Meta(ge=1)]
    total: Annotated[int, Meta(ge=1)]
    currency: str


class RefundAsked(msgspec.Struct, frozen=True, kw_only=True):
    """``POST /v3/refund/domestic/refunds``."""

    out_refund_no: RefundNumber
    amount: RefundAskedAmount
    transaction_id: str = ""
    out_trade_no: str = ""
    notify_url: NotifyUrl | None = None
    reason: str = ""


class CloseAsked(msgspec.Struct, frozen=True):
    mchid: str


class Orders:
    """The merchant's orders. Raises Refused with WeChat Pay's own codes and statuses."""

    def __init__(self, book: Book, options: Options) -> None:
        self.book = book
        self._merchant_id = options.merchant_id
        self._app_id = options.app_id
        # The one shopper of the sandbox, as this merchant's app knows them.
        self.openid = "o" + hashlib.sha256(options.app_id.encode()).hexdigest()[:27]

    def create(self, product: str, body: bytes) -> dict[str, str]:
        """Make an order known to Native, H5 or JSAPI; again the same is the same order."""
        asked = msgspec.json.decode(body, type=OrderAsked)
        self._check(product, asked)
        request_hash = hashlib.sha256(product.encode() + b"\n" + msgspec.json.encode(asked)).hexdigest()
        payment = self.book.open(self._payment(product, asked), request_hash)
        if payment.status == "succeeded":
            raise Refused(400, "ORDERPAID", "订单已支付")
        if payment.status != "pending":
            raise Refused(400, "ORDER_CLOSED", "订单已关闭")
        if product == "native":
            return {"code_url": payment.code}
        if product == "jsapi":
            return {"prepay_id": payment.details["prepay_id"]}
        query = f"prepay_id={payment.details['prepay_id']}&package={payment.details['package']}"
        return {"h5_url": f"{self.book.public_url}/cgi-bin/mmpayweb-bin/checkmweb?{query}"}

    def find(self, out_trade_no: str, merchant_id: str) -> dict[str, Any]:
        self._check_merchant(merchant_id)
        return self.transaction(self.book.find(self._merchant_id, out_trade_no))

    def find_transaction(self, transaction_id: str, merchant_id: str) -> dict[str, Any]:
        self._check_merchant(merchant_id)
        return self.transaction(self.book.find_reference(self._merchant_id, transaction_id))

    def close(self, out_trade_no: str, body: bytes) -> None:
        self._check_merchant(msgspec.json.decode(body, type=CloseAsked).mchid)
        if self.book.close(self._merchant_id, out_trade_no).status == "succeeded":
            raise Refused(400, "ORDERPAID", "订单已支付，不能关闭")

    def refund(self, body: bytes) -> dict[str, Any]:
        """Give money back; the same ``out_refund_no`` is the same refund."""
        asked = msgspec.json.decode(body, type=RefundAsked)
        if asked.transaction_id:
            payment = self.book.find_reference(self._merchant_id, asked.transaction_id)
        else:
            payment = self.book.find(self._merchant_id, asked.out_trade_no)
        if asked.amount.total != payment.amount.amount_minor:
            raise Refused(400, "PARAM_ERROR", "amount.total 与原订单不符")
        made = self.book.refund(
            BookedRefund(
                merchant_id=self._merchant_id,
                payment_id=payment.payment_id,
                refund_id=asked.out_refund_no,
                reference="503" + _digits(25),
                amount=Money(asked.amount.refund, asked.amount.currency),
                created_us=0,
                settles_us=0,
                notify_url=asked.notify_url or "",
            )
        )
        return self._refund(made, payment)

    def find_refund(self, out_refund_no: str) -> dict[str, Any]:
        refund = self.book.find_refund(self._merchant_id, out_refund_no)
        return self._refund(refund, self.book.find(self._merchant_id, refund.payment_id))

    def transaction(self, payment: Payment) -> dict[str, Any]:
        """An order as queries and notifications tell it."""
        status = model.status_at(payment, self.book.now_us)
        state = STATES[status]
        if status == "succeeded" and self.book.refunded(payment).amount_minor:
            state = "REFUND"
        facts: dict[str, Any] = {
            "appid": self._app_id,
            "mchid": self._merchant_id,
            "out_trade_no": payment.payment_id,
            "attach": _attach(payment),
            "trade_state": state,
            "trade_state_desc": STATE_TEXTS[state],
            "promotion_detail": [],
        }
        if status == "succeeded":
            total, currency = payment.amount.amount_minor, payment.amount.currency
            facts |= {
                "transaction_id": payment.reference,
                "trade_type": payment.details["trade_type"],
                "bank_type": "OTHERS",
                "success_time": _time(payment.decided_us),
                "payer": {"openid": self.openid},
                "amount": {"total": total, "payer_total": total, "currency": currency, "payer_currency": currency},
            }
        return facts

    def told_of(self, refund: BookedRefund, payment: Payment) -> dict[str, Any]:
        """A refund as its notification tells it."""
        return {
            "mchid": self._merchant_id,
            "out_trade_no": refund.payment_id,
            "transaction_id": payment.reference,
            "out_refund_no": refund.refund_id,
            "refund_id": refund.reference,
            "refund_status": "SUCCESS",
            "success_time": _time(refund.settles_us),
            "user_received_account": "支付用户零钱",
            "amount": {
                "total": payment.amount.amount_minor,
                "refund": refund.amount.amount_minor,
                "payer_total": payment.amount.amount_minor,
                "payer_refund": refund.amount.amount_minor,
            },
        }

    def _refund(self, refund: BookedRefund, payment: Payment) -> dict[str, Any]:
        settled = model.refund_status_at(refund, self.book.now_us) == "succeeded"
        amount, total = refund.amount.amount_minor, payment.amount.amount_minor
        return {
            "refund_id": refund.reference,
            "out_refund_no": refund.refund_id,
            "transaction_id": payment.reference,
            "out_trade_no": payment.payment_id,
            "channel": "ORIGINAL",
            "user_received_account": "支付用户零钱",
            "create_time": _time(refund.created_us),
            "status": "SUCCESS" if settled else "PROCESSING",
            **({"success_time": _time(refund.settles_us)} if settled else {}),
            "funds_account": "UNSETTLED",
            "amount": {
                "total": total,
                "refund": amount,
                "payer_total": total,
                "payer_refund": amount,
                "settlement_refund": amount,
                "settlement_total": total,
                "discount_refund": 0,
                "currency": refund.amount.currency,
                "from": [],
            },
        }

    def _check(self, product: str, asked: OrderAsked) -> None:
        if (asked.appid, asked.mchid) != (self._app_id, self._merchant_id):
            raise Refused(400, "APPID_MCHID_NOT_MATCH", "appid 与 mchid 不匹配")
        if asked.amount.currency != "CNY":
            raise Refused(400, "PARAM_ERROR", "境内商户号只支持 CNY")
        if product == "h5" and (asked.scene_info is None or asked.scene_info.h5_info is None):
            raise Refused(400, "PARAM_ERROR", "缺少 scene_info.h5_info")
        if product == "jsapi" and (asked.payer is None or asked.payer.openid != self.openid):
            raise Refused(400, "PARAM_ERROR", "appid 与 openid 不匹配")

    def _check_merchant(self, merchant_id: str) -> None:
        if merchant_id != self._merchant_id:
            raise Refused(400, "PARAM_ERROR", "mchid 与签名的商户号不一致")

    def _payment(self, product: str, asked: OrderAsked) -> Payment:
        now_us = self.book.now_us
        prepay_id = "wx" + from_micros(now_us).astimezone(CHINA).strftime("%d%H%M%S%f") + new_id()[:20]
        order_id, _, order_number = asked.attach.partition(",")
        return Payment(
            merchant_id=self._merchant_id,
            payment_id=asked.out_trade_no,
            cashier_token=new_token(),
            reference="42000" + _digits(23),
            order_id=order_id,
            order_number=order_number or asked.out_trade_no,
            amount=Money(asked.amount.total, asked.amount.currency),
            subject_zh=asked.description,
            subject_en=asked.description,
            return_url="",
            notify_url=asked.notify_url,
            created_us=now_us,
            expires_us=now_us + EXPIRES_US if asked.time_expire is None else micros(asked.time_expire),
            code=f"weixin://wxpay/bizpayurl?pr={new_token()[:9]}" if product == "native" else f"prepay_id={prepay_id}",
            details={
                "trade_type": {"native": "NATIVE", "h5": "MWEB", "jsapi": "JSAPI"}[product],
                "prepay_id": prepay_id,
                "package": _digits(10),
                "attach": asked.attach,
            },
        )


def _attach(payment: Payment) -> str:
    """What the merchant wrote into the order; a wrong order's, where a tester asked for that."""
    attach = payment.details["attach"]
    order_id, _, order_number = attach.partition(",")
    return f"{payment.order_id},{payment.order_number}" if order_id and order_number else attach


def _time(at_us: int) -> str:
    """RFC 3339 in China's time zone, as WeChat Pay writes it."""
    return from_micros(at_us).astimezone(CHINA).isoformat(timespec="seconds")


def _digits(count: int) -> str:
    return f"{secrets.randbelow(10**count):0{count}d}"
