"""Everything the lane says, on its screen and aloud: one table, Chinese and English side by side.

The recordings under ``voice/`` are made from this table by ``scripts/render_voice.py``. Short, no blame, what to do
next; voice only where someone must act.
"""

from typing import NamedTuple


class Prompt(NamedTuple):
    """``voice``: the recording to play: ``"own"``, another prompt's, or None for silence."""

    zh: str
    en: str
    voice: str | None = "own"


PROMPTS: dict[str, Prompt] = {
    # The way through.
    "starting": Prompt("通道正在准备，请稍候", "This lane is getting ready. One moment please.", voice=None),
    "welcome": Prompt("请出示出场码", "Please show your exit pass."),
    "one_moment": Prompt("请稍候", "One moment please.", voice=None),
    "lay_goods": Prompt("请把商品放到传送带上", "Please lay your goods on the belt."),
    "part_off": Prompt("这些称好了，请拿下来，再放其余的", "These are weighed. Take them off, then lay the rest."),
    "lay_rest": Prompt("请放上其余的商品", "Please lay the rest of your goods."),
    "weighing": Prompt("正在称重", "Weighing.", voice=None),
    "thanks": Prompt("谢谢，请拿好商品，慢走", "Thank you. Please take your goods and walk out."),
    "audit_thanks": Prompt(
        "抽查好了，商品都对。谢谢您的耐心，慢走",
        "All is right. Thank you for your patience; please walk out.",
        "thanks",
    ),
    "walk_out": Prompt("门开了，请走出去", "The gate is open. Please walk out."),
    "take_goods": Prompt("请带走传送带上的商品", "Please take your goods from the belt."),
    # Please have a look.
    "not_scanned": Prompt("还有一件商品好像没扫到，请看一下", "One item may not be scanned. Please have a look."),
    "not_on_belt": Prompt(
        "好像还有商品没放上来，请看一下袋子", "Something may still be in your bag. Please have a look."
    ),
    "count_wrong": Prompt("有商品的件数好像不对，请数一下", "The number of one item may be off. Please count again."),
    "mis_scanned": Prompt("有一件商品好像扫错了，请看一下", "One item may have been scanned as another. Please look."),
    # Someone comes.
    "staff_coming": Prompt("店员马上就来，请稍等", "Someone is coming to help. One moment please."),
    "age_check": Prompt("有商品需要核对年龄，请准备好证件", "One item needs an age check. Please have your ID ready."),
    "audit_check": Prompt(
        "随机抽查：店员马上来再扫一遍，请稍等",
        "A random check: someone comes to scan your goods again. One moment please.",
        "staff_coming",
    ),
    "live_tag": Prompt(
        "请留步，有个防盗标签还没解除，店员来帮您", "Please wait. A tag is still on; we will take it off for you."
    ),
    "bell_call": Prompt(
        "请稍等一下，店员马上来看看", "Please wait a moment. Someone is coming to look.", "staff_coming"
    ),
    "tag_again": Prompt("店员正在解除防盗标签，请稍等", "We are taking the tag off. One moment please.", voice=None),
    "too_heavy": Prompt(
        "商品太重，秤称不了，店员马上就来", "That is more than the scale can weigh. Someone is coming.", "staff_coming"
    ),
    "too_heavy_at_once": Prompt(
        "太重了，请先拿下一些，分几次称", "Too heavy at once. Take some off; we weigh it in parts."
    ),
    "device_wait": Prompt("设备正在恢复，店员马上就来", "A device needs a moment. Someone is coming.", "staff_coming"),
    "to_side_bay": Prompt("请带商品到旁边的服务位", "Please take your goods to the side bay."),
    "at_side_bay": Prompt(
        "这张订单在旁边的服务位，请到那里继续", "This order goes on in the side bay. Please come there.", "to_side_bay"
    ),
    "service_desk": Prompt("请到服务台，店员会帮您处理", "Please come to the service desk. We will help you there."),
    # The code that was shown.
    "pass_unpaid": Prompt("还没有付款，请先付款再来这里", "Not paid yet. Please pay first, then come back."),
    "pass_used": Prompt(
        "这张订单已经出场了，需要的话请按“请店员帮忙”",
        "This order has left already. If that is wrong, press Call staff.",
        None,
    ),
    "pass_invalid": Prompt("请出示付款后的出场码", "Please show the exit pass that came after paying."),
    "pass_expired": Prompt("出场码过时了，请在手机上刷新", "This pass is out of date. Please refresh it."),
    "number_wrong": Prompt(
        "没有这个订单号，请再看一下", "There is no such order number. Please look again.", voice=None
    ),
    "too_many_guesses": Prompt(
        "号码输错了几次，请扫出场码，或按“请店员帮忙”",
        "The number was wrong a few times. Please scan your pass, or press Call staff.",
        voice=None,
    ),
    "other_lane": Prompt(
        "这张订单正在另一条通道，请到那里继续", "This order is at another lane. Please go on there.", voice=None
    ),
    "wait_turn": Prompt("前面还有一位顾客，请稍等", "One shopper at a time. You are next."),
    "took_long": Prompt("等了一会儿，请重新出示出场码", "That took a while. Please show your pass again.", voice=None),
    # The network is down, and the lane decides alone.
    "offline_number": Prompt(
        "网络断了，请出示手机上的出场码", "We are offline. Please show the pass on your handset.", voice=None
    ),
    "offline_other_lane": Prompt(
        "网络断了，请到手机上写的通道，或找店员",
        "We are offline. Please go to the lane that your handset names, or ask our staff.",
        "offline_staff",
    ),
    "offline_staff": Prompt("网络断了，请找店员放行", "We are offline. Please ask our staff to let you out."),
    # Out of service.
    "out_of_service": Prompt("通道暂停使用，请走旁边的通道", "This lane is closed just now. Please use the next lane."),
    "server_away": Prompt("系统正在恢复，请稍候", "The store's system is coming back. One moment please.", voice=None),
    "fire": Prompt("请马上从出口离开", "Please leave by the exit now."),
}


def recording_of(name: str) -> str | None:
    """Which recording a prompt is spoken with; None for silence.

    >>> recording_of("welcome"), recording_of("too_heavy"), recording_of("weighing")
    ('welcome', 'staff_coming', None)
    """
    voice = PROMPTS[name].voice
    return name if voice == "own" else voice


RECORDINGS = tuple(name for name, prompt in PROMPTS.items() if prompt.voice == "own")
