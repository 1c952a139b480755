"""Payments at a terminal that loses questions and answers, loses power, and prints what it must not."""

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

import msgspec
import pytest
from tests.support.card_terminals import CARD_NUMBER, PASSPHRASE, TerminalProcess, running_terminal

from unqueue.kernel.clock import SystemClock
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.providers.kinds import open_provider
from unqueue.providers.nexo_terminal import crypto, messages
from unqueue.providers.nexo_terminal.client import NexoTerminal
from unqueue.providers.port import (
    Attempt,
    Charge,
    ProviderRefused,
    ProviderState,
    ProviderUnavailable,
    RefundRequest,
)

pytestmark = pytest.mark.anyio
EUR = Money(1290, "EUR")


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TerminalProcess]:
    with running_terminal("nexo", tmp_path_factory.mktemp("terminal")) as process:
        yield process


@pytest.fixture
async def store(terminal: TerminalProcess) -> AsyncIterator[NexoTerminal]:
    terminal.ask(reset=True)
    opened = terminal.nexo()
    yield opened
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


async def outcome(store: NexoTerminal, charge: Charge, within_s: float = 8.0) -> ProviderState:
    """The attempt once it is decided, asking again and again as the store does."""
    deadline_s = time.monotonic() + within_s
    while True:
        try:
            state = await store.query(charge)
        except ProviderUnavailable:
            state = ProviderState("pending")
        if state.status != "pending":
            return state
        assert time.monotonic() < deadline_s, "never decided"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("entry", ["chip", "contactless", "magnetic_stripe"])
async def test_a_card_pays_and_its_slip_comes_along(terminal: TerminalProcess, store: NexoTerminal, entry: str) -> None:
    attempt = attempt_for()
    terminal.ask(present=entry)
    assert (await store.create(attempt)).kind == "none"
    state = await outcome(store, charge_of(attempt))
    assert (state.status, state.amount) == ("succeeded", EUR)
    assert state.reference
    assert state.slip[0] == "CARDHOLDER COPY"
    assert "Card ************0011" in state.slip
    assert "AID A0000000041010" in state.slip


@pytest.mark.parametrize("card", ["decline", "wrong_pin", "removed"])
async def test_a_card_that_does_not_pay(terminal: TerminalProcess, store: NexoTerminal, card: str) -> None:
    attempt = attempt_for()
    terminal.ask(present="chip", outcome=card)
    await store.create(attempt)
    assert (await outcome(store, charge_of(attempt))).status == "failed"
    assert not terminal.taken(attempt.attempt_id)


async def test_the_shopper_stops(terminal: TerminalProcess, store: NexoTerminal) -> None:
    attempt = attempt_for()
    await store.create(attempt)
    assert (await store.query(charge_of(attempt))).status == "pending"
    await asyncio.to_thread(terminal.wait_until_waiting)
    terminal.ask(press="stop")
    assert (await outcome(store, charge_of(attempt))).status == "failed"


async def test_the_store_gives_up_what_it_began_before_it_was_started_again(
    terminal: TerminalProcess, store: NexoTerminal
) -> None:
    attempt = attempt_for()
    await store.create(attempt)
    await asyncio.to_thread(terminal.wait_until_waiting)
    await store.stop()
    later = terminal.nexo()
    assert (await later.close(charge_of(attempt))).status == "closed"
    assert not terminal.taken(attempt.attempt_id)
    await later.stop()


async def test_one_shopper_at_a_time(terminal: TerminalProcess, store: NexoTerminal) -> None:
    first, second = attempt_for(), attempt_for()
    await store.create(first)
    await asyncio.to_thread(terminal.wait_until_waiting)
    await store.create(second)
    assert (await outcome(store, charge_of(second))).status == "failed"
    terminal.ask(present="chip")
    assert (await outcome(store, charge_of(first))).status == "succeeded"


