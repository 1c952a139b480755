"""A rescan against its order: both directions, and the attendant's own slips."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.server.audits.comparing import Article, Difference, Said, Seen, articles_of, compare, sums_of, tally
from unqueue.server.orders.model import OrderLine


def article(name: str, quantity: int = 1, *, weight_g: int | None = None, worth_minor: int | None = None) -> Article:
    key = name if weight_g is None else f"{name}@{weight_g}"
    worth = 100 * quantity if worth_minor is None else worth_minor
    return Article(key, name, f"gtin-{name}", name, name, weight_g, quantity, worth)


def seen(
    name: str, at_ms: int, said: Said | None = None, *, weight_g: int | None = None, by_hand: bool = False
) -> Seen:
    return Seen(name, name, name, weight_g, 250, at_ms, said, by_hand)


def steadily(*names: str) -> list[Seen]:
    return [seen(name, 5_000 * place) for place, name in enumerate(names)]


def differences(
    articles: Sequence[Article], scans: Sequence[Seen], chosen: Sequence[str] | None = None
) -> list[Difference]:
    return compare(articles, scans, tally(articles, scans), chosen)


def short(found: Sequence[Difference]) -> list[tuple[str, str, int, int]]:
    return [(one.kind, one.key, one.quantity, one.worth_minor) for one in found]


MILK_AND_TEA = [article("milk", 2), article("tea")]


@pytest.mark.parametrize(
    ("scanned", "found"),
    [
        (("milk", "tea", "milk"), []),
        (("milk", "tea"), [("fewer", "milk", 1, 100)]),
        (("milk", "milk", "tea", "tea", "tea"), [("more", "tea", 2, 200)]),
        (("milk", "milk", "tea", "wine"), [("not_on_order", "wine", 1, 250)]),
        (
            ("milk", "wine", "wine", "tea", "tea"),
            [("fewer", "milk", 1, 100), ("more", "tea", 1, 100), ("not_on_order", "wine", 2, 500)],
        ),
        ((), [("fewer", "milk", 2, 200), ("fewer", "tea", 1, 100)]),
    ],
)
def test_differences_in_both_directions(scanned: tuple[str, ...], found: list[tuple[str, str, int, int]]) -> None:
    assert short(differences(MILK_AND_TEA, steadily(*scanned))) == found


def test_a_part_of_what_was_paid_together_is_worth_its_share() -> None:
    three_for_ten = [article("milk", 3, worth_minor=1_000)]
    assert short(differences(three_for_ten, steadily("milk"))) == [("fewer", "milk", 2, 667)]


class TestTheAttendantsOwnSlips:
    def test_one_pull_of_the_trigger_is_one_item(self) -> None:
        found = tally(MILK_AND_TEA, [seen("milk", 0), seen("milk", 300)])
        assert (found.counts, found.dropped, found.doubtful) == ({"milk": 1}, (1,), ())

    def test_two_of_two_in_a_row_are_two(self) -> None:
        found = tally(MILK_AND_TEA, [seen("milk", 0), seen("milk", 900)])
        assert (found.counts, found.doubtful) == ({"milk": 2}, ())

    def test_one_too_many_in_a_row_is_asked_about_and_does_not_count(self) -> None:
        found = tally(MILK_AND_TEA, [seen("tea", 0), seen("tea", 2_000)])
        assert (found.counts, found.doubtful) == ({"tea": 1}, (1,))

    @pytest.mark.parametrize(("said", "count"), [("another", 2), ("same", 1)])
    def test_the_answer_decides(self, said: Said, count: int) -> None:
        found = tally(MILK_AND_TEA, [seen("tea", 0), seen("tea", 2_000, said)])
        assert (found.counts["tea"], found.doubtful) == (count, ())

    def test_something_that_is_not_on_the_order_is_asked_about_too(self) -> None:
        found = tally(MILK_AND_TEA, [seen("wine", 0), seen("wine", 1_000)])
        assert (found.counts, found.doubtful) == ({"wine": 1}, (1,))

    def test_one_too_many_after_a_while_is_one_too_many(self) -> None:
        assert tally(MILK_AND_TEA, [seen("tea", 0), seen("tea", 3_000)]).counts == {"tea": 2}

    def test_what_is_tapped_is_meant(self) -> None:
        taps = [seen("tea", 0, by_hand=True), seen("tea", 100, by_hand=True)]
        assert tally(MILK_AND_TEA, taps).counts == {"tea": 2}

    def test_something_else_in_between_does_not_hide_it(self) -> None:
        found = tally(MILK_AND_TEA, [seen("tea", 0), seen("milk", 700), seen("tea", 1_400)])
        assert found.doubtful == (2,)


class TestGoodsWithALabel:
    APPLES = (article("apples", weight_g=512), article("apples", weight_g=700))

    def test_each_weight_is_an_article(self) -> None:
        scans = [seen("apples", 0, weight_g=512), seen("apples", 5_000, weight_g=900)]
        found = differences(self.APPLES, scans)
        assert [(one.kind, one.key) for one in found] == [("fewer", "apples@700"), ("not_on_order", "apples@900")]

    def test_a_code_without_weight_is_whichever_is_lacking(self) -> None:
        assert differences(self.APPLES, steadily("apples", "apples")) == []
        assert short(differences(self.APPLES, steadily("apples"))) == [("fewer", "apples@700", 1, 100)]


class TestAPartialAudit:
    def test_only_what_was_chosen_can_lack(self) -> None:
        assert differences(MILK_AND_TEA, steadily("tea"), chosen=["tea"]) == []
        assert short(differences(MILK_AND_TEA, steadily("tea"), chosen=["milk"])) == [("fewer", "milk", 2, 200)]

    def test_what_is_found_by_the_way_is_told_and_counted_apart(self) -> None:
        found = differences(MILK_AND_TEA, steadily("milk", "milk", "tea", "tea", "wine"), chosen=["milk"])
        assert [(one.kind, one.beside) for one in found] == [("more", True), ("not_on_order", True)]
        sums = sums_of(found)
        assert (sums.listed_unpaid_minor, sums.unlisted_unpaid_minor, sums.is_wrong) == (0, 0, False)
        assert sums.unpaid_minor == 350


def test_lines_of_one_product_are_one_article() -> None:
    def line(number: int, product: str, quantity: int, total_minor: int, weight_g: int | None = None) -> OrderLine:
        return OrderLine(
            number, product, "", product, product, "", "piece", quantity, weight_g, 0, total_minor, 0, 0, total_minor,
            0, 0, 0.0, "none", None,
        )  # fmt: skip

    found = articles_of(
        [line(1, "milk", 2, 300), line(2, "tea", 1, 50), line(3, "milk", 1, 100), line(4, "a", 1, 9, 7)]
    )
    assert [(one.key, one.quantity, one.worth_minor) for one in found] == [
        ("milk", 3, 400),
        ("tea", 1, 50),
        ("a@7", 1, 9),
    ]


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 4), min_size=1),
    st.lists(st.sampled_from("abcdef"), max_size=12),
)
def test_ordered_and_counted_differ_by_exactly_what_is_told(ordered: dict[str, int], scanned: list[str]) -> None:
    articles = [article(name, quantity) for name, quantity in ordered.items()]
    found = {one.key: one for one in differences(articles, steadily(*scanned))}
    for name in "abcdef":
        there, paid = scanned.count(name), ordered.get(name, 0)
        assert (name in found) == (there != paid)
        if name in found:
            assert found[name].quantity == abs(there - paid)
            assert found[name].is_unpaid == (there > paid)
