"""Tickets: ours, for one purpose and person, once, in time, and not without bound."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.kernel.clock import ManualClock
from unqueue.server.staff.tickets import TICKET_BYTES, Tickets, TicketsBusy, TicketSpent


def tickets(used_max: int = 100) -> tuple[Tickets, ManualClock]:
    clock = ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    return Tickets(clock, life_s=300, used_max=used_max), clock


def test_once_and_in_time() -> None:
    some, clock = tickets()
    ticket, late = some.issue("a"), some.issue("a")
    assert len(ticket) == TICKET_BYTES
    some.spend(ticket, "a")
    with pytest.raises(TicketSpent):
        some.spend(ticket, "a")
    clock.advance(299)
    some.spend(some.issue("a"), "a")
    clock.advance(1)
    with pytest.raises(TicketSpent):
        some.spend(late, "a")


@pytest.mark.parametrize(("purpose", "about"), [("b", "li"), ("a", "wang"), ("a", ""), ("a\0li", ""), ("", "a\0li")])
def test_for_one_purpose_and_person(purpose: str, about: str) -> None:
    some, _ = tickets()
    ticket = some.issue("a", "li")
    with pytest.raises(TicketSpent):
        some.spend(ticket, purpose, about)
    some.spend(ticket, "a", "li")


def test_another_process_makes_other_tickets() -> None:
    (one, _), (other, _) = tickets(), tickets()
    with pytest.raises(TicketSpent):
        other.spend(one.issue("a"), "a")


@given(st.integers(0, TICKET_BYTES - 1), st.integers(1, 255))
def test_no_bit_can_be_changed(place: int, change: int) -> None:
    some, _ = tickets()
    ticket = bytearray(some.issue("a"))
    ticket[place] ^= change
    with pytest.raises(TicketSpent):
        some.spend(bytes(ticket), "a")


@given(st.binary(max_size=TICKET_BYTES + 1))
def test_whatever_else_is_none(ticket: bytes) -> None:
    some, _ = tickets()
    with pytest.raises(TicketSpent):
        some.spend(ticket, "a")


def test_used_ones_are_remembered_until_they_have_run_out_and_no_longer() -> None:
    some, clock = tickets(used_max=3)
    first = some.issue("a")
    for ticket in (first, some.issue("a"), some.issue("a")):
        some.spend(ticket, "a")
    waiting = some.issue("a")
    with pytest.raises(TicketsBusy) as busy:
        some.spend(waiting, "a")
    assert busy.value.details == {"retry_after_s": 300}
    with pytest.raises(TicketSpent):  # a full memory forgets nothing that still counts
        some.spend(first, "a")
    clock.advance(300)
    some.spend(some.issue("a"), "a")
    assert len(some._used) == 1


def test_a_tickets_secrets_differ_by_what_they_are_for() -> None:
    some, _ = tickets()
    ticket = some.issue("a")
    assert len({some.secret(ticket, what) for what in ("nonce", "verifier", "binding")}) == 3
    assert len(some.secret(ticket, "verifier")) == 43  # RFC 7636 section 4.1: 43 to 128 characters
    assert some.secret(ticket, "nonce") == some.secret(ticket, "nonce")
