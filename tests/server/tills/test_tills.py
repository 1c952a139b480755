"""What kiosks tell of cash ends in the books, once, whatever comes twice, late or anew."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.tills import BEER, KIOSK, MILK, Shopper, Till

from unqueue.kernel.cash import parse_denomination
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.server.access import Principal
from unqueue.server.ledger import store as ledger
from unqueue.server.ledger.model import sums
from unqueue.server.orders.model import OrderUnknown
from unqueue.server.payments import store
from unqueue.server.payments.deciding import Deciding
from unqueue.server.payments.model import NothingToDecide, RefundAtKiosk
from unqueue.server.payments.service import Wish
from unqueue.server.tills import model
from unqueue.server.tills.model import (
    CashMoved,
    Debt,
    DebtSettled,
    MovedPieces,
    PaymentFinished,
    PayoutFinished,
    PayoutGone,
    Report,
    ReportConflict,
    Tendered,
)

pytestmark = pytest.mark.anyio
BOX = "cashbox:notes"
HOPPER = "dispenser:hopper-1"


def report(body: Any, seq: int = 1, **changes: Any) -> Report:
    plain: dict[str, Any] = {"id": f"j:{seq}", "kiosk": KIOSK.id, "journal": "j", "seq": seq, "at_us": 1}
    return Report(body=body, **{**plain, **changes})


def paid(payment_id: str, due_minor: int, **changes: Any) -> PaymentFinished:
    """A payment of ¥12.90 with a ¥20 note, and change of seven coins of ¥1 and one of ¥0.10."""
    plain: dict[str, Any] = {
        "payment_id": payment_id,
        "revision": 1,
        "outcome": "paid",
        "currency": "CNY",
        "due_minor": due_minor,
        "rounding_minor": 0,
        "tendered": [Tendered("CNY-2000-note", 1, 2000, BOX)],
        "dispensed": {"CNY-100-coin": 7, "CNY-10-coin": 1},
        "debts": [],
    }
    return PaymentFinished(**{**plain, **changes})


async def begin(till: Till, shopper: Shopper, amount_minor: int | None = None) -> str:
    """A cash payment that the kiosk has begun."""
    wish = Wish(method="cash", place=KIOSK.id, amount_minor=amount_minor, return_to="order")
    payment = await till.payments.create(shopper.order, wish, actor=KIOSK.actor)
    assert (payment.status, payment.action_kind) == ("pending", "none")
    return payment.payment_id


async def test_cash_pays_an_order(till: Till) -> None:
    shopper = await till.order(MILK)
    payment_id = await begin(till, shopper)
    assert [one.payment_id for one in await till.tills.waiting(KIOSK)] == [payment_id]
    for _ in range(3):
        await till.tills.hear(KIOSK, report(paid(payment_id, 1290)))
    assert (await shopper.read())["status"] == "paid"
    balances = await till.balances()
    assert balances["cash:kiosk-1"] == 1290
    assert "provider:cash:clearing" not in balances
    assert await till.tills.waiting(KIOSK) == []
    receipt = await shopper.call("GET", f"{shopper.path}/receipt")
    assert [(tender["method"], tender["en"]) for tender in receipt["tenders"]] == [("cash", "Cash")]


async def test_only_kiosks_take_cash(till: Till) -> None:
    shopper = await till.order(MILK)
    refused = await shopper.start_payment(method="cash", status=422)
    assert refused["code"] == "method_unknown"
    assert "cash" not in [one.method for one in till.payments.methods()]
    assert "cash" in [one.method for one in till.payments.methods(place=KIOSK.id)]


async def test_nobody_but_the_kiosk_ends_a_cash_payment(till: Till, clock: Any) -> None:
    shopper = await till.order(MILK)
    payment_id = await begin(till, shopper)
    assert (await shopper.close({"id": payment_id}))["status"] == "pending"
    clock.advance(3600)
    await till.work()
    assert (await till.payment(payment_id)).status == "pending"
    given_back = paid(payment_id, 1290, outcome="cancelled", dispensed={"CNY-2000-note": 1})
    await till.tills.hear(KIOSK, report(given_back))
    assert (await till.payment(payment_id)).status == "closed"
    assert await till.balances() == {}


async def test_change_that_was_short_is_a_named_debt_until_it_is_paid(till: Till) -> None:
    shopper = await till.order(MILK)
    payment_id = await begin(till, shopper)
    short = paid(
        payment_id,
        1290,
        dispensed={"CNY-100-coin": 5},
        debts=[Debt("K1-0007", 210, "CNY", "hopper_empty"), Debt("K1-0008", 100, "CNY", "disputed")],
    )
    await till.tills.hear(KIOSK, report(short))
    balances = await till.balances()
    assert (balances["debt:K1-0007"], balances["cash:kiosk-1"]) == (-210, 1500)
    assert "debt:K1-0008" not in balances
    settled = DebtSettled(
        payment_id=payment_id, number="K1-0007", amount_minor=210, currency="CNY", settled="paid", by="An"
    )
    await till.tills.hear(KIOSK, report(settled, 2))
    balances = await till.balances()
    assert "debt:K1-0007" not in balances
    assert balances["desk"] == -210


async def test_what_is_learned_later_replaces_what_was_told(till: Till) -> None:
    shopper = await till.order(MILK)
    payment_id = await begin(till, shopper)
    first = paid(payment_id, 1290, dispensed={}, debts=[Debt("K1-1", 710, "CNY", "payout_in_doubt", in_doubt=True)])
    await till.tills.hear(KIOSK, report(first))
    assert (await till.balances())["cash:kiosk-1"] == 2000
    await till.tills.hear(KIOSK, report(paid(payment_id, 1290, revision=2), 2))
    balances = await till.balances()
    assert balances["cash:kiosk-1"] == 1290
    assert "debt:K1-1" not in balances
    await till.tills.hear(KIOSK, report(first, 3))  # an old one that comes late changes nothing
    assert (await till.balances())["cash:kiosk-1"] == 1290
    assert await till.database.read(ledger.out_of_balance) == []


async def test_rounding_and_foreign_money_are_booked_apart(till: Till) -> None:
    shopper = await till.order(MILK)
    payment_id = await begin(till, shopper)
    told = paid(
        payment_id,
        1290,
        rounding_minor=10,
        tendered=[Tendered("EUR-200-coin", 1, 1560, "cashbox:coins")],
        dispensed={"CNY-10-coin": 26},
    )
    await till.tills.hear(KIOSK, report(told))
    held = await till.database.read(ledger.balances)
    assert held["cash:kiosk-1", "EUR"] == 200
    assert held["fx", "EUR"] == -200
    assert held["cash:kiosk-1", "CNY"] == -260
    assert held["fx", "CNY"] == 1560
    assert held["rounding", "CNY"] == -10


async def test_a_note_that_nobody_paid_with_lies_in_suspense(till: Till) -> None:
    stray = paid(new_id(), 0, outcome="cancelled", stray=True, dispensed={})
    await till.tills.hear(KIOSK, report(stray))
    assert await till.balances() == {"cash:kiosk-1": 2000, "cash-suspense:kiosk-1": -2000}


async def test_money_that_comes_late_is_a_surplus_and_goes_back(till: Till) -> None:
    shopper = await till.order(MILK)
    payment_id = await begin(till, shopper)
    closed = paid(payment_id, 1290, outcome="cancelled", tendered=[], dispensed={})
    await till.tills.hear(KIOSK, report(closed))
    wallet = await shopper.start_payment()
    await till.bank.press(wallet["action"]["url"])
    await till.bank.send()
    await till.tills.hear(KIOSK, report(paid(payment_id, 1290, revision=2), 2))
    assert (await till.payment(payment_id)).status == "surplus"
    (payout,) = await till.tills.payouts(KIOSK)
    assert payout.amount == Money(1290, "CNY")


async def test_staff_end_the_payment_of_a_kiosk_that_is_dead_and_money_that_was_in_it_goes_back(
    till: Till, clock: Any
) -> None:
    shopper = await till.order(MILK)
    payment_id = await begin(till, shopper)
    assert await Deciding(till.payments).stuck() == []
    clock.advance(200)
    assert [one.payment_id for one in await Deciding(till.payments).stuck()] == [payment_id]
    with pytest.raises(NothingToDecide):
        await Deciding(till.payments).decide(payment_id, "succeeded", "", "staff:an")
    decided = await Deciding(till.payments).decide(payment_id, "failed", "", "staff:an")
    assert decided.status == "failed"
    wallet = await shopper.start_payment()
    await till.bank.press(wallet["action"]["url"])
    await till.bank.send()
    assert (await shopper.read())["status"] == "paid"
    await till.tills.hear(KIOSK, report(paid(payment_id, 1290)))
    assert (await till.payment(payment_id)).status == "surplus"
    (payout,) = await till.tills.payouts(KIOSK)
    assert payout.amount == Money(1290, "CNY")
    with pytest.raises(NothingToDecide):
        await Deciding(till.payments).decide(wallet["id"], "failed", "", "staff:an")


async def test_a_kiosk_speaks_for_its_own_money_only(till: Till) -> None:
    other = Principal("device", "kiosk-9", "9", "kiosk")
    shopper = await till.order(MILK)
    payment_id = await begin(till, shopper)
    await till.tills.hear(other, report(paid(payment_id, 1290, tendered=[], dispensed={}), kiosk="kiosk-9"))
    assert (await till.payment(payment_id)).status == "pending"
    wallet = await till.order(MILK)
    payment = await wallet.start_payment(amount_minor=1000)
    await till.bank.press(payment["action"]["url"])
    await till.bank.send()
    await wallet.call("POST", f"{wallet.path}/give-back")
    (refund,) = await till.database.read(lambda connection: store.refunds_of_order(connection, wallet.order.order_id))
    told = PayoutFinished(
        refund_id=refund.refund_id,
        revision=1,
        currency="CNY",
        amount_minor=1,
        rounding_minor=0,
        dispensed={},
        debts=[],
    )
    await till.tills.hear(other, report(told, 2, kiosk="kiosk-9", id="j9:2", journal="j9"))
    assert (await till.payment(payment["id"])).status == "surplus"
    await till.work()
    assert (await till.payment(payment["id"])).status == "refunded"


async def test_a_part_in_cash_is_given_back_by_the_kiosk(till: Till) -> None:
    shopper = await till.order(MILK, BEER)
    payment_id = await begin(till, shopper, 1000)
    told = paid(payment_id, 1000, tendered=[Tendered("CNY-1000-note", 1, 1000, BOX)], dispensed={})
    await till.tills.hear(KIOSK, report(told))
    assert (await shopper.read())["paid"]["amount_minor"] == 1000
    await shopper.call("POST", f"{shopper.path}/give-back")
    await till.work()
    assert (await till.payment(payment_id)).status == "surplus"
    (payout,) = await till.tills.payouts(KIOSK)
    for _ in range(2):
        await till.tills.claim_payout(KIOSK, payout.refund_id)
    with pytest.raises(PayoutGone):
        await till.tills.claim_payout(Principal("device", "kiosk-2", "2", "kiosk"), payout.refund_id)
    with pytest.raises(RefundAtKiosk):
        await till.returns.pay_by_hand(payout.refund_id, Principal("staff", "a", "An"))
    done = PayoutFinished(
        refund_id=payout.refund_id,
        revision=1,
        currency="CNY",
        amount_minor=1000,
        rounding_minor=0,
        dispensed={"CNY-100-coin": 10},
        debts=[],
    )
    for _ in range(2):
        await till.tills.hear(KIOSK, report(done, 2))
    assert (await till.payment(payment_id)).status == "refunded"
    assert await till.tills.payouts(KIOSK) == []
    assert await till.balances() == {}


async def test_what_staff_do_to_the_machine_is_booked(till: Till) -> None:
    filled = CashMoved(
        action="fill_float", device="hopper-1", by="An", movements=[MovedPieces("CNY-100-coin", 50, "staff", HOPPER)]
    )
    await till.tills.hear(KIOSK, report(filled))
    missing = CashMoved(
        action="recount", device="hopper-1", by="An", movements=[MovedPieces("CNY-100-coin", 2, HOPPER, "difference")]
    )
    await till.tills.hear(KIOSK, report(missing, 2))
    assert await till.balances() == {"cash:kiosk-1": 4800, "safe": -5000, "cash-difference": 200}


async def test_reports_that_make_no_sense_are_refused_and_leave_nothing(till: Till) -> None:
    nonsense = CashMoved(action="x", device="d", by="An", movements=[MovedPieces("CNY-1-coin", 1, "moon", HOPPER)])
    with pytest.raises(DomainError) as refused:
        await till.tills.hear(KIOSK, report(nonsense))
    assert refused.value.code == "report_malformed"
    with pytest.raises(DomainError) as refused:
        await till.tills.hear(KIOSK, report(paid(new_id(), 0)))
    assert refused.value.code == "report_malformed"
    assert await till.balances() == {}
    shopper = await till.order(MILK)
    payment_id = await begin(till, shopper)
    await till.tills.hear(KIOSK, report(paid(payment_id, 1290)))
    with pytest.raises(ReportConflict):
        await till.tills.hear(KIOSK, report(paid(payment_id, 1291)))


async def test_an_order_is_found_by_its_code_or_number_and_numbers_are_not_guessed(till: Till) -> None:
    shopper = await till.order(MILK)
    number = shopper.order.number
    for code in (
        f"https://store.example/o/{shopper.order_token}",
        shopper.order_token,
        f"{number[:3]} {number[3:6]} {number[6:]}",
    ):
        assert (await till.tills.open(KIOSK, code)).order_id == shopper.order.order_id
    for _ in range(5):
        with pytest.raises(OrderUnknown):
            await till.tills.open(KIOSK, "100000009")
    with pytest.raises(DomainError) as refused:
        await till.tills.open(KIOSK, number)
    assert refused.value.code == "too_many_guesses"
    assert (await till.tills.open(KIOSK, shopper.order_token)).order_id == shopper.order.order_id


PIECES = st.sampled_from(["CNY-100-coin", "CNY-50-coin", "CNY-1000-note", "EUR-200-coin", "CHF-5-coin"])
PLACES = st.sampled_from([BOX, HOPPER, "suspense:cashbox:notes"])


@given(
    outcome=st.sampled_from(["paid", "cancelled"]),
    due=st.integers(0, 10_000),
    rounding=st.integers(-50, 50),
    tendered=st.lists(st.tuples(PIECES, st.integers(1, 20), PLACES), max_size=5),
    dispensed=st.dictionaries(PIECES, st.integers(1, 20), max_size=4),
    debts=st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["CNY", "EUR"])), max_size=3),
)
def test_whatever_a_kiosk_tells_the_books_balance_and_hold_what_the_machine_holds(
    *,
    outcome: str,
    due: int,
    rounding: int,
    tendered: list[tuple[str, int, str]],
    dispensed: dict[str, int],
    debts: list[tuple[int, str]],
) -> None:
    told = paid(
        "p",
        due,
        outcome=outcome,
        rounding_minor=rounding,
        tendered=[Tendered(piece, count, 0, place) for piece, count, place in tendered],
        dispensed=dispensed,
        debts=[Debt(f"d{index}", amount, currency, "") for index, (amount, currency) in enumerate(debts)],
    )
    postings = model.payment_postings("k", "cash", told)
    assert sums(postings) == {}
    for currency in ("CNY", "EUR", "CHF"):
        came = sum(
            parse_denomination(piece).value_minor * count
            for piece, count, place in tendered
            if piece.startswith(currency) and not place.startswith("suspense")
        )
        went = sum(
            parse_denomination(piece).value_minor * count
            for piece, count in dispensed.items()
            if piece.startswith(currency)
        )
        held = sum(one.amount_minor for one in postings if (one.account, one.currency) == ("cash:k", currency))
        assert held == came - went
    assert model.replaced(postings, postings) == []
    assert msgspec.json.decode(msgspec.json.encode(told), type=PaymentFinished) == told


async def test_what_a_kiosk_claimed_and_gave_nothing_of_is_the_desk_s_again(till: Till) -> None:
    other = Principal("device", "kiosk-2", "2", "kiosk")
    shopper = await till.order(MILK, BEER)
    payment_id = await begin(till, shopper, 1000)
    told = paid(payment_id, 1000, tendered=[Tendered("CNY-1000-note", 1, 1000, BOX)], dispensed={})
    await till.tills.hear(KIOSK, report(told))
    await shopper.call("POST", f"{shopper.path}/give-back")
    await till.work()
    (payout,) = await till.tills.payouts(KIOSK)
    assert (payout.claimed, payout.paid_minor) == (False, 1000)
    assert (await till.tills.claim_payout(KIOSK, payout.refund_id)).claimed
    assert not (await till.tills.release_payout(other, payout.refund_id)).claimed
    (still,) = await till.tills.payouts(KIOSK)
    assert still.claimed, "nobody else can let go of it"
    for _ in range(2):
        assert not (await till.tills.release_payout(KIOSK, payout.refund_id)).claimed
    assert len(await till.events("till.released")) == 1
    (free,) = await till.tills.payouts(KIOSK)
    assert not free.claimed
    assert (await till.tills.claim_payout(other, payout.refund_id)).claimed, "whoever has it in hand gives it"
    with pytest.raises(NotFound):
        await till.tills.release_payout(KIOSK, new_id())
