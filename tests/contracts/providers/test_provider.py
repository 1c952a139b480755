"""What every payment provider must do behind the port: run on each implementation, over real HTTP, against the
provider's own process. ``rigs.py`` tells how to add one.
"""

import asyncio
import queue
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from tests.contracts.providers.rigs import Rig, untouched
from tests.support.wallets import Told

from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.providers.port import (
    FRESH_S_MAX,
    Attempt,
    AttemptStatus,
    Channel,
    Charge,
    IdentifiesPayer,
    Notification,
    NotificationRefused,
    Notifies,
    ProviderError,
    ProviderRefused,
    ProviderState,
    ProviderUnavailable,
    RefundNotification,
    RefundRequest,
    RefundState,
)

pytestmark = pytest.mark.anyio

SECOND = 1_000_000
KINDS: dict[Channel, set[str]] = {
    "page": {"redirect", "form", "none"},
    "qr": {"qr"},
    "in_wallet": {"bridge", "redirect"},
}


def now_us() -> int:
    return int(time.time() * SECOND)


def attempt_for(rig: Rig, **changes: Any) -> Attempt:
    plain: dict[str, Any] = {
        "attempt_id": new_id(),
        "order_id": new_id(),
        "order_number": "104729389",
        "amount": Money(1290, "CNY"),
        "subject_zh": "3 件商品",
        "subject_en": "3 items",
        "return_url": "https://store.example/o/x",
        "notify_url": rig.listener.url,
        "created_us": now_us(),
        "expires_us": now_us() + 600 * SECOND,
        "channel": rig.provider.channels[0],
        "client_ip": "203.0.113.9",
    }
    return Attempt(**{**plain, **changes})


def charge_of(attempt: Attempt) -> Charge:
    return Charge(attempt_id=attempt.attempt_id, amount=attempt.amount, created_us=attempt.created_us)


def nothing() -> Charge:
    """A charge that no provider has heard of."""
    return Charge(attempt_id=new_id(), amount=Money(1290, "CNY"), created_us=now_us())


def refund_of(amount: Money) -> RefundRequest:
    return RefundRequest(refund_id=new_id(), amount=amount, created_us=now_us())


def parsed(rig: Rig, told: Told) -> Notification | RefundNotification:
    assert isinstance(rig.provider, Notifies), "mark the test as telling"
    return rig.provider.parse_notification(told.headers, told.body)


def answer_with(rig: Rig, *, ok: bool) -> None:
    assert isinstance(rig.provider, Notifies), "mark the test as telling"
    answer = rig.provider.acknowledge(ok)
    rig.listener.status, rig.listener.answer = answer.status, answer.body


async def settled(rig: Rig, request: RefundRequest, charge: Charge) -> RefundState:
    """The refund once it has arrived: some providers take a while."""
    deadline_s = time.monotonic() + 10
    while (state := await rig.provider.query_refund(request, charge)).status == "pending":
        assert time.monotonic() < deadline_s, "the refund never arrives"
        await asyncio.sleep(0.05)
    return state


async def ended(rig: Rig, charge: Charge, expected: AttemptStatus = "succeeded") -> ProviderState:
    """An attempt once it is over: a card terminal takes a moment after its shopper did."""
    deadline_s = time.monotonic() + 10
    while (state := await rig.provider.query(charge)).status == "pending" != expected:
        assert time.monotonic() < deadline_s, "the attempt never ends"
        await asyncio.sleep(0.05)
    return state


async def identified(rig: Rig) -> str:
    """The shopper, for a provider that must know: the wallet's browser goes there and comes back with a code."""
    if not isinstance(rig.provider, IdentifiesPayer):
        return ""
    there = rig.provider.identity_url("https://store.example/pay?x=1&y=2", "state-1")
    async with httpx.AsyncClient(trust_env=False) as browser:
        back = urlsplit((await browser.get(there)).headers["location"])
    query = parse_qs(back.query)
    assert (back.netloc, back.path, query["x"], query["y"]) == ("store.example", "/pay", ["1"], ["2"])
    assert query["state"] == ["state-1"]
    payer = await rig.provider.identify(query["code"][0])
    with pytest.raises(ProviderRefused):
        await rig.provider.identify(query["code"][0])
    return payer


