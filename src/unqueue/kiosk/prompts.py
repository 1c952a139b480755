"""Everything the kiosk says, on its screen and aloud: one table, Chinese and English side by side.

The recordings under ``voice/`` are made from this table by ``scripts/render_voice.py kiosk``. Short, no blame, what to
do next.
"""

from typing import NamedTuple


class Prompt(NamedTuple):
    """``voice``: the recording to play: ``"own"``, another prompt's, or None for silence."""

    zh: str
    en: str
    voice: str | None = "own"


PROMPTS: dict[str, Prompt] = {
    # The order.
    "starting": Prompt("付款机正在准备，请稍候", "This kiosk is getting ready. One moment please.", voice=None),
    "welcome": Prompt("请扫描订单码，或输入订单号", "Please scan your order code, or type its number."),
    "more_parts": Prompt(
        "请继续对准，还有几张码没有读到", "Please hold on: some codes are still to be read.", voice=None
    ),
    "basket_stays": Prompt(
        "付款机也断网了，购物篮还在手机上，请稍后再试",
        "This kiosk is offline, too. Your basket stays on your phone. Try again later.",
        voice=None,
    ),
    "one_moment": Prompt("请稍候", "One moment please.", voice=None),
    "choose_tender": Prompt("请选择付款方式", "Please choose how to pay."),
    "still_due": Prompt("已收到一部分，请付余下的金额", "Part of it is paid. Please choose how to pay the rest."),
    "coupon_on": Prompt("优惠券已使用", "Your coupon is on the order."),
    "elsewhere": Prompt(
        "这张订单正在别处付款，请先在那里完成或取消",
        "Someone is paying this order elsewhere. Please finish or cancel there.",
    ),
    "order_closed": Prompt(
        "订单已关闭，请在手机上重新提交", "This order was closed. Please submit it again on your handset."
    ),
    # Tenders.
    "insert_cash": Prompt("请放入纸币或硬币", "Please put in notes or coins."),
    "take_change": Prompt("请取走找零", "Please take your change."),
    "counting": Prompt("收款完成，请稍候", "That is enough. One moment please."),
    "take_back": Prompt("正在退回现金，请取走", "Your money is coming back. Please take it."),
    "scan_qr": Prompt("请用手机扫描屏幕上的二维码付款", "Please scan the code on the screen with your phone."),
    "use_terminal": Prompt("请在刷卡机上刷卡、插卡或挥卡", "Please use the card terminal."),
    "scan_card": Prompt("请扫描购物卡，或输入卡号", "Please scan your store card, or type its number."),
    "stopping": Prompt("正在取消，请稍候", "Cancelling. One moment please.", voice=None),
    "tender_stopped": Prompt("已取消，没有扣款", "Cancelled. Nothing was taken.", voice=None),
    "not_taken": Prompt("这次没有付成，请再试或换一种方式", "That did not work. Please try again, or pay another way."),
    "giving_back": Prompt("正在退款，请稍候", "Giving your money back. One moment please.", voice=None),
    "gave_back": Prompt("已付的金额都退回了", "What you paid is on its way back to you."),
    "gave_back_desk": Prompt("已付现金请到服务台领取", "Please collect the cash you paid at the service desk."),
    # The end.
    "thanks": Prompt("付款成功，请取小票，谢谢", "Paid. Please take your receipt. Thank you."),
    "thanks_no_paper": Prompt("付款成功，小票在手机上，谢谢", "Paid. Your receipt is on your handset. Thank you."),
    "take_slip": Prompt(
        "找零不足，请拿凭条到服务台领取", "Some change is missing. Please take the slip to the service desk."
    ),
    "still_there": Prompt("您还在吗？请点一下屏幕", "Are you still there? Please touch the screen."),
    # What went wrong.
    "number_wrong": Prompt(
        "没有这个订单号，请再看一下", "There is no such order number. Please look again.", voice=None
    ),
    "one_at_a_time": Prompt("请先完成这张订单", "Please finish this order first.", voice=None),
    "code_unknown": Prompt("没有找到这张券或卡", "We know no such coupon or card.", voice=None),
    "card_empty": Prompt(
        "卡内余额为零，请换一种方式", "There is nothing left on this card. Please pay another way.", voice=None
    ),
    "amount_wrong": Prompt(
        "金额应大于零且不超过应付", "The amount must be above zero, and at most what is due.", voice=None
    ),
    "not_ready": Prompt("这种方式暂不可用，请换一种", "This can't be used now. Please pay another way.", voice=None),
    "no_cash": Prompt("暂时不能收现金，请换一种方式", "Cash can't be taken now. Please pay another way.", voice=None),
    "no_printer": Prompt(
        "这里没有打印机，小票在手机上", "There is no printer here. Your receipt is on your handset.", voice=None
    ),
    "not_printed": Prompt(
        "小票没有打印出来，手机上也能看", "The receipt did not print. You also find it on your handset.", voice=None
    ),
    "staff_coming": Prompt("店员马上就来，请稍等", "Someone is coming to help. One moment please."),
    # Out of service.
    "out_of_service": Prompt(
        "付款机暂停使用，请用旁边的机器", "This kiosk is closed just now. Please use the next one."
    ),
    "server_away": Prompt(
        "系统正在恢复，暂时不能付款，请稍候",
        "The store's computer is coming back. Please wait before paying.",
        voice=None,
    ),
    "money_safe": Prompt(
        "您的钱是安全的，正在等待系统恢复", "Your money is safe: we are waiting for the store's computer."
    ),
}


def recording_of(name: str) -> str | None:
    """Which recording a prompt is spoken with; None for silence.

    >>> recording_of("welcome"), recording_of("one_moment")
    ('welcome', None)
    """
    voice = PROMPTS[name].voice
    return name if voice == "own" else voice


RECORDINGS = tuple(name for name, prompt in PROMPTS.items() if prompt.voice == "own")
