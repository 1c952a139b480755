"""Payments at a ZVT terminal whose line is cut before every message, that loses power, and prints what it must not."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.card_terminals import CARD_NUMBER, TerminalProcess, running_terminal

from unqueue.kernel.clock import SystemClock
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.kinds import open_provider
from unqueue.providers.port import (
    Attempt,
    Charge,
    ProviderRefused,
    ProviderState,
    ProviderUnavailable,
    RefundRequest,
)
from unqueue.providers.zvt_terminal.client import ZvtTerminal

pytestmark = pytest.mark.anyio
EUR = Money(1290, "EUR")


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TerminalProcess]:
    with running_terminal("zvt", tmp_path_factory.mktemp("terminal")) as process:
        yield process


@pytest.fixture
async def store(terminal: TerminalProcess, tmp_path: Path) -> AsyncIterator[ZvtTerminal]:
    terminal.ask(reset=True)
    opened = terminal.zvt(tmp_path / "journal")
    try:
        await paid(terminal, opened, Money(5, "EUR"))  # something that the terminal remembers
        yield opened
    finally:
        await opened.stop()


def attempt_for(**changes: Any) -> Attempt:
    now_us = int(time.time() * 1e6)
    plain: dict[str, Any] = {
        "attempt_id": new_id(), "order_id": new_id(), "order_number": "104729389", "amount": EUR, "subject_zh": "商品",
        "subject_en": "goods", "return_url": "https://store.example/", "notify_url": "https://store.example/",
        "created_us": now_us, "expires_us": now_us + 60_000_000,
    }  # fmt: skip
    return Attempt(**{**plain, **changes})


def charge_of(attempt: Attempt, reference: str = "") -> Charge:
    return Charge(
        attempt_id=attempt.attempt_id, amount=attempt.amount, created_us=attempt.created_us, reference=reference
    )


def refund_of(amount: Money) -> RefundRequest:
    return RefundRequest(refund_id=new_id(), amount=amount, created_us=int(time.time() * 1e6))


async def paid(terminal: TerminalProcess, store: ZvtTerminal, amount: Money = EUR) -> Charge:
    """A payment that went well."""
    attempt = attempt_for(amount=amount)
    terminal.ask(present="contactless")
    await store.create(attempt)
    state = await outcome(store, charge_of(attempt))
    assert state.status == "succeeded"
    return charge_of(attempt, state.reference)


async def outcome(store: ZvtTerminal, charge: Charge, within_s: float = 8.0) -> ProviderState:
    """The attempt once it is decided, asking again and again as the store does."""
    deadline_s = time.monotonic() + within_s
    while True:
        try:
            state = await store.query(charge)
        except ProviderUnavailable as error:
            if error.code == "outcome_unclear":
                raise
            state = ProviderState("pending")
        if state.status != "pending":
            return state
        assert time.monotonic() < deadline_s, "never decided"
        await asyncio.sleep(0.05)


def booked(terminal: TerminalProcess) -> int:
    """How many payments of the tests' amount the terminal holds, less what it took back."""
    all_of_them = [one for one in terminal.ask(get=True)["transactions"] if one["status"] == "approved"]
    return sum((1 if one["kind"] == "payment" else -1) for one in all_of_them if one["amount_minor"] == 1290)


@pytest.mark.parametrize("entry", ["chip", "contactless", "magnetic_stripe"])
async def test_a_card_pays_and_its_slip_comes_along(terminal: TerminalProcess, store: ZvtTerminal, entry: str) -> None:
    attempt = attempt_for()
    terminal.ask(present=entry)
    assert (await store.create(attempt)).kind == "none"
    state = await outcome(store, charge_of(attempt))
    assert (state.status, state.amount) == ("succeeded", EUR)
    assert state.reference.endswith("/28004869")
    assert state.slip[0] == "** KUNDENBELEG **", "the shopper's, not the merchant's"
    assert "Nr: **** **** **** 0011" in state.slip
    assert "AID: A0000000041010" in state.slip


