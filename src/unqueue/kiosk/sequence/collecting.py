"""A basket that a handset shows part by part, because it has no network. Pure."""

from unqueue.kernel.errors import DomainError
from unqueue.kiosk.sequence.turn import Turn
from unqueue.kiosk.sequence.words import Cancel, Notice, OrderInfo, TakeBasket, Tick
from unqueue.passes.baskets import Collected, read_part


def take_part(turn: Turn, text: str) -> None:
    """One more part. Once nothing is missing, the server is asked for the order of the basket."""
    kiosk = turn.kiosk
    if kiosk.is_server_away:
        turn.notice("basket_stays")
        return
    try:
        part = read_part(text)
        collected = kiosk.basket.with_part(part) if kiosk.basket is not None else Collected.begin(part)
        content = collected.content() if not collected.missing else None
    except DomainError as refusal:
        turn.tell(Notice(refusal.code, refusal.text_zh, refusal.text_en))
        return
    if content is None:
        turn.set(basket=collected, since_s=turn.now_s, notice=None)
    else:
        turn.to("opening", basket=collected, notice=None)
        turn.ask(TakeBasket(content))


def begin_anew(turn: Turn, _: Cancel) -> None:
    """The shopper gives up what was collected."""
    turn.set(basket=None, notice=None)


def look_at_time(turn: Turn, _: Tick) -> None:
    """Whoever did not go on is gone: the next shopper's basket is another."""
    if turn.kiosk.basket is not None and turn.waited_s >= turn.timing.basket_s:
        turn.set(basket=None)


def is_shown_again(turn: Turn, text: str) -> bool:
    """Whether a code is a part of the basket whose order is here: its handset goes on showing all of them."""
    basket = turn.kiosk.basket
    if basket is None:
        return False
    try:
        return read_part(text).basket == basket.basket
    except DomainError:
        return False


def tell_left_out(turn: Turn, order: OrderInfo) -> None:
    """The order is not all that the shopper scanned: said before anything is paid."""
    if order.left_out:
        zh = f"有 {order.left_out} 个条码没有收进订单，请核对后再付款"
        en = f"Codes that are not on this order: {order.left_out}. Please check it before you pay."
        turn.tell(Notice("left_out", zh, en))
