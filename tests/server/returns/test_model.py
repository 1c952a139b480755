"""What comes back is worth what it cost: the parts of a line add up to the line, in goods, deposit and tax."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.server.ledger.model import sums
from unqueue.server.payments.model import Payment
from unqueue.server.payments.sold import SoldLine
from unqueue.server.payments.taxes import tax_rows
from unqueue.server.returns import model
from unqueue.server.returns.model import NOTHING, Return, ReturnedLine, ReturnExceedsPayments, ReturnTooMany


@st.composite
def sold(draw: st.DrawFn) -> list[SoldLine]:
    lines = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        subtotal = draw(st.integers(0, 100_000))
        discount = draw(st.integers(0, subtotal))
        lines.append(
            SoldLine(
                line=number,
                quantity=draw(st.integers(1, 7)),
                subtotal_minor=subtotal,
                discount_minor=discount,
                issuer_minor=draw(st.integers(0, subtotal - discount)),
                deposit_minor=draw(st.sampled_from([0, 0, 25, 100])),
                tax_rate_bp=draw(st.sampled_from([0, 600, 900, 1300])),
            )
        )
    return lines


def made(number: int, lines: list[ReturnedLine]) -> Return:
    return Return(
        return_id=f"r{number}",
        order_id="o",
        trip_id="t",
        status="accepted",
        lines=tuple(lines),
        shares=(),
        amount_minor=sum(line.refund_minor for line in lines),
        currency="CNY",
        reason="",
        by_id="",
        by="",
        created_us=0,
    )


@given(sold(), st.data())
def test_whatever_comes_back_in_parts_adds_up_to_the_sale(lines: list[SoldLine], data: st.DataObject) -> None:
    before: dict[int, ReturnedLine] = {}
    booked: dict[str, int] = {}
    left = {line.line: line.quantity for line in lines}
    number = 0
    while any(left.values()):
        number += 1
        chosen = data.draw(st.sampled_from([line for line in lines if left[line.line]]))
        quantity = data.draw(st.integers(1, left[chosen.line]))
        part = model.worth(chosen, before.get(chosen.line, NOTHING), quantity)
        assert min(part.goods_minor, part.issuer_minor, part.deposit_minor) >= 0
        entry = model.book(made(number, [part]), lines, before)
        assert sums(entry.postings) == {}
        for posting in entry.postings:
            booked[posting.account] = booked.get(posting.account, 0) + posting.amount_minor
        before = model.together([*before.values(), part])
        left[chosen.line] -= quantity
    assert sum(part.refund_minor for part in before.values()) == sum(line.paid_minor for line in lines)
    assert booked.get("surplus:o", 0) == -sum(line.paid_minor for line in lines)
    for row in tax_rows(lines):
        assert booked.get(f"tax:{row.rate_bp}", 0) == row.tax_minor
    assert booked.get("coupons:issuers", 0) == -sum(line.issuer_minor for line in lines)


@given(sold(), st.data())
def test_a_rejected_part_leaves_no_unit_over(lines: list[SoldLine], data: st.DataObject) -> None:
    line = data.draw(st.sampled_from(lines))
    kept: list[ReturnedLine] = []
    proposed: list[ReturnedLine] = []
    for _ in range(line.quantity):
        before = model.together([*kept, *proposed]).get(line.line, NOTHING)
        part = model.worth(line, before, 1)
        (kept if data.draw(st.booleans()) else proposed).append(part)
    while sum(one.quantity for one in kept) < line.quantity:  # those proposed were turned down, and come again
        kept.append(model.worth(line, model.together(kept).get(line.line, NOTHING), 1))
    whole = model.together(kept)[line.line]
    assert (whole.goods_minor, whole.deposit_minor) == (line.goods_minor, line.deposit_minor)


@pytest.mark.parametrize("quantity", [0, -1, 3])
def test_no_more_comes_back_than_went_out(quantity: int) -> None:
    line = SoldLine(1, 3, 300, 0, 0, 0, 0)
    with pytest.raises(ReturnTooMany):
        model.worth(line, ReturnedLine(1, 1, 100, 0, 0), quantity)


def payment(payment_id: str, amount_minor: int) -> Payment:
    facts: dict[str, Any] = {"order_id": "o", "trip_id": "t", "method": "m", "status": "succeeded", "currency": "CNY"}
    return Payment(
        payment_id=payment_id, amount_minor=amount_minor, return_to="order", created_us=0, expires_us=0, **facts
    )


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=5), st.data())
def test_no_charge_gives_back_more_than_it_took(taken: list[int], data: st.DataObject) -> None:
    payments = [payment(f"p{index}", amount) for index, amount in enumerate(taken)]
    left = {one.payment_id: data.draw(st.integers(0, one.amount_minor)) for one in payments}
    amount = data.draw(st.integers(0, sum(taken)))
    if amount > sum(left.values()):
        with pytest.raises(ReturnExceedsPayments):
            model.shares(amount, left, payments)
        return
    found = model.shares(amount, left, payments)
    assert sum(share.amount_minor for share in found) == amount
    assert all(0 < share.amount_minor <= left[share.payment_id] for share in found)
    if amount and any(room >= amount for room in left.values()):
        assert len(found) == 1, "one refund serves wherever one can"
