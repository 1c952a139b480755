"""An order: a basket with its prices locked, waiting for payment and then for the way out. Pure."""

import hashlib
from typing import Any, Literal

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.server.promotions.pricing import Pricing
from unqueue.server.trips.model import Trip

Status = Literal["open", "paid", "left", "closed"]


class Order(msgspec.Struct, frozen=True):
    """What was submitted. ``basket`` is the JSON of the priced basket as it was locked; ``*_us`` are microseconds UTC.

    ``status``: ``open`` (waits for payment) → ``paid`` → ``left``; or ``open`` → ``closed`` (the shopper went back).
    """

    order_id: str
    trip_id: str
    number: str
    token_hash: str
    status: Status
    total_minor: int
    currency: str
    basket_hash: str
    item_count: int
    basket: str
    created_us: int
    paid_us: int | None = None
    left_us: int | None = None


class Standing(msgspec.Struct, frozen=True):
    """How far an order is paid, as the capabilities that stand above orders tell it.

    ``payable_minor`` is what is to be paid once coupons are taken off, ``paid_minor`` what was taken and is kept.
    ``payments``, ``coupons`` and ``open_payment`` (the attempt under way) are as they are shown.
    """

    payable_minor: int
    paid_minor: int
    payments: list[Any] = []
    coupons: list[Any] = []
    open_payment: Any | None = None

    @property
    def due_minor(self) -> int:
        """What is still to be paid."""
        return self.payable_minor - self.paid_minor


class OrderLine(msgspec.Struct, frozen=True):
    """One line of an order with all that the way out and the books need, locked at submit.

    ``weight_g`` is the labelled net weight of weighed goods. ``weight_g_expected`` and ``weight_g_sd`` are of ONE unit
    as it lies on the scale (gross). ``tax_rate_bp``: hundredths of a percent, contained in the price.
    """

    line: int
    product_id: str
    gtin: str
    name_zh: str
    name_en: str
    category: str
    sold_by: str
    quantity: int
    weight_g: int | None
    unit_price_minor: int
    subtotal_minor: int
    discount_minor: int
    deposit_minor: int
    total_minor: int
    tax_rate_bp: int
    weight_g_expected: int
    weight_g_sd: float
    tag: str
    age_limit: int | None


def order_lines(trip: Trip, pricing: Pricing) -> list[OrderLine]:
    """The lines of a trip as an order keeps them."""
    discounts: dict[int, int] = {}
    for discount in pricing.discounts:
        discounts[discount.line] = discounts.get(discount.line, 0) + discount.amount_minor
    lines = []
    for line in trip.lines.values():
        product, off = line.product, discounts.get(line.number, 0)
        weighed = line.is_weighed and line.weight_g is not None
        lines.append(
            OrderLine(
                line=line.number,
                product_id=product.product_id,
                gtin=product.gtin,
                name_zh=product.name_zh,
                name_en=product.name_en,
                category=product.category,
                sold_by=product.sold_by,
                quantity=line.quantity,
                weight_g=line.weight_g,
                unit_price_minor=line.unit_price_minor,
                subtotal_minor=line.subtotal_minor,
                discount_minor=off,
                deposit_minor=line.deposit_minor,
                total_minor=line.subtotal_minor - off + line.deposit_minor,
                tax_rate_bp=product.tax_rate_bp,
                weight_g_expected=(line.weight_g or 0) + product.tare_g if weighed else product.weight_g_expected,
                weight_g_sd=LABEL_WEIGHT_SD_G if weighed else product.weight_g_sd,
                tag=product.tag,
                age_limit=product.age_limit,
            )
        )
    return lines


# A labelled weight was shown by a scale of class III with an interval of 2 or 5 g (OIML R 76): about one interval.
LABEL_WEIGHT_SD_G = 3.0


_HASHED_FIELDS = (
    "line",
    "gtin",
    "quantity",
    "weight_g",
    "unit_price_minor",
    "discount_minor",
    "deposit_minor",
    "total_minor",
)


def basket_hash(trip_id: str, currency: str, lines: list[OrderLine]) -> str:
    """SHA-256 over what was bought and for how much: the exit pass is bound to it."""
    body = [trip_id, currency, [[getattr(line, field) for field in _HASHED_FIELDS] for line in lines]]
    return hashlib.sha256(msgspec.json.encode(body)).hexdigest()


class OrderUnknown(DomainError):
    code = "order_unknown"
    status = 404
    zh = "没有找到这个订单，请核对订单号"
    en = "We can't find this order. Please check the number."


class OrderUnpaid(DomainError):
    """What comes with the payment, a receipt or a pass, is not there yet."""

    code = "order_unpaid"
    status = 409
    permanent = False
    zh = "这张订单还没有付款，请先付款"
    en = "This order is not paid yet. Please pay first."


class OrderPaid(DomainError):
    code = "order_paid"
    status = 409
    zh = "订单已经付清"
    en = "The order is paid already."


class OrderClosed(DomainError):
    code = "order_closed"
    status = 409
    zh = "这个订单已经作废，请用新的订单码"
    en = "This order is no longer valid. Please use the new one."


class OrderPartPaid(DomainError):
    """A part of it is paid. Details: ``paid``, the amount."""

    code = "order_part_paid"
    status = 409
    permanent = False
    zh = "订单已经付了一部分，请先付清，或者先退回已付的钱"
    en = "A part of this order is paid. Please pay the rest, or get back what you paid first."


class PaymentOpen(DomainError):
    """Details: ``payment``, the attempt that is open."""

    code = "payment_open"
    status = 409
    permanent = False
    zh = "有一笔付款正在进行，请先完成或取消它"
    en = "A payment is under way. Please finish it or give it up first."