@pytest.mark.parametrize("card", ["decline", "wrong_pin", "removed"])
async def test_a_card_that_does_not_pay(terminal: TerminalProcess, store: ZvtTerminal, card: str) -> None:
    before = booked(terminal)
    attempt = attempt_for()
    terminal.ask(present="chip", outcome=card)
    await store.create(attempt)
    assert (await outcome(store, charge_of(attempt))).status == "failed"
    assert booked(terminal) == before


async def test_the_shopper_stops(terminal: TerminalProcess, store: ZvtTerminal) -> None:
    attempt = attempt_for()
    await store.create(attempt)
    assert (await store.query(charge_of(attempt))).status == "pending"
    await asyncio.to_thread(terminal.wait_until_waiting)
    terminal.ask(press="stop")
    assert (await outcome(store, charge_of(attempt))).status == "failed"


@pytest.mark.parametrize("moment", ["at once", "while it waits", "too late"])
async def test_the_store_gives_up(terminal: TerminalProcess, store: ZvtTerminal, moment: str) -> None:
    before = booked(terminal)
    attempt = attempt_for()
    await store.create(attempt)
    if moment != "at once":
        await asyncio.to_thread(terminal.wait_until_waiting)
    if moment == "too late":
        terminal.ask(present="chip")
        await outcome(store, charge_of(attempt))
    state = await store.close(charge_of(attempt))
    assert state.status == ("succeeded" if moment == "too late" else "closed")
    assert booked(terminal) == before + int(moment == "too late")


async def test_the_store_gives_up_what_it_began_before_it_was_started_again(
    terminal: TerminalProcess, store: ZvtTerminal, tmp_path: Path
) -> None:
    before = booked(terminal)
    attempt = attempt_for()
    await store.create(attempt)
    await asyncio.to_thread(terminal.wait_until_waiting)
    await store.stop()
    later = terminal.zvt(tmp_path / "journal")
    assert (await later.close(charge_of(attempt))).status in {"closed", "failed"}
    assert booked(terminal) == before
    await later.stop()


async def test_one_shopper_at_a_time(terminal: TerminalProcess, store: ZvtTerminal) -> None:
    first, second = attempt_for(), attempt_for()
    await store.create(first)
    with pytest.raises(ProviderUnavailable):
        await store.create(second)
    assert (await store.query(charge_of(second))).status == "unknown"
    terminal.ask(present="chip")
    assert (await outcome(store, charge_of(first))).status == "succeeded"


MESSAGES = {0: "ack", 1: "insert card", 2: "status", 3: "merchant's slip", 4: "shopper's slip", 5: "completion"}


@pytest.mark.parametrize("reverses", [False, True], ids=["stays", "auto-reversal"])
@pytest.mark.parametrize("at", MESSAGES, ids=MESSAGES.__getitem__)
async def test_the_line_is_cut_before_each_message(
    terminal: TerminalProcess, store: ZvtTerminal, at: int, reverses: bool
) -> None:
    """The shopper pays all the same, and the terminal books it, or takes it back because nobody heard."""
    before = booked(terminal)
    attempt = attempt_for()
    # Registering and asking for the last transaction have messages of their own: these are over when create returns.
    await store.create(attempt)
    terminal.ask(trouble="cut_and_reverse" if reverses else "cut", at=at)
    terminal.ask(present="chip")
    try:
        state = await outcome(store, charge_of(attempt))
    except ProviderUnavailable as error:
        pytest.fail(f"unclear: {error}")
    assert state.status == ("succeeded" if booked(terminal) > before else "failed")
    assert booked(terminal) - before in {0, 1}
    if not reverses:
        assert state.status == "succeeded"


