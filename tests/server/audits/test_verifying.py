"""What a second look at a day's draws finds: everything that was changed, and nothing in an honest day."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.server.audits.test_model import RULES

from unqueue.server.audits.drawing import commitment, draw
from unqueue.server.audits.model import Visit, probability
from unqueue.server.audits.verifying import DrawRecord, Happened, verify

SEED = hashlib.sha256(b"a day").digest()
VISIT = Visit(8_000, visits_before=0, differences_before=2)


def record(order_id: str, seed: bytes = SEED) -> dict[str, Any]:
    chance = probability(RULES, VISIT)
    lot = draw(seed, order_id, probability=chance, rules=RULES, articles=["a", "b"])
    made = DrawRecord(order_id, RULES, VISIT, chance, lot.value, lot.kind, ("a", "b"), lot.chosen)
    return {**msgspec.to_builtins(made), "trip_id": "t", "status": "due" if lot.kind else "none"}


def a_day(orders: int = 40, *, told: bool = True) -> list[Happened]:
    events = [Happened(7, "audit.committed", {"day": "2026-03-02", "commitment": commitment(SEED)})]
    events += [Happened(10 + place, "audit.drawn", record(f"order-{place}")) for place in range(orders)]
    if told:
        events.append(Happened(99, "audit.revealed", {"day": "2026-03-02", "seed": SEED.hex()}))
    return events


def test_an_honest_day_has_nothing_wrong() -> None:
    checked = verify(a_day(), released=["order-3", "of-yesterday"], drawn_before=["of-yesterday"])
    assert (checked.draws, checked.seed_known, checked.wrong) == (40, True, ())
    assert 0 < checked.drawn < 20


def test_a_day_that_goes_on_is_checked_as_far_as_can_be() -> None:
    assert verify(a_day(told=False)).seed_known is False
    assert verify(a_day(told=False)).wrong == ()


def changed(place: int, **data: Any) -> Callable[[list[Happened]], list[Happened]]:
    def change(events: list[Happened]) -> list[Happened]:
        found = list(events)
        found[place] = Happened(found[place].seq, found[place].kind, {**found[place].data, **data})
        return found

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changed(3, kind="full", chosen=["a", "b"]), "order order-2: the seed gives"),
        (changed(3, value=0.9), "order order-2: the seed gives"),
        (changed(3, order_id="somebody"), "order somebody: the seed gives"),
        (changed(3, probability=1.0), "order order-2: the rules give 0.16, not 1.0"),
        (changed(-1, seed=bytes(32).hex()), "not the one that was committed to"),
        (changed(0, commitment="00"), "not the one that was committed to"),
        (lambda events: events[1:], "there are 0 commitments"),
        (lambda events: [events[0], *events], "there are 2 commitments"),
        (lambda events: [*events, msgspec.structs.replace(events[1], seq=120)], "was drawn twice"),
        (lambda events: [*events, Happened(120, "audit.drawn", record("late"))], "came after the seed was told"),
        (lambda events: [events[0], Happened(3, "audit.drawn", record("early")), *events[1:]], "before the commitment"),
    ],
)
def test_what_was_changed_is_found(change: Callable[[list[Happened]], list[Happened]], told: str) -> None:
    checked = verify(change(a_day()))
    assert any(told in wrong for wrong in checked.wrong), checked.wrong


def test_an_order_that_left_without_a_draw_is_found() -> None:
    assert verify(a_day(), released=["order-1", "a friend's"]).wrong == ("order a friend's left without a draw",)
