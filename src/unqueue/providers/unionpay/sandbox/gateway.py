"""What the gateway does: checks who asks, keeps the books, and words its answers and notifications."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Literal
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from unqueue.kernel.ids import new_id, new_token
from unqueue.kernel.money import Money
from unqueue.providers.sandbox_kit import model
from unqueue.providers.sandbox_kit.book import Book, Telling
from unqueue.providers.sandbox_kit.model import Payment, Refund, Refused
from unqueue.providers.sandbox_kit.notifier import Sealed, Sending
from unqueue.providers.sandbox_kit.store import Waiting
from unqueue.providers.unionpay import messages, signing
from unqueue.providers.unionpay.messages import Malformed
from unqueue.providers.unionpay.sandbox.authority import Identity
from unqueue.providers.unionpay.signing import Signer, Unverified

RESPONSES: Mapping[str, str] = {
    "00": "成功[0000000]",
    "01": "交易失败[0100001]",
    "05": "交易已受理，请稍后查询交易结果[6154037]",
    "10": "报文格式错误[1000001]",
    "11": "验证签名失败[1100001]",
    "12": "重复交易[1200001]",
    "34": "查无此交易[2600000]",
    "35": "原交易状态不正确[3500001]",
    "36": "与原交易信息不符[3600001]",
}
"""``respCode`` → ``respMsg``. The digits in brackets of those that were seen are the real ones."""

_REFUSALS: Mapping[str, str] = {
    "payment_conflict": "12",
    "refund_conflict": "12",
    "amount_invalid": "10",
    "refund_amount_invalid": "10",
    "expired": "10",
    "payment_unknown": "36",
    "payment_not_succeeded": "35",
    "refund_exceeds_payment": "36",
}
_WEEK_US = 7 * 86_400_000_000
_ECHOED = ("accessType", "bizType", "encoding", "merId", "orderId", "txnSubType", "txnTime", "txnType", "version")
Fields = dict[str, str]


class Answered(Exception):
    """The gateway says no: ``code`` is its ``respCode``."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class Gateway:
    """The gateway's side of the protocol. ``merchants`` are the public keys by ``(merId, certId)``."""

    def __init__(self, identity: Identity, merchants: Mapping[tuple[str, str], RSAPublicKey], *, lag_s: float) -> None:
        self._pem = identity.pem
        self._signer = Signer(identity.key, identity.certificate)
        self._certificate = identity.certificate
        self._merchants = merchants
        self._lag_us = int(lag_s * 1_000_000)

    def read(self, body: bytes) -> Fields:
        """A merchant's request, once its signature is checked. Malformed for bytes that are no form."""
        fields = messages.parse_form(body)
        key = self._merchants.get((fields.get("merId", ""), fields.get("certId", "")))
        if key is None:
            raise Answered("11")
        try:
            signing.verify(fields, key)
        except Unverified:
            raise Answered("11") from None
        if any(not fields.get(name) for name in _ECHOED):
            raise Answered("10")
        return fields

    def answer(self, asked: Mapping[str, str], code: str, said: Mapping[str, str] | None = None) -> bytes:
        """A signed answer: what was asked, the code, and what there is to say."""
        echoed = {name: asked[name] for name in _ECHOED if name in asked}
        result = {"respCode": code, "respMsg": RESPONSES[code]}
        return messages.answer_body(self._signed(echoed | result | dict(said or {})))

    def begin(self, book: Book, asked: Fields, subject: tuple[str, str]) -> Payment:
        """The payment of a shopper who comes with a merchant's form."""
        if asked["txnType"] != messages.CONSUME or not asked.get("frontUrl") or not asked.get("backUrl"):
            raise Answered("10")
        now_us = book.now_us
        try:
            expires_us = messages.transaction_time_us(asked["txnTime"]) + _WEEK_US
            if "payTimeout" in asked:
                expires_us = messages.transaction_time_us(asked["payTimeout"])
        except Malformed:
            raise Answered("10") from None
        reserved = messages.reserved_of(asked)
        payment = Payment(
            merchant_id=asked["merId"],
            payment_id=asked["orderId"],
            cashier_token=new_token(),
            reference=_query_id(asked["txnTime"]),
            order_id=reserved.order_id if reserved else "",
            order_number=reserved.order_number if reserved else asked["orderId"],
            amount=_amount(asked),
            subject_zh=subject[0],
            subject_en=subject[1],
            return_url=asked["frontUrl"],
            notify_url="" if asked["backUrl"] == messages.NO_NOTIFICATION else asked["backUrl"],
            created_us=now_us,
            expires_us=expires_us,
            details={name: asked[name] for name in (*_ECHOED, "currencyCode", "reqReserved") if name in asked},
        )
        unsigned = {name: value for name, value in asked.items() if name != "signature"}
        try:
            return book.open(payment, sha256(messages.signed_text(unsigned)).hexdigest())
        except Refused as error:
            raise Answered(_REFUSALS[error.code]) from None

    def tell_of(self, book: Book, asked: Fields) -> Fields:
        """What became of a purchase, a refund or a reversal; Answered("34") for what was never heard of."""
        merchant_id, order_id = asked["merId"], asked["orderId"]
        try:
            payment = book.find(merchant_id, order_id)
            if payment.details["txnTime"] == asked["txnTime"]:
                return purchase(payment) | _original(self._code_of(payment, book.now_us))
        except Refused:
            pass
        try:
            refund = book.find_refund(merchant_id, order_id)
        except Refused:
            raise Answered("34") from None
        if refund.details["txnTime"] != asked["txnTime"]:
            raise Answered("34")
        arrived = model.refund_status_at(refund, book.now_us) == "succeeded"
        return returned(refund) | _original("00" if arrived else "05")

    def give_back(self, book: Book, asked: Fields) -> Fields:
        """A refund or a reversal: accepted, and done unless something speaks against it."""
        if asked["txnType"] not in {messages.REFUND, messages.REVERSAL} or not asked.get("backUrl"):
            raise Answered("10")
        merchant_id, amount = asked["merId"], _amount(asked)
        try:
            payment = book.find_reference(merchant_id, asked.get("origQryId", ""))
            if book.store.refund(merchant_id, asked["orderId"]) or book.store.payment(merchant_id, asked["orderId"]):
                raise Answered("12")
            if asked["txnType"] == messages.REVERSAL:
                _check_reversal(book, payment, amount)
            refund = book.refund(
                Refund(
                    merchant_id=merchant_id,
                    payment_id=payment.payment_id,
                    refund_id=asked["orderId"],
                    reference=_query_id(asked["txnTime"]),
                    amount=amount,
                    created_us=0,
                    settles_us=0,
                    notify_url="" if asked["backUrl"] == messages.NO_NOTIFICATION else asked["backUrl"],
                    details={name: asked[name] for name in (*_ECHOED, "origQryId", "reqReserved") if name in asked},
                )
            )
        except Refused as error:
            raise Answered(_REFUSALS[error.code]) from None
        return returned(refund)

    def way_back(self, payment: Payment) -> Fields:
        """The form with which the shopper's browser goes back to the store (``frontUrl``)."""
        code = {"succeeded": "00", "failed": "01"}.get(payment.status, "05")
        return self._signed(purchase(payment) | {"respCode": code, "respMsg": RESPONSES[code]})

    def telling(self) -> Telling:
        """The gateway tells of money that moved, and of nothing else."""

        def of_payment(payment: Payment) -> bytes | None:
            return None if payment.status != "succeeded" else _told(purchase(payment))

        def of_refund(refund: Refund, payment: Payment) -> bytes | None:
            del payment
            return _told(returned(refund))

        return Telling(of_payment, of_refund)

    def sending(self) -> Sending:
        """Signed anew for each try; acknowledged by the status alone."""

        def seal(waiting: Waiting, now_us: int) -> Sealed:
            del now_us
            fields = self._signed(json.loads(waiting.body), self._forger() if waiting.forged else self._signer)
            headers = {"content-type": "application/x-www-form-urlencoded"}
            return Sealed(headers, urlencode(fields).encode())

        return Sending(seal, lambda answer: answer.status_code == httpx.codes.OK)

    def _forger(self) -> Signer:
        """Someone who has the gateway's certificate, as everybody has, and not its key."""
        return Signer(rsa.generate_private_key(public_exponent=65537, key_size=2048), self._certificate)

    def _signed(self, fields: Mapping[str, str], signer: Signer | None = None) -> Fields:
        whole = dict(fields) | {"signMethod": messages.SIGN_METHOD_RSA, "signPubKeyCert": self._pem}
        return whole | {"signature": (signer or self._signer).sign(whole)}

    def _code_of(self, payment: Payment, now_us: int) -> Literal["00", "01", "05"]:
        if payment.status == "failed":
            return "01"
        lags = now_us < payment.decided_us + self._lag_us
        return "00" if payment.status == "succeeded" and not lags else "05"