@pytest.mark.parametrize("trouble", ["lose_request", "late_reply", "spoiled_status"])
async def test_a_message_is_lost_late_or_spoiled(terminal: TerminalProcess, store: ZvtTerminal, trouble: str) -> None:
    before = booked(terminal)
    attempt = attempt_for()
    terminal.ask(trouble=trouble)
    terminal.ask(present="chip")
    for _ in range(2):  # what gets lost is the question before the payment: the store offers it again
        try:
            await store.create(attempt)
            break
        except ProviderUnavailable:
            assert (await store.query(charge_of(attempt))).status == "unknown"
    assert (await outcome(store, charge_of(attempt))).status == "succeeded"
    assert booked(terminal) == before + 1


async def test_a_payment_that_never_arrived_is_not_taken_for_the_one_before(
    terminal: TerminalProcess, store: ZvtTerminal
) -> None:
    await paid(terminal, store)
    before = booked(terminal)
    attempt = attempt_for()
    await store.create(attempt)
    terminal.ask(trouble="lose_request")
    assert (await outcome(store, charge_of(attempt))).status == "failed"
    assert booked(terminal) == before


@pytest.mark.parametrize("trouble", ["power_cut_before_booking", "power_cut_after_booking", "kill_9"])
async def test_the_power_goes(terminal: TerminalProcess, store: ZvtTerminal, trouble: str) -> None:
    before = booked(terminal)
    attempt = attempt_for()
    if trouble != "kill_9":
        terminal.ask(trouble=trouble)
        terminal.ask(present="chip")
    await store.create(attempt)
    if trouble == "kill_9":
        await asyncio.to_thread(terminal.wait_until_waiting)
        terminal.kill()
    else:
        assert await asyncio.to_thread(terminal.is_dead)
        terminal.stop()
    await asyncio.sleep(0.3)
    with pytest.raises(ProviderUnavailable):
        await store.query(charge_of(attempt))
    terminal.start()
    expected = int(trouble == "power_cut_after_booking")
    assert (await outcome(store, charge_of(attempt))).status == ("succeeded" if expected else "failed")
    assert booked(terminal) == before + expected


@pytest.mark.parametrize("moment", ["waiting", "paid", "declined"])
async def test_our_side_is_started_again(
    terminal: TerminalProcess, store: ZvtTerminal, tmp_path: Path, moment: str
) -> None:
    """Another process of ours reads the journal, is asked to begin the same attempt, and begins nothing."""
    before = booked(terminal)
    attempt = attempt_for()
    await store.create(attempt)
    await asyncio.to_thread(terminal.wait_until_waiting)
    if moment != "waiting":
        terminal.ask(present="chip", outcome="approve" if moment == "paid" else "decline")
        await outcome(store, charge_of(attempt))
    await store.stop()
    later = terminal.zvt(tmp_path / "journal")
    await later.create(attempt)
    if moment == "waiting":
        with pytest.raises(ProviderUnavailable):
            await later.query(charge_of(attempt))  # the terminal is still busy with it
    terminal.ask(present="chip")
    state = await outcome(later, charge_of(attempt))
    terminal.ask(take_away=True)
    assert state.status == ("failed" if moment == "declined" else "succeeded")
    assert booked(terminal) == before + int(moment != "declined")
    assert bool(state.reference) == (moment != "declined")
    await later.stop()


