"""The estimates are right on the average, whatever the rules prefer: exactly, over all samples, and by simulation."""

import itertools
import random
from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unqueue.server.audits.comparing import Sums
from unqueue.server.audits.estimates import FEW_AUDITS, Estimate, Sampled, Totals, estimate, totals

NOTHING = Sums(0, 0, 0, is_wrong=False, unpaid_minor=0)


class Truth(msgspec.Struct, frozen=True):
    """An order as it really is: what is unpaid and what is overpaid of each article, and what is not on it at all."""

    probability: float
    full_share: float
    counted: int
    total_minor: int
    unpaid: tuple[int, ...]
    overpaid: tuple[int, ...]
    unlisted: int = 0

    @property
    def is_wrong(self) -> bool:
        return any((*self.unpaid, *self.overpaid, self.unlisted))

    def seen(self, kind: str | None, chosen: tuple[int, ...]) -> Sampled:
        found = None
        if kind is not None:
            listed = sum(self.unpaid[place] for place in chosen)
            over = sum(self.overpaid[place] for place in chosen)
            unlisted = self.unlisted if kind == "full" else 0
            found = Sums(
                listed, unlisted, over, is_wrong=bool(listed + unlisted + over), unpaid_minor=listed + unlisted
            )
        size = len(self.unpaid)
        return Sampled(
            self.probability, self.full_share, size, min(self.counted, size), self.total_minor, kind, found  # type: ignore[arg-type]
        )  # fmt: skip

    def samples(self) -> Iterator[tuple[float, Sampled]]:
        """Everything that the draw may lead to, each with its probability."""
        every = tuple(range(len(self.unpaid)))
        yield 1 - self.probability, self.seen(None, ())
        yield self.probability * self.full_share, self.seen("full", every)
        parts = list(itertools.combinations(every, min(self.counted, len(every))))
        for part in parts:
            yield self.probability * (1 - self.full_share) / len(parts), self.seen("partial", part)


POPULATION = [
    Truth(0.5, 0.4, 1, 1_000, (300, 0), (0, 0), unlisted=70),
    Truth(0.2, 0.25, 2, 4_000, (0, 10, 0), (0, 0, 80)),
    Truth(0.9, 0.5, 1, 500, (0,), (0,)),
    Truth(0.3, 0.4, 1, 2_000, (0, 5), (40, 0), unlisted=9),
]


def expectation(read: Callable[[Totals], float]) -> float:
    """The mean over every possible sample."""
    mean = 0.0
    for outcome in itertools.product(*(one.samples() for one in POPULATION)):
        chance = 1.0
        for part, _ in outcome:
            chance *= part
        mean += chance * read(totals([sampled for _, sampled in outcome]))
    return mean


def test_the_share_of_wrong_orders_is_right_on_the_average_over_all_samples() -> None:
    assert expectation(lambda told: told.wrong) == pytest.approx(3)


def test_what_was_overpaid_is_right_on_the_average_over_all_samples() -> None:
    assert expectation(lambda told: told.overpaid_minor) == pytest.approx(120)


def test_what_was_unpaid_is_right_on_the_average_over_all_samples() -> None:
    right = sum(sum(one.unpaid) + one.unlisted for one in POPULATION)
    assert expectation(lambda told: told.unpaid_minor) == pytest.approx(right)


FULL_AND_CLEAN = Sampled(1.0, 1.0, 1, 1, 100, "full", NOTHING)


def test_all_audited_in_full_is_what_was_found_and_says_little_of_other_days() -> None:
    orders = [msgspec.structs.replace(one, probability=1.0, full_share=1.0) for one in POPULATION]
    told = estimate([one.seen("full", tuple(range(len(one.unpaid)))) for one in orders])
    assert told.orders_wrong is not None
    assert told.orders_wrong.value == 0.75
    assert told.orders_wrong.few
    assert told.orders_wrong.low < 0.35  # four orders
    assert told.orders_wrong.high > 0.9
    assert told.unpaid is not None
    assert told.unpaid.value == pytest.approx(394 / 7_500)
    assert told.unpaid.low < told.unpaid.value < told.unpaid.high
    assert (told.unpaid_minor, told.overpaid_minor, told.full_wrong) == (394, 120, 3)