async def test_less_was_taken_than_asked_for(terminal: TerminalProcess, store: NexoTerminal) -> None:
    attempt = attempt_for()
    terminal.ask(trouble="wrong_amount")
    terminal.ask(present="chip")
    await store.create(attempt)
    assert (await outcome(store, charge_of(attempt))).amount == Money(645, "EUR")


@pytest.mark.parametrize("trouble", ["lose_request", "lose_reply", "late_reply"])
@pytest.mark.parametrize("message", ["status_before", "payment", "status_after", "abort"])
async def test_each_message_may_be_lost(
    terminal: TerminalProcess, store: NexoTerminal, trouble: str, message: str
) -> None:
    attempt = attempt_for()
    charge = charge_of(attempt)
    if message == "status_before":
        terminal.ask(trouble=trouble)
        if trouble != "late_reply":
            with pytest.raises(ProviderUnavailable):
                await store.create(attempt)
    await store.create(attempt)
    if message == "payment":
        terminal.ask(trouble=trouble)
        await asyncio.sleep(0)
    if message in {"status_after", "abort"}:
        await asyncio.to_thread(terminal.wait_until_waiting)
        terminal.ask(trouble=trouble)
    if message == "abort":
        assert (await closed(store, charge)).status == "closed"
        assert not terminal.taken(attempt.attempt_id)
        return
    terminal.ask(present="contactless")
    state = await outcome(store, charge)
    never_heard = (message, trouble) == ("payment", "lose_request")
    assert state.status == ("failed" if never_heard else "succeeded")
    assert len(terminal.taken(attempt.attempt_id)) == (0 if never_heard else 1)


async def closed(store: NexoTerminal, charge: Charge) -> ProviderState:
    for _ in range(5):
        try:
            return await store.close(charge)
        except ProviderUnavailable:
            await asyncio.sleep(0.1)
    raise AssertionError("never closed")


async def query_until_it_fails(store: NexoTerminal, charge: Charge) -> None:
    while True:
        await store.query(charge)


@pytest.mark.parametrize("trouble", ["power_cut_before_booking", "power_cut_after_booking", "kill_9"])
async def test_the_power_goes(terminal: TerminalProcess, store: NexoTerminal, trouble: str) -> None:
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
    await asyncio.sleep(0.05)
    with pytest.raises(ProviderUnavailable):
        await query_until_it_fails(store, charge_of(attempt))
    terminal.start()
    booked = trouble == "power_cut_after_booking"
    assert (await outcome(store, charge_of(attempt))).status == ("succeeded" if booked else "failed")
    assert len(terminal.taken(attempt.attempt_id)) == int(booked)


@pytest.mark.parametrize("moment", ["waiting", "paid", "declined"])
async def test_our_side_is_started_again(terminal: TerminalProcess, store: NexoTerminal, moment: str) -> None:
    """Another process of ours knows nothing, is asked to begin the same attempt, and begins nothing."""
    attempt = attempt_for()
    await store.create(attempt)
    await asyncio.to_thread(terminal.wait_until_waiting)
    if moment != "waiting":
        terminal.ask(present="chip", outcome="approve" if moment == "paid" else "decline")
        await outcome(store, charge_of(attempt))
    await store.stop()
    later = terminal.nexo()
    await later.create(attempt)
    terminal.ask(present="chip")
    state = await outcome(later, charge_of(attempt))
    assert state.status == ("failed" if moment == "declined" else "succeeded")
    assert len(terminal.taken(attempt.attempt_id)) == int(moment != "declined")
    if moment != "declined":
        assert state.reference
        assert state.slip
    await later.stop()


