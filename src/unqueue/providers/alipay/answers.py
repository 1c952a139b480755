"""What Alipay's answers and notifications mean. Pure."""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from unqueue.providers.alipay import signing
from unqueue.providers.alipay.messages import STATES, read_passback, read_yuan
from unqueue.providers.port import (
    Notification,
    NotificationRefused,
    ProviderRefused,
    ProviderState,
    ProviderUnavailable,
    RefundNotification,
    RefundState,
)

_DONE = "10000"
_TEMPORARY_CODES = frozenset({"10003", "20000", "40005"})
"""Under way; the service does not answer; asked too often."""
_TEMPORARY_ENDS = ("SYSTEM_ERROR", "unknow-error", "call-limited")
"""How the detailed codes of the same kind end; ``unknow`` is Alipay's own spelling."""


def believe(body: bytes, method: str, key: RSAPublicKey) -> dict[str, Any]:
    """What an answer says, if Alipay signed it; ProviderUnavailable else."""
    try:
        answer = signing.read_answer(body, method)
    except signing.Malformed as error:
        raise ProviderUnavailable("answer_malformed", str(error)) from None
    if not signing.verify(key, answer.signature, answer.text):
        # The gateway leaves answers to unknown applications unsigned: the detail helps who sets it up, no more.
        says = text_of(answer.content, "sub_code") or text_of(answer.content, "code")
        raise ProviderUnavailable("answer_unverified", f"it says {says[:60]}")
    return answer.content


def judge(content: dict[str, Any]) -> dict[str, Any]:
    """The same, where it was done as asked. ProviderRefused where not, ProviderUnavailable where it may yet be."""
    code, sub_code = text_of(content, "code"), text_of(content, "sub_code")
    if code == _DONE:
        return content
    detail = text_of(content, "sub_msg") or text_of(content, "msg")
    if code in _TEMPORARY_CODES or sub_code.endswith(_TEMPORARY_ENDS):
        raise ProviderUnavailable(sub_code or code, detail)
    raise ProviderRefused(sub_code or code or "answer_malformed", detail)


def state_of(content: Mapping[str, Any], *, recorded: bool) -> ProviderState:
    """What became of a trade. ``recorded``: the store has it in its books.

    A closed trade that has a ``send_pay_date`` was paid and all of it given back. To a store that recorded the payment
    it is still one that succeeded; a store that never did must not sell for money that has gone back, whoever did that
    (a revocation, or staff on Alipay's own pages): it is told that the trade is closed.
    """
    status = STATES.get(text_of(content, "trade_status"))
    if status is None:
        raise ProviderUnavailable("answer_malformed", "no trade_status that is known")
    reference = text_of(content, "trade_no")
    try:
        amount = read_yuan(text_of(content, "total_amount"))
    except ValueError as error:
        raise ProviderUnavailable("answer_malformed", str(error)) from None
    try:
        order_id = read_passback(text_of(content, "passback_params"))[0]
    except ValueError:  # the answer need not name it
        order_id = ""
    if status == "closed":
        if not (recorded and text_of(content, "send_pay_date")):
            return ProviderState("closed", None, order_id, reference)
        status = "succeeded"
    return ProviderState(status, amount, order_id, reference)


def refund_of(content: Mapping[str, Any], attempt_id: str, refund_id: str) -> RefundState:
    """What became of a refund. Where the answer says nothing of it, it was not received, or it failed."""
    if text_of(content, "refund_status") != "REFUND_SUCCESS":
        return RefundState("unknown")
    if content.get("out_trade_no") != attempt_id or content.get("out_request_no") != refund_id:
        raise ProviderUnavailable("answer_mismatch", "the answer is about another refund")
    try:
        amount = read_yuan(text_of(content, "refund_amount"))
    except ValueError as error:
        raise ProviderUnavailable("answer_malformed", str(error)) from None
    return RefundState("succeeded", amount, text_of(content, "trade_no"))


def notification_of(fields: Mapping[str, str]) -> Notification | RefundNotification:
    """What an authentic, fresh notification tells. NotificationRefused where it is not about a trade of ours.

    A refund is told with the trade's state (``TRADE_SUCCESS``, or ``TRADE_CLOSED`` once all is given back), its number
    in ``out_biz_no`` and the sum of all refunds in ``refund_fee``; a trade that nobody paid has a ``refund_fee`` of 0.
    """
    try:
        status = STATES[fields["trade_status"]]
        refunded = read_yuan(fields.get("refund_fee", "0"))
        if refunded.amount_minor > 0 and (refund_id := fields.get("out_biz_no")):
            return RefundNotification(
                refund_id=refund_id, attempt_id=fields["out_trade_no"], merchant_id=fields["seller_id"]
            )
        order_id, order_number = read_passback(fields["passback_params"])
        return Notification(
            attempt_id=fields["out_trade_no"],
            merchant_id=fields["seller_id"],
            order_id=order_id,
            order_number=order_number,
            status=status,
            amount=read_yuan(fields["total_amount"]),
            reference=fields["trade_no"],
        )
    except (KeyError, ValueError):
        raise NotificationRefused("body_malformed") from None


def text_of(content: Mapping[str, Any], name: str) -> str:
    """A member that is a text; empty where it is not there, or something else."""
    value = content.get(name)
    return value if isinstance(value, str) else ""
