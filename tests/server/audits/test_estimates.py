"""The estimates are right on the average, whatever the rules prefer: exactly, over all samples, and by simulation."""

import itertools
import random
from collections.abc import Callable, Iterator

import msgspec
import pytest

from unqueue.server.audits.comparing import Sums
from unqueue.server.audits.estimates import Figures, Sampled, estimate

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
ALL_MINOR = 7_500


def expectation(read: Callable[[Figures], float | None]) -> float:
    """The mean over every possible sample. Where none was drawn there is no estimate: nothing was found."""
    mean = 0.0
    for outcome in itertools.product(*(one.samples() for one in POPULATION)):
        chance = 1.0
        for part, _ in outcome:
            chance *= part
        mean += chance * (read(estimate([sampled for _, sampled in outcome])) or 0.0)
    return mean


def test_the_share_of_wrong_orders_is_right_on_the_average_over_all_samples() -> None:
    assert expectation(lambda told: told.orders_wrong.value if told.orders_wrong else None) == pytest.approx(3 / 4)


def test_what_was_overpaid_is_right_on_the_average_over_all_samples() -> None:
    right = sum(sum(one.overpaid) for one in POPULATION) / ALL_MINOR
    assert expectation(lambda told: told.overpaid.value if told.overpaid else None) == pytest.approx(right)


def test_what_was_unpaid_is_right_on_the_average_over_all_samples() -> None:
    """A sample of partial audits only tells nothing of goods that are on no order, and makes no estimate; these are
    put in here by what they would say.
    """
    right = sum(sum(one.unpaid) + one.unlisted for one in POPULATION)
    mean = 0.0
    for outcome in itertools.product(*(one.samples() for one in POPULATION)):
        chance = 1.0
        for part, _ in outcome:
            chance *= part
        orders = [sampled for _, sampled in outcome]
        told = estimate([*orders, FULL_AND_CLEAN])
        assert told.unpaid is not None
        mean += chance * told.unpaid.value * (ALL_MINOR + FULL_AND_CLEAN.total_minor)
    assert mean == pytest.approx(right)


FULL_AND_CLEAN = Sampled(1.0, 1.0, 1, 1, 100, "full", NOTHING)


def test_all_audited_in_full_is_known_exactly() -> None:
    orders = [msgspec.structs.replace(one, probability=1.0, full_share=1.0) for one in POPULATION]
    told = estimate([one.seen("full", tuple(range(len(one.unpaid)))) for one in orders])
    assert told.orders_wrong is not None
    assert (told.orders_wrong.value, told.orders_wrong.low, told.orders_wrong.high) == (0.75, 0.75, 0.75)
    assert told.unpaid is not None
    assert told.unpaid.value == told.unpaid.low == pytest.approx(394 / 7_500)
    assert (told.unpaid_minor, told.overpaid_minor) == (394, 120)


def test_orders_that_can_not_be_drawn_are_told_apart() -> None:
    capped = Sampled(0.0, 0.2, 3, 3, 9_000)
    told = estimate([capped, FULL_AND_CLEAN, FULL_AND_CLEAN])
    assert (told.orders, told.not_coverable, told.total_minor) == (2, 1, 200)


def test_no_audit_says_nothing_and_a_clean_one_does_not_say_never() -> None:
    assert estimate([]).orders_wrong is None
    told = estimate([FULL_AND_CLEAN] + [msgspec.structs.replace(FULL_AND_CLEAN, kind=None, found=None)] * 9)
    assert told.orders_wrong is not None
    assert told.orders_wrong.high is not None
    assert (told.orders_wrong.value, told.orders_wrong.high > 0.3) == (0.0, True)
    assert told.unpaid is not None
    assert told.unpaid.high is None
    partial = estimate([msgspec.structs.replace(FULL_AND_CLEAN, kind="partial", full_share=0.5)])
    assert (partial.orders_wrong, partial.unpaid) == (None, None)
    assert partial.overpaid is not None


def test_audits_that_were_not_made_are_stood_for_by_those_that_were() -> None:
    wrong = Sampled(0.5, 1.0, 1, 1, 100, "full", Sums(0, 50, 0, is_wrong=True, unpaid_minor=50))
    drawn = msgspec.structs.replace(wrong, found=None)
    told = estimate([wrong, drawn, msgspec.structs.replace(wrong, kind=None, found=None), FULL_AND_CLEAN])
    assert (told.drawn, told.full) == (3, 2)
    assert told.orders_wrong is not None
    assert told.orders_wrong.value == pytest.approx(3 / 4)  # 2 made of 3: the wrong one stands for 2 · 3/2 orders


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
    shares, ratios, plain, losses, covered, covered_loss = [], [], [], [], 0, 0
    for _ in range(300):
        told = estimate([drawn_by(chance, one) for one in truth])
        assert told.orders_wrong is not None
        assert told.orders_wrong_ratio is not None
        assert told.orders_wrong_unweighted is not None
        assert told.unpaid is not None
        shares.append(told.orders_wrong.value)
        ratios.append(told.orders_wrong_ratio.value)
        plain.append(told.orders_wrong_unweighted)
        losses.append(told.unpaid.value)
        covered += told.orders_wrong.low <= wrong <= (told.orders_wrong.high or 1)
        covered_loss += told.unpaid.low <= lost <= (told.unpaid.high or 1)
    for found, right in ((shares, wrong), (ratios, wrong), (losses, lost)):
        mean = sum(found) / len(found)
        error = (sum((one - mean) ** 2 for one in found) / (len(found) - 1) / len(found)) ** 0.5
        assert abs(mean - right) < 4 * error, f"seed {seed}: {mean} is not {right}"
    assert sum(plain) / len(plain) > 1.5 * wrong
    assert covered >= 279, f"seed {seed}: {covered} of 300 intervals hold the truth"
    assert covered_loss >= 261, f"seed {seed}: {covered_loss} of 300 intervals hold the loss"
