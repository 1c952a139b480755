"""The order: found by its code, its coupons and cards, the choice of a tender. Pure."""

from unqueue.kernel.ids import is_order_number
from unqueue.kernel.money import Money, format_minor
from unqueue.kiosk.cash.refusals import CashPartUneven
from unqueue.kiosk.sequence import collecting, following
from unqueue.kiosk.sequence.turn import Turn, is_same_shopper
from unqueue.kiosk.sequence.words import (
    CARD_OF_STORE,
    CASH,
    AddCoupon,
    Answered,
    BeginPayment,
    Cancel,
    CardInfo,
    ClosePayment,
    Code,
    Done,
    GiveBack,
    MethodInfo,
    Notice,
    OpenOrder,
    OrderInfo,
    Pay,
    ReadCard,
    ReadOrder,
    Refused,
    RemoveCoupon,
    Started,
    TakeOff,
    Tender,
    Tick,
)
from unqueue.passes.baskets import is_part

CODES_OF_CARDS = frozenset({"coupon_unknown", "order_part_paid"})
"""What a coupon is refused with that may be a card of the store instead."""


def started(turn: Turn, heard: Started) -> None:
    if heard.order_id is None:
        turn.welcome()
        turn.stop_stray_cash()
    else:
        turn.to("starting", language=heard.language, touched_s=turn.now_s)
        turn.ask(ReadOrder(heard.order_id))


def starting_answered(turn: Turn, answer: Answered) -> None:
    if turn.is_expected(answer) and isinstance(answer.answer, OrderInfo):
        turn.to("order", touched_s=turn.now_s)
        following.resume(turn, answer.answer)


def starting_refused(turn: Turn, refusal: Refused) -> None:
    if turn.is_expected(refusal):
        turn.welcome()
        turn.stop_stray_cash()


def welcome_code(turn: Turn, code: Code) -> None:
    text = code.text.strip()
    digits = "".join(text.split()).replace("-", "")
    turn.touch()
    if is_part(text):
        collecting.take_part(turn, text)
    elif turn.kiosk.is_server_away:
        turn.notice("server_away")
    elif digits.isdigit() and not is_order_number(digits):
        turn.notice("number_wrong")
    elif text:
        turn.to("opening", notice=None, basket=None)
        turn.ask(OpenOrder(digits if digits.isdigit() else text))


def opening_answered(turn: Turn, answer: Answered) -> None:
    if turn.is_expected(answer) and isinstance(answer.answer, OrderInfo):
        turn.to("order")
        following.arrive(turn, answer.answer)
        collecting.tell_left_out(turn, answer.answer)


def opening_refused(turn: Turn, refusal: Refused) -> None:
    if turn.is_expected(refusal):
        turn.welcome()
        turn.tell(refusal.notice)


def opening_tick(turn: Turn, _: Tick) -> None:
    if turn.waited_s >= turn.timing.open_s_max:
        turn.welcome()
        turn.notice("server_away")


def opening_left(turn: Turn, _: Done | Cancel) -> None:
    turn.welcome()


def may_ask(turn: Turn) -> bool:
    """Whether something about the order can be asked for now; the shopper is told why not."""
    kiosk = turn.kiosk
    if kiosk.is_server_away:
        turn.notice("server_away")
    elif turn.order.open_payment is not None:
        turn.notice("elsewhere")
    else:
        return kiosk.request is None
    return False


def order_code(turn: Turn, code: Code) -> None:
    """A coupon or a card of the store, once an order is here."""
    text = code.text.strip()
    if is_same_shopper(turn.kiosk, code) or collecting.is_shown_again(turn, text) or not text:
        return
    if "/o/o_" in text or is_part(text) or is_order_number("".join(text.split())):
        turn.notice("one_at_a_time")
    elif may_ask(turn):
        turn.ask(AddCoupon(turn.order.order_id, text))


def order_take_off(turn: Turn, heard: TakeOff) -> None:
    if may_ask(turn):
        turn.ask(RemoveCoupon(turn.order.order_id, heard.redemption_id))


