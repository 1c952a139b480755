"""Importing rules, on every kind of database; and the server's copy of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Database
from unqueue.server.promotions import store
from unqueue.server.promotions.loader import PromotionsInvalid
from unqueue.server.promotions.pricing import PricingLine
from unqueue.server.promotions.rules import MemberPrice, PercentOff, Rule, Target
from unqueue.server.promotions.service import ImportReport, Promotions, import_rules

MILK = PricingLine(1, "milk", "06901234567892", "moo", "dairy", 2, 500, None, 1000)
ALL = Target(everything=True)


def percent(rule_id: str, off_bp: int = 1000, **fields: Any) -> Rule:
    given = {"zh": "优惠", "en": "Offer", "currency": "CNY", "on": ALL, **fields}
    return PercentOff(id=rule_id, off_bp=off_bp, **given)


def load(database: Database, *rules: Rule, replace: bool = False) -> ImportReport:
    return import_rules(database, rules, actor="staff:anna", replace=replace)


def events(database: Database) -> list[tuple[str, str, str]]:
    happened = database.read_now(journal.read)
    return [(event.kind, event.stream, event.actor) for event in happened]


def test_each_changed_rule_is_an_event_of_whoever_imported(idle_database: Database) -> None:
    assert load(idle_database, percent("a"), percent("b")) == ImportReport(2, 0, 0, 0)
    assert load(idle_database, percent("a"), percent("b", 2000), percent("c")) == ImportReport(1, 1, 1, 0)
    assert events(idle_database) == [
        ("promotion.added", "promotion:a", "staff:anna"),
        ("promotion.added", "promotion:b", "staff:anna"),
        ("promotions.imported", "promotions", "staff:anna"),
        ("promotion.changed", "promotion:b", "staff:anna"),
        ("promotion.added", "promotion:c", "staff:anna"),
        ("promotions.imported", "promotions", "staff:anna"),
    ]
    kept = idle_database.read_now(store.all_rules)
    assert sorted(kept, key=lambda rule: rule.id) == [percent("a"), percent("b", 2000), percent("c")]


def test_importing_twice_changes_nothing(idle_database: Database) -> None:
    load(idle_database, percent("a"), percent("x" * 48))
    before = events(idle_database), idle_database.read_now(store.version)
    assert load(idle_database, percent("a"), percent("x" * 48)) == ImportReport(0, 0, 2, 0)
    assert (events(idle_database), idle_database.read_now(store.version)) == before


def test_replacing_removes_the_others(idle_database: Database) -> None:
    load(idle_database, percent("a"), percent("b"))
    assert load(idle_database, percent("b"), replace=True) == ImportReport(0, 0, 1, 1)
    assert idle_database.read_now(store.all_rules) == [percent("b")]
    assert ("promotion.removed", "promotion:a", "staff:anna") in events(idle_database)


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([percent("new"), percent("new", 2000)], id="one id twice"),
        pytest.param([percent("new"), percent("euro", currency="EUR")], id="two currencies"),
        pytest.param([percent("euro", currency="EUR")], id="another currency than what is there"),
    ],
)
def test_rules_that_do_not_go_together_are_refused_whole(idle_database: Database, rules: list[Rule]) -> None:
    load(idle_database, percent("a"))
    before = events(idle_database)
    with pytest.raises(PromotionsInvalid):
        load(idle_database, *rules)
    assert events(idle_database) == before
    assert idle_database.read_now(store.all_rules) == [percent("a")]


def test_a_store_can_change_its_currency_by_replacing_all_rules(idle_database: Database) -> None:
    load(idle_database, percent("a"))
    euro = percent("b", currency="EUR")
    load(idle_database, euro, replace=True)
    assert idle_database.read_now(store.all_rules) == [euro]


@pytest.mark.anyio
async def test_a_running_server_takes_what_another_process_imported(database: Database, clock: ManualClock) -> None:
    promotions = Promotions(database)
    await promotions.start()
    at = clock.now()

    def saved() -> int:
        return promotions.price([MILK], at=at, member=False).saved_minor

    assert saved() == 0
    other = Database(database.url, clock=clock)
    load(other, percent("a"))
    await promotions.reload()
    assert saved() == 100
    load(other, percent("a", 2000))
    await promotions.reload()
    assert saved() == 200
    load(other, percent("b", 2500))
    await promotions.reload()
    assert saved() == 250
    load(other, percent("a", 2000), percent("z", 500))
    load(other, percent("a", 2000), percent("z", 500), replace=True)
    await promotions.reload()
    assert saved() == 200
    load(other, percent("z", 500), replace=True)
    await promotions.reload()
    assert saved() == 50
    load(other, replace=True)
    await promotions.reload()
    assert saved() == 0
    other.dispose()
    await promotions.stop()


@pytest.mark.anyio
async def test_what_is_on_offer_now(database: Database, clock: ManualClock) -> None:
    end = datetime(2026, 6, 1, tzinfo=UTC)
    load(
        database,
        percent("b", valid_until=end),
        percent("a", members_only=True),
        percent("later", valid_from=end),
        MemberPrice(id="c", zh="会员价", en="Member price", currency="CNY", on=ALL, price_minor=100),
    )
    promotions = Promotions(database)
    await promotions.start()
    offers = promotions.offers(clock.now(), 10)
    assert [(offer.promotion_id, offer.members_only, offer.valid_until) for offer in offers] == [
        ("a", True, None),
        ("b", False, end),
        ("c", True, None),
    ]
    assert [offer.promotion_id for offer in promotions.offers(end, 2)] == ["a", "c"]
    await promotions.stop()
