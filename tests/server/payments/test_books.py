"""The books: every entry balances, and the tax is the tax that the prices contain."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from unqueue.kernel.money import Money
from unqueue.server.ledger.model import sums
from unqueue.server.orders.model import Order, OrderLine
from unqueue.server.payments import books
from unqueue.server.payments.model import Payment, Refund
from unqueue.server.payments.sold import as_sold
from unqueue.server.payments.taxes import tax_rows

LINE = OrderLine(
    line=1,
    product_id="milk",
    gtin="06901234567892",
    name_zh="",
    name_en="",
    category="",
    sold_by="piece",
    quantity=1,
    weight_g=None,
    unit_price_minor=0,
    subtotal_minor=0,
    discount_minor=0,
    deposit_minor=0,
    total_minor=0,
    tax_rate_bp=0,
    weight_g_expected=0,
    weight_g_sd=0.0,
    tag="none",
    age_limit=None,
)


@st.composite
def order_lines(draw: st.DrawFn) -> list[OrderLine]:
    """Lines whose totals add up as the orders' table demands."""
    lines = []
    for number in range(draw(st.integers(1, 12))):
        subtotal = draw(st.integers(0, 10_000_000))
        discount = draw(st.integers(0, subtotal))
        deposit = draw(st.sampled_from([0, 0, 10, 50, 2500]))
        lines.append(
            msgspec.structs.replace(
                LINE,
                line=number + 1,
                subtotal_minor=subtotal,
                discount_minor=discount,
                deposit_minor=deposit,
                total_minor=subtotal - discount + deposit,
                tax_rate_bp=draw(st.sampled_from([0, 300, 600, 700, 900, 1300, 1900, 2100])),
            )
        )
    return lines


def order_of(lines: list[OrderLine]) -> Order:
    return Order(
        order_id="o1",
        trip_id="t1",
        number="104729389",
        token_hash="",
        status="open",
        total_minor=sum(line.total_minor for line in lines),
        currency="CNY",
        basket_hash="",
        item_count=len(lines),
        basket="{}",
        created_us=0,
    )


@given(order_lines())
def test_tax_rows_add_up_to_the_total_and_round_once(lines: list[OrderLine]) -> None:
    rows = tax_rows(lines)
    assert sum(row.gross_minor for row in rows) == sum(line.total_minor for line in lines)
    for row in rows:
        assert row.gross_minor == row.net_minor + row.tax_minor
        exact = row.gross_minor * row.rate_bp / (10_000 + row.rate_bp)
        assert abs(row.tax_minor - exact) <= 0.5 + 1e-6 * max(1, exact)
    assert [row.rate_bp for row in rows] == sorted({row.rate_bp for row in rows}, reverse=True)


@given(order_lines())
def test_a_sale_balances_and_parts_what_is_ours_from_what_is_not(lines: list[OrderLine]) -> None:
    order = order_of(lines)
    entry = books.sale(order, as_sold(lines, by_store={}, by_issuer={}))
    assert sums(entry.postings) == {}
    held: dict[str, int] = {}
    for posting in entry.postings:
        assert posting.account not in held, "one posting for each account"
        held[posting.account] = posting.amount_minor
    assert held.pop("order:o1", 0) == order.total_minor
    assert -held.pop("deposit", 0) == sum(line.deposit_minor for line in lines)
    taxes = {f"tax:{row.rate_bp}": -row.tax_minor for row in tax_rows(lines) if row.tax_minor}
    sales = held.pop("sales", 0)
    assert held == taxes
    assert sales <= 0


@given(order_lines(), st.integers(1, 10_000_000))
def test_sale_capture_surplus_and_refund_leave_what_was_sold(lines: list[OrderLine], taken_minor: int) -> None:
    order = order_of(lines)
    payment = Payment(
        payment_id="p1",
        order_id="o1",
        trip_id="t1",
        method="sandbox",
        status="pending",
        amount_minor=order.total_minor,
        currency="CNY",
        return_to="handset",
        created_us=0,
        expires_us=1,
    )
    refund = Refund(
        refund_id="r1",
        payment_id="p2",
        order_id="o1",
        method="sandbox",
        amount_minor=taken_minor,
        currency="CNY",
        status="pending",
        created_us=0,
        due_us=0,
    )
    entries: list[Any] = [
        books.sale(order, as_sold(lines, by_store={}, by_issuer={})),
        books.capture(payment),
        books.surplus(msgspec.structs.replace(payment, payment_id="p2"), Money(taken_minor, "CNY")),
        books.refund(refund),
    ]
    held: dict[str, int] = {}
    for entry in entries:
        assert sums(entry.postings) == {}
        for posting in entry.postings:
            held[posting.account] = held.get(posting.account, 0) + posting.amount_minor
    assert held.get("order:o1", 0) == 0
    assert held.get("surplus:o1", 0) == 0
    assert held.get("provider:sandbox:clearing", 0) == order.total_minor
    assert len({entry.entry_id for entry in entries}) == 4
