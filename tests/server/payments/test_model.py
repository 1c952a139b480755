"""The rules of payments as tables."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.kernel.money import Money
from unqueue.providers.port import Notification, ProviderState
from unqueue.server.payments import model
from unqueue.server.payments.model import Payment, agrees, is_known, mismatch, outcome, planned, refund_again_us

FULL = Money(1290, "CNY")
SECOND = 1_000_000


def payment(**changes: Any) -> Payment:
    plain = Payment(
        payment_id="p1",
        order_id="o1",
        trip_id="t1",
        method="sandbox",
        status="pending",
        amount_minor=1290,
        currency="CNY",
        return_to="handset",
        created_us=0,
        expires_us=900 * SECOND,
    )
    return msgspec.structs.replace(plain, **changes)


def said(status: Any, amount: Money | None = FULL, order_id: str = "o1") -> ProviderState:
    return ProviderState(status, amount, order_id, "W1")


@pytest.mark.parametrize(
    ("status", "order_status", "state", "becomes"),
    [
        ("pending", "open", said("succeeded"), "succeeded"),
        ("pending", "open", said("succeeded", order_id=""), "succeeded"),
        ("pending", "open", said("succeeded", Money(1289, "CNY")), "surplus"),
        ("pending", "open", said("succeeded", Money(1290, "USD")), "surplus"),
        ("pending", "open", said("succeeded", order_id="o2"), "surplus"),
        ("pending", "paid", said("succeeded"), "surplus"),
        ("pending", "left", said("succeeded"), "surplus"),
        ("pending", "closed", said("succeeded"), "surplus"),
        ("pending", "open", said("pending"), None),
        ("pending", "open", said("unknown", None, ""), None),
        ("pending", "open", said("failed"), "failed"),
        ("pending", "open", said("closed"), "closed"),
        ("failed", "open", said("succeeded"), "surplus"),
        ("closed", "open", said("succeeded"), "surplus"),
        ("closed", "paid", said("succeeded"), "surplus"),
        ("failed", "open", said("closed"), None),
        ("closed", "open", said("failed"), None),
        ("closed", "open", said("pending"), None),
        ("succeeded", "paid", said("failed"), None),
        ("succeeded", "paid", said("closed"), None),
        ("succeeded", "paid", said("succeeded"), None),
        ("surplus", "paid", said("succeeded"), None),
        ("refunded", "paid", said("succeeded"), None),
        ("refunded", "paid", said("closed"), None),
    ],
)
def test_outcome(status: Any, order_status: Any, state: ProviderState, becomes: str | None) -> None:
    assert outcome(payment(status=status), order_status, state) == becomes


STATUSES = st.sampled_from(["pending", "succeeded", "failed", "closed", "surplus", "refunded"])
STATES = st.builds(
    ProviderState,
    st.sampled_from(["unknown", "pending", "succeeded", "failed", "closed"]),
    st.sampled_from([FULL, Money(1, "CNY")]),
    st.sampled_from(["o1", "o2", ""]),
)


@given(STATUSES, st.sampled_from(["open", "paid", "left", "closed"]), STATES)
def test_what_was_said_is_no_news_the_second_time(status: Any, order_status: Any, state: ProviderState) -> None:
    once = outcome(payment(status=status), order_status, state)
    if once is not None:
        after = "paid" if once == "succeeded" else order_status
        assert outcome(payment(status=once), after, state) is None


@given(STATUSES, st.sampled_from(["open", "paid", "left", "closed"]), STATES)
def test_taken_money_is_never_forgotten(status: Any, order_status: Any, state: ProviderState) -> None:
    becomes = outcome(payment(status=status), order_status, state)
    if status in model.TAKEN:
        assert becomes is None
    elif state.status == "succeeded":
        assert becomes in {"succeeded", "surplus"}


def told(**changes: Any) -> Notification:
    plain = Notification(
        attempt_id="p1",
        merchant_id="m1",
        order_id="o1",
        order_number="104729389",
        status="succeeded",
        amount=FULL,
        reference="W1",
    )
    return msgspec.structs.replace(plain, **changes)


@pytest.mark.parametrize(
    ("notification", "reason"),
    [
        (told(), None),
        (told(merchant_id="m2"), "merchant_mismatch"),
        (told(order_id="o2"), "order_mismatch"),
        (told(order_number="104729380"), "order_mismatch"),
        (told(amount=Money(1291, "CNY")), "amount_mismatch"),
        (told(amount=Money(1290, "USD")), "amount_mismatch"),
    ],
)
def test_mismatch(notification: Notification, reason: str | None) -> None:
    found = mismatch(payment(), "104729389", method="sandbox", merchant_id="m1", told=notification)
    assert found == reason


def test_a_notification_of_another_provider_does_not_fit() -> None:
    assert mismatch(payment(), "104729389", method="other", merchant_id="m1", told=told()) == "provider_mismatch"


@pytest.mark.parametrize(
    ("state", "agree"),
    [
        (said("succeeded"), True),
        (said("succeeded", order_id=""), True),
        (said("pending"), False),
        (said("succeeded", Money(1, "CNY")), False),
        (said("succeeded", order_id="o2"), False),
        (ProviderState("succeeded", FULL, "o1", "W2"), False),
    ],
)
def test_agrees(state: ProviderState, agree: bool) -> None:
    assert agrees(state, told()) is agree


@pytest.mark.parametrize(
    ("status", "said_status", "known"),
    [
        ("pending", "succeeded", False),
        ("failed", "succeeded", False),
        ("closed", "succeeded", False),
        ("succeeded", "succeeded", True),
        ("surplus", "succeeded", True),
        ("refunded", "succeeded", True),
        ("failed", "failed", True),
        ("pending", "failed", False),
        ("succeeded", "failed", False),
    ],
)
def test_is_known(status: Any, said_status: Any, known: bool) -> None:
    assert is_known(payment(status=status), told(status=said_status)) is known


def test_a_pending_attempt_is_asked_about_ever_more_slowly_and_when_it_expires() -> None:
    at, asked, seen = 0, payment(), []
    for _ in range(9):
        asked = planned(asked, at)
        assert asked.query_due_us is not None
        seen.append((asked.query_due_us - at) // SECOND)
        at = asked.query_due_us
    assert seen == [5, 5, 10, 20, 40, 60, 60, 60, 60]
    late = planned(payment(pauses=9), 890 * SECOND)
    assert late.query_due_us == 900 * SECOND
    assert planned(payment(pauses=9), 900 * SECOND).query_due_us == 960 * SECOND


@pytest.mark.parametrize("status", ["failed", "closed"])
def test_a_given_up_attempt_is_watched_for_a_day(status: Any) -> None:
    watched, seen = payment(status=status), []
    while (watched := planned(watched, 0)).query_due_us is not None:
        seen.append(watched.query_due_us // SECOND)
    assert seen == [60, 600, 3600, 86_400]


@pytest.mark.parametrize("status", ["succeeded", "surplus", "refunded"])
def test_a_settled_payment_is_not_asked_about(status: Any) -> None:
    assert planned(payment(status=status), 0).query_due_us is None


def test_refunds_are_tried_ever_more_slowly_for_ever() -> None:
    assert [refund_again_us(tries, 0) // SECOND for tries in (1, 2, 3, 4, 5, 6, 7, 99)] == [
        1, 5, 30, 120, 600, 3600, 3600, 3600,
    ]  # fmt: skip
