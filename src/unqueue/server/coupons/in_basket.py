"""Coupons in a basket, while the shopper is still shopping: found, looked at, and reserved with the order.

Trips and orders stand below; the composition root hands them what they ask for (``trips.coupons.CouponFinder``,
``orders.service.Opening``). A look reserves nothing: any number of baskets may hold the same single-use coupon, and
the order that is submitted first gets it.
"""

from collections.abc import Mapping

from sqlalchemy import Connection

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import DomainError
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.server.coupons import choosing, keys, model, redeeming
from unqueue.server.coupons.choosing import Chosen, Paper, Shopper
from unqueue.server.coupons.guessing import Guessing
from unqueue.server.coupons.model import Effect, Held
from unqueue.server.coupons.redeeming import Redeeming, Wanted
from unqueue.server.coupons.refusals import CouponExpired, CouponMalformed, CouponOtherStore, CouponUnknown
from unqueue.server.orders.model import Order, OrderLine, order_lines
from unqueue.server.promotions.pricing import Pricing
from unqueue.server.trips.coupons import BasketCoupon, CouponShare, Found
from unqueue.server.trips.model import Trip


class BasketCoupons:
    """The coupons of one store as trips and orders ask for them."""

    def __init__(self, database: Database, at: Redeeming, guessing: Guessing | None = None) -> None:
        self._database = database
        self._redeeming = at
        self._guessing = guessing or Guessing()

    async def find(self, text: str, trip: Trip, asker: str | None = None) -> Found | None:
        """The coupon of a code, with a use left just now; None for what is no coupon's.

        CouponMalformed and CouponUnknown for a GS1 coupon; CouponExpired, CouponOtherStore, and those of a coupon
        that is used up. What may still become good in this visit is found, and its preview says what is missing.
        TooManyCouponGuesses after too many unknown codes, where ``asker`` (the client's address) says to count.
        """
        candidates = self._read(text)
        if not candidates:
            return None
        shopper = shopper_of(trip)

        def look(connection: Connection) -> tuple[Paper | None, DomainError | None]:
            paper = redeeming.find(connection, candidates, trip.currency)
            return paper, redeeming.used_up(connection, paper, shopper) if paper is not None else None

        if asker is not None:
            self._guessing.begin(trip.trip_id, asker, self._database.clock.now().timestamp())
        paper, used_up = await self._database.read(look)
        if paper is None:
            if any(":" in key.code for key in candidates):
                raise CouponUnknown
            return None
        if asker is not None:
            self._guessing.right(trip.trip_id, asker)
        no = self._refusal(paper, shopper)
        if isinstance(no, CouponExpired | CouponOtherStore):
            raise no
        if used_up is not None:
            raise used_up
        return _found(paper)

    async def recall(self, text: str, trip: Trip) -> Found | None:
        """The same without refusals, for a coupon that lies in the basket already."""
        candidates = self._read(text)
        paper = await self._database.read(lambda connection: redeeming.find(connection, candidates, trip.currency))
        return _found(paper) if paper is not None else None

    def preview(self, trip: Trip, pricing: Pricing, found: Mapping[int, Found]) -> list[BasketCoupon]:
        """What the coupons of a basket would give if it were submitted now."""
        shopper = shopper_of(trip)
        papers = {number: one.about for number, one in found.items() if isinstance(one.about, Paper)}
        refused: dict[str, DomainError] = {}
        for number, paper in papers.items():
            no = self._refusal(paper, shopper)
            if no is not None:
                refused[str(number)] = no
        held = [Held(str(number), one.key.code, one.coupon, one.key.ticket) for number, one in papers.items()]
        lines = order_lines(trip, pricing)
        chosen = choosing.choose(lines, held, refused, self._redeeming.policy)
        ids = {number: str(number) for number in found}
        return _views(found, ids, chosen, shopper, trip.currency)

    def reserve(
        self, tx: Transaction, order: Order, lines: list[OrderLine], trip: Trip, found: Mapping[int, Found]
    ) -> list[BasketCoupon]:
        """Put the coupons of a basket on its new order, in the unit of work that writes it; what became of each."""
        del lines  # they are written already, and read from there
        shopper = shopper_of(trip)
        ids = {number: new_id() for number in found}
        wanted = [
            Wanted(ids[number], one.about) for number, one in sorted(found.items()) if isinstance(one.about, Paper)
        ]
        chosen = self._redeeming.redeem_all(tx, order, wanted, shopper=shopper, actor=f"trip:{trip.trip_id}")
        return _views(found, ids, chosen, shopper, order.currency)

    def _read(self, text: str) -> list[keys.Key]:
        """What a text may be; nothing for what can be no coupon."""
        try:
            return keys.read(text, self._redeeming.day(self._database.clock.now()))
        except CouponMalformed as error:
            if error.details["reason"] == "not_a_coupon":
                return []
            raise

    def _refusal(self, paper: Paper, shopper: Shopper) -> DomainError | None:
        today = self._redeeming.day(self._database.clock.now())
        return choosing.refusal(paper, shopper, today, self._redeeming.policy)


def shopper_of(trip: Trip) -> Shopper:
    """Whose visit a trip is. A member without a name (nobody is there to name them) is one for this visit."""
    return Shopper(trip.trip_id, trip.member or (f"trip:{trip.trip_id}" if trip.is_member else None))


def _found(paper: Paper) -> Found:
    coupon = paper.coupon
    return Found(coupon.id, paper.key.code, coupon.zh, coupon.en, paper)


def _views(
    found: Mapping[int, Found], ids: Mapping[int, str], chosen: Chosen, shopper: Shopper, currency: str
) -> list[BasketCoupon]:
    effects = {effect.held.redemption_id: effect for effect in chosen.effects}
    return [
        _view(
            number,
            one,
            effects.get(ids[number]),
            chosen.refused.get(ids[number]),
            (shopper, currency),
        )
        for number, one in sorted(found.items())
    ]


def _view(
    number: int, found: Found, effect: Effect | None, no: DomainError | None, whose: tuple[Shopper, str]
) -> BasketCoupon:
    shopper, currency = whose
    paper = found.about if isinstance(found.about, Paper) else None
    if effect is None and no is None:
        no = CouponUnknown()
    return BasketCoupon(
        coupon=number,
        coupon_id=found.coupon_id,
        zh=found.zh,
        en=found.en,
        amount=Money(effect.amount_minor if effect is not None else 0, currency),
        funded_by=_funded_by(effect, paper),
        lines=[CouponShare(one.line, Money(one.amount_minor, currency)) for one in effect.shares] if effect else [],
        problem=no.problem() if no is not None else None,
        note=choosing.limit(paper.coupon, shopper) if paper is not None else None,
    )


def _funded_by(effect: Effect | None, paper: Paper | None) -> str:
    if effect is not None:
        return model.funded_by(effect.held)
    return paper.coupon.funded_by if paper is not None else "store"
