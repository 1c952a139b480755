"""The order as the server sees it: what became of the payment under way, and of the order. Pure."""

from unqueue.kernel.money import Money, format_minor
from unqueue.kiosk.cash.session import Debt
from unqueue.kiosk.prompts import PROMPTS
from unqueue.kiosk.sequence.turn import Turn
from unqueue.kiosk.sequence.words import (
    CASH,
    Answered,
    CashInfo,
    ClosePayment,
    Done,
    MethodInfo,
    Notice,
    OrderInfo,
    OrderSeen,
    PaidOut,
    PaymentInfo,
    PayOut,
    PrintReceipt,
    PrintSlip,
    Receipt,
    Refused,
    Tender,
    Tick,
)


def arrive(turn: Turn, order: OrderInfo) -> None:
    """An order comes to the kiosk: to be paid, or paid already."""
    turn.set(order=order, touched_s=turn.now_s)
    if order.status == "closed":
        turn.welcome()
        turn.notice("order_closed")
    elif order.status in {"paid", "left"}:
        turn.to("paid", receipt=None)
    else:
        order_seen(turn, order)


def resume(turn: Turn, order: OrderInfo) -> None:
    """The order that was here before a restart, perhaps in the middle of giving its money back."""
    arrive(turn, order)
    given_back_minor = turn.paid_in_cash(order, "surplus")
    if turn.kiosk.phase == "order" and order.open_payment is None and given_back_minor > 0:
        turn.to("giving_back", returned=Money(given_back_minor, order.total.currency), leaving="give_back")
        _pay_out(turn, given_back_minor)


def seen(turn: Turn, heard: OrderSeen) -> None:
    """What the server tells by itself; an order that is not here any more is nobody's business."""
    if turn.kiosk.order_id == heard.order.order_id:
        order_seen(turn, heard.order)


def order_seen(turn: Turn, order: OrderInfo) -> None:
    turn.set(order=order)
    kiosk = turn.kiosk
    if kiosk.phase in {"paid", "giving_back", "opening", "starting"}:
        return
    if order.status in {"paid", "left"}:
        _paid(turn)
    elif order.status == "closed":
        turn.stop_cash()
        turn.welcome()
        turn.notice("order_closed")
    elif kiosk.tender is not None and kiosk.tender.payment_id:
        payment = order.payment(kiosk.tender.payment_id)
        if payment is not None:
            payment_seen(turn, payment)
    elif kiosk.phase == "order":
        _adopt(turn, order)


def _paid(turn: Turn) -> None:
    """The order is paid: with the tender under way, or on the shopper's phone."""
    turn.stop_cash()
    print_slips(turn)
    receipt = Receipt(is_printing="printer" in turn.kiosk.devices)
    turn.to("paid", receipt=receipt, leaving="", notice=None, touched_s=turn.now_s)
    if receipt.is_printing:
        turn.commands.append(PrintReceipt(turn.order.order_id, turn.kiosk.language))


def print_slips(turn: Turn) -> None:
    """What the till could not give is on paper before the shopper leaves."""
    own = turn.kiosk.own_cash
    if own is None and turn.kiosk.cash.outcome == "refunded" and turn.kiosk.paying_out is not None:
        own = turn.kiosk.cash
    new: tuple[Debt, ...] = tuple(one for one in own.debts if one.number not in turn.kiosk.slips) if own else ()
    if new:
        turn.set(slips=(*turn.kiosk.slips, *(one.number for one in new)))
        turn.commands.append(PrintSlip(turn.order.number if turn.kiosk.order is not None else "", new))


def payment_seen(turn: Turn, payment: PaymentInfo) -> None:
    """How the payment under way stands."""
    tender = turn.tender
    if payment.status == "pending":
        if payment.url != tender.url:
            turn.set(tender=Tender(tender.method, tender.amount, tender.payment_id, tender.since, payment.url))
        return
    own = turn.kiosk.own_cash
    if own is not None and own.is_open:
        return  # the till has the last word about money that it still moves
    print_slips(turn)
    wanted = turn.kiosk.phase == "tender"
    turn.set(tender=None, touched_s=turn.now_s)
    if payment.status == "succeeded":
        turn.go_on()
        if turn.kiosk.phase == "order":
            _tell_part_paid(turn, own)
        return
    turn.go_on()
    if turn.kiosk.phase != "order":
        return
    if payment.problem is not None and wanted:
        turn.tell(Notice(*payment.problem, prompt="not_taken"))
    elif turn.kiosk.notice is None:
        _tell_stopped(turn, own)


def _tell_part_paid(turn: Turn, cash: CashInfo | None) -> None:
    """More is due, and what the machine gave as change is still in its tray."""
    change_minor = cash.inserted_minor - cash.cash_due_minor - _owed_minor(cash) if cash is not None else 0
    if cash is None or change_minor <= 0:
        turn.notice("still_due")
        return
    change = format_minor(change_minor, cash.currency)
    zh = f"找零 {change}，请从出币口取走。还有余款要付。"
    en = f"Your change is {change}: please take it. Then pay the rest."
    turn.tell(Notice("still_due", zh, en, "still_due"))


def _tell_stopped(turn: Turn, cash: CashInfo | None) -> None:
    """Nothing was taken, or what was put in came back: how much."""
    if cash is None or cash.inserted_minor <= 0:
        turn.notice("tender_stopped")
        return
    back = format_minor(cash.inserted_minor - _owed_minor(cash), cash.currency)
    zh, en = f"已取消，退回了现金 {back}，请取走", f"Cancelled. {back} came back: please take it."
    turn.tell(Notice("cash_came_back", zh, en))


