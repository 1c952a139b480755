"""What goes wrong between a store and its provider, and what must hold: one test for each row of the threats."""

import asyncio
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.tills import METHOD, MILK, Shopper, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.providers.port import Charge, ProviderState, ProviderUnavailable, RefundState
from unqueue.providers.port import RefundRequest as Wanted
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.providers.sandbox_wallet.messages import NotificationBody, PaymentRequest, RefundRequest
from unqueue.providers.sandbox_wallet.signing import Signer
from unqueue.server.ledger import store as ledger
from unqueue.server.payments import store
from unqueue.server.payments.notifications import NOTED_PER_MINUTE

pytestmark = pytest.mark.anyio


async def paid_at_the_wallet(till: Till, *, trouble: str = "never") -> tuple[Shopper, dict[str, Any], str]:
    """An order whose attempt was paid at the wallet, and the wallet's reference; the store has not heard of it."""
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await till.bank.press(payment["action"]["url"], trouble=trouble)
    at_wallet = till.bank.app.store.payment("store-7", payment["id"])
    assert at_wallet is not None
    return shopper, payment, at_wallet.reference


async def nothing_changed(till: Till, payment: dict[str, Any], reason: str) -> None:
    assert (await till.payment(payment["id"])).status == "pending"
    assert await till.balances() == {}
    refused = await till.events("payment.refused_notification")
    assert refused[-1][1]["reason"] == reason
    assert await till.events("payment.succeeded", "order.paid") == []


async def test_a_duplicate_notification_pays_once(till: Till) -> None:
    shopper, _, _ = await paid_at_the_wallet(till, trouble="twice")
    assert await till.bank.send() == 2
    assert len(await till.events("payment.succeeded")) == 1
    assert (await till.balances())[f"provider:{METHOD}:clearing"] == shopper.order.total_minor
    assert till.bank.app.store.next_due_us() is None, "both were acknowledged"


