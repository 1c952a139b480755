"""The books of a sandbox, whatever its protocol: whose payment is whose, and what is told of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.ids import new_token
from unqueue.kernel.money import Money
from unqueue.providers.sandbox_kit.book import Book, Telling
from unqueue.providers.sandbox_kit.model import Payment, Refund, Refused
from unqueue.providers.sandbox_kit.store import BookStore

SECOND = 1_000_000


@pytest.fixture
def book(tmp_path: Path, clock: ManualClock) -> Iterator[Book]:
    telling = Telling(
        payment=lambda payment: b"paid " + payment.payment_id.encode() if payment.status == "succeeded" else None,
        refund=lambda refund, payment: f"refund {refund.refund_id} of {payment.payment_id}".encode(),
    )
    made = Book(BookStore(tmp_path / "book.db"), clock, telling, refund_s=5)
    made.public_url = "https://front.example/kit"
    yield made
    made.store.close()


def payment(book: Book, **changes: Any) -> Payment:
    plain: dict[str, Any] = {
        "merchant_id": "m1",
        "payment_id": "p1",
        "cashier_token": new_token(),
        "reference": new_token(),
        "order_id": "o1",
        "order_number": "104729389",
        "amount": Money(1290, "CNY"),
        "subject_zh": "",
        "subject_en": "",
        "return_url": "",
        "notify_url": "https://store.example/n",
        "created_us": book.now_us,
        "expires_us": book.now_us + 600 * SECOND,
    }
    return Payment(**{**plain, **changes})


def refund(refund_id: str, amount_minor: int, **changes: Any) -> Refund:
    plain: dict[str, Any] = {"merchant_id": "m1", "payment_id": "p1", "reference": f"R{refund_id}"}
    amount = Money(amount_minor, "CNY")
    return Refund(**{**plain, "refund_id": refund_id, "amount": amount, "created_us": 0, "settles_us": 0, **changes})


def test_each_merchant_numbers_its_own_payments(book: Book) -> None:
    first = book.open(payment(book), "one")
    second = book.open(payment(book, merchant_id="m2", amount=Money(5, "CNY")), "two")
    assert book.find("m1", "p1") == first
    assert book.find("m2", "p1") == second
    assert book.find_reference("m2", second.reference) == second
    for merchant_id, reference in (("m1", second.reference), ("m3", first.reference)):
        with pytest.raises(Refused, match="payment_unknown"):
            book.find_reference(merchant_id, reference)


def test_the_same_request_is_the_same_payment(book: Book) -> None:
    first = book.open(payment(book), "one")
    assert book.open(payment(book), "one") == first
    with pytest.raises(Refused, match="payment_conflict"):
        book.open(payment(book, amount=Money(1, "CNY")), "another")


@pytest.mark.parametrize(
    ("changes", "code"), [({"amount": Money(0, "CNY")}, "amount_invalid"), ({"expires_us": 0}, "expired")]
)
def test_what_can_not_be_paid_is_not_taken(book: Book, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused, match=code):
        book.open(payment(book, **changes), "one")


def test_a_code_leads_to_its_payment_and_nothing_else_does(book: Book) -> None:
    known = book.open(payment(book, code="weixin://wxpay/bizpayurl?pr=abc"), "one")
    plain = book.open(payment(book, payment_id="p2"), "two")
    assert book.at_code("weixin://wxpay/bizpayurl?pr=abc") == known
    assert book.at_code(book.cashier_url(plain)) == plain, "a code may be the page's own address"
    for code in ("", "weixin://wxpay/bizpayurl?pr=ab", "https://front.example/kit/pay/", "https://elsewhere/pay/x"):
        with pytest.raises(Refused, match="payment_unknown"):
            book.at_code(code)


def test_only_what_the_protocol_says_is_told(book: Book) -> None:
    told, silent = book.open(payment(book), "one"), book.open(payment(book, payment_id="p2"), "two")
    book.pay(told.cashier_token)
    book.decline(silent.cashier_token)
    assert [entry.body for entry in book.store.due(book.now_us, 9)] == [b"paid p1"]


def test_a_refund_is_told_when_it_arrives_where_somebody_listens(book: Book, clock: ManualClock) -> None:
    paid = book.open(payment(book, notify_url=""), "one")
    book.pay(paid.cashier_token)
    made = book.refund(refund("r1", 290, notify_url="https://store.example/r"))
    book.refund(refund("r2", 10))
    assert made.settles_us == book.now_us + 5 * SECOND
    assert book.store.due(book.now_us, 9) == []
    clock.advance(5)
    assert [(entry.url, entry.body) for entry in book.store.due(book.now_us, 9)] == [
        ("https://store.example/r", b"refund r1 of p1")
    ]
    assert book.refunded(paid) == Money(300, "CNY")
    assert book.refund(refund("r1", 290)) == made, "the same refund again"
    for other in (refund("r1", 291), refund("r3", 991), refund("r4", 0), refund("r5", 1, payment_id="p9")):
        with pytest.raises(Refused):
            book.refund(other)


def test_the_way_home_is_kept_without_deciding_anything(book: Book) -> None:
    known = book.open(payment(book), "one")
    book.send_home(known, "https://store.example/o/x")
    assert book.find("m1", "p1") == msgspec.structs.replace(known, return_url="https://store.example/o/x")
    assert book.store.due(book.now_us, 9) == []


def test_a_days_bill_holds_what_was_decided_in_it(book: Book, clock: ManualClock) -> None:
    start_us = book.now_us
    for number in ("p1", "p2"):
        book.pay(book.open(payment(book, payment_id=number), number).cashier_token)
        book.refund(refund(f"r-{number}", 1, payment_id=number))
        clock.advance(100)
    book.open(payment(book, payment_id="p3"), "p3")
    middle_us = start_us + 50 * SECOND
    assert [one.payment_id for one in book.store.payments_decided("m1", start_us, book.now_us + 1)] == ["p1", "p2"]
    assert [one.payment_id for one in book.store.payments_decided("m1", start_us, middle_us)] == ["p1"]
    assert [one.refund_id for one in book.store.refunds_made("m1", middle_us, book.now_us)] == ["r-p2"]
    assert book.store.payments_decided("m2", start_us, book.now_us) == []
