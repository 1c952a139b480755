"""What an AI 8110 takes off an order. Pure.

Source: North American Coupon Application Guideline Using GS1 DataBar Expanded Symbols, R2.0, section 5, and appendix C.
Goods belong to a purchase by its company prefix, and by its family where the coupon's agreement lists the family's
GTINs. Readings of ours, where the guideline leaves it open: cents off without optional field 9 are shared by all goods
that the coupon asks for; of several goods that could be free it is the cheapest; with rule 3 the first purchase may be
made up of goods of all of them.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from unqueue.kernel.money import divide_half_up
from unqueue.server.catalogue.gtin import gtin_14
from unqueue.server.coupons.gs1 import NorthAmericanCoupon, Purchase
from unqueue.server.coupons.rules import NorthAmerican
from unqueue.server.coupons.shelf import Part, Shelf, worth
from unqueue.server.orders.model import OrderLine

_POUND_E9_G = 453_592_370_000  # the international avoirdupois pound, 453.59237 g, in billionths of a gram


class NeedsStaff(Exception):
    """The coupon leaves something to the cashier."""


class Made(NamedTuple):
    """A purchase that was made, by its place on the coupon, and the goods that it took."""

    place: int
    parts: list[Part]


def goods_of(coupon: NorthAmerican, purchase: Purchase, lines: Sequence[OrderLine]) -> list[int]:
    """The lines that can make a purchase.

    A company prefix begins a GTIN-13; a GTIN-8 does not hold one.
    """
    family = coupon.families.get(purchase.family_code)
    gtins = {gtin_14(gtin) for gtin in family} if family is not None else None
    return [
        line.line
        for line in lines
        if line.gtin[1:].startswith(purchase.company_prefix)
        and not line.gtin.startswith("000000")
        and (gtins is None or line.gtin in gtins)
    ]


def save(shelf: Shelf, coupon: NorthAmerican, ticket: NorthAmericanCoupon, lines: list[OrderLine]) -> dict[int, int]:
    """Take what the coupon saves off the lines: line → amount; empty where the goods are not there. NeedsStaff."""
    mark = shelf.mark()
    made = _purchases(shelf, coupon, ticket, lines)
    if not made:
        return {}
    code = ticket.saving.code if ticket.saving is not None else "0"
    if code == "6":
        weights = [(line.line, shelf.left_minor[line.line]) for line in lines]
        amount = ticket.save_value
    else:
        parts = _designated(ticket, made)
        parts = _free(shelf, coupon, ticket, parts, lines) if code in {"1", "2"} else parts
        weights = shelf.weights(parts)
        if not weights and code in {"0", "5"}:  # what had to be bought was counted in money or is nothing
            weights = _all_named(shelf, coupon, ticket, lines)
        whole = sum(weight for _, weight in weights)
        match code:
            case "0":
                amount = ticket.save_value
            case "5":
                amount = divide_half_up(whole * ticket.save_value, 100)
            case "1":
                amount = ticket.save_value or whole
            case _:
                amount = whole
    amount = min(amount, coupon.off_max_minor, sum(weight for _, weight in weights))
    if amount <= 0:
        shelf.back_to(mark)
        return {}
    return shelf.take_off(amount, weights)


def _all_named(
    shelf: Shelf, coupon: NorthAmerican, ticket: NorthAmericanCoupon, lines: list[OrderLine]
) -> list[tuple[int, int]]:
    named = {number for purchase in ticket.purchases for number in goods_of(coupon, purchase, lines)}
    return [(number, shelf.left_minor[number]) for number in sorted(named)]


def _purchases(shelf: Shelf, coupon: NorthAmerican, ticket: NorthAmericanCoupon, lines: list[OrderLine]) -> list[Made]:
    """The purchases that were made, their goods taken; empty, and nothing taken, where those needed are not there."""

    def make(place: int, numbers: list[int] | None = None) -> list[Made]:
        purchase = ticket.purchases[place]
        numbers = goods_of(coupon, purchase, lines) if numbers is None else numbers
        parts = _take(shelf, purchase, numbers, lines)
        return [Made(place, parts)] if parts is not None else []

    def any_of(places: range) -> list[Made]:
        return next((found for place in places if (found := make(place))), [])

    mark, places = shelf.mark(), range(len(ticket.purchases))
    match ticket.rule:
        case "0":
            return any_of(places)
        case "2" if len(places) > 1:
            made = [*make(0), *any_of(places[1:])]
            wanted = 2
        case "3":
            pool = {number for purchase in ticket.purchases for number in goods_of(coupon, purchase, lines)}
            return make(0, sorted(pool))
        case _:
            made = [found for place in places for found in make(place)]
            wanted = len(places)
    if len(made) < wanted:
        shelf.back_to(mark)
        return []
    return made


def _take(shelf: Shelf, purchase: Purchase, numbers: list[int], lines: list[OrderLine]) -> list[Part] | None:
    """The goods of one purchase, in the units that it counts; None where there are not enough. NeedsStaff."""
    if purchase.code == "9":
        raise NeedsStaff
    if purchase.code == "2":
        return [] if sum(worth(line) for line in lines) >= purchase.amount else None
    if purchase.amount == 0:
        return []
    match purchase.code:
        case "0":
            return shelf.claim(numbers, purchase.amount)
        case "1":
            return shelf.claim_until(numbers, purchase.amount, lambda part: part.value_minor)
        case "3":
            wanted, per_g = purchase.amount * _POUND_E9_G // 100, 1_000_000_000
        case _:
            wanted, per_g = purchase.amount, 1
    weighed = [number for number in numbers if shelf.lines[number].weight_g is not None]
    return shelf.claim_until(weighed, wanted, _grams(shelf, per_g))


def _grams(shelf: Shelf, per_g: int) -> Callable[[Part], int]:
    return lambda part: (shelf.lines[part.line].weight_g or 0) * per_g


def _designated(ticket: NorthAmericanCoupon, made: list[Made]) -> list[Part]:
    """The goods that the save value applies to."""
    if ticket.saving is None:
        return [part for one in made for part in one.parts]
    named = [one for one in made if one.place == ticket.saving.applies_to]
    return (named or made)[0].parts


def _free(
    shelf: Shelf, coupon: NorthAmerican, ticket: NorthAmericanCoupon, parts: list[Part], lines: list[OrderLine]
) -> list[Part]:
    """Of the designated goods the cheapest units, as many as are free; more are taken if fewer had to be bought."""
    assert ticket.saving is not None, "free goods are told by optional field 9"
    place = ticket.saving.applies_to if ticket.saving.applies_to < len(ticket.purchases) else 0
    purchase = ticket.purchases[place]
    if purchase.code != "0":
        raise NeedsStaff
    wanted = ticket.save_value if ticket.saving.code == "2" else 1
    missing = wanted - sum(part.units for part in parts)
    if missing > 0:
        more = shelf.claim(goods_of(coupon, purchase, lines), missing)
        if more is None:
            return []
        parts = [*parts, *more]
    free: list[Part] = []
    for part in sorted(parts, key=lambda part: (part.value_minor // part.units, -part.line)):
        units = min(part.units, wanted)
        if units:
            value = part.value_minor if units == part.units else part.value_minor // part.units * units
            free.append(Part(part.line, units, value))
            wanted -= units
    return free
