"""Goods that come back: what they are worth, to the minor unit, and who may pay it out. Pure.

What a line cost was rounded once, when it was sold. A part of it is worth what the units up to it are worth, less what
the units before it were: so the parts of a line add up to the line, however it comes back, and a line that has come
back whole has given back all it carried: promotion, coupons, tax and deposit included.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Literal

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.kernel.money import Money, divide_half_up
from unqueue.server.ledger.model import Entry, entry
from unqueue.server.payments.books import ISSUERS
from unqueue.server.payments.model import Payment
from unqueue.server.payments.sold import SoldLine
from unqueue.server.payments.taxes import tax_rows

Status = Literal["proposed", "accepted", "rejected"]


class ReturnedLine(msgspec.Struct, frozen=True):
    """Units of an order's line that come back, and what they are worth, in minor units.

    ``goods_minor`` is what they were sold for, of which ``issuer_minor`` was paid by issuers of coupons;
    ``deposit_minor`` is the deposit on them. The shopper gets ``goods - issuer + deposit``.
    """

    line: int
    quantity: int
    goods_minor: int
    issuer_minor: int
    deposit_minor: int

    @property
    def refund_minor(self) -> int:
        return self.goods_minor - self.issuer_minor + self.deposit_minor


class Share(msgspec.Struct, frozen=True):
    """What one payment of the order gives back, by its method."""

    payment_id: str
    method: str
    amount_minor: int


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """Goods that came back to the service desk. Above the store's limit it is ``proposed`` by one member of staff and
    ``accepted`` by another; ``by`` and ``decided_by`` are their names. ``*_us``: microseconds UTC.
    """

    return_id: str
    order_id: str
    trip_id: str
    status: Status
    lines: tuple[ReturnedLine, ...]
    shares: tuple[Share, ...]
    amount_minor: int
    currency: str
    reason: str
    by_id: str
    by: str
    created_us: int
    decided_by: str | None = None
    decided_us: int | None = None

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


NOTHING = ReturnedLine(0, 0, 0, 0, 0)


def worth(line: SoldLine, before: ReturnedLine, quantity: int) -> ReturnedLine:
    """What ``quantity`` more units of a line are worth after ``before`` came back. ReturnTooMany.

    >>> three = SoldLine(1, 3, subtotal_minor=1000, discount_minor=0, issuer_minor=0, deposit_minor=0, tax_rate_bp=0)
    >>> first = worth(three, NOTHING, 1)
    >>> first.goods_minor, worth(three, first, 1).goods_minor, worth(three, first, 2).goods_minor
    (333, 334, 667)
    """
    left = line.quantity - before.quantity
    if not 0 < quantity <= left:
        raise ReturnTooMany(line=line.line, left=left)

    def part(whole_minor: int, given_minor: int) -> int:
        upto_minor = divide_half_up(whole_minor * (before.quantity + quantity), line.quantity)
        return max(0, upto_minor - given_minor)

    return ReturnedLine(
        line.line,
        quantity,
        part(line.goods_minor, before.goods_minor),
        part(line.issuer_minor, before.issuer_minor),
        part(line.deposit_minor, before.deposit_minor),
    )


def together(parts: Iterable[ReturnedLine]) -> dict[int, ReturnedLine]:
    """What came back of each line, by line."""
    whole: dict[int, ReturnedLine] = {}
    for part in parts:
        known = whole.get(part.line, NOTHING)
        whole[part.line] = ReturnedLine(
            part.line,
            known.quantity + part.quantity,
            known.goods_minor + part.goods_minor,
            known.issuer_minor + part.issuer_minor,
            known.deposit_minor + part.deposit_minor,
        )
    return whole


def shares(amount_minor: int, left: Mapping[str, int], payments: Sequence[Payment]) -> tuple[Share, ...]:
    """Spread a refund over the payments of an order, each at most what it has ``left`` (by payment).

    The payment that can give most comes first, so that one refund serves wherever one can. ReturnExceedsPayments.
    """
    found: list[Share] = []
    rest = amount_minor
    for payment in sorted(payments, key=lambda one: (-left.get(one.payment_id, 0), one.payment_id)):
        given = min(rest, left.get(payment.payment_id, 0))
        if given > 0:
            found.append(Share(payment.payment_id, payment.method, given))
            rest -= given
    if rest:
        raise ReturnExceedsPayments
    return tuple(found)


def book(made: Return, sold: Sequence[SoldLine], before: Mapping[int, ReturnedLine]) -> Entry:
    """The return in the books: the sale is taken back by its parts, and the shopper is owed the refund.

    ``before`` is what came back of each line earlier. The tax that goes back is the tax on what was sold until now less
    the tax on what stays sold, rate by rate: so all returns of an order together give back exactly its tax.
    """
    now = together([*before.values(), *made.lines])
    taxes = taxes_back(sold, before, now)
    goods_minor = sum(part.goods_minor for part in made.lines)
    postings = [
        ("sales", goods_minor - sum(taxes.values())),
        *((f"tax:{rate_bp}", tax_minor) for rate_bp, tax_minor in taxes.items()),
        ("deposit", sum(part.deposit_minor for part in made.lines)),
        (ISSUERS, -sum(part.issuer_minor for part in made.lines)),
        (f"surplus:{made.order_id}", -made.amount_minor),
    ]
    return entry(f"return:{made.return_id}", postings, made.currency, order_id=made.order_id)


def taxes_back(
    sold: Sequence[SoldLine], before: Mapping[int, ReturnedLine], now: Mapping[int, ReturnedLine]
) -> dict[int, int]:
    """Tax rate (hundredths of a percent) → tax that goes back when ``now`` has come back instead of ``before``."""
    taxes = {row.rate_bp: row.tax_minor for row in tax_rows(_kept(sold, before))}
    for row in tax_rows(_kept(sold, now)):
        taxes[row.rate_bp] -= row.tax_minor
    return taxes


def _kept(sold: Sequence[SoldLine], returned: Mapping[int, ReturnedLine]) -> list[SoldLine]:
    """The lines with what is left of them; a line keeps its rate, even when nothing is left."""
    kept = []
    for line in sold:
        gone = returned.get(line.line, NOTHING)
        kept.append(
            msgspec.structs.replace(
                line,
                subtotal_minor=line.goods_minor - gone.goods_minor,
                discount_minor=0,
                deposit_minor=line.deposit_minor - gone.deposit_minor,
            )
        )
    return kept


def needs_second_person(amount_minor: int, limit_minor: int) -> bool:
    """Whether a refund is so large that another member of staff has to agree."""
    return amount_minor > limit_minor


class ReturnTooMany(DomainError):
    """Details: ``line``, and how many are ``left`` that can come back."""

    code: ClassVar[str] = "return_too_many"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这一行最多还能退 {left} 件"
    en: ClassVar[str] = "At most {left} of this line can still come back."


class ReturnLineUnknown(DomainError):
    """Details: ``line``."""

    code: ClassVar[str] = "return_line_unknown"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "订单里没有第 {line} 行"
    en: ClassVar[str] = "The order has no line {line}."


class ReturnEmpty(DomainError):
    code: ClassVar[str] = "return_empty"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "请选择要退的商品"
    en: ClassVar[str] = "Please choose what comes back."


class ReturnExceedsPayments(DomainError):
    """More would go back than was taken and not given back yet."""

    code: ClassVar[str] = "return_exceeds_payments"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "退款超过了已付金额"
    en: ClassVar[str] = "That is more than what was paid."


class ReturnConflict(DomainError):
    code: ClassVar[str] = "return_conflict"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这个编号已用于另一次退货"
    en: ClassVar[str] = "This id was used for another return."


class SecondPersonNeeded(DomainError):
    code: ClassVar[str] = "second_person_needed"
    status: ClassVar[int] = 409
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "这笔退款需要另一位员工确认"
    en: ClassVar[str] = "Another member of staff has to agree to this refund."


class GivenTwiceEnded(DomainError):
    code: ClassVar[str] = "given_twice_ended"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这笔重复退款已经处理过了"
    en: ClassVar[str] = "What came twice has been noted as ended already."


class ReturnDecided(DomainError):
    code: ClassVar[str] = "return_decided"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这次退货已经处理过了"
    en: ClassVar[str] = "This return has been decided already."
