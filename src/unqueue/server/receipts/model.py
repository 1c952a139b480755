"""Receipts: what was bought, the tax in it, and how it was paid, as it stood when the receipt was issued. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.kernel.money import Money
from unqueue.providers.fiscal import FiscalSignature
from unqueue.server.coupons.model import Redemptions
from unqueue.server.orders.model import Order, OrderLine
from unqueue.server.payments.model import Payment
from unqueue.server.payments.sold import as_sold
from unqueue.server.payments.taxes import tax_rows
from unqueue.server.promotions.words import Words
from unqueue.server.trips.basket import Basket, LineView

MethodNames = Mapping[str, tuple[str, str]]
"""A way to pay → its Chinese and English names."""


class StoreView(msgspec.Struct, frozen=True):
    """Who sold."""

    id: str
    name_zh: str
    name_en: str
    address_zh: str
    address_en: str
    tax_id: str


class ReceiptLine(LineView):
    """A basket's line, and the tax rate contained in its price, in hundredths of a percent."""

    tax_rate_bp: int


class TaxView(msgspec.Struct, frozen=True):
    """What was sold at one rate; deposits stand at rate 0. ``gross = net + tax``."""

    rate_bp: int
    net: Money
    tax: Money
    gross: Money


class CouponView(msgspec.Struct, frozen=True):
    """A coupon that was used. The ``store`` bears it as a lower price, an ``issuer`` pays it back to the store."""

    zh: str
    en: str
    amount: Money
    funded_by: str


class TenderView(msgspec.Struct, frozen=True):
    """What was paid with; ``reference`` is the provider's own number, ``slip`` what a card terminal wants printed."""

    method: str
    zh: str
    en: str
    amount: Money
    reference: str
    slip: list[str] = []


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """``Receipt`` of docs/protocols/http.md. The tenders add up to ``payable``, which is ``total`` without ``coupons``;
    the gross amounts of ``taxes`` to ``total`` without those coupons that the store bears.
    """

    number: str
    order_number: str
    issued_at: str
    store: StoreView
    lines: list[ReceiptLine]
    subtotal: Money
    discount: Money
    deposit: Money
    total: Money
    coupons: list[CouponView]
    payable: Money
    explained: Words | None
    taxes: list[TaxView]
    tenders: list[TenderView]
    fiscal: FiscalSignature = msgspec.field(default_factory=FiscalSignature)


class ReceiptHead(msgspec.Struct, frozen=True):
    """What is read of a stored receipt, whatever else was put on receipts when it was issued."""

    number: str
    issued_at: str
    payable: Money


class ReceiptView(Receipt, frozen=True, kw_only=True):
    """A receipt as it is shown: with its address (the web receipt), and with the page where its buyer can ask for an
    invoice; empty where there is none.
    """

    url: str
    invoice_url: str


def receipt_number(day: str, sequence: int) -> str:
    """The number that people read; ``day`` is the store's own day as YYYYMMDD, ``sequence`` counts from 1.

    >>> receipt_number("20260102", 17)
    'R-20260102-000017'
    """
    return f"R-{day}-{sequence:06d}"


def make_receipt(
    order: Order,
    order_lines: Iterable[OrderLine],
    payments: Iterable[Payment],
    coupons: Redemptions,
    *,
    number: str,
    issued_at: datetime,
    store: StoreView,
    methods: MethodNames,
) -> Receipt:
    """The receipt of a paid order. What came too much and goes back is no tender."""
    order_lines = list(order_lines)
    sold = as_sold(order_lines, by_store=coupons.by_line("store"), by_issuer=coupons.by_line("issuer"))
    basket = msgspec.json.decode(order.basket, type=Basket)
    rates = {line.line: line.tax_rate_bp for line in order_lines}
    return Receipt(
        number=number,
        order_number=order.number,
        issued_at=issued_at.isoformat(),
        store=store,
        lines=[ReceiptLine(**msgspec.structs.asdict(line), tax_rate_bp=rates[line.line]) for line in basket.lines],
        subtotal=basket.subtotal,
        discount=basket.discount,
        deposit=basket.deposit,
        total=Money(order.total_minor, order.currency),
        coupons=[
            CouponView(one.zh, one.en, Money(one.amount_minor, order.currency), one.funded_by)
            for one in coupons.coupons
        ],
        payable=Money(coupons.payable_minor, order.currency),
        explained=coupons.explained if coupons.coupons else None,
        taxes=[
            TaxView(
                row.rate_bp,
                net=Money(row.net_minor, order.currency),
                tax=Money(row.tax_minor, order.currency),
                gross=Money(row.gross_minor, order.currency),
            )
            for row in tax_rows(sold)
        ],
        tenders=[
            _tender(payment, methods) for payment in payments if payment.status == "succeeded" and payment.amount_minor
        ],
    )


def _tender(payment: Payment, methods: MethodNames) -> TenderView:
    zh, en = methods.get(payment.method, (payment.method, payment.method))
    slip = msgspec.json.decode(payment.slip, type=list[str]) if payment.slip else []
    return TenderView(payment.method, zh, en, payment.amount, payment.reference, slip)


class ReceiptUnsigned(DomainError):
    """The law wants a signature on it, and what makes it is away."""

    code = "receipt_unsigned"
    status = 503
    permanent = False
    zh = "小票正在签名，请稍候再试"
    en = "Your receipt is being signed. Please try again in a moment."
