"""The verdicts at their edges."""

from typing import Any

import pytest
from tests.server.settlement.bills import OPENING_US, charge, refund

from unqueue.kernel.money import Money
from unqueue.providers.bills import BillRow
from unqueue.server.ledger.model import Posting
from unqueue.server.settlement import model
from unqueue.server.settlement.model import GRACE_US, Imported, Ours, Span

DAY_US = 86_400_000_000


def mine(status: str, taken: int | None = 100, **more: Any) -> Ours:
    facts: dict[str, Any] = {
        "kind": "charge", "payment_id": "a", "order_id": "o", "asked": Money(100, "CNY"), "from_us": OPENING_US, **more,
    }  # fmt: skip
    booked = Money(taken, more.get("currency", "CNY")) if taken is not None else None
    facts.pop("currency", None)
    return Ours(status=status, taken=booked, until_us=OPENING_US if booked else None, **facts)


def rows(*given: BillRow) -> list[Imported]:
    return [Imported(row=one) for one in given]


@pytest.mark.parametrize(
    ("row", "ours", "verdict"),
    [
        (charge("a", 100), mine("succeeded"), "matched"),
        (charge("a", 100), mine("refunded"), "matched"),
        (charge("a", 101), mine("succeeded"), "amount_differs"),
        (charge("a", 100), mine("succeeded", currency="HKD"), "amount_differs"),
        (charge("a", 100), mine("pending", None), "not_taken_here"),
        (charge("a", 100), None, "unknown_here"),
        (refund("a", "r", 100), mine("succeeded", kind="refund", refund_id="r"), "matched"),
        (refund("a", "r", 100), mine("pending", None, kind="refund", refund_id="r"), "not_taken_here"),
        (refund("a", "r", 100), mine("succeeded", None, kind="refund", refund_id="r"), "given_back_twice"),
        (refund("b", "r", 100), mine("succeeded", kind="refund", refund_id="r"), "unknown_here"),
    ],
)
def test_verdict(row: BillRow, ours: Ours | None, verdict: str) -> None:
    (found,) = model.judge(rows(row), {model.key_of(ours): ours} if ours is not None else {})
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("status", "given", "verdicts"),
    [
        ("closed", [charge("a", 100), refund("a", "x", 100)], ["undone", "undone"]),
        ("failed", [charge("a", 100), refund("a", "x", 60), refund("a", "y", 40)], ["undone"] * 3),
        ("pending", [charge("a", 100), refund("a", "x", 100)], ["not_taken_here", "unknown_here"]),
        ("closed", [charge("a", 100), refund("a", "x", 99)], ["not_taken_here", "unknown_here"]),
        ("closed", [charge("a", 100, 1), refund("a", "x", 100)], ["not_taken_here", "unknown_here"]),
        ("closed", [charge("a", 100), refund("b", "x", 100)], ["not_taken_here", "unknown_here"]),
    ],
    ids=["whole", "in parts", "still open", "not whole", "fee kept", "of another"],
)
def test_undone(status: str, given: list[BillRow], verdicts: list[str]) -> None:
    ours = mine(status, None)
    assert [one.verdict for one in model.judge(rows(*given), {model.key_of(ours): ours})] == verdicts


@pytest.mark.parametrize(
    ("from_us", "until_us", "verdict"),
    [
        (GRACE_US, GRACE_US, "missing_in_bill"),
        (GRACE_US - 1, GRACE_US, "at_the_edge"),
        (DAY_US - 2 * GRACE_US, DAY_US - GRACE_US - 1, "missing_in_bill"),
        (DAY_US - 2 * GRACE_US, DAY_US - GRACE_US, "at_the_edge"),
        (DAY_US - 1, DAY_US + GRACE_US, "at_the_edge"),
        (-5 * GRACE_US, -1, None),
        (DAY_US, DAY_US + 1, None),
    ],
)
def test_what_no_bill_names(from_us: int, until_us: int, verdict: str | None) -> None:
    ours = Ours(
        kind="charge", payment_id="a", order_id="o", status="succeeded", asked=Money(1, "CNY"), taken=Money(1, "CNY"),
        from_us=from_us, until_us=until_us,
    )  # fmt: skip
    found = model.absent([ours], [Span(0, DAY_US // 2), Span(DAY_US // 2, DAY_US)])
    assert [one.verdict for one in found] == ([] if verdict is None else [verdict])


@pytest.mark.parametrize(
    ("row", "bank", "fees", "clearing"),
    [
        (charge("a", 100, 3), 97, 3, -100),
        (charge("a", 100, 0), 100, 0, -100),
        (refund("a", "r", 100, -3), -97, -3, 100),
        (refund("a", "r", 100, 2), -102, 2, 100),
        (charge("a", 100, 100), 0, 100, -100),
    ],
)
def test_settlement(row: BillRow, bank: int, fees: int, clearing: int) -> None:
    entry = model.settlement("m" * 40, row, "o" * 32)
    amounts = {"bank:" + "m" * 40: bank, "fees:" + "m" * 40: fees, f"provider:{'m' * 40}:clearing": clearing}
    assert set(entry.postings) == {Posting(name, amount, "CNY") for name, amount in amounts.items() if amount}
    assert entry.payment_id is None


def test_names_fit_their_columns() -> None:
    row = refund("a" * 32, "r" * 32, 1, 1)
    entry = model.settlement("m" * 40, row, "o" * 32)
    assert len(entry.entry_id) <= 80
    assert all(len(one.account) <= 80 for one in entry.postings)