async def test_an_attempt_waits_for_its_shopper(rig: Rig) -> None:
    attempt = attempt_for(rig)
    await rig.provider.create(attempt)
    state = await rig.provider.query(charge_of(attempt))
    assert state.status == rig.waiting


async def test_every_channel_leads_to_the_money(rig: Rig) -> None:
    for channel in rig.provider.channels:
        payer = await identified(rig) if channel == "in_wallet" else ""
        attempt = attempt_for(rig, channel=channel, payer=payer)
        action = await rig.provider.create(attempt)
        assert action.kind in KINDS[channel]
        rig.shopper_pays(action)
        state = await ended(rig, charge_of(attempt))
        assert (state.status, state.amount) == ("succeeded", attempt.amount), channel


async def test_create_is_idempotent_by_id(rig: Rig) -> None:
    for channel in rig.provider.channels:
        attempt = attempt_for(rig, channel=channel, payer=await identified(rig) if channel == "in_wallet" else "")
        assert untouched(await rig.provider.create(attempt)) == untouched(await rig.provider.create(attempt))


async def test_an_id_belongs_to_one_attempt(rig: Rig) -> None:
    attempt = attempt_for(rig)
    await rig.provider.create(attempt)
    dearer = attempt_for(rig, attempt_id=attempt.attempt_id, amount=Money(9999, "CNY"))
    if rig.begun_by_browser:
        rig.shopper_pays(await rig.provider.create(attempt))
        rig.shopper_pays(await rig.provider.create(dearer))
        assert (await ended(rig, charge_of(attempt))).amount == attempt.amount
        return
    with pytest.raises(ProviderRefused):
        await rig.provider.create(dearer)


async def test_what_it_never_heard_of_is_unknown(rig: Rig) -> None:
    assert (await rig.provider.query(nothing())).status == "unknown"
    assert (await rig.provider.close(nothing())).status == ("closed" if rig.revokes else "unknown")
    assert (await rig.provider.query_refund(refund_of(Money(1, "CNY")), nothing())).status == "unknown"


@pytest.mark.telling
async def test_a_paid_attempt_is_told_and_says_so_when_asked(rig: Rig) -> None:
    attempt = attempt_for(rig)
    rig.shopper_pays(await rig.provider.create(attempt))
    state = await ended(rig, charge_of(attempt))
    assert (state.status, state.amount) == ("succeeded", attempt.amount)
    assert state.order_id in {"", attempt.order_id}
    assert state.reference
    notification = parsed(rig, rig.listener.next())
    assert isinstance(notification, Notification)
    assert (notification.attempt_id, notification.status) == (attempt.attempt_id, "succeeded")
    assert (notification.order_id, notification.order_number) == (attempt.order_id, attempt.order_number)
    assert (notification.amount, notification.reference) == (attempt.amount, state.reference)
    assert notification.merchant_id == rig.provider.merchant_id


async def test_a_declined_attempt_takes_no_money(rig: Rig) -> None:
    attempt = attempt_for(rig)
    rig.shopper_declines(await rig.provider.create(attempt))
    assert (await ended(rig, charge_of(attempt), rig.declined)).status == rig.declined
    if rig.tells_declines:
        notification = parsed(rig, rig.listener.next())
        assert isinstance(notification, Notification)
        assert notification.status == rig.declined


@pytest.mark.telling
async def test_what_is_acknowledged_is_not_told_again(rig: Rig) -> None:
    answer_with(rig, ok=True)
    rig.shopper_pays(await rig.provider.create(attempt_for(rig)))
    rig.listener.next()
    with pytest.raises(queue.Empty):
        rig.listener.next(0.4)


@pytest.mark.telling
async def test_what_is_not_acknowledged_is_told_again(rig: Rig) -> None:
    answer_with(rig, ok=False)
    rig.shopper_pays(await rig.provider.create(attempt_for(rig)))
    first, second = rig.listener.next(), rig.listener.next()
    assert parsed(rig, first) == parsed(rig, second)
    answer_with(rig, ok=True)
    rig.listener.next()


