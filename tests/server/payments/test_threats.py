"""What goes wrong between a store and its provider, and what must hold: one test for each row of the threats."""

import asyncio
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.tills import METHOD, MILK, Shopper, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.messages import NotificationBody, PaymentRequest
from unqueue.providers.sandbox_wallet.signing import Signer
from unqueue.server.ledger import store as ledger
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