CLIENT = """
import asyncio, sys, time
from pathlib import Path
from tests.support.card_terminals import TerminalProcess
from tests.providers.nexo_terminal.test_terminal import attempt_for
async def main():
    terminal = TerminalProcess("nexo", Path(sys.argv[1]))
    terminal.announced = eval(sys.argv[2])
    await terminal.nexo().create(attempt_for(attempt_id=sys.argv[3], created_us=int(sys.argv[4])))
    print("begun", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("before", ["the card", "the answer"])
async def test_our_side_is_killed(terminal: TerminalProcess, store: NexoTerminal, before: str) -> None:
    """Kill -9 while the shopper stands before the terminal, and after the shopper paid."""
    attempt = attempt_for()
    arguments = [str(terminal.directory), repr(terminal.announced), attempt.attempt_id, str(attempt.created_us)]
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", CLIENT, *arguments]
    killed = await asyncio.to_thread(subprocess.Popen, command, stdout=subprocess.PIPE, cwd=root, env=environment)
    assert killed.stdout is not None
    killed.stdout.readline()
    terminal.wait_until_waiting()
    if before == "the answer":
        killed.send_signal(signal.SIGSTOP)
        terminal.ask(present="chip")
        while not terminal.taken(attempt.attempt_id):
            await asyncio.sleep(0.01)
    killed.kill()
    killed.wait()
    killed.stdout.close()
    await store.create(attempt)
    terminal.ask(present="chip")
    assert (await outcome(store, charge_of(attempt))).status == "succeeded"
    assert len(terminal.taken(attempt.attempt_id)) == 1


async def test_a_terminal_that_is_off_takes_no_money(terminal: TerminalProcess) -> None:
    nowhere = terminal.nexo(url="https://127.0.0.1:9")
    with pytest.raises(ProviderUnavailable):
        await nowhere.create(attempt_for())
    with pytest.raises(ProviderUnavailable):
        await nowhere.status()
    await nowhere.stop()


async def test_only_the_right_certificate_will_do(terminal: TerminalProcess, tmp_path: Path) -> None:
    with running_terminal("nexo", tmp_path / "other") as other:
        for changes in (
            {"root_file": Path(other.announced["root_file"])},
            {"tls_name": "V400m-1.test.terminal.example"},
        ):
            stranger = terminal.nexo(**changes)
            with pytest.raises(ProviderUnavailable) as unheard:
                await stranger.status()
            assert unheard.value.code == "not_reached"
            await stranger.stop()


async def test_only_the_right_passphrase_will_do(terminal: TerminalProcess) -> None:
    stranger = terminal.nexo(passphrase="another")
    with pytest.raises(ProviderUnavailable):
        await stranger.create(attempt_for())
    await stranger.stop()


@pytest.mark.parametrize("trouble", ["lose_request", "lose_reply"])
@pytest.mark.parametrize("part", [Money(1290, "EUR"), Money(290, "EUR")])
async def test_a_refund_is_made_once_whatever_is_lost(
    terminal: TerminalProcess, store: NexoTerminal, trouble: str, part: Money
) -> None:
    attempt = attempt_for()
    terminal.ask(present="chip")
    await store.create(attempt)
    charge = charge_of(attempt, (await outcome(store, charge_of(attempt))).reference)
    request = refund_of(part)
    terminal.ask(trouble=trouble)
    with pytest.raises(ProviderUnavailable):
        await store.refund(request, charge)  # the question whether it is known already gets lost
    later = terminal.nexo()
    assert (await later.query_refund(request, charge)).status == "unknown"
    done = await later.refund(request, charge)
    assert (done.status, done.amount) == ("succeeded", part)
    assert await store.query_refund(request, charge) == done
    assert await store.refund(request, charge) == done
    reversals = [one for one in terminal.ask(get=True)["transactions"] if one["subject_id"] == request.refund_id]
    assert len(reversals) == 1
    await later.stop()


async def test_reconciliation_and_diagnosis(terminal: TerminalProcess, store: NexoTerminal) -> None:
    await store.reconcile()
    attempt = attempt_for()
    terminal.ask(present="chip")
    await store.create(attempt)
    reference = (await outcome(store, charge_of(attempt))).reference
    await store.refund(refund_of(Money(290, "EUR")), charge_of(attempt, reference))
    closed_day = await store.reconcile()
    sums = {(one.transaction_type, one.count, one.amount) for one in closed_day.totals}
    assert sums == {("Debit", 1, EUR), ("Credit", 1, Money(290, "EUR"))}
    assert (await store.reconcile()).totals == ()
    assert (await store.status()).global_status == "OK"


async def test_a_card_number_on_the_slip_gets_no_further(
    terminal: TerminalProcess, store: NexoTerminal, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The terminal prints the whole number, wrongly; nothing of ours says, keeps or logs it."""
    caplog.set_level(logging.DEBUG)
    attempt = attempt_for()
    terminal.ask(trouble="full_card_number")
    terminal.ask(present="chip")
    await store.create(attempt)
    state = await outcome(store, charge_of(attempt))
    later = terminal.nexo()
    again = await later.query(charge_of(attempt))
    assert "Card ************0011" in state.slip == again.slip, "the rest of the slip is still there"
    with pytest.raises(ProviderRefused) as refused:
        await later.refund(refund_of(Money(1, "EUR")), charge_of(attempt, "sim000.1@2026"))
    everything = [repr(state), repr(again), repr(vars(store)), repr(refused.value), caplog.text, *capfd.readouterr()]
    assert not [one for one in everything if CARD_NUMBER in "".join(filter(str.isdecimal, one))]
    assert not [one for one in everything if PASSPHRASE in one]
    await later.stop()