async def test_the_same_bytes_again_change_nothing(till: Till) -> None:
    shopper, payment, reference = await paid_at_the_wallet(till)
    body = shopper.told(payment["id"], reference)
    headers = till.bank.sign(body)
    answers = await asyncio.gather(*(till.notify(body, headers) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len(await till.events("payment.succeeded")) == 1


async def test_a_late_notification_of_what_was_found_by_asking_is_acknowledged(till: Till, clock: ManualClock) -> None:
    _, payment, _ = await paid_at_the_wallet(till, trouble="late")
    clock.advance(5)
    await till.work()
    assert (await till.payment(payment["id"])).status == "succeeded"
    before = await till.balances()
    clock.advance(30)
    assert await till.bank.send() == 1
    assert await till.balances() == before
    assert await till.events("payment.refused_notification") == []


@pytest.mark.parametrize("trouble", ["wrong_amount", "wrong_order", "forged"])
async def test_what_the_wallet_tells_wrongly_is_refused_and_the_truth_found(
    till: Till, clock: ManualClock, trouble: str
) -> None:
    reasons = {"wrong_amount": "amount_mismatch", "wrong_order": "order_mismatch", "forged": "signature_invalid"}
    shopper, payment, _ = await paid_at_the_wallet(till, trouble=trouble)
    await till.bank.send()
    await nothing_changed(till, payment, reasons[trouble])
    clock.advance(5)
    await till.work()
    assert (await shopper.read())["status"] == "paid"


FIELDS: dict[str, Any] = {
    "id": "another",
    "kind": "refund",
    "merchant_id": "store-8",
    "payment_id": "0" * 32,
    "order_id": "0" * 32,
    "order_number": "104729389",
    "status": "failed",
    "amount": {"amount_minor": 1, "currency": "CNY"},
    "reference": "W000000000000000",
    "at_s": 1,
}


def test_every_field_of_a_notification_is_mutated() -> None:
    assert set(FIELDS) == {field.name for field in msgspec.structs.fields(NotificationBody)}


async def test_no_field_can_be_changed_on_the_way(till: Till) -> None:
    shopper, payment, reference = await paid_at_the_wallet(till)
    body = shopper.told(payment["id"], reference)
    headers = till.bank.sign(body)
    for field, value in FIELDS.items():
        changed = msgspec.json.encode({**msgspec.json.decode(body), field: value})
        answer = await till.notify(changed, headers)
        assert (answer.status_code, answer.json()) == (400, {"code": "REFUSED"}), field
        await nothing_changed(till, payment, "signature_invalid")
    assert (await till.notify(body, headers)).status_code == 200


MISFITS = {
    "merchant_id": "merchant_mismatch",
    "payment_id": "payment_unknown",
    "order_id": "order_mismatch",
    "order_number": "order_mismatch",
    "amount": "amount_mismatch",
    "status": "query_disagrees",
    "reference": "query_disagrees",
    "kind": "body_malformed",
}


async def test_even_rightly_signed_it_must_fit(till: Till) -> None:
    shopper, payment, reference = await paid_at_the_wallet(till)
    body = msgspec.json.decode(shopper.told(payment["id"], reference))
    for field, reason in MISFITS.items():
        changed = msgspec.json.encode({**body, field: FIELDS[field]})
        assert (await till.notify(changed, till.bank.sign(changed))).status_code == 400, field
        await nothing_changed(till, payment, reason)


async def test_the_currency_must_match(till: Till) -> None:
    shopper, payment, reference = await paid_at_the_wallet(till)
    body = shopper.told(payment["id"], reference, amount=Money(shopper.order.total_minor, "USD"))
    assert (await till.notify(body, till.bank.sign(body))).status_code == 400
    await nothing_changed(till, payment, "amount_mismatch")


HEADERS: list[tuple[str, str | None, str]] = [
    (signing.TIMESTAMP, "1767323045", "signature_invalid"),
    (signing.TIMESTAMP, "soon", "header_missing"),
    (signing.NONCE, "another", "signature_invalid"),
    (signing.NONCE, "", "header_missing"),
    (signing.SERIAL, "0123456789abcdef", "key_unknown"),
    (signing.SIGNATURE, "c2hvcnQ=", "signature_invalid"),
    (signing.SIGNATURE, "not base64 !", "signature_invalid"),
    (signing.SIGNATURE, None, "header_missing"),
]


async def test_no_header_can_be_changed_on_the_way(till: Till) -> None:
    shopper, payment, reference = await paid_at_the_wallet(till)
    body = shopper.told(payment["id"], reference)
    genuine = till.bank.sign(body)
    for header, value, reason in HEADERS:
        headers = {name: text for name, text in {**genuine, header: value}.items() if text is not None}
        assert (await till.notify(body, headers)).status_code == 400, (header, value)
        await nothing_changed(till, payment, reason)


async def test_a_key_of_someone_else_signs_nothing(till: Till) -> None:
    shopper, payment, reference = await paid_at_the_wallet(till)
    body = shopper.told(payment["id"], reference)
    forger = Signer(Ed25519PrivateKey.generate())
    assert (await till.notify(body, till.bank.sign(body, signer=forger))).status_code == 400
    await nothing_changed(till, payment, "key_unknown")


@pytest.mark.parametrize("skew_s", [-301, 301])
async def test_a_stale_notification_is_refused(till: Till, clock: ManualClock, skew_s: int) -> None:
    shopper, payment, reference = await paid_at_the_wallet(till)
    body = shopper.told(payment["id"], reference)
    signed_s = int(clock.now().timestamp()) + skew_s
    assert (await till.notify(body, till.bank.sign(body, at_s=signed_s))).status_code == 400
    await nothing_changed(till, payment, "timestamp_stale")
    fresh_s = int(clock.now().timestamp()) + skew_s - (1 if skew_s > 0 else -1)
    assert (await till.notify(body, till.bank.sign(body, at_s=fresh_s))).status_code == 200


async def test_a_notification_of_another_paid_order_pays_only_that_one(till: Till) -> None:
    """The genuine callback of a cheap order, pointed at a dear one (CVE-2026-9189)."""
    cheap, cheap_payment, cheap_reference = await paid_at_the_wallet(till)
    dear = await till.order(MILK, MILK)
    dear_payment = await dear.start_payment()
    for changes in (
        {"payment_id": dear_payment["id"]},
        {"order_id": dear.order.order_id, "order_number": dear.order.number},
        {"payment_id": dear_payment["id"], "order_id": dear.order.order_id, "order_number": dear.order.number},
    ):
        body = cheap.told(cheap_payment["id"], cheap_reference, **changes)
        assert (await till.notify(body, till.bank.sign(body))).status_code == 400
    body = dear.told(dear_payment["id"], cheap_reference)
    assert (await till.notify(body, till.bank.sign(body))).status_code == 400, "the wallet, asked, says pending"
    assert (await till.payment(dear_payment["id"])).status == "pending"
    assert await till.balances() == {}


async def test_a_notification_is_not_believed_while_the_provider_can_not_be_asked(
    till: Till, clock: ManualClock
) -> None:
    shopper, payment, _ = await paid_at_the_wallet(till, trouble="none")
    till.bank.wire.is_cut = True
    await till.bank.send()
    await nothing_changed(till, payment, "query_failed")
    till.bank.wire.is_cut = False
    clock.advance(1)
    assert await till.bank.send() == 1, "what was not acknowledged comes again"
    assert (await shopper.read())["status"] == "paid"


async def test_refusals_are_noted_within_bounds(till: Till, clock: ManualClock) -> None:
    for _ in range(NOTED_PER_MINUTE + 20):
        assert (await till.notify(b"{}", {})).status_code == 400
    assert len(await till.events("payment.refused_notification")) == NOTED_PER_MINUTE
    clock.advance(60)
    await till.notify(b"{}", {})
    assert (await till.events("payment.refused_notification"))[-1][1]["left_out"] == 20


async def test_a_huge_notification_is_not_even_read(till: Till) -> None:
    assert (await till.notify(b"x" * 100_000, {})).status_code == 413


async def test_an_unknown_provider_has_no_door(till: Till) -> None:
    assert (await till.http.post("/api/payments/notifications/other", content=b"{}")).status_code == 404


async def test_two_attempts_at_once_leave_one_open(till: Till) -> None:
    shopper = await till.order(MILK)
    path, body = f"{shopper.path}/payments", {"method": METHOD}
    headers = [{"Authorization": f"Bearer {token}"} for token in (shopper.trip_token, shopper.order_token)]
    answers = await asyncio.gather(
        *(till.http.post(path, json=body, headers=headers[number % 2]) for number in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len(await till.attempts(shopper.order.order_id)) == 1


async def surplus(till: Till) -> tuple[Shopper, dict[str, Any], dict[str, Any]]:
    """An order paid with its second attempt, when the wallet takes money for the first one too."""
    shopper = await till.order(MILK)
    first = await shopper.start_payment()
    await shopper.close(first)
    till.bank.clock.advance(1)
    second = await shopper.start_payment()
    await till.bank.press(second["action"]["url"])
    await till.bank.send()
    answer = await till.bank.press(first["action"]["url"], trouble="after_close")
    assert answer.json()["status"] == "succeeded"
    return shopper, first, second


async def test_a_late_success_is_a_surplus_that_goes_back_without_voiding_the_order(till: Till) -> None:
    shopper, first, second = await surplus(till)
    await till.bank.send()
    order = await shopper.read()
    assert order["status"] == "paid"
    assert [entry["status"] for entry in order["payments"]] == ["surplus", "succeeded"]
    assert (await till.balances())[f"surplus:{shopper.order.order_id}"] == -shopper.order.total_minor
    await till.work()
    order = await shopper.read()
    assert order["status"] == "paid"
    assert [entry["status"] for entry in order["payments"]] == ["refunded", "succeeded"]
    held = await till.balances()
    assert f"surplus:{shopper.order.order_id}" not in held
    assert held[f"provider:{METHOD}:clearing"] == shopper.order.total_minor
    assert till.bank.app.store.refunded_minor("store-7", first["id"]) == shopper.order.total_minor
    assert till.bank.app.store.refunded_minor("store-7", second["id"]) == 0


async def test_a_late_success_of_an_order_that_was_reopened_goes_back(till: Till) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await shopper.close(payment)
    await shopper.call("POST", f"/api/trips/{shopper.order.trip_id}/reopen")
    await till.bank.press(payment["action"]["url"], trouble="after_close")
    await till.bank.send()
    await till.work()
    assert (await till.payment(payment["id"])).status == "refunded"
    assert await till.balances() == {}
    assert (await shopper.read())["status"] == "closed"


async def test_a_late_success_nobody_tells_of_is_found_too(till: Till, clock: ManualClock) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await shopper.close(payment)
    await till.bank.press(payment["action"]["url"], trouble="after_close")
    # The notification never reaches us: only what we look at ourselves counts.
    clock.advance(60)
    await till.work(2)
    assert (await till.payment(payment["id"])).status == "refunded"
    assert (await shopper.read())["status"] == "open"


@pytest.mark.parametrize("fault", ["lose_request", "lose_answer", "error", "garble"])
async def test_a_refund_is_tried_until_it_arrived_and_arrives_once(till: Till, clock: ManualClock, fault: str) -> None:
    shopper, first, _ = await surplus(till)
    await till.bank.send()
    till.bank.wire.fails = [fault, fault]
    await till.work()
    assert (await till.payment(first["id"])).status == "surplus"
    clock.advance(1)
    await till.work()
    assert (await till.payment(first["id"])).status == "surplus"
    clock.advance(5)
    await till.work()
    assert (await till.payment(first["id"])).status == "refunded"
    assert till.bank.app.store.refunded_minor("store-7", first["id"]) == shopper.order.total_minor
    assert len(await till.events("payment.refunded")) == 1
    if fault == "lose_answer":  # it was asked about first, and had arrived: nothing needed to be sent again
        assert sum(asked.startswith("POST") and asked.endswith("/refunds") for asked in till.bank.wire.asked) == 1


class StingyWallet(SandboxWallet):
    """A provider that gives back less than it was told to, and says so."""

    async def refund(self, request: Wanted, charge: Charge) -> RefundState:
        less = Money(request.amount.amount_minor - 1, request.amount.currency)
        given = await super().refund(msgspec.structs.replace(request, amount=less), charge)
        return RefundState("succeeded", given.amount, given.reference)


async def test_a_refund_of_another_amount_is_not_booked_as_done(till: Till) -> None:
    _, first, _ = await surplus(till)
    await till.bank.send()
    stingy = Till(till.database, till.bank, {METHOD: till.bank.account(StingyWallet)})
    await stingy.work()
    await stingy.stop()
    assert (await till.payment(first["id"])).status == "surplus"
    assert [data["problem"] for _, data in await till.events("payment.refund_refused")] == ["refund_amount_mismatch"]


async def test_two_workers_give_a_surplus_back_once(till: Till) -> None:
    shopper, first, _ = await surplus(till)
    await till.bank.send()
    await asyncio.gather(*(till.worker.work_off() for _ in range(3)))
    assert len(await till.events("payment.refunded")) == 1
    assert till.bank.app.store.refunded_minor("store-7", first["id"]) == shopper.order.total_minor
    assert (await till.balances())[f"provider:{METHOD}:clearing"] == shopper.order.total_minor


class SlowWallet(SandboxWallet):
    """A provider whose first answer to a refund is late, and lost; ``may_answer`` lets it come."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.may_answer = asyncio.Event()
        self.asked = 0

    async def refund(self, request: Wanted, charge: Charge) -> RefundState:
        self.asked += 1
        if self.asked == 1:
            await self.may_answer.wait()
            raise ProviderUnavailable("timeout", "the answer is lost")
        return await super().refund(request, charge)


async def test_a_refund_that_arrived_stays_so_though_an_earlier_try_ends_later(
    till: Till, caplog: pytest.LogCaptureFixture
) -> None:
    _, first, _ = await surplus(till)
    await till.bank.send()
    wallet = till.bank.account(SlowWallet)
    slow = Till(till.database, till.bank, {METHOD: wallet})
    earlier = asyncio.create_task(slow.worker.work_off())
    while not wallet.asked:
        await asyncio.sleep(0)
    await slow.worker.work_off()
    assert (await till.payment(first["id"])).status == "refunded"
    wallet.may_answer.set()
    await earlier
    await slow.stop()
    later_us = till.payments.now_us + 10**12
    assert await till.database.read(lambda connection: store.refunds_due(connection, later_us, 9)) == []
    assert (await till.payment(first["id"])).status == "refunded"
    assert "Traceback" not in caplog.text


class BrokenWallet(SlowWallet):
    """A driver with a fault: it fails where no driver may, while a refund is under way."""

    async def query(self, charge: Charge) -> ProviderState:
        raise ZeroDivisionError(charge.attempt_id)


async def test_a_fault_with_one_payment_does_not_leave_the_others_running(
    till: Till, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await surplus(till)
    await till.bank.send()
    other = await till.order(MILK)
    await other.start_payment()
    clock.advance(5)
    wallet = till.bank.account(BrokenWallet)
    broken = Till(till.database, till.bank, {METHOD: wallet})
    working = asyncio.create_task(broken.worker.work_off())
    while not wallet.asked:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0.001)
    assert not working.done(), "the refund is still under way"
    wallet.may_answer.set()
    assert await working == 1
    await broken.stop()
    assert "ZeroDivisionError" in caplog.text


async def test_a_refund_that_the_provider_refuses_is_told_to_staff_once_and_tried_on(
    till: Till, clock: ManualClock
) -> None:
    _, first, _ = await surplus(till)
    await till.bank.send()
    # The wallet has already given it back by hand, so our own refund would be too much.
    till.bank.app.wallet.refund("store-7", first["id"], RefundRequest("by-hand-1", Money(1290, "CNY")))
    for _ in range(4):
        await till.work()
        clock.advance(3600)
    told = await till.events("payment.refund_refused")
    assert [data["problem"] for _, data in told] == ["refund_exceeds_payment"]
    assert (await till.payment(first["id"])).status == "surplus"
    assert len(await till.database.read(lambda connection: store.refunds_due(connection, till.payments.now_us, 9))) == 1


async def test_money_that_is_not_what_was_asked_for_does_not_pay_the_order(till: Till) -> None:
    """The provider itself says that it took another amount: the order stays unpaid and the money goes back."""
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    taken = ProviderState("succeeded", Money(1000, "CNY"), shopper.order.order_id, "W1")
    await till.payments.settle(await till.payment(payment["id"]), taken)
    assert (await shopper.read())["status"] == "open"
    assert (await till.payment(payment["id"])).status == "surplus"
    assert await till.balances() == {
        f"provider:{METHOD}:clearing": 1000,
        f"surplus:{shopper.order.order_id}": -1000,
    }


async def test_the_books_can_not_be_changed(till: Till) -> None:
    await paid_at_the_wallet(till, trouble="none")
    await till.bank.send()
    for statement in (ledger.ledger.update().values(amount_minor=1), ledger.ledger.delete()):
        with pytest.raises(Exception, match="append-only"):
            await till.database.unit(lambda tx, statement=statement: tx.execute(statement))


async def test_the_journal_holds_no_secrets(till: Till) -> None:
    shopper, payment, reference = await paid_at_the_wallet(till, trouble="none")
    await till.bank.send()
    body = shopper.told(payment["id"], reference, merchant_id="store-8")
    headers = till.bank.sign(body)
    await till.notify(body, headers)
    journal = str(await till.events())
    token = payment["action"]["url"].rpartition("/")[2]
    for secret in (shopper.trip_token, shopper.order_token, token, headers[signing.SIGNATURE]):
        assert secret not in journal


@pytest.mark.parametrize("fault", ["lose_request", "lose_answer", "error", "garble"])
async def test_a_lost_answer_to_create_is_the_same_attempt_on_resend(till: Till, fault: str) -> None:
    shopper = await till.order(MILK)
    till.bank.wire.fails = [fault]
    attempt_id = "a" * 32
    refused = await shopper.start_payment(id=attempt_id, status=503)
    assert (refused["code"], refused["permanent"]) == ("provider_busy", False)
    open_one = await shopper.start_payment(status=409)
    assert open_one["payment"]["id"] == attempt_id
    assert open_one["payment"]["action"] is None
    again = await shopper.start_payment(id=attempt_id)
    assert again["action"]["url"].startswith("https://wallet.example/pay/")
    await till.bank.press(again["action"]["url"])
    await till.bank.send()
    assert (await shopper.read())["status"] == "paid"


async def test_closing_needs_the_provider(till: Till) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    till.bank.wire.is_cut = True
    assert (await shopper.close(payment, status=503))["code"] == "provider_busy"
    assert (await till.payment(payment["id"])).status == "pending"


async def test_an_attempt_that_reaches_the_provider_after_it_was_closed_is_closed_there(
    till: Till, clock: ManualClock
) -> None:
    """The request to create it was slow: closing found nothing at the provider, and then it arrived."""
    shopper = await till.order(MILK)
    till.bank.wire.fails = ["lose_request"]
    await shopper.start_payment(id="a" * 32, status=503)
    payment = await till.payment("a" * 32)
    assert (await shopper.close({"id": "a" * 32}))["status"] == "closed"
    await till.payments.provider(METHOD).create(till.payments._attempt(payment, shopper.order))
    clock.advance(60)
    await till.work()
    at_wallet = till.bank.app.store.payment("store-7", "a" * 32)
    assert at_wallet is not None
    assert at_wallet.status == "closed"


async def test_a_provider_that_refuses_leaves_the_order_free_for_another_try(till: Till) -> None:
    shopper = await till.order(MILK)
    till.bank.app.wallet.create(
        "store-7",
        msgspec.convert(
            {
                "id": "a" * 32,
                "order_id": "x",
                "order_number": "y",
                "amount": {"amount_minor": 1, "currency": "CNY"},
                "subject_zh": "",
                "subject_en": "",
                "return_url": "https://elsewhere.example/",
                "notify_url": "https://elsewhere.example/",
                "expires_s": 9_999_999_999,
            },
            PaymentRequest,
        ),
    )
    answer = await shopper.start_payment(id="a" * 32)
    assert (answer["status"], answer["problem"]["code"]) == ("failed", "provider_refused")
    second = await shopper.start_payment()
    assert second["status"] == "pending"
