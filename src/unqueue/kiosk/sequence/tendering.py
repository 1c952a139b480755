"""A tender under way: begun, given up, ended; and the goodbye. Pure."""

from unqueue.kiosk.sequence import following
from unqueue.kiosk.sequence.turn import Turn
from unqueue.kiosk.sequence.words import (
    CASH,
    Answered,
    BeginCash,
    Begun,
    Cancel,
    CancelCash,
    CashRefused,
    CashSeen,
    Done,
    GiveBack,
    PrintAgain,
    Printed,
    PrintReceipt,
    Receipt,
    Refused,
    Tender,
    Tick,
)


def beginning_answered(turn: Turn, answer: Answered) -> None:
    if not turn.is_expected(answer) or not isinstance(answer.answer, Begun):
        return
    payment, method = answer.answer.payment, turn.tender.method
    tender = Tender(method, payment.amount, payment.payment_id, payment.created_at, payment.url)
    turn.to("tender", tender=tender, extended_s=turn.now_s)
    if method.kind == CASH and payment.status == "pending":
        is_part = payment.amount.amount_minor < answer.answer.order.due.amount_minor
        turn.commands.append(BeginCash(payment.payment_id, payment.amount, is_part))
    following.order_seen(turn, answer.answer.order)


def beginning_refused(turn: Turn, refusal: Refused) -> None:
    if turn.is_expected(refusal):
        turn.to("order", tender=None)
        turn.tell(refusal.notice)


def beginning_tick(turn: Turn, _: Tick) -> None:
    if turn.waited_s >= turn.timing.begin_s_max:
        _give_up_beginning(turn)
        turn.notice("server_away" if turn.kiosk.is_server_away else "not_taken")


def beginning_stopped(turn: Turn, heard: Cancel | Done | GiveBack) -> None:
    _give_up_beginning(turn)
    if isinstance(heard, Done):
        turn.set(leaving="leave")
        turn.go_on()


def _give_up_beginning(turn: Turn) -> None:
    """The server may have written the payment down and its answer be lost: then it is closed once it is seen."""
    turn.to("order", tender=None, unwanted=True)


def tender_stopped(turn: Turn, heard: Cancel | Done | GiveBack) -> None:
    own = turn.kiosk.own_cash
    if own is not None and own.state in {"changing", "finished"}:
        if isinstance(heard, Done) and own.state == "finished" and turn.kiosk.is_server_away:
            turn.welcome()  # the till has it in its journal, and tells the server
        return
    if isinstance(heard, GiveBack):
        turn.set(leaving="give_back")
    elif isinstance(heard, Done):
        turn.set(leaving="leave")
    following.stop(turn)


def stopping_left(turn: Turn, heard: Done | GiveBack) -> None:
    own = turn.kiosk.own_cash
    turn.set(leaving="leave" if isinstance(heard, Done) else "give_back")
    if isinstance(heard, Done) and turn.kiosk.is_server_away and own is not None and own.state == "finished":
        turn.welcome()


def starting_cancel(turn: Turn, _: Cancel) -> None:
    """Before the server has told whose it is: money can be had back all the same."""
    cash = turn.kiosk.cash
    if cash.state == "taking" and cash.payment_id is not None:
        turn.commands.append(CancelCash(cash.payment_id))


def starting_done(turn: Turn, _: Done) -> None:
    turn.welcome()
    turn.stop_stray_cash()


def cash_told(turn: Turn, heard: CashSeen) -> None:
    following.cash_seen(turn, heard.cash)


def cash_refused(turn: Turn, heard: CashRefused) -> None:
    """The till can't take this payment; the server hears so, and the order is free again."""
    tender = turn.kiosk.tender
    if tender is not None and tender.payment_id == heard.payment_id:
        turn.to("stopping")
        turn.tell(heard.notice)


def wait_tick(turn: Turn, _: Tick) -> None:
    """Cash that is complete, or was given back, and a server that does not come: the shopper need not wait for ever."""
    own = turn.kiosk.own_cash
    is_over = own is not None and own.state == "finished"
    if is_over and turn.kiosk.is_server_away and turn.waited_s >= turn.timing.wait_server_s:
        turn.welcome()


def paid_tick(turn: Turn, _: Tick) -> None:
    kiosk = turn.kiosk
    is_printing = kiosk.receipt is not None and kiosk.receipt.is_printing
    if turn.now_s - max(kiosk.touched_s, kiosk.since_s) >= turn.timing.goodbye_s * (3 if is_printing else 1):
        turn.welcome()


def paid_done(turn: Turn, _: Done) -> None:
    turn.welcome()


def paid_print(turn: Turn, _: PrintAgain) -> None:
    receipt = turn.kiosk.receipt
    if receipt is not None and receipt.is_printing:
        return
    if "printer" not in turn.kiosk.devices:
        turn.notice("no_printer")
        return
    # An order that came here paid may have a receipt on paper already.
    is_copy = receipt is None or receipt.printed
    turn.set(receipt=Receipt(receipt.number if receipt else "", receipt.printed if receipt else False))
    turn.commands.append(PrintReceipt(turn.order.order_id, turn.kiosk.language, is_copy))


def printed(turn: Turn, heard: Printed) -> None:
    before = turn.kiosk.receipt
    if before is None or turn.kiosk.order_id != heard.order_id:
        return
    on_paper = before.printed or heard.problem is None
    turn.set(receipt=Receipt(heard.number or before.number, on_paper, heard.problem, is_printing=False))
    turn.touch()
