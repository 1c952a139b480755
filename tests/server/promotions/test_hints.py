"""What is nearly reached, and why a combination was chosen, in words."""

from datetime import datetime
from zoneinfo import ZoneInfo

from unqueue.server.promotions import rules
from unqueue.server.promotions.model import PricingLine, RuleBook
from unqueue.server.promotions.rules import Group, Rule, Target

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
DAIRY, SNACKS = Target(categories=("dairy",)), Target(categories=("snacks",))


def line(number: int, price: int, quantity: int = 1, category: str = "dairy") -> PricingLine:
    return PricingLine(number, f"p{number}", f"{number:014}", "moo", category, quantity, price, None, price * quantity)


def three_for_two(**fields: object) -> Rule:
    return rules.NForM(
        id="three", zh="买二送一", en="Three for two", currency="CNY", on=DAIRY, units=3, pay_units=2, **fields
    )


def hints(lines: list[PricingLine], *book: Rule) -> list[tuple[str, str, str]]:
    found = RuleBook(book).almost(lines, at=NOON, member=False)
    return [(hint.promotion_id, hint.zh, hint.en) for hint in found]


def test_one_more_and_the_third_is_free() -> None:
    told = [("three", "再选 1 件，第 3 件免费（“买二送一”）。", "One more, and the third is free (“Three for two”).")]
    assert hints([line(1, 100, 2)], three_for_two()) == told
    assert hints([line(1, 100, 4), line(2, 90)], three_for_two()) == told


def test_no_hint_where_one_more_brings_nothing() -> None:
    for quantity in (1, 3, 4, 6):
        assert hints([line(1, 100, quantity)], three_for_two()) == []
    assert hints([line(1, 100, 5)], three_for_two(max_uses=1)) == []
    assert hints([line(1, 100, 2, category="snacks")], three_for_two()) == []


def test_the_missing_half_of_a_pair() -> None:
    pair = rules.MixAndMatch(
        id="pair", zh="组合", en="Pair", currency="CNY", groups=(Group(on=DAIRY), Group(on=SNACKS)), price_minor=500
    )
    told = [("pair", "再选 1 件，就能享受“组合”。", "One more, and “Pair” is yours.")]
    assert hints([line(1, 400)], pair) == told
    assert hints([line(1, 400), line(2, 400, category="snacks")], pair) == []


def test_a_little_more_money() -> None:
    spend = rules.Spend(id="spend", zh="满减", en="Spend ¥20", currency="CNY", spend_minor=2000, off_minor=100)
    assert hints([line(1, 1655)], spend) == [
        ("spend", "再买 ¥3.45，就能享受“满减”。", "Spend ¥3.45 more, and “Spend ¥20” is yours.")
    ]
    assert hints([line(1, 1599)], spend) == []
    assert hints([line(1, 2000)], spend) == []


def test_an_explanation_names_what_else_was_possible() -> None:
    half = rules.NthReduced(
        id="half", zh="第二件半价", en="Second at half price", currency="CNY", on=DAIRY, nth=2, pay_bp=5000
    )
    explained = RuleBook([three_for_two(), half]).price([line(1, 100, 3)], at=NOON, member=False).explained
    assert explained.en == (
        "“Three for two” saves you ¥1.00. An item takes one offer: here “Three for two” is best and saves ¥1.00 "
        "(“Second at half price” alone ¥0.50)."
    )
    assert explained.zh == (
        "“买二送一”省 ¥1.00。同一件商品只能用一个优惠：这里用“买二送一”最划算，省 ¥1.00（单用“第二件半价”省 ¥0.50）。"
    )


def test_nothing_is_explained_where_nothing_was_chosen() -> None:
    pricing = RuleBook([three_for_two()]).price([line(1, 100, 3)], at=NOON, member=False)
    assert pricing.explained.en == "“Three for two” saves you ¥1.00."
    assert pricing.reasons == ()