CLIENT = """
import asyncio, sys
from pathlib import Path
from tests.support.card_terminals import TerminalProcess
from tests.providers.zvt_terminal.test_terminal import attempt_for
async def main():
    terminal = TerminalProcess("zvt", Path(sys.argv[1]))
    terminal.announced = eval(sys.argv[2])
    await terminal.zvt(Path(sys.argv[3])).create(attempt_for(attempt_id=sys.argv[4], created_us=int(sys.argv[5])))
    print("begun", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("before", ["the card", "the answer"])
async def test_our_side_is_killed(terminal: TerminalProcess, tmp_path: Path, before: str) -> None:
    """Kill -9 while the shopper stands before the terminal, and after the shopper paid."""
    terminal.ask(reset=True)
    count = booked(terminal)
    attempt = attempt_for()
    root = Path(__file__).parents[3]
    arguments = [str(terminal.directory), repr(terminal.announced), str(tmp_path / "journal"), attempt.attempt_id]
    killed = await asyncio.to_thread(
        subprocess.Popen,
        [sys.executable, "-c", CLIENT, *arguments, str(attempt.created_us)],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert killed.stdout is not None
    killed.stdout.readline()
    terminal.wait_until_waiting()
    if before == "the answer":
        killed.send_signal(signal.SIGSTOP)
        terminal.ask(present="chip")
        while booked(terminal) == count:
            await asyncio.sleep(0.01)
    killed.kill()
    killed.wait()
    killed.stdout.close()
    store = terminal.zvt(tmp_path / "journal")
    await store.create(attempt)
    terminal.ask(present="chip")
    assert (await outcome(store, charge_of(attempt))).status == "succeeded"
    assert booked(terminal) == count + 1
    await store.stop()


async def test_what_cannot_be_proven_goes_to_a_person(
    terminal: TerminalProcess, store: ZvtTerminal, tmp_path: Path
) -> None:
    """Someone pays something else at the terminal before we could ask: its last transaction is not ours."""
    attempt = attempt_for()
    await store.create(attempt)
    terminal.ask(trouble="cut", at=2)
    terminal.ask(present="chip")
    await asyncio.sleep(0.25)  # it is booked, and nobody heard
    other = terminal.zvt(tmp_path / "another till")
    await paid(terminal, other, Money(777, "EUR"))
    with pytest.raises(ProviderUnavailable) as unclear:
        await outcome(store, charge_of(attempt))
    assert unclear.value.code == "outcome_unclear"
    with pytest.raises(ProviderUnavailable):
        await store.close(charge_of(attempt))
    await store.create(attempt)
    assert (await store.reconcile()).lines
    store.decide(attempt.attempt_id, "succeeded", "0470/000470/28004869")
    state = await store.query(charge_of(attempt))
    assert (state.status, state.amount, state.reference) == ("succeeded", EUR, "0470/000470/28004869")
    with pytest.raises(ProviderRefused):
        store.decide(attempt.attempt_id, "failed")
    await other.stop()


async def test_less_was_taken_than_asked_for(terminal: TerminalProcess, store: ZvtTerminal) -> None:
    attempt = attempt_for()
    terminal.ask(trouble="wrong_amount")
    terminal.ask(present="chip")
    await store.create(attempt)
    with pytest.raises(ProviderUnavailable) as unclear:
        await outcome(store, charge_of(attempt))
    assert unclear.value.code == "outcome_unclear"


async def test_all_goes_back_without_a_card_and_only_once(terminal: TerminalProcess, store: ZvtTerminal) -> None:
    charge = await paid(terminal, store)
    before = booked(terminal)
    request = refund_of(EUR)
    done = await store.refund(request, charge)
    assert (done.status, done.amount) == ("succeeded", EUR)
    assert await store.refund(request, charge) == done == await store.query_refund(request, charge)
    assert booked(terminal) == before - 1
    with pytest.raises(ProviderRefused):
        await store.refund(refund_of(EUR), charge)


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4])
async def test_a_reversal_whose_line_is_cut_is_made_once(
    terminal: TerminalProcess, store: ZvtTerminal, at: int
) -> None:
    charge = await paid(terminal, store)
    before = booked(terminal)
    request = refund_of(EUR)
    terminal.ask(trouble="cut", at=at)
    for _ in range(40):
        try:
            done = await store.refund(request, charge)
        except ProviderUnavailable as error:
            if error.code == "outcome_unclear":
                raise
        else:
            if done.status == "succeeded":
                break
        await asyncio.sleep(0.05)
    assert (await store.query_refund(request, charge)).status == "succeeded"
    assert booked(terminal) == before - 1


async def test_after_the_days_end_nothing_is_reversed(terminal: TerminalProcess, store: ZvtTerminal) -> None:
    charge = await paid(terminal, store)
    assert (await store.reconcile()).lines[0] == "** KASSENSCHNITT **"
    with pytest.raises(ProviderRefused) as refused:
        await store.refund(refund_of(EUR), charge)
    assert refused.value.code == "reversal_refused"
    assert (await store.status()).well


async def test_parts_go_back_to_the_card_where_the_store_allows_it(
    terminal: TerminalProcess, store: ZvtTerminal
) -> None:
    charge = await paid(terminal, store)
    terminal.ask(present="chip")
    request = refund_of(Money(290, "EUR"))
    assert (await store.refund(request, charge)).status in {"pending", "succeeded"}
    assert (await store.query_refund(request, charge)).status == "succeeded"
    with pytest.raises(ProviderRefused):
        await store.refund(refund_of(Money(1001, "EUR")), charge)


async def test_a_card_number_on_the_slip_gets_no_further(
    terminal: TerminalProcess,
    store: ZvtTerminal,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The terminal prints and tells the whole number, wrongly; nothing of ours says, keeps or logs it."""
    caplog.set_level(logging.DEBUG)
    attempt = attempt_for()
    terminal.ask(trouble="full_card_number")
    terminal.ask(present="chip")
    await store.create(attempt)
    state = await outcome(store, charge_of(attempt))
    assert "Nr: **** **** **** 0011" in state.slip
    charge = charge_of(attempt, state.reference)
    back = await store.refund(refund_of(EUR), charge)
    kept = (tmp_path / "journal").read_text("utf-8")
    everything = [repr(state), repr(back), kept, repr(vars(store)), caplog.text, *capfd.readouterr()]
    assert not [one for one in everything if CARD_NUMBER in "".join(filter(str.isdecimal, one))]


