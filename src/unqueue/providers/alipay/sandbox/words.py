"""What the sandbox says as Alipay does: answers, notifications, and the address that the browser returns to."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from unqueue.kernel.clock import from_micros
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.providers.alipay import signing
from unqueue.providers.alipay.messages import CURRENCY, china_time, china_time_us, passback, yuan
from unqueue.providers.sandbox_kit.book import Telling
from unqueue.providers.sandbox_kit.model import Payment, Refund, Refused
from unqueue.providers.sandbox_kit.notifier import Sealed, Sending
from unqueue.providers.sandbox_kit.pages import WayBack
from unqueue.providers.sandbox_kit.store import BookStore, Waiting

BUYER = "2088102122000001"
_FORM = "application/x-www-form-urlencoded; charset=utf-8"
_BUSINESS_FAILED: Mapping[str, tuple[str, str]] = {
    "payment_unknown": ("ACQ.TRADE_NOT_EXIST", "交易不存在"),
    "payment_conflict": ("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"),
    "payment_succeeded": ("ACQ.TRADE_HAS_SUCCESS", "交易已被支付"),
    "payment_closed": ("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"),
    "payment_decided": ("ACQ.TRADE_STATUS_ERROR", "交易状态不合法"),
    "payment_not_succeeded": ("ACQ.TRADE_STATUS_ERROR", "交易状态不合法"),
    "refund_conflict": ("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求"),
    "refund_exceeds_payment": ("ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额无效"),
    "bill_unknown": ("isp.bill_not_exist", "账单不存在"),
}


class GatewayRefused(Exception):
    """The gateway refuses a request before anybody looks at what it wants."""

    def __init__(self, code: str, message: str, sub_code: str, sub_message: str) -> None:
        self.content = {"code": code, "msg": message, "sub_code": sub_code, "sub_msg": sub_message}
        super().__init__(sub_code)


def invalid(sub_code: str, sub_message: str) -> GatewayRefused:
    """A parameter that is there, and wrong."""
    return GatewayRefused("40002", "Invalid Arguments", sub_code, sub_message)


def done(**content: Any) -> dict[str, Any]:
    """The content of an answer to what was done; members without a value are left out."""
    said = {name: value for name, value in content.items() if value != ""}
    return {"code": "10000", "msg": "Success", **said}


def failed(refused: Refused) -> dict[str, Any]:
    """The content of an answer to what Alipay won't do."""
    sub_code, sub_message = _BUSINESS_FAILED.get(refused.code, ("ACQ.INVALID_PARAMETER", "参数无效"))
    return {"code": "40004", "msg": "Business Failed", "sub_code": sub_code, "sub_msg": sub_message}


def answer(member: str, content: Mapping[str, Any], key: RSAPrivateKey | None) -> bytes:
    """The body of an answer, with slashes escaped as Alipay does; unsigned without a key."""
    text = _json(content)
    signature = f',"sign":{_json(signing.sign(key, text))}' if key is not None else ""
    return f'{{"{member}":{text}{signature}}}'.encode()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")


def telling(app_of: Mapping[str, str], store: BookStore) -> Telling:
    """Which notifications there are: of payments, closings and refunds. ``app_of`` is each merchant's application."""

    def payment(told: Payment) -> bytes | None:
        if told.status == "succeeded":
            fields = {"trade_status": "TRADE_SUCCESS", "gmt_payment": china_time_us(told.decided_us)}
        elif told.status == "closed":
            fields = {
                "trade_status": "TRADE_CLOSED",
                "gmt_close": china_time_us(told.decided_us),
                "refund_fee": yuan(Money(0, CURRENCY)),
            }
        else:
            return None  # a trade that waits is not told of
        return urlencode({**_trade(told, app_of), **fields}).encode()

    def refund(made: Refund, told: Payment) -> bytes | None:
        given_back = Money(store.refunded_minor(told.merchant_id, told.payment_id), CURRENCY) + made.amount
        fields = {
            "trade_status": "TRADE_CLOSED" if given_back == told.amount else "TRADE_SUCCESS",
            "gmt_payment": china_time_us(told.decided_us),
            "gmt_refund": china_time_us(made.settles_us) + ".000",
            "refund_fee": yuan(given_back),
            "out_biz_no": made.details["out_request_no"],
        }
        return urlencode({**_trade(told, app_of), **fields}).encode()

    return Telling(payment, refund)


def _trade(payment: Payment, app_of: Mapping[str, str]) -> dict[str, str]:
    """What every notification tells of its trade."""
    app_id, total = app_of[payment.merchant_id], yuan(payment.amount)
    return {
        "notify_type": "trade_status_sync",
        "notify_id": new_id(),
        "charset": "utf-8",
        "version": "1.0",
        "app_id": app_id,
        "auth_app_id": app_id,
        "trade_no": payment.reference,
        "out_trade_no": payment.payment_id,
        "seller_id": payment.merchant_id,
        "buyer_id": BUYER,
        "buyer_logon_id": "san***@sandbox.example",
        "subject": payment.subject_zh,
        "total_amount": total,
        "receipt_amount": total,
        "invoice_amount": total,
        "buyer_pay_amount": total,
        "point_amount": "0.00",
        "fund_bill_list": json.dumps([{"amount": total, "fundChannel": "ALIPAYACCOUNT"}], separators=(",", ":")),
        "gmt_create": china_time_us(payment.created_us),
        "passback_params": passback(payment.order_id, payment.order_number),
    }


def sending(key: RSAPrivateKey, forger: RSAPrivateKey) -> Sending:
    """Each try has its own ``notify_time`` and signature, and the same ``notify_id``."""

    def seal(waiting: Waiting, now_us: int) -> Sealed:
        fields = dict(parse_qsl(waiting.body.decode(), keep_blank_values=True))
        fields["notify_time"] = china_time(from_micros(now_us))
        fields["sign_type"] = "RSA2"
        fields["sign"] = signing.sign(forger if waiting.forged else key, signing.notification_text(fields))
        return Sealed({"content-type": _FORM}, urlencode(fields).encode())

    def acknowledged(response: httpx.Response) -> bool:
        return response.status_code == 200 and response.content == b"success"

    return Sending(seal, acknowledged)


def way_back(payment: Payment, app_id: str, key: RSAPrivateKey, now_us: int) -> WayBack:
    """Where the browser goes: with signed parameters once it is paid; as it came where it is not."""
    if not payment.return_url or payment.status != "succeeded":
        return WayBack(payment.return_url)
    parameters = {
        "app_id": app_id,
        "auth_app_id": app_id,
        "charset": "utf-8",
        "method": "alipay.trade.wap.pay.return",
        "out_trade_no": payment.payment_id,
        "seller_id": payment.merchant_id,
        "sign_type": "RSA2",
        "timestamp": china_time_us(now_us),
        "total_amount": yuan(payment.amount),
        "trade_no": payment.reference,
        "version": "1.0",
    }
    parameters["sign"] = signing.sign(key, signing.notification_text(parameters))
    parts = urlsplit(payment.return_url)
    query = "&".join(part for part in (parts.query, urlencode(parameters)) if part)
    return WayBack(urlunsplit(parts._replace(query=query)))
