"""The rules of a draw: what makes an audit likelier, what makes it less so, and what they can't see."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.server.audits.model import Draw, Rules, Status, Visit, probability, reason

RULES = Rules(
    rate=0.02,
    rate_max=0.2,
    new_shopper_visits=3,
    new_shopper_factor=2.0,
    value_minor=50_000,
    value_factor=1.5,
    labelled_factor=1.25,
    differences_factor=2.0,
    clean_factor=0.5,
    full_share=0.2,
    partial_articles=5,
    month_max=2,
)
REGULAR = Visit(8_000, visits_before=10)


@pytest.mark.parametrize(
    ("visit", "factor"),
    [
        (Visit(8_000), 1.0),
        (REGULAR, 1.0),
        (Visit(8_000, visits_before=2), 2.0),
        (Visit(8_000, visits_before=3), 1.0),
        (Visit(50_000), 1.5),
        (Visit(49_999), 1.0),
        (Visit(8_000, labelled=3), 1.25),
        (msgspec.structs.replace(REGULAR, clean_since=1), 0.5),
        (msgspec.structs.replace(REGULAR, clean_since=9), 0.125),
        (msgspec.structs.replace(REGULAR, differences_before=1), 2.0),
        (msgspec.structs.replace(REGULAR, differences_before=9), 4.0),
        (msgspec.structs.replace(REGULAR, differences_before=1, clean_since=1), 1.0),
        (msgspec.structs.replace(REGULAR, audits_this_month=1), 1.0),
        (msgspec.structs.replace(REGULAR, audits_this_month=2), 0.0),
        (Visit(60_000, labelled=1, visits_before=0, differences_before=2), 10.0),  # 15 times, but for rate_max
    ],
)
def test_each_rule_has_its_factor(visit: Visit, factor: float) -> None:
    assert probability(RULES, visit) == pytest.approx(0.02 * factor)


def test_a_visit_without_a_member_has_no_cap_and_no_past() -> None:
    assert probability(RULES, Visit(8_000, visits_before=None, audits_this_month=5)) == 0.02


def test_the_rules_have_no_place_for_who_the_shopper_is() -> None:
    assert set(Visit.__struct_fields__) == {
        "total_minor",
        "labelled",
        "visits_before",
        "audits_this_month",
        "differences_before",
        "clean_since",
    }


@given(
    st.builds(
        Visit,
        st.integers(0, 10**6),
        st.integers(0, 5),
        st.none() | st.integers(0, 50),
        st.integers(0, 5),
        st.integers(0, 5),
        st.integers(0, 5),
    )
)
def test_it_is_a_probability_and_a_clean_result_never_raises_it(visit: Visit) -> None:
    now = probability(RULES, visit)
    assert 0 <= now <= RULES.rate_max
    cleaner = msgspec.structs.replace(visit, clean_since=visit.clean_since + 1)
    assert probability(RULES, cleaner) <= now


@pytest.mark.parametrize(
    ("status", "kind", "cleared_us", "holds"),
    [
        ("none", None, None, False),
        ("due", "full", None, True),
        ("differences", "full", None, True),
        ("differences", "full", 1, False),
        ("clean", "partial", None, False),
        ("waived", "partial", 1, False),
    ],
)
def test_what_holds_the_goods(status: Status, kind: str | None, cleared_us: int | None, *, holds: bool) -> None:
    one = Draw("o", "2026-03-02", 0, None, RULES, REGULAR, 0.02, 0.01, kind, (), (), status, None, cleared_us)  # type: ignore[arg-type]
    assert one.holds is holds


def test_the_reason_says_how_often_and_blames_nobody() -> None:
    one = Draw("o", "2026-03-02", 0, None, RULES, REGULAR, 0.02, 0.01, "full", (), (), "due")
    assert "1 in 50" in reason(one).en
    assert "每 50 次" in reason(one).zh
    always = reason(msgspec.structs.replace(one, probability=1.0))
    assert "every visit" in always.en
    for words in (reason(one), always):
        assert not {"theft", "suspicion", "suspect"} & set(words.en.lower().split())