async def test_a_terminal_that_is_off_is_not_reached(tmp_path: Path, terminal: TerminalProcess) -> None:
    nowhere = terminal.zvt(tmp_path / "journal", port=9)
    attempt = attempt_for()
    with pytest.raises(ProviderUnavailable) as unheard:
        await nowhere.create(attempt)
    assert unheard.value.code == "not_reached"
    assert (await nowhere.query(charge_of(attempt))).status == "unknown", "it was never begun"
    await nowhere.stop()


async def test_a_wrong_password_is_told(tmp_path: Path, terminal: TerminalProcess) -> None:
    stranger = terminal.zvt(tmp_path / "journal", password="111111")
    with pytest.raises(ProviderUnavailable) as refused:
        await stranger.create(attempt_for())
    assert refused.value.code == "not_registered"
    assert "111111" not in repr(vars(stranger))
    await stranger.stop()


def account(terminal: TerminalProcess, directory: Path, **options: str) -> Account:
    return Account(
        id="card", kind="zvt_terminal", zh="银行卡", en="Card", at="kiosk-1", merchant_id="store-7",
        options={"host": "127.0.0.1", "port": str(terminal.announced["port"]), "currency": "EUR", **options},
        files={"journal": directory / "card.journal"},
    )  # fmt: skip


async def test_the_settings_make_a_terminal(terminal: TerminalProcess, tmp_path: Path) -> None:
    opened = open_provider(account(terminal, tmp_path), SystemClock())
    assert isinstance(opened, ZvtTerminal)
    assert (await opened.status()).well
    await opened.stop()


@pytest.mark.parametrize(
    ("option", "complaint"),
    [({"port": "x"}, "port"), ({"currency": "XXX"}, "EUR"), ({"encoding": "no"}, "cp437"), ({"host": ""}, "host"),
     ({"partial_refunds": "maybe"}, "to_card"), ({"colour": "red"}, "colour")],
)  # fmt: skip
def test_what_is_wrong_in_the_settings_is_told(
    terminal: TerminalProcess, tmp_path: Path, option: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        open_provider(account(terminal, tmp_path, **option), SystemClock())