def order_pay(turn: Turn, heard: Pay) -> None:
    method = turn.method(heard.method)
    due_minor = turn.order.due.amount_minor
    amount_minor = due_minor if heard.amount_minor is None else heard.amount_minor
    if not may_ask(turn):
        return
    if method is None:
        turn.notice("not_ready")
    elif not (0 < amount_minor <= due_minor or amount_minor == due_minor == 0):
        turn.notice("amount_wrong")
    elif method.kind == CARD_OF_STORE:
        if heard.instrument:
            turn.ask(ReadCard(method.method, heard.instrument.strip(), heard.amount_minor))
        else:
            turn.notice("scan_card")
    elif method.kind == CASH and not can_take_cash(turn):
        turn.notice("no_cash")
    elif method.kind == CASH and amount_minor < due_minor and amount_minor % turn.kiosk.cash.step_minor:
        turn.tell(_uneven(turn))
    else:
        begin(turn, method, amount_minor)


def can_take_cash(turn: Turn) -> bool:
    seen = turn.kiosk.devices.get("cash")
    return not turn.kiosk.cash.is_open and seen is not None and seen.status != "failed"


def _uneven(turn: Turn) -> Notice:
    """Cash is rounded once for an order, with the last of it: a part must be one that needs no rounding."""
    refusal = CashPartUneven(step=format_minor(turn.kiosk.cash.step_minor, turn.order.due.currency))
    return Notice(refusal.code, refusal.text_zh, refusal.text_en)


def begin(turn: Turn, method: MethodInfo, amount_minor: int, instrument: str = "") -> None:
    """Have the server write a payment down; only then does a tender begin."""
    amount = Money(amount_minor, turn.order.due.currency)
    turn.to("beginning", tender=Tender(method, amount), leaving="", unwanted=False, notice=None)
    channel = "qr" if "qr" in method.channels else None
    turn.ask(BeginPayment(turn.order.order_id, method.method, amount_minor, channel, instrument))


def order_answered(turn: Turn, answer: Answered) -> None:
    if not turn.is_expected(answer):
        return
    request = turn.kiosk.request.request if turn.kiosk.request is not None else None
    told = answer.answer
    turn.set(request=None)
    if isinstance(told, CardInfo) and isinstance(request, ReadCard):
        _pay_with_card(turn, request, told)
    elif isinstance(told, OrderInfo):
        if isinstance(request, AddCoupon):
            turn.notice("coupon_on")
        following.order_seen(turn, told)
        if isinstance(request, ClosePayment) and turn.kiosk.phase == "order" and told.open_payment is not None:
            turn.notice("elsewhere")


def _pay_with_card(turn: Turn, request: ReadCard, card: CardInfo) -> None:
    method = turn.method(request.method)
    due_minor = turn.order.due.amount_minor
    wanted_minor = due_minor if request.amount_minor is None else request.amount_minor
    amount_minor = min(card.balance.amount_minor, wanted_minor, due_minor)
    if method is None or (amount_minor <= 0 and due_minor > 0):
        turn.notice("card_empty")
    else:
        begin(turn, method, amount_minor, request.code)


def order_refused(turn: Turn, refusal: Refused) -> None:
    if not turn.is_expected(refusal):
        return
    request = turn.kiosk.request.request if turn.kiosk.request is not None else None
    turn.set(request=None)
    card = turn.card_method()
    if isinstance(request, AddCoupon) and refusal.notice.code in CODES_OF_CARDS and card is not None:
        turn.ask(ReadCard(card.method, request.code))
    elif isinstance(request, ReadCard) and refusal.notice.code == "card_unknown":
        turn.notice("code_unknown")
    else:
        turn.tell(refusal.notice)


def order_cancel(turn: Turn, _: Cancel) -> None:
    """Give up an attempt that was begun elsewhere; what was just asked for is not wanted any more."""
    open_payment = turn.order.open_payment
    turn.set(notice=None)
    if open_payment is not None and not turn.kiosk.is_server_away:
        turn.ask(ClosePayment(turn.order.order_id, open_payment.payment_id))
    else:
        turn.set(request=None)


def order_give_back(turn: Turn, _: GiveBack) -> None:
    turn.set(leaving="give_back")
    turn.go_on()


def order_done(turn: Turn, _: Done) -> None:
    turn.set(leaving="leave")
    turn.go_on()
