"""What Alipay's words mean to the store."""

from typing import Any

import pytest
from tests.support.alipay import GOLDEN

from unqueue.kernel.money import Money
from unqueue.providers.alipay import answers
from unqueue.providers.port import (
    Notification,
    NotificationRefused,
    ProviderRefused,
    ProviderState,
    ProviderUnavailable,
    RefundNotification,
    RefundState,
)

TRADE = {"trade_no": "2026", "out_trade_no": "a1", "total_amount": "12.90", "trade_status": "TRADE_SUCCESS"}
TOOK = Money(1290, "CNY")


@pytest.mark.parametrize(
    ("changes", "recorded", "state"),
    [
        ({}, False, ProviderState("succeeded", TOOK, "", "2026")),
        ({"trade_status": "TRADE_FINISHED"}, False, ProviderState("succeeded", TOOK, "", "2026")),
        ({"trade_status": "WAIT_BUYER_PAY"}, False, ProviderState("pending", TOOK, "", "2026")),
        ({"trade_status": "TRADE_CLOSED"}, True, ProviderState("closed", None, "", "2026")),
        ({"passback_params": "o1.104729389"}, False, ProviderState("succeeded", TOOK, "o1", "2026")),
        ({"passback_params": "somebody's own"}, False, ProviderState("succeeded", TOOK, "", "2026")),
    ],
)
def test_states(changes: dict[str, str], recorded: bool, state: ProviderState) -> None:
    assert answers.state_of({**TRADE, **changes}, recorded=recorded) == state


@pytest.mark.parametrize("over", GOLDEN["over"], ids=lambda over: over["name"])
def test_all_given_back_is_told_from_never_paid(over: dict[str, Any]) -> None:
    """Who recorded the payment hears that it was one; who did not must not sell for money that has gone back."""
    recorded = answers.state_of(over["content"], recorded=True)
    assert (recorded.status, recorded.amount) == ("succeeded", Money(10000, "CNY"))
    assert answers.state_of(over["content"], recorded=False).status == "closed"


@pytest.mark.parametrize(
    "changes", [{"trade_status": ""}, {"trade_status": "NEW"}, {"total_amount": "12.9.0"}, {"total_amount": 7}]
)
def test_half_an_answer_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable):
        answers.state_of({**TRADE, **changes}, recorded=False)


@pytest.mark.parametrize(
    ("content", "error", "code"),
    [
        ({"code": "40004", "sub_code": "ACQ.TRADE_NOT_EXIST"}, ProviderRefused, "ACQ.TRADE_NOT_EXIST"),
        ({"code": "40002", "sub_code": "isv.invalid-signature"}, ProviderRefused, "isv.invalid-signature"),
        ({"code": "40006"}, ProviderRefused, "40006"),
        ({"code": "40004", "sub_code": "ACQ.SYSTEM_ERROR"}, ProviderUnavailable, "ACQ.SYSTEM_ERROR"),
        ({"code": "40004", "sub_code": "aop.ACQ.SYSTEM_ERROR"}, ProviderUnavailable, "aop.ACQ.SYSTEM_ERROR"),
        ({"code": "20000", "sub_code": "isp.unknow-error"}, ProviderUnavailable, "isp.unknow-error"),
        ({"code": "40005", "sub_code": "isv.app-call-limited"}, ProviderUnavailable, "isv.app-call-limited"),
        ({"code": "10003"}, ProviderUnavailable, "10003"),
        ({}, ProviderRefused, "answer_malformed"),
    ],
)
def test_a_no_is_told_from_a_not_now(content: dict[str, Any], error: type[Exception], code: str) -> None:
    with pytest.raises(error) as raised:
        answers.judge(content)
    assert getattr(raised.value, "code", "") == code


REFUND = {"out_trade_no": "a1", "out_request_no": "r1", "trade_no": "2026", "refund_amount": "2.90"}


def test_refunds() -> None:
    done = {**REFUND, "refund_status": "REFUND_SUCCESS"}
    assert answers.refund_of(done, "a1", "r1") == RefundState("succeeded", Money(290, "CNY"), "2026")
    assert answers.refund_of({}, "a1", "r1") == RefundState("unknown")
    assert answers.refund_of(REFUND, "a1", "r1") == RefundState("unknown")
    for wrong in (
        {"out_request_no": "r2"},
        {"out_trade_no": "a2"},
        {"refund_amount": "2.901"},
        {"refund_amount": None},
    ):
        with pytest.raises(ProviderUnavailable):
            answers.refund_of({**done, **wrong}, "a1", "r1")


TOLD = {**TRADE, "seller_id": "2088", "passback_params": "o1.104729389"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "succeeded"),
        ({"trade_status": "TRADE_FINISHED"}, "succeeded"),
        ({"trade_status": "WAIT_BUYER_PAY"}, "pending"),
        ({"trade_status": "TRADE_CLOSED", "refund_fee": "0.00"}, "closed"),
        ({"out_biz_no": "r1"}, "succeeded"),
        ({"refund_fee": "2.90"}, "succeeded"),
    ],
)
def test_notifications(changes: dict[str, str], status: Any) -> None:
    assert answers.notification_of({**TOLD, **changes}) == Notification(
        attempt_id="a1",
        merchant_id="2088",
        order_id="o1",
        order_number="104729389",
        status=status,
        amount=TOOK,
        reference="2026",
    )


@pytest.mark.parametrize("closing", GOLDEN["closing"], ids=lambda closing: closing["name"])
def test_a_real_closing_is_no_refund(closing: dict[str, Any]) -> None:
    told = answers.notification_of({**closing["fields"], "passback_params": "o1.104729389"})
    assert isinstance(told, Notification)
    assert (told.status, told.amount) == ("closed", Money(200, "CNY"))


@pytest.mark.parametrize("trade_status", ["TRADE_SUCCESS", "TRADE_CLOSED"])
def test_refunds_are_told(trade_status: str) -> None:
    fields = {**TOLD, "trade_status": trade_status, "out_biz_no": "r1", "refund_fee": "2.90"}
    assert answers.notification_of(fields) == RefundNotification(refund_id="r1", attempt_id="a1", merchant_id="2088")


@pytest.mark.parametrize("name", sorted(TOLD))
def test_a_notification_that_lacks_a_field_is_refused(name: str) -> None:
    with pytest.raises(NotificationRefused):
        answers.notification_of({field: value for field, value in TOLD.items() if field != name})
