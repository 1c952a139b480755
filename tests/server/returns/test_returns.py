"""The service desk: goods come back once, money goes back where it came from, and large refunds take two persons."""

import asyncio
from typing import Any

import pytest
from tests.server.returns.hanging import AN, BO
from tests.support.tills import BEER, BOOK, CARD, MANAGER, METHOD, MILK, RETURN_LIMIT_MINOR, Shopper, Till

from unqueue.kernel.errors import DomainError
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.providers.port import Charge, ProviderRefused, RefundRequest, RefundState
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.server.access import NotAllowed, Principal
from unqueue.server.ledger import store as ledger
from unqueue.server.orders.model import OrderUnknown, OrderUnpaid
from unqueue.server.returns.model import ReturnConflict, ReturnDecided, ReturnTooMany, SecondPersonNeeded
from unqueue.server.returns.service import Wanted
from unqueue.server.staff.model import MAY
from unqueue.server.stored_value.service import NewCard

pytestmark = pytest.mark.anyio


async def paid(till: Till, *products: Any, card_minor: int = 0) -> Shopper:
    """An order that a card (if asked) and the wallet paid."""
    shopper = await till.order(*products)
    if card_minor:
        await till.cards.issue(NewCard(["2990001234567"], "gift", Money(card_minor, "CNY")), new_id(), MANAGER)
        by_card = {"method": CARD, "instrument": "2990001234567", "channel": "page", "amount_minor": card_minor}
        await shopper.start_payment(**by_card)
    payment = await shopper.start_payment()
    await till.bank.press(payment["action"]["url"])
    await till.bank.send()
    assert (await shopper.read())["status"] == "paid"
    return shopper


async def test_a_bottle_comes_back_with_its_deposit_and_its_share_of_the_discount(till: Till) -> None:
    shopper = await paid(till, BEER, BEER, MILK)
    desk = await till.returns.look(shopper.order.number)
    beer = next(line for line in desk.lines if line.name_en == "Beer")
    assert (beer.left, beer.worth.amount_minor) == (2, 2 * (600 - 60 + 50))
    made = await till.returns.propose(shopper.order.order_id, [Wanted(beer.line, 1)], "broken", new_id(), AN)
    assert (made.status, made.amount.amount_minor, made.by) == ("accepted", 590, "An")
    assert [(tax.rate_bp, tax.tax.amount_minor) for tax in made.taxes] == [(1300, 62)]
    await till.work()
    balances = await till.balances()
    assert balances[f"provider:{METHOD}:clearing"] == shopper.order.total_minor - 590
    assert balances["deposit"] == -50
    assert f"surplus:{shopper.order.order_id}" not in balances
    assert await till.database.read(ledger.out_of_balance) == []
    after = await till.returns.look(shopper.order.number)
    assert next(line for line in after.lines if line.line == beer.line).left == 1
    assert after.returns[0].shares[0].status == "succeeded"


async def test_an_order_is_found_by_its_number_its_receipt_and_its_qr(till: Till) -> None:
    shopper = await paid(till, MILK)
    receipt = await shopper.call("GET", f"{shopper.path}/receipt")
    qr = (await shopper.read())["qr"]["url"]
    number = shopper.order.number
    for code in (number, f" {number[:3]} {number[3:]} ", receipt["number"], receipt["number"].lower(), qr):
        assert (await till.returns.look(code)).order_id == shopper.order.order_id, code
    for code in ("000000000", "R-20200101-000001", qr[:-1], ""):
        with pytest.raises(OrderUnknown):
            await till.returns.look(code)


async def test_a_quote_says_what_the_return_will_bring_and_takes_nothing_back(till: Till) -> None:
    shopper = await paid(till, BEER, BEER, MILK, card_minor=1000)
    for wanted in ([Wanted(1, 1)], [Wanted(1, 1), Wanted(2, 1)]):
        quote = await till.returns.quote(shopper.order.order_id, wanted)
        assert (await till.returns.quote(shopper.order.order_id, wanted)) == quote
        made = await till.returns.propose(shopper.order.order_id, wanted, "", new_id(), AN)
        assert (made.amount, made.status) == (quote.amount, "accepted")
        shares = [(one.payment_id, one.amount) for one in made.shares]
        assert shares == [(one.payment_id, one.amount) for one in quote.shares]
    with pytest.raises(ReturnTooMany):
        await till.returns.quote(shopper.order.order_id, [Wanted(1, 1)])


async def test_a_quote_tells_that_a_second_person_will_be_needed(till: Till) -> None:
    shopper = await paid(till, BOOK, BOOK, BOOK)
    assert (await till.returns.quote(shopper.order.order_id, [Wanted(1, 3)])).second_person
    assert not (await till.returns.quote(shopper.order.order_id, [Wanted(1, 1)])).second_person


async def test_everything_back_leaves_nothing_in_the_books(till: Till) -> None:
    shopper = await paid(till, BEER, BEER, MILK, card_minor=1000)
    desk = await till.returns.look(shopper.order.number)
    for line in desk.lines:
        for _ in range(line.left):
            await till.returns.propose(shopper.order.order_id, [Wanted(line.line, 1)], "", new_id(), AN)
    await till.work(2)
    balances = await till.balances()
    card = balances.pop(next(account for account in balances if account.startswith("stored-value:")))
    assert card == -1000
    assert balances == {"desk": 1000}