async def test_a_closed_attempt_takes_no_money(rig: Rig) -> None:
    attempt = attempt_for(rig)
    action = await rig.provider.create(attempt)
    if not rig.closes:
        assert (await rig.provider.close(charge_of(attempt))).status == rig.waiting, "it does not pretend"
        return
    assert (await rig.provider.close(charge_of(attempt))).status == "closed"
    rig.shopper_pays(action)
    assert (await rig.provider.query(charge_of(attempt))).status == ("unknown" if rig.revokes else "closed")
    assert (await rig.provider.close(charge_of(attempt))).status == "closed"


async def test_closing_too_late_says_that_it_is_paid(rig: Rig) -> None:
    attempt = attempt_for(rig)
    rig.shopper_pays(await rig.provider.create(attempt))
    state = await rig.provider.close(charge_of(attempt))
    assert (state.status, state.amount) == ("succeeded", attempt.amount)


async def test_an_attempt_expires(rig: Rig) -> None:
    attempt = attempt_for(rig, expires_us=(now_us() // SECOND + 2) * SECOND)
    action = await rig.provider.create(attempt)
    await asyncio.sleep(max(0.0, (attempt.expires_us - now_us()) / SECOND) + 0.05)
    rig.shopper_pays(action)
    assert (await ended(rig, charge_of(attempt), rig.expired)).status == rig.expired


async def test_refunds_in_parts_and_never_more_than_was_taken(rig: Rig) -> None:
    attempt = attempt_for(rig)
    charge = charge_of(attempt)
    rig.shopper_pays(await rig.provider.create(attempt))
    recorded = msgspec.structs.replace(charge, reference=(await ended(rig, charge)).reference)
    first, rest = refund_of(Money(290, "CNY")), refund_of(Money(1000, "CNY"))
    begun = await rig.provider.refund(first, charge)
    assert begun.status in {"pending", "succeeded"}
    assert (done := await settled(rig, first, charge)).status == "succeeded"
    assert (done.amount, done.reference) == (first.amount, begun.reference)
    assert await rig.provider.refund(first, charge) == done, "the same refund, not a second"
    with pytest.raises(ProviderRefused):
        await rig.provider.refund(refund_of(Money(1001, "CNY")), charge)
    with pytest.raises(ProviderRefused):
        await rig.provider.refund(msgspec.structs.replace(first, amount=rest.amount), charge)
    assert (await rig.provider.refund(rest, charge)).status in {"pending", "succeeded"}
    assert (await settled(rig, rest, charge)).status == "succeeded"
    with pytest.raises(ProviderRefused):
        await rig.provider.refund(refund_of(Money(1, "CNY")), charge)
    state = await rig.provider.query(recorded)
    assert (state.status, state.amount) == ("succeeded", attempt.amount), "what was taken stays what was taken"


@pytest.mark.telling
async def test_a_refund_is_told_where_the_provider_tells_of_refunds(rig: Rig) -> None:
    attempt = attempt_for(rig)
    rig.shopper_pays(await rig.provider.create(attempt))
    rig.listener.next()
    request = msgspec.structs.replace(refund_of(Money(290, "CNY")), notify_url=rig.listener.url)
    await rig.provider.refund(request, charge_of(attempt))
    if rig.tells_refunds:
        told = parsed(rig, rig.listener.next())
        assert told == RefundNotification(
            refund_id=request.refund_id, attempt_id=attempt.attempt_id, merchant_id=rig.provider.merchant_id
        )
    else:
        with pytest.raises(queue.Empty):
            rig.listener.next(0.3)


@pytest.mark.parametrize("amount", [Money(0, "CNY"), Money(-5, "CNY"), Money(5, "USD")])
async def test_a_refund_is_positive_and_in_the_same_currency(rig: Rig, amount: Money) -> None:
    attempt = attempt_for(rig)
    rig.shopper_pays(await rig.provider.create(attempt))
    with pytest.raises(ProviderRefused):
        await rig.provider.refund(refund_of(amount), charge_of(attempt))


async def test_what_was_not_paid_is_not_refunded(rig: Rig) -> None:
    attempt = attempt_for(rig)
    await rig.provider.create(attempt)
    with pytest.raises(ProviderRefused):
        await rig.provider.refund(refund_of(attempt.amount), charge_of(attempt))


@pytest.mark.telling
async def test_a_crash_forgets_nothing_and_tells_what_was_untold(rig: Rig) -> None:
    rig.listener.status = 500
    paid, waiting = attempt_for(rig), attempt_for(rig)
    rig.shopper_pays(await rig.provider.create(paid))
    action = await rig.provider.create(waiting)
    rig.listener.next()
    rig.crash()
    with pytest.raises(ProviderUnavailable):
        await rig.provider.query(charge_of(paid))
    while not rig.listener.told.empty():
        rig.listener.told.get()
    answer_with(rig, ok=True)
    rig.come_back()
    told = parsed(rig, rig.listener.next())
    assert isinstance(told, Notification)
    assert told.attempt_id == paid.attempt_id
    assert (await rig.provider.query(charge_of(paid))).status == "succeeded"
    assert untouched(await rig.provider.create(waiting)) == untouched(action)
    rig.shopper_pays(action)
    assert (await ended(rig, charge_of(waiting))).status == "succeeded"


@pytest.mark.telling
@pytest.mark.parametrize("early", [True, False])
async def test_a_stale_notification_is_refused(rig: Rig, *, early: bool) -> None:
    skew_s = FRESH_S_MAX + 5 if early else -rig.age_s_max - 5
    rig.shopper_pays(await rig.provider.create(attempt_for(rig)))
    told = rig.listener.next()
    now_s = int(time.time())
    parsed(rig, rig.resigned(told, now_s))
    with pytest.raises(NotificationRefused) as refused:
        parsed(rig, rig.resigned(told, now_s + skew_s))
    assert refused.value.reason == "timestamp_stale"


@pytest.mark.telling
async def test_any_changed_bit_of_a_notification_is_refused(rig: Rig) -> None:
    rig.shopper_pays(await rig.provider.create(attempt_for(rig)))
    told = rig.listener.next()
    for place in range(0, len(told.body), 7):
        changed = bytearray(told.body)
        changed[place] ^= 1
        with pytest.raises(NotificationRefused):
            parsed(rig, Told(told.headers, bytes(changed)))


@pytest.mark.telling
async def test_what_a_forger_signs_is_refused(rig: Rig) -> None:
    rig.shopper_pays(await rig.provider.create(attempt_for(rig)), "forged")
    with pytest.raises(NotificationRefused) as refused:
        parsed(rig, rig.listener.next())
    assert refused.value.reason in {"signature_invalid", "key_unknown"}


@pytest.mark.telling
@pytest.mark.parametrize("trouble", ["wrong_amount", "wrong_order"])
async def test_wrong_but_authentic_messages_are_handed_over_as_they_are(rig: Rig, trouble: str) -> None:
    """The store compares them with its attempt, then asks: and is told the truth."""
    attempt = attempt_for(rig)
    rig.shopper_pays(await rig.provider.create(attempt), trouble)
    told = parsed(rig, rig.listener.next())
    assert isinstance(told, Notification)
    assert (told.amount != attempt.amount) == (trouble == "wrong_amount")
    differs = (told.order_id, told.order_number) != (attempt.order_id, attempt.order_number)
    assert differs == (trouble == "wrong_order")
    assert (await ended(rig, charge_of(attempt))).amount == attempt.amount


@pytest.mark.signing
async def test_answers_of_someone_else_are_no_answers(rig: Rig) -> None:
    """Another key signs: what was asked may have been done, so it is no refusal."""
    account = rig.impostor()
    with pytest.raises(ProviderUnavailable):
        await account.query(nothing())
    if not rig.begun_by_browser:
        with pytest.raises(ProviderUnavailable):
            await account.create(attempt_for(rig))
    await account.stop()


@pytest.mark.signing
async def test_requests_of_someone_else_are_refused(rig: Rig) -> None:
    attempt = attempt_for(rig)
    await rig.provider.create(attempt)
    account = rig.stranger()
    with pytest.raises(ProviderError):
        await account.query(charge_of(attempt))
    with pytest.raises(ProviderError):
        await account.close(charge_of(attempt))
    await account.stop()
    assert (await rig.provider.query(charge_of(attempt))).status == rig.waiting