def purchase(payment: Payment) -> Fields:
    """What there is to say of a purchase."""
    reserved = messages.reserved_of(payment.details)
    details = dict(payment.details)
    if reserved is not None:
        details["reqReserved"] = f"{payment.order_id}|{payment.order_number}|{reserved.pay_timeout}"
    amount = str(payment.amount.amount_minor)
    settled = {"settleAmt": amount, "settleCurrencyCode": "156"} if payment.status == "succeeded" else {}
    traced = _traced(payment.reference, payment.decided_us or payment.created_us)
    return details | settled | traced | {"txnAmt": amount}


def returned(refund: Refund) -> Fields:
    """What there is to say of a refund or a reversal."""
    traced = _traced(refund.reference, refund.created_us)
    return dict(refund.details) | traced | {"txnAmt": str(refund.amount.amount_minor)}


def _traced(query_id: str, at_us: int) -> Fields:
    """The gateway's own numbers of a transaction."""
    time = messages.transaction_time(at_us)[4:]
    day = messages.clearing_day(at_us)[4:]
    return {"queryId": query_id, "traceNo": query_id[-6:], "traceTime": time, "settleDate": day}


def _told(fields: Fields) -> bytes:
    return json.dumps(fields | {"respCode": "00", "respMsg": RESPONSES["00"]}, ensure_ascii=False).encode()


def _original(code: str) -> Fields:
    return {"origRespCode": code, "origRespMsg": RESPONSES[code]}


def _check_reversal(book: Book, payment: Payment, amount: Money) -> None:
    """All of it, on its clearing day, and nothing given back before."""
    same_day = messages.clearing_day(payment.decided_us) == messages.clearing_day(book.now_us)
    if not same_day or book.refunded(payment).amount_minor:
        raise Answered("35")
    if amount != payment.amount:
        raise Answered("36")


def _amount(asked: Mapping[str, str]) -> Money:
    text = asked.get("txnAmt", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) > 0):
        raise Answered("10")
    currency = messages.CURRENCIES.get(asked.get("currencyCode", "156"))
    if currency is None:
        raise Answered("10")
    return Money(int(text), currency)


def _query_id(txn_time: str) -> str:
    """21 digits, as the gateway's own numbers have; they hold the time, too."""
    return f"{txn_time[2:]}{int(new_id(), 16) % 10**9:09d}"