def test_orders_that_can_not_be_drawn_are_told_apart() -> None:
    capped = Sampled(0.0, 0.2, 3, 3, 9_000)
    told = estimate([capped, FULL_AND_CLEAN, FULL_AND_CLEAN])
    assert (told.orders, told.not_coverable, told.total_minor) == (2, 1, 200)


def test_no_audit_says_nothing_and_a_clean_one_does_not_say_never() -> None:
    assert estimate([]).orders_wrong is None
    told = estimate([FULL_AND_CLEAN] + [msgspec.structs.replace(FULL_AND_CLEAN, kind=None, found=None)] * 9)
    assert told.orders_wrong is not None
    assert (told.orders_wrong.value, told.orders_wrong.high > 0.3) == (0.0, True)
    assert told.unpaid is not None
    assert (told.unpaid.value, told.unpaid.high > 0.3) == (0.0, True)
    partial = estimate([msgspec.structs.replace(FULL_AND_CLEAN, kind="partial", full_share=0.5)])
    assert (partial.orders_wrong, partial.unpaid) == (None, None)
    assert partial.overpaid is not None


def test_audits_that_were_not_made_are_stood_for_by_those_that_were() -> None:
    wrong = Sampled(0.5, 1.0, 1, 1, 100, "full", Sums(0, 50, 0, is_wrong=True, unpaid_minor=50))
    drawn = msgspec.structs.replace(wrong, found=None)
    orders = [wrong, drawn, msgspec.structs.replace(wrong, kind=None, found=None), FULL_AND_CLEAN]
    told = estimate(orders)
    assert (told.drawn, told.full) == (3, 2)
    assert totals(orders).wrong == pytest.approx(3)  # 2 made of 3: the wrong one stands for 2 · 3/2 orders
    assert told.orders_wrong is not None
    assert told.orders_wrong.value == pytest.approx(3 / 4.5)


def test_of_many_clean_audits_few_orders_can_be_wrong() -> None:
    """The rule of three: none in 300 leaves about one in a hundred."""
    told = estimate([FULL_AND_CLEAN] * 300)
    assert told.orders_wrong is not None
    assert told.unpaid is not None
    assert 0.01 < told.orders_wrong.high < 0.015
    assert 0.01 < told.unpaid.high < 0.015
    assert not told.orders_wrong.few


def test_two_large_finds_are_no_loss_of_twice_the_sales() -> None:
    """Each of them stands for ten orders, and only four were there."""
    found = Sums(0, 900, 0, is_wrong=True, unpaid_minor=900)
    wrong = Sampled(0.1, 1.0, 1, 1, 1_000, "full", found)
    told = estimate([wrong, wrong, *[msgspec.structs.replace(wrong, kind=None, found=None)] * 2])
    assert told.orders_wrong is not None
    assert told.unpaid is not None
    assert (told.orders_wrong.value, told.orders_wrong.few, told.full_wrong) == (1.0, True, 2)
    assert told.orders_wrong.low < 0.5
    assert (told.unpaid.value, told.unpaid.high, told.unpaid_minor) == (1.0, 1.0, 4_000)
    assert told.unpaid.low < 1.0
    assert told.unpaid_ratio == 0.9


AMOUNTS = st.integers(0, 100_000)
ORDERS = st.builds(
    lambda p, f, size, total, kind, sums: Sampled(
        p,
        f,
        size,
        min(2, size),
        total,
        kind,
        Sums(*sums, is_wrong=any(sums), unpaid_minor=sum(sums[:2])) if kind else None,
    ),
    st.sampled_from([0.0, 0.001, 0.02, 0.3, 1.0]),
    st.sampled_from([0.2, 0.9, 1.0]),
    st.integers(1, 5),
    AMOUNTS,
    st.sampled_from(["full", "partial", None]),
    st.tuples(AMOUNTS, AMOUNTS, AMOUNTS),
)


