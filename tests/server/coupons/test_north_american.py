"""What an AI 8110 takes off: purchases, rules and what the save value means."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.coupons.baskets import line, order_lines, texts
from tests.server.coupons.test_gs1 import coupons as tickets

from unqueue.server.coupons import model
from unqueue.server.coupons.gs1 import NorthAmericanCoupon, Purchase, Saving
from unqueue.server.coupons.model import Effect, Held, Policy
from unqueue.server.coupons.rules import NorthAmerican
from unqueue.server.coupons.shelf import worth
from unqueue.server.orders.model import OrderLine

OURS = "0614141"
SOUP = {"product_id": "soup", "gtin": "00614141999996"}
RICE = {"product_id": "rice", "gtin": "00614141888887"}
OTHER = {"product_id": "tea", "gtin": "00012666000007"}
FAMILIES = {"120": ("614141999996",), "140": ("614141888887",)}
BASKET = [line(1, 500, 3, **SOUP), line(2, 300, 2, **RICE), line(3, 200, 1, **OTHER)]


def agreed(**fields: Any) -> NorthAmerican:
    given = {"company_prefixes": (OURS,), "off_max_minor": 1000, "families": FAMILIES, **fields}
    return NorthAmerican(**texts("na", **given))


def ticket(save_value: int, *purchases: Purchase, **fields: Any) -> NorthAmericanCoupon:
    return NorthAmericanCoupon(OURS, "654321", save_value, purchases or (units(1, "120"),), **fields)


def units(amount: int, family: str = "000", prefix: str = OURS) -> Purchase:
    return Purchase(amount, "0", family, prefix)


def take(lines: list[OrderLine], one: NorthAmericanCoupon, **fields: Any) -> Effect:
    return model.apply(lines, [Held("na", "na", agreed(**fields), one)], Policy())[0]


def shares(effect: Effect) -> dict[int, int]:
    return {share.line: share.amount_minor for share in effect.shares}


APPLES = line(4, 998, gtin="00614141777778", weight_g=454, subtotal=453)
FREE, FREE_OF_2ND = Saving("1"), Saving("1", applies_to=1)

CASES: list[tuple[str, NorthAmericanCoupon, dict[int, int]]] = [
    ("cents off one", ticket(150), {1: 150}),
    ("no more than it costs", ticket(900), {1: 500}),
    ("cents off two", ticket(150, units(2, "120")), {1: 150}),
    ("too few", ticket(150, units(4, "120")), {}),
    ("a family without a list is the company's goods", ticket(150, units(5, "777")), {1: 107, 2: 43}),
    ("another company", ticket(150, units(1, "000", "0012666")), {3: 150}),
    ("another company's goods do not count", ticket(150, units(6)), {}),
    ("either: the first", ticket(75, units(1, "120"), units(3, "140"), rule="0"), {1: 75}),
    ("either: the second", ticket(75, units(9, "120"), units(2, "140"), rule="0"), {2: 75}),
    ("either: none", ticket(75, units(9, "120"), units(3, "140"), rule="0"), {}),
    ("either, of the same goods: what the first could not use is there for the second",
     ticket(75, units(9, "120"), units(3, "120"), rule="0"), {1: 75}),
    ("all", ticket(80, units(1, "120"), units(1, "140"), rule="1"), {1: 50, 2: 30}),
    ("not all", ticket(80, units(1, "120"), units(3, "140"), rule="1"), {}),
    ("first and one of the others", ticket(80, units(1, "120"), units(3, "140"), units(1, "000", "0012666"), rule="2"),
     {1: 57, 3: 23}),
    ("first and none of the others", ticket(80, units(1, "120"), units(3, "140"), rule="2"), {}),
    ("the first made up of all", ticket(80, units(5, "120"), units(1, "140"), rule="3"), {1: 57, 2: 23}),
    ("one free", ticket(0, units(2, "120"), saving=FREE), {1: 500}),
    ("one free up to", ticket(89, saving=FREE), {1: 89}),
    ("the second one is free", ticket(0, units(1, "120"), units(1, "140"), rule="1", saving=FREE_OF_2ND), {2: 300}),
    ("two free", ticket(2, saving=Saving("2")), {1: 1000}),
    ("more free than there are", ticket(4, saving=Saving("2")), {}),
    ("percent off what had to be bought", ticket(20, units(2, "120"), saving=Saving("5")), {1: 200}),
    ("cents off the transaction", ticket(500, saving=Saving("6")), {1: 326, 2: 130, 3: 44}),
    ("cents off the transaction without the goods", ticket(500, units(9, "120"), saving=Saving("6")), {}),
    ("for so much money", ticket(100, Purchase(1400, "1", "120", OURS)), {1: 100}),
    ("for more money than there is", ticket(100, Purchase(1501, "1", "120", OURS)), {}),
    ("for a transaction of so much", ticket(100, Purchase(2300, "2", "777", OURS)), {1: 71, 2: 29}),
    ("for a greater transaction", ticket(100, Purchase(2301, "2", "120", OURS)), {}),
    ("no more than was agreed", ticket(5000, units(3, "120")), {1: 1000}),
]  # fmt: skip


@pytest.mark.parametrize(("one", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_it_takes_off(one: NorthAmericanCoupon, expected: dict[int, int]) -> None:
    effect = take(BASKET, one)
    assert shares(effect) == expected
    assert effect.problem == (None if expected else "goods")


@pytest.mark.parametrize(("amount", "code", "taken"), [(100, "3", 50), (101, "3", 0), (454, "4", 50), (455, "4", 0)])
def test_goods_by_weight(amount: int, code: Any, taken: int) -> None:
    """454 g are a pound (453.59 g), and hundredths of a pound and grams are what the coupon counts."""
    assert take([APPLES, *BASKET], ticket(50, Purchase(amount, code, "000", OURS))).amount_minor == taken


@pytest.mark.parametrize(
    "one", [ticket(1, Purchase(1, "9", "120", OURS)), ticket(1, Purchase(100, "1", "120", OURS), saving=FREE)]
)
def test_what_a_cashier_would_decide_goes_to_staff(one: NorthAmericanCoupon) -> None:
    assert take(BASKET, one).problem == "staff"


def test_of_two_that_could_be_free_it_is_the_cheaper() -> None:
    assert shares(take(BASKET, ticket(0, units(4), saving=FREE))) == {2: 300}


def test_two_coupons_need_two_sets_of_goods() -> None:
    held = [Held(name, name, agreed(), ticket(50, units(2, "120"))) for name in "ab"]
    assert [effect.problem for effect in model.apply(BASKET, held, Policy())] == [None, "goods"]


def test_an_ean_8_is_nobodys_prefix() -> None:
    eight = [line(1, 500, gtin="00000096385074")]
    assert take(eight, ticket(50, units(1, "000", "000009"))).problem == "goods"


def test_the_store_coupon_flag_says_who_bears_it() -> None:
    assert model.funded_by(Held("a", "a", agreed(), ticket(1))) == "issuer"
    assert model.funded_by(Held("a", "a", agreed(), ticket(1, saving=Saving(store_coupon="1")))) == "store"


def test_a_minimum_on_its_goods() -> None:
    limits = {"minimum_spend_minor": 2200, "minimum_spend_on": "goods"}
    effect = take(BASKET, ticket(1, units(1, "000")), **limits)
    assert (effect.problem, effect.missing_minor) == ("spend", 100)


@given(order_lines(), st.lists(tickets(), min_size=1, max_size=4))
def test_no_coupon_of_any_kind_takes_more_than_there_is(
    lines: list[OrderLine], scanned: list[NorthAmericanCoupon]
) -> None:
    wide = agreed(families={}, off_max_minor=700)
    held = [Held(str(number), str(number), wide, one) for number, one in enumerate(scanned)]
    effects = model.apply(lines, held, Policy())
    taken: dict[int, int] = {}
    for effect in effects:
        assert effect.amount_minor <= 700
        for share in effect.shares:
            taken[share.line] = taken.get(share.line, 0) + share.amount_minor
    assert all(taken.get(one.line, 0) <= worth(one) for one in lines)


@given(order_lines(), st.lists(tickets(), min_size=1, max_size=3), st.sampled_from((OURS, "0690123", "0")))
def test_goods_of_the_order_are_found_by_their_prefix(
    lines: list[OrderLine], scanned: list[NorthAmericanCoupon], prefix: str
) -> None:
    """The same with coupons whose prefixes are those of the goods, so that most of them apply."""
    wide = agreed(families={}, off_max_minor=700)
    held = []
    for number, one in enumerate(scanned):
        bought = tuple(
            Purchase(purchase.amount % 3, purchase.code, purchase.family_code, prefix) for purchase in one.purchases
        )
        fitting = NorthAmericanCoupon(prefix, one.offer_code, one.save_value, bought, one.rule, saving=one.saving)
        held.append(Held(str(number), str(number), wide, fitting))
    for effect in model.apply(lines, held, Policy()):
        for share in effect.shares:
            found = next(line for line in lines if line.line == share.line)
            is_whole = effect.held.ticket is not None and model.stage_of(effect.held) == "basket_amount"
            assert is_whole or found.gtin[1:].startswith(prefix)


def test_goods_that_paid_for_one_coupon_are_worth_less_to_the_next() -> None:
    by_spend = ticket(400, Purchase(2300, "2", "140", OURS))
    held = [
        Held("a", "a", agreed(), by_spend),
        Held("b", "b", agreed(), ticket(2, units(1, "140"), saving=Saving("2"))),
    ]
    effects = model.apply(BASKET, held, Policy())
    assert [shares(effect) for effect in effects] == [{2: 400}, {2: 200}]
