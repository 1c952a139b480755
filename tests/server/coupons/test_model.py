"""What coupons take off: tables of cases, and what holds for every basket and every coupon."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.coupons.baskets import (
    ALL,
    DAIRY,
    MILK,
    amount,
    coupon_lists,
    free,
    held,
    line,
    order_lines,
    percent,
)

from unqueue.server.coupons import model
from unqueue.server.coupons.model import Effect, Held, Policy, Redemption, Redemptions, Share
from unqueue.server.coupons.rules import Coupon, Goods, Selection
from unqueue.server.coupons.shelf import worth
from unqueue.server.orders.model import OrderLine

MILK_AND_TEA = [line(1, 500, 4), line(2, 300, 2, product_id="tea", category="drinks", deposit=40)]
PROMOTED = [line(1, 500, 4, off=500), line(2, 300, 2, product_id="tea", category="drinks")]
WITH_BEER = [line(1, 500, 2), line(2, 900, 1, product_id="beer", category="alcohol", age_limit=18)]
APPLES = line(3, 998, 1, product_id="apples", category="fruit", weight_g=512, subtotal=511)


def take(lines: list[OrderLine], *coupons: Coupon, policy: Policy | None = None) -> list[Effect]:
    return model.apply(lines, [held(coupon) for coupon in coupons], policy or Policy())


def shares(effect: Effect) -> dict[int, int]:
    return {share.line: share.amount_minor for share in effect.shares}


CASES: list[tuple[str, list[OrderLine], Coupon, dict[int, int]]] = [
    ("amount off the basket, by what lines are worth", MILK_AND_TEA, amount("a", 260), {1: 200, 2: 60}),
    ("the odd cent goes to the larger remainder", MILK_AND_TEA, amount("a", 1), {1: 1}),
    ("never more than the goods, never the deposit", MILK_AND_TEA, amount("a", 99_999), {1: 2000, 2: 600}),
    ("amount off a category", MILK_AND_TEA, amount("a", 300, DAIRY), {1: 300}),
    ("amount off one unit of a product", MILK_AND_TEA, amount("a", 800, MILK), {1: 500}),
    ("amount off two units together", MILK_AND_TEA, amount("a", 800, MILK, units=2), {1: 800}),
    ("percent off the basket, rounded once", MILK_AND_TEA, percent("p", 1005), {1: 201, 2: 60}),
    ("percent off with a cap", MILK_AND_TEA, percent("p", 5000, off_max_minor=130), {1: 100, 2: 30}),
    ("percent off all units of a product", MILK_AND_TEA, percent("p", 1000, MILK), {1: 200}),
    ("percent off one unit of a product", MILK_AND_TEA, percent("p", 1000, MILK, units=1), {1: 50}),
    ("percent off a category without one product", MILK_AND_TEA,
     percent("p", 1000, Goods(categories=("dairy", "drinks"), excluding=Selection(product_ids=("tea",)))), {1: 200}),
    ("a free product", MILK_AND_TEA, free("f"), {1: 500}),
    ("two free products", MILK_AND_TEA, free("f", units=2), {1: 1000}),
    ("a free product up to an amount", MILK_AND_TEA, free("f", off_max_minor=450), {1: 450}),
    ("the dearer one is free", [line(1, 300), line(2, 500)], free("f"), {2: 500}),
    ("what promotions took is gone", PROMOTED, free("f"), {1: 375}),
    ("only goods without promotions", PROMOTED, amount("a", 5000, not_with_promotions=True), {2: 600}),
    ("only goods without an age limit", WITH_BEER, percent("p", 1000, without_age_limited=True), {1: 100}),
    ("weighed goods are one unit", [APPLES], amount("a", 600, Goods(product_ids=("apples",))), {3: 511}),
    ("a GTIN in any form", MILK_AND_TEA, amount("a", 10, Goods(gtins=("6901234567892",))), {1: 10}),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "coupon", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_coupon_takes_off(lines: list[OrderLine], coupon: Coupon, expected: dict[int, int]) -> None:
    (effect,) = take(lines, coupon)
    assert shares(effect) == expected
    assert effect.problem is None


NOTHING: list[tuple[str, list[OrderLine], Coupon, str, int]] = [
    ("other goods", MILK_AND_TEA, amount("a", 100, Goods(product_ids=("soap",))), "goods", 0),
    ("too few of them", MILK_AND_TEA, amount("a", 100, MILK, units=5), "goods", 0),
    ("all promoted", [line(1, 500, off=100)], amount("a", 100, not_with_promotions=True), "goods", 0),
    ("nothing left of it", [line(1, 500, off=500, deposit=50)], amount("a", 100), "goods", 0),
    ("too little spent", MILK_AND_TEA, amount("a", 100, minimum_spend_minor=3000), "spend", 400),
    ("too little spent on these", MILK_AND_TEA,
     amount("a", 100, DAIRY, minimum_spend_minor=2500, minimum_spend_on="goods"), "spend", 500),
    ("promotions come first", PROMOTED, amount("a", 100, minimum_spend_minor=2600), "spend", 500),
    ("beer does not count", WITH_BEER,
     amount("a", 100, minimum_spend_minor=1500, without_age_limited=True), "spend", 500),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "coupon", "problem", "missing"), [c[1:] for c in NOTHING], ids=[c[0] for c in NOTHING]
)
def test_why_a_coupon_takes_nothing_off(lines: list[OrderLine], coupon: Coupon, problem: str, missing: int) -> None:
    (effect,) = take(lines, coupon)
    assert (effect.problem, effect.missing_minor, effect.shares) == (problem, missing, ())


def test_the_minimum_is_reached_exactly() -> None:
    (effect,) = take(MILK_AND_TEA, amount("a", 100, minimum_spend_minor=2600))
    assert effect.amount_minor == 100


def test_the_store_can_keep_categories_and_age_limited_goods_out() -> None:
    out = Policy(excluded_categories=frozenset({"dairy"}), excludes_age_limited=True)
    assert take(WITH_BEER, amount("a", 100), policy=out)[0].problem == "goods"
    assert shares(take(WITH_BEER, amount("a", 100), policy=Policy(excludes_age_limited=True))[0]) == {1: 100}


def test_the_sequence_product_category_amount_percent() -> None:
    coupons = [
        percent("d", 1000, priority=1),
        amount("c", 100),
        amount("b2", 50, DAIRY, priority=2),
        amount("b1", 50, DAIRY, priority=2),
        amount("b0", 50, DAIRY, priority=1),
        free("a", priority=99),
    ]
    effects = take(MILK_AND_TEA, *coupons)
    assert [effect.held.coupon.id for effect in effects] == ["a", "b0", "b1", "b2", "c", "d"]
    # 2600 - 500 - 3 x 50 - 100 = 1850, of which a tenth
    assert [effect.amount_minor for effect in effects] == [500, 50, 50, 50, 100, 185]


def test_a_unit_serves_one_product_coupon() -> None:
    lines = [line(1, 500, 2)]
    effects = take(lines, free("a"), free("b"), free("c"))
    assert [(effect.amount_minor, effect.problem) for effect in effects] == [(500, None), (500, None), (0, "goods")]


def test_a_coupon_that_does_nothing_takes_no_goods() -> None:
    effects = take(
        [line(1, 500, 2)], amount("a", 100, MILK, units=3), percent("b", 1, MILK, units=1), free("c", units=2)
    )
    assert [(effect.amount_minor, effect.problem) for effect in effects] == [(0, "goods"), (0, "goods"), (1000, None)]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ({}, {}, True),
        ({"stackable": False}, {}, False),
        ({"excludes": ("welcome",)}, {"groups": ("welcome",)}, False),
        ({"excludes": ("welcome",)}, {"groups": ("birthday",)}, True),
        ({"groups": ("welcome",)}, {"groups": ("welcome",)}, True),
    ],
)
def test_which_coupons_go_together(one: dict[str, Any], other: dict[str, Any], together: bool) -> None:
    first, second = amount("a", 1, **one), amount("b", 1, **other)
    assert model.can_combine(first, second) is together
    assert model.can_combine(second, first) is together


def test_the_words_say_what_was_saved_and_in_which_sequence() -> None:
    def redeemed(name: str, saved: int) -> Redemption:
        return Redemption(
            redemption_id=name, coupon_id=name, code=name, zh=f"券{name}", en=f"Coupon {name}", funded_by="store",
            status="reserved", amount_minor=saved, lines=(Share(1, saved),),
        )  # fmt: skip

    one = Redemptions(order_id="o", currency="CNY", total_minor=1000, coupons=(redeemed("a", 250),))
    assert (one.explained.zh, one.explained.en) == ("“券a”省 ¥2.50。", "“Coupon a” saves you ¥2.50.")
    two = msgspec.structs.replace(one, coupons=(*one.coupons, redeemed("b", 50)))
    assert "products, then for categories" in two.explained.en
    assert "依次是" in two.explained.zh
    assert (two.saved_minor, two.payable_minor, two.by_line(), two.by_line("issuer")) == (300, 700, {1: 300}, {})


@given(order_lines(), coupon_lists, st.randoms(use_true_random=False))
def test_the_order_of_scanning_does_not_matter(lines: list[OrderLine], coupons: list[Coupon], random: Any) -> None:
    one = [held(coupon) for coupon in coupons]
    other = list(one)
    random.shuffle(other)
    assert model.apply(lines, one, Policy()) == model.apply(lines, other, Policy())


@given(order_lines(), coupon_lists)
def test_no_line_goes_below_zero_and_every_cent_is_on_a_line(lines: list[OrderLine], coupons: list[Coupon]) -> None:
    effects = take(lines, *coupons)
    by_line: dict[int, int] = {}
    for effect in effects:
        assert (effect.amount_minor > 0) == (effect.problem is None)
        for share in effect.shares:
            assert share.amount_minor > 0
            by_line[share.line] = by_line.get(share.line, 0) + share.amount_minor
    for one in lines:
        assert by_line.get(one.line, 0) <= worth(one)
        assert one.total_minor - by_line.get(one.line, 0) >= one.deposit_minor
    assert sum(by_line.values()) == sum(effect.amount_minor for effect in effects)


@given(order_lines(), coupon_lists)
def test_each_coupon_keeps_to_its_goods_and_its_limits(lines: list[OrderLine], coupons: list[Coupon]) -> None:
    by_number = {one.line: one for one in lines}
    for effect in take(lines, *coupons):
        coupon = effect.held.coupon
        assert not isinstance(coupon, model.NorthAmerican)
        test = coupon.on.test()
        for share in effect.shares:
            one = by_number[share.line]
            assert test(one.product_id, one.gtin, one.category)
            assert not (coupon.not_with_promotions and one.discount_minor)
            assert not (coupon.without_age_limited and one.age_limit)
        if isinstance(coupon, model.AmountOff):
            assert effect.amount_minor <= coupon.off_minor
        elif coupon.off_max_minor is not None:
            assert effect.amount_minor <= coupon.off_max_minor


@given(order_lines(), coupon_lists, st.data())
def test_what_fits_together_fits_without_one_of_them(
    lines: list[OrderLine], coupons: list[Coupon], data: st.DataObject
) -> None:
    """So whether a set of coupons is taken does not depend on the order of scanning either.

    A cent that rounding moves is let off: a coupon that is worth less than one for each line may lose it.
    """
    kept: list[Held] = []
    for coupon in coupons:
        trial = [*kept, held(coupon)]
        if not any(effect.problem for effect in model.apply(lines, trial, Policy())):
            kept = trial
    if not kept:
        return
    dropped = data.draw(st.sampled_from(kept))
    rest = [one for one in kept if one is not dropped]
    before = {effect.held.code: effect.amount_minor for effect in model.apply(lines, kept, Policy())}
    for effect in model.apply(lines, rest, Policy()):
        assert effect.problem is None or before[effect.held.code] <= len(lines)


def test_a_basket_coupon_knows_what_is_left_after_the_others() -> None:
    effects = take(MILK_AND_TEA, amount("a", 2600), percent("p", 1000))
    assert [effect.problem for effect in effects] == [None, "goods"]
    assert ALL.everything
