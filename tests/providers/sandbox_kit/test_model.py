"""A sandbox's own rules as tables."""

from typing import Any

import msgspec
import pytest

from unqueue.kernel.money import Money
from unqueue.providers.sandbox_kit import model
from unqueue.providers.sandbox_kit.model import Payment, Refund, Refused

SECOND = 1_000_000
PAYMENT = Payment(
    payment_id="p1",
    merchant_id="m1",
    cashier_token="secret",
    order_id="o1",
    order_number="104729389",
    amount=Money(1290, "CNY"),
    subject_zh="",
    subject_en="",
    return_url="https://store.example/",
    notify_url="https://store.example/n",
    expires_us=100 * SECOND,
    status="pending",
    reference="W1",
    created_us=0,
)


def payment(status: Any) -> Payment:
    return msgspec.structs.replace(PAYMENT, status=status)


@pytest.mark.parametrize(
    ("status", "now_s", "becomes"),
    [
        ("pending", 99, "pending"),
        ("pending", 100, "closed"),
        ("succeeded", 100, "succeeded"),
        ("failed", 100, "failed"),
        ("closed", 0, "closed"),
    ],
)
def test_status_at(status: Any, now_s: int, becomes: str) -> None:
    assert model.status_at(payment(status), now_s * SECOND) == becomes


@pytest.mark.parametrize(
    ("status", "now_s", "after_close", "becomes"),
    [
        ("pending", 0, False, "succeeded"),
        ("pending", 0, True, "succeeded"),
        ("succeeded", 0, False, "succeeded"),
        ("pending", 100, False, "payment_closed"),
        ("pending", 100, True, "succeeded"),
        ("closed", 0, False, "payment_closed"),
        ("closed", 0, True, "succeeded"),
        ("failed", 0, False, "payment_failed"),
        ("failed", 0, True, "payment_failed"),
    ],
)
def test_pay(status: Any, now_s: int, after_close: bool, becomes: str) -> None:
    if becomes == "succeeded":
        assert model.pay(payment(status), now_s * SECOND, after_close=after_close).status == "succeeded"
    else:
        with pytest.raises(Refused, match=becomes):
            model.pay(payment(status), now_s * SECOND, after_close=after_close)


@pytest.mark.parametrize(
    ("status", "declined", "closed"),
    [("pending", "failed", "closed"), ("failed", "failed", "failed"), ("closed", "closed", "closed")],
)
def test_decline_and_close(status: Any, declined: str, closed: str) -> None:
    assert model.decline(payment(status), 0).status == declined
    assert model.close(payment(status), 0).status == closed


def test_what_is_paid_stays_paid() -> None:
    assert model.close(payment("succeeded"), 0).status == "succeeded"
    with pytest.raises(Refused, match="payment_succeeded"):
        model.decline(payment("succeeded"), 0)


@pytest.mark.parametrize(
    ("trouble", "due_s", "wrong", "forged"),
    [
        ("none", [0], set(), False),
        ("after_close", [0], set(), False),
        ("late", [30], set(), False),
        ("twice", [0, 0], set(), False),
        ("never", [], set(), False),
        ("forged", [0], set(), True),
        ("wrong_amount", [0], {"amount"}, False),
        ("wrong_order", [0], {"order_id", "order_number"}, False),
    ],
)
def test_what_is_told_of_a_payment(trouble: Any, due_s: list[int], wrong: set[str], forged: bool) -> None:
    paid = payment("succeeded")
    planned = model.plan(paid, trouble, msgspec.json.encode, 0, 30 * SECOND)
    assert [entry.due_us // SECOND for entry in planned] == due_s
    assert {entry.forged for entry in planned} <= {forged}
    assert {entry.url for entry in planned} <= {paid.notify_url}
    for entry in planned:
        told = msgspec.json.decode(entry.body, type=Payment)
        differing = {name for name in Payment.__struct_fields__ if getattr(told, name) != getattr(paid, name)}
        assert differing == wrong
        assert (entry.tries_max is not None) == bool(wrong or forged), "the truth is told until it is heard"


def test_nothing_is_told_where_the_protocol_says_nothing_or_nobody_listens() -> None:
    assert model.plan(payment("failed"), "none", lambda _: None, 0, 0) == []
    deaf = msgspec.structs.replace(PAYMENT, notify_url="")
    assert model.plan(deaf, "none", msgspec.json.encode, 0, 0) == []


def test_a_refund_is_on_its_way_until_it_settles() -> None:
    refund = Refund(
        merchant_id="m1",
        payment_id="p1",
        refund_id="r1",
        reference="R1",
        amount=Money(1, "CNY"),
        created_us=0,
        settles_us=5,
    )
    assert [model.refund_status_at(refund, at_us) for at_us in (0, 4, 5)] == ["pending", "pending", "succeeded"]


def test_every_trouble_is_known() -> None:
    assert set(model.TROUBLES) == {
        "none", "late", "twice", "never", "wrong_amount", "wrong_order", "forged", "after_close",
    }  # fmt: skip


def test_notifications_are_repeated_ever_more_slowly() -> None:
    assert [model.retry_after_us(tries, SECOND) // SECOND for tries in (1, 2, 3, 12, 13, 99)] == [
        1, 2, 4, 2048, 3600, 3600,
    ]  # fmt: skip
