"""The draw: uniform, fair to every article, and the same for everyone who knows the seed."""

import hashlib
import hmac
from collections import Counter

import msgspec
import pytest
from tests.server.audits.test_model import RULES

from unqueue.server.audits.drawing import commitment, draw, uniform

SEED = hashlib.sha256(b"a day").digest()


def test_the_numbers_are_those_of_hmac_sha_256() -> None:
    first = int.from_bytes(hmac.new(SEED, b"4f1c", hashlib.sha256).digest()[:8], "big")
    assert uniform(SEED, "4f1c") == (first >> 11) / 2**53
    assert commitment(SEED) == hashlib.sha256(SEED).hexdigest()


def test_numbers_are_spread_evenly() -> None:
    """Chi-squared with 9 degrees of freedom: 27.9 is its 99.9 % point."""
    tenths = Counter(int(10 * uniform(SEED, f"order {number}")) for number in range(20_000))
    assert sum((tenths[tenth] - 2_000) ** 2 / 2_000 for tenth in range(10)) < 27.9


@pytest.mark.parametrize("chance", [0.0, 0.05, 1.0])
def test_as_many_are_drawn_as_is_probable(chance: float) -> None:
    lots = [draw(SEED, f"{number}", probability=chance, rules=RULES, articles=["a"]) for number in range(10_000)]
    drawn = [lot for lot in lots if lot.kind is not None]
    assert len(drawn) == pytest.approx(10_000 * chance, abs=4 * (10_000 * chance * (1 - chance)) ** 0.5)
    full = sum(lot.kind == "full" for lot in drawn)
    assert full == pytest.approx(0.2 * len(drawn), abs=4 * (0.16 * len(drawn)) ** 0.5)


def test_every_article_is_as_likely_to_be_counted_as_any_other() -> None:
    rules = msgspec.structs.replace(RULES, full_share=0.0, partial_articles=2)
    articles = ["milk", "tea", "apples@512", "wine", "beer"]
    counted: Counter[str] = Counter()
    for number in range(10_000):
        lot = draw(SEED, f"{number}", probability=1.0, rules=rules, articles=articles)
        assert len(lot.chosen) == 2
        counted.update(lot.chosen)
    for article in articles:
        assert counted[article] == pytest.approx(4_000, abs=4 * (10_000 * 0.24) ** 0.5)


def test_a_small_order_is_counted_whole() -> None:
    rules = msgspec.structs.replace(RULES, full_share=0.0)
    assert sorted(draw(SEED, "x", probability=1.0, rules=rules, articles=["a", "b"]).chosen) == ["a", "b"]
