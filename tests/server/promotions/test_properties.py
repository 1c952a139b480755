from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st

from tests.server.promotions import strategies
from tests.server.promotions.reference import best_saving
from unqueue.server.promotions.model import RuleBook

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


@settings(max_examples=300, deadline=None)
@given(strategies.lines(), strategies.rule_lists(capped_amounts=False, steps=False), st.booleans())
def test_small_baskets_save_the_most_that_is_possible_and_say_so(lines, rules, member):
    pricing = RuleBook(rules).price(lines, at=NOON, member=member)
    assert pricing.saved_minor == best_saving(lines, rules, member=member)
    assert pricing.optimal
