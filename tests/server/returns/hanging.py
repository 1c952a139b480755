"""Refunds that hang, made for the tests beside: a wallet that says nothing, cash that goes back at a kiosk."""

from tests.support.tills import KIOSK, METHOD, MILK, Shopper, Till, one_note

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.ids import new_id
from unqueue.server.access import Principal
from unqueue.server.ledger import store as ledger
from unqueue.server.payments.service import Wish
from unqueue.server.returns.service import Wanted
from unqueue.server.staff.model import MAY
from unqueue.server.tills.model import PayoutFinished, Report

AN = Principal("staff", "a" * 32, "An", "manager", MAY["manager"])
BO = Principal("staff", "b" * 32, "Bo", "manager", MAY["manager"])
CLEARING = f"provider:{METHOD}:clearing"
HOUR_S = 3600


async def returned(till: Till) -> Shopper:
    """An order that a wallet paid, and whose goods came back."""
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await till.bank.press(payment["action"]["url"])
    await till.bank.send()
    await till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", new_id(), AN)
    return shopper


async def unanswered(till: Till, clock: ManualClock, fault: str = "lose_request") -> str:
    """A refund of which the wallet has said nothing for an hour; its id."""
    await returned(till)
    till.bank.wire.fails = [fault]
    await till.work()
    till.bank.wire.is_cut = True
    clock.advance(HOUR_S)
    await till.work()
    (waiting,) = await till.returns.refunds_waiting()
    return waiting.id


async def unclaimed(till: Till) -> str:
    """Ten yuan in cash that go back; the refund's id."""
    till.returns._by_hand = frozenset({"cash"})
    shopper = await till.order(MILK)
    wish = Wish(method="cash", place=KIOSK.id, amount_minor=1000, return_to="order")
    payment = await till.payments.create(shopper.order, wish, actor=KIOSK.actor)
    took = one_note(payment.payment_id)
    await till.tills.hear(KIOSK, Report("j:1", KIOSK.id, "j", 1, 1, took))
    await shopper.call("POST", f"{shopper.path}/give-back")
    await till.work()
    (payout,) = await till.tills.payouts(KIOSK)
    return payout.refund_id


def gave(refund_id: str, amount_minor: int = 1000) -> Report:
    """The kiosk tells that it paid a refund out."""
    told = PayoutFinished(
        refund_id=refund_id,
        revision=1,
        currency="CNY",
        amount_minor=amount_minor,
        rounding_minor=0,
        dispensed={"CNY-1000-note": 1},
        debts=[],
    )
    return Report("j:2", KIOSK.id, "j", 2, 1, told)


async def balanced(till: Till) -> dict[str, int]:
    """What the books say, once it is sure that every entry adds up to nothing."""
    assert await till.database.read(ledger.out_of_balance) == []
    return await till.balances()