async def test_the_settings_make_a_terminal(terminal: TerminalProcess, tmp_path: Path) -> None:
    opened = open_provider(terminal.nexo_account(tmp_path), SystemClock())
    assert isinstance(opened, NexoTerminal)
    assert (await opened.status()).global_status == "OK"
    assert opened.provider_id == "card"
    await opened.stop()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"url": ""}, "url"), ({"url": "http://10.0.0.1"}, "https"), ({"at": ""}, "kiosk"), ({"files": {}}, "root"),
        ({"options": {}}, "poi_id, sale_id, key_identifier"),
    ],
)  # fmt: skip
def test_what_the_settings_lack_is_told(
    terminal: TerminalProcess, tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        open_provider(terminal.nexo_account(tmp_path, **changes), SystemClock())


def test_an_option_that_nobody_knows_is_told(terminal: TerminalProcess, tmp_path: Path) -> None:
    account = terminal.nexo_account(tmp_path)
    account.options["colour"] = "red"
    with pytest.raises(ValueError, match="colour"):
        open_provider(account, SystemClock())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, ""), ({"service_id": "P000000002"}, "answer_mismatch"), ({"poi_id": "other"}, "answer_mismatch"),
        ({"sale_id": "other"}, "answer_mismatch"), ({"message_category": "Reversal"}, "answer_mismatch"),
        ({"message_type": "Request"}, "answer_mismatch"),
    ],
)  # fmt: skip
async def test_an_answer_to_another_question_is_none(store: NexoTerminal, change: dict[str, str], code: str) -> None:
    """Sealed by the terminal all right, but caught on the way and sent again as the answer to something else."""
    link = store._link
    header = messages.MessageHeader(
        message_class="Service", message_category="Payment", message_type="Response", sale_id=link.sale_id,
        poi_id=link.poi_id, service_id="P000000001",
    )  # fmt: skip
    answer = messages.Message(message_header=msgspec.structs.replace(header, **change))
    blob, trailer = crypto.seal(link._key, messages.encode(messages.Answer(sale_to_poi_response=answer)), bytes(16))
    sealed = messages.SealedMessage(message_header=header, nexo_blob=blob, security_trailer=trailer)
    content = messages.encode(messages.SealedAnswer(sale_to_poi_response=sealed))
    if code:
        with pytest.raises(ProviderUnavailable) as unheard:
            link._believe(content, "Payment", "P000000001")
        assert unheard.value.code == code
    else:
        assert link._believe(content, "Payment", "P000000001") == answer
    for spoiled in (content[:-1], b"", b"[]", content.replace(b'"KeyVersion":1', b'"KeyVersion":2')):
        with pytest.raises(ProviderUnavailable):
            link._believe(spoiled, "Payment", "P000000001")
