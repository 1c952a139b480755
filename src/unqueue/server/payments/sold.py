"""What an order's lines were sold for once its coupons are counted in: the one view that books, receipts and returns
share. A coupon that the store bears lowers the price, and with it the tax; one that an issuer pays back does not: it is
a part of the price that somebody else pays.
"""

import msgspec
from sqlalchemy import Connection

from unqueue.server.coupons import redeeming
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderLine


class SoldLine(msgspec.Struct, frozen=True):
    """A line as it was sold, in minor units. ``discount_minor`` holds promotions and the store's own coupons;
    ``issuer_minor`` is what issuers of coupons pay of the rest. ``tax_rate_bp``: hundredths of a percent.
    """

    line: int
    quantity: int
    subtotal_minor: int
    discount_minor: int
    issuer_minor: int
    deposit_minor: int
    tax_rate_bp: int

    @property
    def goods_minor(self) -> int:
        """What the goods were sold for, whoever paid it."""
        return self.subtotal_minor - self.discount_minor

    @property
    def paid_minor(self) -> int:
        """What the shopper paid for the line, deposit included."""
        return self.goods_minor - self.issuer_minor + self.deposit_minor


def sold_lines(connection: Connection, order: Order) -> list[SoldLine]:
    """The lines of an order as they are sold. What the shopper pays adds up to what is payable."""
    coupons = redeeming.summary(connection, order)
    return as_sold(
        orders_store.lines(connection, order.order_id),
        by_store=coupons.by_line("store"),
        by_issuer=coupons.by_line("issuer"),
    )


def as_sold(lines: list[OrderLine], *, by_store: dict[int, int], by_issuer: dict[int, int]) -> list[SoldLine]:
    """Order lines, with what coupons take off them (line → minor units)."""
    return [
        SoldLine(
            line=line.line,
            quantity=line.quantity,
            subtotal_minor=line.subtotal_minor,
            discount_minor=line.discount_minor + by_store.get(line.line, 0),
            issuer_minor=by_issuer.get(line.line, 0),
            deposit_minor=line.deposit_minor,
            tax_rate_bp=line.tax_rate_bp,
        )
        for line in lines
    ]
