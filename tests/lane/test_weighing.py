"""The weight rule: tables, its promised false alarms, and what it names as likely causes."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.kernel.weight import Reading
from unqueue.lane.weighing import Expected, Line, Rule, check, scale_error_sd_g

MILK = Line(1, "milk", "牛奶", "Milk", 2, 2120, 8.49)
TEA = Line(2, "tea", "茶", "Tea", 1, 528, 3.0)
WINE = Line(3, "wine", "红酒", "Wine", 1, 1240, 12.0)
GUM = Line(4, "gum", "口香糖", "Gum", 1, 14, 0.5)
BASKET = [MILK, TEA, WINE, GUM]  # 3902 g


@pytest.mark.parametrize(
    ("measured_g", "verdict", "kind", "suspects"),
    [
        (3900, "pass", None, []),
        (3925, "pass", None, []),
        (3850, "pass", None, []),
        (3375, "check", "extra", ["Tea"]),
        (2840, "check", "extra", ["Milk"]),
        (1780, "check", "extra", ["2 × Milk"]),
        (2660, "check", "extra", ["Wine"]),
        (4430, "check", "missed", ["Tea", "An item of about 528 g"]),
        (4960, "check", "missed", ["Milk", "An item of about 1.058 kg"]),
        (4100, "check", "missed", ["An item of about 198 g"]),
        (3600, "check", "unknown", ["About 302 g seems to be missing"]),
        (0, "check", "unknown", ["About 3.902 kg seems to be missing"]),
    ],
)
def test_what_is_likely_wrong(measured_g: int, verdict: str, kind: str | None, suspects: list[str]) -> None:
    found = check(BASKET, Reading(measured_g, 5), Rule())
    assert found.verdict == verdict
    assert [suspect.en for suspect in found.suspects] == suspects
    assert {suspect.kind for suspect in found.suspects} == ({kind} if kind else set())
    assert all(suspect.zh for suspect in found.suspects)


def test_variances_add_up() -> None:
    found = check(BASKET, Reading(3900, 5), Rule())
    scale_g = 2 * 1.0 * 5 / math.sqrt(3)  # 780 intervals: 1 e at first, twice that in service
    assert found.sigma_g == pytest.approx(math.sqrt(8.49**2 + 3**2 + 12**2 + 0.5**2 + scale_g**2), abs=0.01)
    assert found.tolerance_g == math.ceil(3.3 * found.sigma_g)


@pytest.mark.parametrize(
    ("rule", "interval_g", "tolerance_g"),
    [
        (Rule(), 1, 10),
        (Rule(tolerance_g_min=25), 1, 25),
        (Rule(tolerance_g_min=0), 5, 10),
        (Rule(tolerance_g_min=0), 1, 2),
    ],
)
def test_a_tolerance_is_never_less_than_the_scale_can_tell(rule: Rule, interval_g: int, tolerance_g: int) -> None:
    line = Line(1, "x", "甲", "X", 1, 20, 0.1)
    assert check([line], Reading(20, interval_g), rule).tolerance_g == tolerance_g


def test_an_own_bag_makes_the_belt_heavier_and_never_lighter() -> None:
    rule = Rule(own_bag_g_max=100)
    assert check([TEA], Reading(628, 1), rule).verdict == "pass"
    assert check([TEA], Reading(700, 1), rule).verdict == "check"
    assert check([TEA], Reading(428, 1), rule).verdict == "check"


@pytest.mark.parametrize(("net_g", "intervals"), [(2500, 0.5), (2501, 1.0), (10_000, 1.0), (10_001, 1.5), (-2501, 1.0)])
def test_the_scales_error_grows_in_steps(net_g: int, intervals: float) -> None:
    """OIML R 76-1 table 6, class III."""
    assert scale_error_sd_g(Reading(net_g, 5)) == pytest.approx(2 * intervals * 5 / math.sqrt(3))


def test_honest_baskets_are_rarely_stopped() -> None:
    """3.3 standard deviations: about one honest basket in a thousand, were the tolerance not rounded up."""
    chance = random.Random(20260302)
    alarms = 0
    for _ in range(20_000):
        true_g = sum(
            sum(chance.gauss(line.unit_g, math.sqrt(line.unit_variance)) for _ in range(line.quantity))
            for line in BASKET
        )
        shown_g = 5 * round(chance.gauss(true_g, 5.77) / 5)
        alarms += check(BASKET, Reading(shown_g, 5), Rule()).verdict == "check"
    assert alarms / 20_000 < 0.002


@pytest.mark.parametrize("missing", [MILK, TEA, WINE])
def test_a_missing_piece_is_noticed_and_named(missing: Line) -> None:
    """Nine times in ten the likeliest suspect is the right one, in a basket whose pieces differ in weight."""
    chance = random.Random(7)
    noticed = named = 0
    for _ in range(500):
        true_g = sum(chance.gauss(line.weight_g_expected, line.weight_g_sd) for line in BASKET)
        true_g -= chance.gauss(missing.unit_g, math.sqrt(missing.unit_variance))
        found = check(BASKET, Reading(5 * round(true_g / 5), 5), Rule())
        noticed += found.verdict == "check"
        named += bool(found.suspects) and found.suspects[0].product_id == missing.product_id
    assert noticed == 500
    assert named > 450


def test_something_light_and_an_equal_swap_stay_unseen() -> None:
    """What weight can't tell: said on the part's page, and true."""
    without_gum = 3902 - 14
    assert check(BASKET, Reading(5 * round(without_gum / 5), 5), Rule()).verdict == "pass"


lines = st.lists(
    st.builds(
        Line,
        line=st.integers(1, 99),
        product_id=st.text(max_size=3),
        name_zh=st.just("甲"),
        name_en=st.just("X"),
        quantity=st.integers(1, 20),
        weight_g_expected=st.integers(0, 50_000),
        weight_g_sd=st.floats(0, 500),
    ),
    max_size=8,
)


@given(lines, st.integers(-1000, 200_000), st.sampled_from([1, 2, 5, 10]), st.integers(0, 500))
def test_the_verdict_is_the_tolerance_and_nothing_else(
    basket: list[Line], measured_g: int, interval_g: int, own_bag_g: int
) -> None:
    found = check(basket, Reading(measured_g, interval_g), Rule(own_bag_g_max=own_bag_g))
    fits = -found.tolerance_g <= found.difference_g <= found.tolerance_g + own_bag_g
    assert (found.verdict == "pass") is fits
    assert bool(found.suspects) is not fits
    assert len(found.suspects) <= 3
    if not fits:
        assert {suspect.kind for suspect in found.suspects} <= (
            {"missed"} if found.difference_g > 0 else {"extra", "unknown"}
        )


@given(lines, st.integers(0, 200_000))
def test_the_order_of_lines_does_not_matter(basket: list[Line], measured_g: int) -> None:
    one, other = (check(order, Reading(measured_g, 5), Rule()) for order in (basket, basket[::-1]))
    assert (one.verdict, one.expected_g, one.tolerance_g) == (other.verdict, other.expected_g, other.tolerance_g)


@pytest.mark.parametrize("expected", [None, Expected(12_000, 30.0, 11_900, 12_120)])
def test_weighed_in_parts_each_reading_has_its_own_error(expected: Expected | None) -> None:
    """4,000 and 8,000 g on a scale of 2 g: 1 e and 1.5 e (OIML R 76, 3.5.1), where 12,000 g at once is 1.5 e, too."""
    rice = Line(1, "rice", "大米", "Rice", 1, 12_000, 29.0)
    whole, part, rest = Reading(12_000, 2), Reading(4_000, 2), Reading(8_000, 2)
    at_once = check([rice], whole, Rule(), expected)
    in_parts = check([rice], rest, Rule(), expected, parts=[part])
    assert (in_parts.measured_g, in_parts.parts, at_once.parts) == (12_000, 2, 1)
    variance = (
        at_once.sigma_g**2 - scale_error_sd_g(whole) ** 2 + scale_error_sd_g(part) ** 2 + scale_error_sd_g(rest) ** 2
    )
    assert in_parts.sigma_g == pytest.approx(math.sqrt(variance), abs=0.01)
    assert in_parts.low_g is not None
    assert at_once.low_g is not None
    wider = in_parts.sigma_g / at_once.sigma_g
    assert (12_000 - in_parts.low_g) == pytest.approx(wider * (12_000 - at_once.low_g), abs=1)
