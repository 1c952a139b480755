"""Paying an order: the attempt, the money in the books, and the way back to the basket."""

from pathlib import Path

import pytest
from tests.support.tills import BEER, BOOK, GIFT, METHOD, MILK, PUBLIC_URL, Bank, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Database
from unqueue.kernel.ids import new_id
from unqueue.server.ledger import store as ledger

pytestmark = pytest.mark.anyio


async def test_a_paid_order_is_paid_in_the_books_too(till: Till) -> None:
    shopper = await till.order(MILK, BEER, BEER, BOOK)
    payment = await shopper.start_payment()
    assert payment["status"] == "pending"
    assert payment["action"]["kind"] == "redirect"
    assert payment["amount"] == {"amount_minor": 1290 + 2 * (600 - 60 + 50) + 2000, "currency": "CNY"}
    await till.bank.press(payment["action"]["url"])
    assert await till.bank.send() == 1
    order = await shopper.read()
    assert order["status"] == "paid"
    assert order["paid"] == order["total"]
    assert [entry["status"] for entry in order["payments"]] == ["succeeded"]
    assert await till.balances() == {
        f"provider:{METHOD}:clearing": 4470,
        "sales": -(1183 + 956 + 2000),
        "tax:900": -107,
        "tax:1300": -124,
        "deposit": -100,
    }
    kinds = [kind for kind, _ in await till.events() if kind.startswith(("payment.", "order."))]
    assert kinds == ["order.submitted", "payment.started", "payment.offered", "payment.succeeded", "order.paid"]


async def test_the_same_id_is_the_same_attempt(till: Till) -> None:
    shopper = await till.order(MILK)
    attempt_id = new_id()
    first = await shopper.start_payment(id=attempt_id)
    hyphenated = "-".join([attempt_id[:8], attempt_id[8:12], attempt_id[12:16], attempt_id[16:20], attempt_id[20:]])
    again = await shopper.start_payment(id=hyphenated.upper())
    assert first == again
    other = await till.order(MILK)
    assert (await other.start_payment(id=attempt_id, status=409))["code"] == "payment_conflict"


async def test_one_attempt_is_open_at_a_time_whoever_asks(till: Till) -> None:
    shopper = await till.order(MILK)
    first = await shopper.start_payment()
    path = f"{shopper.path}/payments"
    refused = await shopper.call("POST", path, {"method": METHOD}, token=shopper.order_token, status=409)
    assert refused["code"] == "payment_open"
    assert refused["payment"] == first
    assert (await shopper.call("POST", f"/api/trips/{shopper.order.trip_id}/reopen", status=409))["code"] == (
        "payment_open"
    )


async def test_a_closed_attempt_lets_the_basket_be_reopened(till: Till) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    closed = await shopper.close(payment)
    assert (closed["status"], closed["action"], closed["problem"]) == ("closed", None, None)
    assert (await till.bank.press(payment["action"]["url"])).status_code == 409
    basket = await shopper.call("POST", f"/api/trips/{shopper.order.trip_id}/reopen")
    assert basket["status"] == "shopping"
    assert (await shopper.start_payment(status=409))["code"] == "order_closed"
    assert await till.balances() == {}


async def test_closing_what_was_paid_meanwhile_is_paid(till: Till) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await till.bank.press(payment["action"]["url"], trouble="never")
    assert (await shopper.close(payment))["status"] == "succeeded"
    assert (await shopper.read())["status"] == "paid"
    assert (await shopper.start_payment(status=409))["code"] == "order_paid"


async def test_a_declined_payment_can_be_tried_again(till: Till) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await till.bank.press(payment["action"]["url"], action="decline")
    await till.bank.send()
    failed = await shopper.look(payment)
    assert failed["status"] == "failed"
    assert failed["problem"]["code"] == "payment_declined"
    assert failed["problem"]["zh"]
    till.bank.clock.advance(1)
    second = await shopper.start_payment()
    await till.bank.press(second["action"]["url"])
    await till.bank.send()
    assert [entry["status"] for entry in (await shopper.read())["payments"]] == ["failed", "succeeded"]


async def test_a_lost_notification_is_found_by_asking(till: Till, clock: ManualClock) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await till.bank.press(payment["action"]["url"], trouble="never")
    await till.work()
    assert (await till.payment(payment["id"])).status == "pending"  # it is not due yet
    clock.advance(5)
    await till.work()
    assert (await till.payment(payment["id"])).status == "succeeded"