def _owed_minor(cash: CashInfo) -> int:
    """What of it the machine could not give, in the currency of the order."""
    return sum(debt.amount_minor for debt in cash.debts if debt.currency == cash.currency)


def _adopt(turn: Turn, order: OrderInfo) -> None:
    """A payment that was begun at this kiosk, before a restart or while its answer was lost."""
    payment = order.open_payment
    if payment is None or payment.place != turn.config.kiosk_id:
        return
    method = turn.method(payment.method) or MethodInfo(payment.method, payment.method, payment.method, "")
    cash = turn.kiosk.cash
    if method.kind == CASH and not (cash.payment_id == payment.payment_id and cash.state != "idle"):
        return  # the till never began it, and says so to the server
    tender = Tender(method, payment.amount, payment.payment_id, payment.created_at, payment.url)
    unwanted = turn.kiosk.unwanted
    turn.to("tender", tender=tender, unwanted=False)
    if method.kind == CASH:
        cash_seen(turn, cash)
    if unwanted and turn.kiosk.phase == "tender":
        stop(turn)


def stop(turn: Turn, *, timed_out: bool = False) -> None:
    """Give the tender under way up: cash by the till, all others at the server."""
    tender = turn.tender
    if tender.method.kind == CASH:
        turn.stop_cash(timed_out=timed_out)
        turn.to("stopping")
    else:
        turn.to("stopping")
        turn.ask(ClosePayment(turn.order.order_id, tender.payment_id))


def cash_seen(turn: Turn, cash: CashInfo) -> None:
    """The till took, gave, or came to an end."""
    before = turn.kiosk.cash
    turn.set(cash=cash)
    own = turn.kiosk.own_cash
    if cash.state == "taking" and (own is None or turn.kiosk.phase in {"stopping", "paid"}):
        turn.stop_stray_cash()
    if own is None:
        if cash.state == "finished":
            print_slips(turn)
        return
    if before.payment_id == own.payment_id and own.inserted_minor != before.inserted_minor:
        turn.touch()
    if own.state == "returning" and turn.kiosk.phase == "tender":
        turn.to("stopping")
    if own.state == "finished":
        print_slips(turn)
        if before.state != "finished":
            turn.set(since_s=turn.now_s)
        if own.outcome == "cancelled" and turn.kiosk.phase == "tender":
            turn.to("stopping")
        payment = turn.kiosk.order.payment(own.payment_id or "") if turn.kiosk.order is not None else None
        if payment is not None and turn.kiosk.phase in {"tender", "stopping"}:
            payment_seen(turn, payment)


def stopping_answered(turn: Turn, answer: Answered) -> None:
    if turn.is_expected(answer) and isinstance(answer.answer, OrderInfo):
        turn.set(request=None)
        order_seen(turn, answer.answer)


def stopping_refused(turn: Turn, refusal: Refused) -> None:
    if turn.is_expected(refusal):
        turn.to("tender")
        turn.tell(refusal.notice)


def giving_back_answered(turn: Turn, answer: Answered) -> None:
    if not turn.is_expected(answer) or not isinstance(answer.answer, OrderInfo):
        return
    before = turn.order
    cash_minor = turn.paid_in_cash(before) - turn.paid_in_cash(answer.answer)
    turn.to("giving_back", order=answer.answer, returned=before.paid)
    if answer.answer.status in {"paid", "left"}:
        _paid(turn)
    elif cash_minor > 0:
        _pay_out(turn, cash_minor)


def _pay_out(turn: Turn, cash_minor: int) -> None:
    turn.set(paying_out=Money(cash_minor, turn.order.total.currency))
    turn.commands.append(PayOut(turn.order.order_id))


def giving_back_paid_out(turn: Turn, heard: PaidOut) -> None:
    """The till gave what it could; for the rest the shopper goes to the desk."""
    wanted = turn.kiosk.paying_out
    if wanted is not None and turn.kiosk.order_id == heard.order_id:
        left_minor = wanted.amount_minor - heard.given_minor
        at_desk = Money(left_minor, wanted.currency) if left_minor > 0 else None
        turn.to("giving_back", paying_out=None, at_desk=at_desk)


def giving_back_refused(turn: Turn, refusal: Refused) -> None:
    """It was paid meanwhile, or another device is paying: the order says which."""
    if turn.is_expected(refusal):
        turn.to("order", leaving="")
        turn.tell(refusal.notice)


def giving_back_tick(turn: Turn, _: Tick) -> None:
    kiosk = turn.kiosk
    if kiosk.returned is not None and kiosk.paying_out is None and turn.waited_s >= turn.timing.gave_back_s:
        _gave_back(turn)


def giving_back_done(turn: Turn, _: Done) -> None:
    turn.set(leaving="leave")
    is_over = turn.kiosk.returned is not None or turn.kiosk.is_server_away
    if is_over and turn.kiosk.paying_out is None:
        _gave_back(turn)


def _gave_back(turn: Turn) -> None:
    if turn.kiosk.leaving == "leave":
        turn.welcome()
    else:
        at_desk = turn.kiosk.at_desk
        turn.to("order", leaving="", returned=None, at_desk=None, touched_s=turn.now_s)
        prompt = "gave_back_desk" if at_desk is not None else "gave_back"
        turn.tell(Notice(prompt, PROMPTS[prompt].zh, PROMPTS[prompt].en))