@given(st.lists(ORDERS, max_size=30))
@example([Sampled(0.3, 0.2, 1, 1, 0, "full", NOTHING)])
def test_no_estimate_is_more_than_can_be_and_none_is_sure(orders: list[Sampled]) -> None:
    told = estimate(orders)
    for one in (told.orders_wrong, told.unpaid, told.overpaid):
        if one is None:
            continue
        assert isinstance(one, Estimate)
        assert 0 <= one.low <= one.value <= one.high <= 1
        assert one.low < one.high or one.low == 1
        assert one.few is (one.audits < FEW_AUDITS)
    for minor in (told.unpaid_minor, told.overpaid_minor):
        assert minor is None or 0 <= minor <= told.total_minor
    if told.full == 0:
        assert told.orders_wrong is None
        assert told.unpaid is None


def store_of(chance: random.Random, size: int) -> list[Truth]:
    """One order in five is a new shopper's: drawn six times as often, and wrong eight times as often."""
    orders = []
    for _ in range(size):
        new = chance.random() < 0.2
        rate, wrong = (0.3, 0.24) if new else (0.05, 0.03)
        unpaid = [0] * 4
        unlisted = overpaid = 0
        if chance.random() < wrong:
            which = chance.randrange(3)
            if which == 0:
                unlisted = chance.randrange(500, 3_000)
            elif which == 1:
                unpaid[chance.randrange(4)] = chance.randrange(200, 2_000)
            else:
                overpaid = chance.randrange(200, 1_000)
        total_minor = chance.randrange(2_000, 20_000)
        orders.append(Truth(rate, 0.4, 2, total_minor, tuple(unpaid), (overpaid, 0, 0, 0), unlisted))
    return orders


def drawn_by(chance: random.Random, one: Truth) -> Sampled:
    if chance.random() >= one.probability:
        return one.seen(None, ())
    if chance.random() < one.full_share:
        return one.seen("full", (0, 1, 2, 3))
    return one.seen("partial", tuple(chance.sample(range(4), one.counted)))


@pytest.mark.parametrize("seed", [1, 2])
def test_rules_that_prefer_the_wrong_ones_do_not_bias_the_figures(seed: int) -> None:
    """300 draws over one store: the weighted mean is within four standard errors of the truth, the plain mean is
    half as much again too high, and the intervals of some sixty full audits hold the truth: 93 % of those of the share,
    87 % of those of the loss, which a few large finds decide.
    """
    chance = random.Random(seed)
    truth = store_of(chance, 1_500)
    wrong = sum(one.is_wrong for one in truth) / len(truth)
    total = sum(one.total_minor for one in truth)
    lost = sum(sum(one.unpaid) + one.unlisted for one in truth) / total
    shares, plain, losses, covered, covered_loss = [], [], [], 0, 0
    for _ in range(300):
        told = estimate([drawn_by(chance, one) for one in truth])
        assert told.orders_wrong is not None
        assert told.orders_wrong_unweighted is not None
        assert told.unpaid is not None
        shares.append(told.orders_wrong.value)
        plain.append(told.orders_wrong_unweighted)
        losses.append(told.unpaid.value)
        covered += told.orders_wrong.low <= wrong <= told.orders_wrong.high
        covered_loss += told.unpaid.low <= lost <= told.unpaid.high
    for found, right in ((shares, wrong), (losses, lost)):
        mean = sum(found) / len(found)
        error = (sum((one - mean) ** 2 for one in found) / (len(found) - 1) / len(found)) ** 0.5
        assert abs(mean - right) < 4 * error, f"seed {seed}: {mean} is not {right}"
    assert sum(plain) / len(plain) > 1.5 * wrong
    assert covered >= 279, f"seed {seed}: {covered} of 300 intervals hold the truth"
    assert covered_loss >= 261, f"seed {seed}: {covered_loss} of 300 intervals hold the loss"
