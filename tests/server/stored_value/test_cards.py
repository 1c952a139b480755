"""Cards of the store: nothing is spent that does not lie on them, and everything that comes back lies on them again."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.tills import BEER, CARD, MANAGER, MILK, Shopper, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.providers.port import Attempt, Charge, ProviderRefused, RefundRequest
from unqueue.server.ledger import store as ledger
from unqueue.server.stored_value.model import Card, CardTaken, MoveConflict, account, normal_code
from unqueue.server.stored_value.service import NewCard, StoredValueProvider, code_hash

pytestmark = pytest.mark.anyio
CODE = "2990 0012 3456 7"


async def issue(till: Till, amount_minor: int, code: str = CODE, **more: Any) -> Card:
    return await till.cards.issue(NewCard([code], "gift", Money(amount_minor, "CNY"), **more), new_id(), MANAGER)


def attempt(amount_minor: int, code: str = CODE) -> Attempt:
    return Attempt(
        attempt_id=new_id(),
        order_id="o",
        order_number="1",
        amount=Money(amount_minor, "CNY"),
        subject_zh="",
        subject_en="",
        return_url="",
        notify_url="",
        created_us=0,
        expires_us=0,
        instrument=code_hash(code),
    )


def charge_of(made: Attempt) -> Charge:
    return Charge(attempt_id=made.attempt_id, amount=made.amount, created_us=0)


async def balance(till: Till, code: str = CODE) -> int:
    return (await till.cards.find(code)).balance_minor


async def pay(shopper: Shopper, amount_minor: int | None = None, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"method": CARD, "instrument": CODE, "channel": "page", **more}
    if amount_minor is not None:
        body["amount_minor"] = amount_minor
    return await shopper.start_payment(**body)


@pytest.mark.parametrize(
    ("read", "code"),
    [
        ("2990001234567", "2990001234567"),
        ("]C12990001234567", "2990001234567"),
        (";2990001234567=99121010000000000?", "2990001234567"),
        ("%B2990001234567^AN/EMPTY^9912?", "2990001234567"),
        ("04:a3:f2:19:5b:80", "04A3F2195B80"),
        (" 2990-0012 34567 ", "2990001234567"),
    ],
)
def test_a_card_is_found_however_it_is_read(read: str, code: str) -> None:
    assert normal_code(read) == code


@given(st.text(max_size=60))
def test_reading_a_code_twice_changes_nothing_more(text: str) -> None:
    assert normal_code(normal_code(text)) == normal_code(normal_code(normal_code(text)))


async def test_an_order_is_paid_by_card(till: Till) -> None:
    card = await issue(till, 5000)
    shopper = await till.order(MILK)
    payment = await pay(shopper)
    assert payment["status"] == "succeeded"
    assert (await shopper.read())["status"] == "paid"
    assert await balance(till) == 5000 - 1290
    balances = await till.balances()
    assert balances[account(card.card_id)] == -(5000 - 1290)
    assert f"provider:{CARD}:clearing" not in balances
    assert balances["desk"] == 5000
    assert await till.database.read(ledger.out_of_balance) == []


async def test_too_little_on_the_card_takes_nothing_and_says_so(till: Till) -> None:
    await issue(till, 1000)
    shopper = await till.order(MILK)
    payment = await pay(shopper)
    assert (payment["status"], payment["problem"]["code"]) == ("failed", "balance_too_small")
    assert await balance(till) == 1000
    assert (await pay(shopper, 1000))["status"] == "succeeded"
    order = await shopper.read()
    assert (order["status"], order["due"]["amount_minor"]) == ("open", 290)


@pytest.mark.parametrize("trouble", ["unknown", "blocked", "expired"])
async def test_a_card_that_is_no_good_is_refused(till: Till, clock: ManualClock, trouble: str) -> None:
    card = await issue(till, 5000, expires_us=till.payments.now_us + 10_000_000)
    shopper = await till.order(MILK)
    if trouble == "blocked":
        await till.cards.set_status(card.card_id, "blocked", "staff:an")
    if trouble == "expired":
        clock.advance(11)
    payment = await pay(shopper, instrument="2990001239999" if trouble == "unknown" else CODE)
    assert (payment["status"], payment["problem"]["code"]) == ("failed", f"card_{trouble}")
    assert await balance(till) == 5000


async def test_what_was_paid_by_card_goes_back_onto_it(till: Till) -> None:
    await issue(till, 1500)
    shopper = await till.order(MILK, BEER)
    await pay(shopper, 1500)
    assert await balance(till) == 0
    await shopper.call("POST", f"{shopper.path}/give-back")
    await till.work()
    assert await balance(till) == 1500
    assert (await shopper.read())["payments"][0]["status"] == "refunded"


@pytest.mark.parametrize("fits", [0, 1, 7])
async def test_200_spends_at_once_never_overdraw(till: Till, fits: int) -> None:
    card = await issue(till, fits * 300 + 299)
    provider = StoredValueProvider(CARD, till.database)
    results = await asyncio.gather(*(provider.create(attempt(300)) for _ in range(200)), return_exceptions=True)
    refused = [one.code for one in results if isinstance(one, ProviderRefused)]
    assert len(refused) == 200 - fits
    assert set(refused) <= {"balance_too_small"}
    assert await balance(till) == 299
    assert (await till.balances())[account(card.card_id)] == -299


async def test_the_same_spend_and_the_same_refund_move_once(till: Till) -> None:
    await issue(till, 1000)
    provider = StoredValueProvider(CARD, till.database)
    made = attempt(400)
    for _ in range(3):
        await provider.create(made)
    assert await balance(till) == 600
    request = RefundRequest(refund_id=new_id(), amount=Money(150, "CNY"), created_us=0)
    for _ in range(3):
        await provider.refund(request, charge_of(made))
    assert await balance(till) == 750
    with pytest.raises(ProviderRefused, match="refund_conflict"):
        await provider.refund(msgspec.structs.replace(request, amount=Money(100, "CNY")), charge_of(made))
    too_much = RefundRequest(refund_id=new_id(), amount=Money(251, "CNY"), created_us=0)
    with pytest.raises(ProviderRefused, match="refund_exceeds_payment"):
        await provider.refund(too_much, charge_of(made))


async def test_a_spend_that_was_given_up_can_not_come_later(till: Till) -> None:
    await issue(till, 1000)
    provider = StoredValueProvider(CARD, till.database)
    made = attempt(400)
    assert (await provider.query(charge_of(made))).status == "unknown"
    assert (await provider.close(charge_of(made))).status == "closed"
    await provider.create(made)
    assert (await provider.query(charge_of(made))).status == "closed"
    assert await balance(till) == 1000


async def test_a_code_belongs_to_one_card(till: Till) -> None:
    await issue(till, 100)
    with pytest.raises(CardTaken):
        await issue(till, 100)


async def test_a_top_up_that_is_sent_again_tops_up_once(till: Till) -> None:
    card = await issue(till, 100)
    top_up_id = new_id()
    for _ in range(2):
        await till.cards.top_up(card.card_id, Money(50, "CNY"), top_up_id, MANAGER)
    assert await balance(till) == 150
    with pytest.raises(MoveConflict):
        await till.cards.top_up(card.card_id, Money(60, "CNY"), top_up_id, MANAGER)


async def test_a_voucher_for_bottles_is_paid_by_their_deposits(till: Till) -> None:
    wanted = NewCard(["V-0001"], "voucher", Money(250, "CNY"))
    await till.cards.issue(wanted, new_id(), MANAGER)
    assert (await till.balances())["deposit"] == 250


async def test_balances_are_shown_but_not_guessed(till: Till) -> None:
    await issue(till, 700)
    shopper = await till.order(MILK)
    ask = "/api/stored-value/balance"
    answer = await shopper.call("POST", ask, {"code": CODE})
    assert (answer["balance"]["amount_minor"], answer["tail"]) == (700, "4567")
    for guess in range(5):
        assert (await shopper.call("POST", ask, {"code": f"29900000{guess}"}, status=404))["code"] == "card_unknown"
    assert (await shopper.call("POST", ask, {"code": CODE}, status=429))["code"] == "too_many_guesses"


async def test_paying_is_no_way_to_guess_either(till: Till) -> None:
    await issue(till, 5000)
    for guess in range(5):
        shopper = await till.order(MILK)
        payment = await pay(shopper, instrument=f"29900000{guess}")
        assert payment["problem"]["code"] == "card_unknown"
    shopper = await till.order(MILK)
    body = {"method": CARD, "instrument": CODE, "channel": "page"}
    assert (await shopper.start_payment(status=429, **body))["code"] == "too_many_guesses"
    assert await balance(till) == 5000


async def test_the_code_of_a_card_is_kept_nowhere(till: Till) -> None:
    await issue(till, 5000)
    shopper = await till.order(MILK)
    await pay(shopper)
    plain = normal_code(CODE)
    for _, payload in await till.events():
        assert plain not in str(payload)
    (payment,) = await till.attempts(shopper.order.order_id)
    assert plain not in str(payment)