async def test_no_line_comes_back_twice(till: Till) -> None:
    shopper = await paid(till, MILK)
    results = await asyncio.gather(
        *(till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", new_id(), AN) for _ in range(20)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, ReturnTooMany) for one in results) == 19
    await till.work()
    assert (await till.balances()) == {}


async def test_the_same_id_is_the_same_return(till: Till) -> None:
    shopper = await paid(till, MILK, BOOK)
    return_id = new_id()
    for _ in range(3):
        await till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", return_id, AN)
    assert len((await till.returns.look(shopper.order.number)).returns) == 1
    with pytest.raises(ReturnConflict):
        await till.returns.propose(shopper.order.order_id, [Wanted(2, 1)], "", return_id, AN)


async def test_above_the_limit_somebody_else_has_to_agree(till: Till) -> None:
    shopper = await paid(till, BOOK, BOOK, BOOK)
    assert shopper.order.total_minor > RETURN_LIMIT_MINOR
    made = await till.returns.propose(shopper.order.order_id, [Wanted(1, 3)], "", new_id(), AN)
    assert (made.status, made.shares[0].status) == ("proposed", "waiting")
    with pytest.raises(ReturnTooMany):
        await till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", new_id(), BO)
    with pytest.raises(SecondPersonNeeded):
        await till.returns.decide(made.id, AN, accept=True)
    assert [one.id for one in await till.returns.waiting()] == [made.id]
    accepted = await till.returns.decide(made.id, BO, accept=True)
    assert (accepted.status, accepted.by, accepted.decided_by) == ("accepted", "An", "Bo")
    await till.returns.decide(made.id, BO, accept=True)
    with pytest.raises(ReturnDecided):
        await till.returns.decide(made.id, AN, accept=False)
    await till.work()
    assert await till.balances() == {}
    assert len(await till.events("payment.refunded")) == 1


async def test_who_may_not_sign_decides_nothing_of_others(till: Till) -> None:
    shopper = await paid(till, BOOK, BOOK, BOOK)
    attendant = Principal("staff", "c" * 32, "Cy", "attendant", MAY["attendant"])
    made = await till.returns.propose(shopper.order.order_id, [Wanted(1, 3)], "", new_id(), AN)
    for accept in (True, False):
        with pytest.raises(NotAllowed):
            await till.returns.decide(made.id, attendant, accept=accept)
    assert [one.id for one in await till.returns.waiting()] == [made.id]


async def test_a_large_refund_can_not_be_split_into_small_ones(till: Till) -> None:
    shopper = await paid(till, BOOK, BOOK, BOOK)
    statuses = [
        (await till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", new_id(), AN)).status for _ in range(3)
    ]
    assert statuses == ["accepted", "accepted", "proposed"]


async def test_what_was_turned_down_can_come_again(till: Till) -> None:
    shopper = await paid(till, BOOK, BOOK, BOOK)
    made = await till.returns.propose(shopper.order.order_id, [Wanted(1, 3)], "", new_id(), AN)
    await till.returns.decide(made.id, AN, accept=False)
    again = await till.returns.propose(shopper.order.order_id, [Wanted(1, 2)], "", new_id(), AN)
    assert again.status == "accepted"


async def test_only_what_is_paid_comes_back(till: Till) -> None:
    shopper = await till.order(MILK)
    with pytest.raises(OrderUnpaid):
        await till.returns.look(shopper.order.number)
    with pytest.raises(OrderUnpaid):
        await till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", new_id(), AN)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ([], "return_empty"),
        ([Wanted(9, 1)], "return_line_unknown"),
        ([Wanted(1, 1), Wanted(1, 1)], "return_line_unknown"),
        ([Wanted(1, 0)], "return_too_many"),
        ([Wanted(1, -1)], "return_too_many"),
    ],
)
async def test_nonsense_is_refused(till: Till, wanted: list[Wanted], code: str) -> None:
    shopper = await paid(till, BOOK, BOOK)
    with pytest.raises(DomainError) as refused:
        await till.returns.propose(shopper.order.order_id, wanted, "", new_id(), AN)
    assert refused.value.code == code


class NoRefunds(SandboxWallet):
    """A provider that takes nothing back."""

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        raise ProviderRefused("refund_window_closed", charge.attempt_id + request.refund_id)


async def test_what_a_provider_won_t_take_back_is_handed_over_at_the_desk(till: Till) -> None:
    shopper = await paid(till, MILK)
    await till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", new_id(), AN)
    stubborn = Till(till.database, till.bank, {METHOD: till.bank.account(NoRefunds)})
    await stubborn.work()
    (waiting,) = await till.returns.refunds_waiting()
    assert (waiting.problem, waiting.amount.amount_minor) == ("refund_window_closed", 1290)
    for _ in range(2):
        await till.returns.pay_by_hand(waiting.id, BO)
    await stubborn.work()
    await stubborn.stop()
    assert await till.returns.refunds_waiting() == []
    assert await till.balances() == {f"provider:{METHOD}:clearing": 1290, "desk": -1290}
    (event,) = await till.events("payment.refunded_by_hand")
    assert event[1]["by"] == "Bo"
