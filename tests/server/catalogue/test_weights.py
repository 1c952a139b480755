"""Expected weights of products that nobody weighed yet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.server.catalogue.model import PACKAGINGS
from unqueue.server.catalogue.quantity import Quantity
from unqueue.server.catalogue.weights import derive_weight, net_weight, piece_weight, tolerable_deficiency


@pytest.mark.parametrize(
    ("nominal", "deficiency"),
    [
        # OIML R 87:2016, table 1; JJF 1070-2005, table 3; 76/211/EEC, annex I, 2.4
        (50, 4.5), (100, 4.5), (150, 6.75), (200, 9), (250, 9), (300, 9), (400, 12), (500, 15), (750, 15), (1000, 15),
        (1500, 22.5), (10_000, 150), (12_000, 150), (15_000, 150), (20_000, 200),
    ],
)  # fmt: skip
def test_tolerable_deficiency(nominal: float, deficiency: float) -> None:
    assert tolerable_deficiency(nominal) == pytest.approx(deficiency)


@given(st.floats(5, 50_000), st.floats(1, 1.5))
def test_more_content_may_lack_as_much_or_more(nominal: float, factor: float) -> None:
    assert tolerable_deficiency(nominal * factor) >= tolerable_deficiency(nominal) - 1e-3


@pytest.mark.parametrize(
    ("quantity", "packaging", "density", "mean_g", "sd_g"),
    [
        (Quantity(1, 500, "g"), "none", 1.0, 500, 7.7),  # 15 / 1.96
        (Quantity(4, 500, "g"), "none", 1.0, 2000, 15.3),  # four that vary on their own: twice the deviation
        (Quantity(1, 1000, "ml"), "none", 0.92, 920, 7.0),
        (Quantity(1, 750, "ml"), "glass", 1.0, 1158, 102.2),
        (Quantity(6, 330, "ml"), "rigid", 1.0, 2135, 78.4),
    ],
)
def test_derived(quantity: Quantity, packaging: str, density: float, mean_g: int, sd_g: float) -> None:
    weight = derive_weight(quantity, packaging, density)  # type: ignore[arg-type]  # a Packaging, from the table
    assert (weight.mean_g, weight.sd_g) == (mean_g, sd_g)


@given(st.floats(5, 5000), st.integers(1, 24), st.sampled_from(PACKAGINGS))
def test_never_lighter_than_its_content_and_never_certain(each: float, count: int, packaging: str) -> None:
    weight = derive_weight(Quantity(count, each, "g"), packaging, 1.0)  # type: ignore[arg-type]  # as above
    assert weight.mean_g >= int(count * each)
    assert weight.sd_g > 0


def test_what_it_rests_on() -> None:
    assert piece_weight(Quantity(1, 1000, "ml"), 920, "rigid", "oils")[1] == "derived"
    assert piece_weight(None, 500, "flexible", "snacks")[1] == "derived"
    guess, basis = piece_weight(None, None, "flexible", "drinks")
    assert basis == "guessed"
    assert (guess.mean_g, guess.sd_g) == (1000, 500.0)
    assert piece_weight(None, None, "flexible", "a-department-of-the-store-s-own")[0].mean_g == 400


@pytest.mark.parametrize(
    ("quantity", "slug", "grams"),
    [
        (Quantity(1, 1000, "ml"), "oils", 920),
        (Quantity(1, 1000, "ml"), "dairy", 1030),
        (Quantity(6, 330, "ml"), "drinks", 1980),
        (Quantity(1, 500, "g"), "oils", 500),
        (Quantity(1, 0.6, "g"), "other", 1),
    ],
)
def test_net_weight(quantity: Quantity, slug: str, grams: int) -> None:
    assert net_weight(quantity, slug) == grams