async def test_looking_at_an_overdue_payment_asks_the_provider(till: Till, clock: ManualClock) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    till.bank.wire.asked.clear()
    assert (await shopper.look(payment))["status"] == "pending"
    assert till.bank.wire.asked == []
    clock.advance(3)
    await shopper.look(payment)
    await shopper.look(payment)
    assert len(till.bank.wire.asked) == 1, "a screen that reloads is no reason to ask the provider again"
    await till.bank.press(payment["action"]["url"], trouble="never")
    clock.advance(3)
    assert (await shopper.look(payment))["status"] == "succeeded"


async def test_an_attempt_expires_at_the_provider_first(till: Till, clock: ManualClock) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    clock.advance(15 * 60)
    await till.work()
    expired = await shopper.look(payment)
    assert (expired["status"], expired["problem"]["code"]) == ("closed", "payment_expired")
    assert (await till.bank.press(payment["action"]["url"])).status_code == 409


async def test_an_expired_attempt_is_closed_at_a_provider_whose_clock_is_behind(
    database: Database, tmp_path: Path, clock: ManualClock
) -> None:
    """The provider would still take money for it; the store does not wait until it wouldn't."""
    behind = ManualClock(clock.now())
    bank = Bank(tmp_path / "slow", behind)
    till = Till(database, bank)
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    clock.advance(15 * 60)
    behind.advance(14 * 60)
    await till.work()
    assert (await shopper.look(payment))["status"] == "closed"
    assert (await bank.press(payment["action"]["url"])).status_code == 409
    await till.stop()
    await bank.stop()


async def test_an_order_that_costs_nothing_is_paid_without_a_provider(till: Till) -> None:
    shopper = await till.order(GIFT)
    till.bank.wire.asked.clear()
    payment = await shopper.start_payment()
    assert (payment["status"], payment["action"]) == ("succeeded", None)
    assert till.bank.wire.asked == []
    assert (await shopper.read())["status"] == "paid"
    assert await till.balances() == {}


async def test_where_the_shopper_returns_to_depends_on_who_pays(till: Till) -> None:
    handset = await till.order(MILK)
    await handset.start_payment()
    phone = await till.order(MILK)
    await phone.call("POST", f"{phone.path}/payments", {"method": METHOD}, token=phone.order_token)
    back = []
    for shopper in (handset, phone):
        (attempt,) = await till.attempts(shopper.order.order_id)
        page = await till.bank.press(attempt.action_url)
        back.append(page.json()["return_url"])
    assert back == [f"{PUBLIC_URL}/handset/back", f"{PUBLIC_URL}/o/{phone.order_token}"]


async def test_unknown_methods_and_others_payments_are_refused(till: Till) -> None:
    shopper, other = await till.order(MILK), await till.order(MILK)
    assert (await shopper.start_payment(method="cash-in-an-envelope", status=422))["code"] == "method_unknown"
    payment = await shopper.start_payment()
    for token in (other.trip_token, other.order_token):
        for method, path in (
            ("GET", f"{shopper.path}/payments/{payment['id']}"),
            ("POST", f"{shopper.path}/payments/{payment['id']}/close"),
            ("POST", f"{shopper.path}/payments"),
        ):
            body = {"method": METHOD} if path.endswith("payments") else None
            assert (await shopper.call(method, path, body, token=token, status=404))["code"] == "not_found"
    wrong_order = f"{other.path}/payments/{payment['id']}"
    assert (await other.call("GET", wrong_order, status=404))["code"] == "not_found"


async def test_the_ways_to_pay_are_listed(till: Till) -> None:
    answer = (await till.http.get("/api/payment-methods")).json()
    assert answer[:1] == [
        {
            "method": METHOD,
            "zh": "沙盒钱包",
            "en": "Sandbox wallet",
            "kind": "sandbox_wallet",
            "channels": ["page", "qr"],
            "preferred": False,
        }
    ]


async def test_every_entry_balances(till: Till) -> None:
    for products in ((MILK,), (BEER, BEER, BOOK), (GIFT, BEER)):
        shopper = await till.order(*products)
        payment = await shopper.start_payment()
        await till.bank.press(payment["action"]["url"])
    await till.bank.send()
    assert await till.database.read(ledger.out_of_balance) == []
    assert sum((await till.balances()).values()) == 0
