"""What the kiosk's screen shows of its state: ``KioskState`` of docs/protocols/http.md. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from math import ceil
from typing import Any, Literal

import msgspec
import segno

from unqueue.kernel.money import Money
from unqueue.kiosk.prompts import PROMPTS, recording_of
from unqueue.kiosk.sequence.words import (
    CARD_OF_STORE,
    CASH,
    CashInfo,
    Config,
    Kiosk,
    MethodInfo,
    Notice,
    OrderInfo,
    RefusedPiece,
)
from unqueue.station.words import ScreenState

Shown = Literal["welcome", "order", "tender", "giving_back", "paid", "out_of_service"]
SPEAKS_TO_VISITORS_S = 10.0
"""A kiosk that nobody touched for so long does not talk to passers-by."""


class ShownPrompt(msgspec.Struct, frozen=True):
    id: str
    zh: str
    en: str


class ShownPayment(msgspec.Struct, frozen=True):
    id: str
    method: str
    zh: str
    en: str
    amount: Money
    status: str


class ShownOrder(msgspec.Struct, frozen=True):
    id: str
    number: str
    item_count: int
    lines: tuple[Any, ...]
    total: Money
    payable: Money
    paid: Money
    due: Money
    coupons: tuple[Any, ...]
    payments: tuple[ShownPayment, ...]


class ShownMethod(msgspec.Struct, frozen=True):
    """``ready``: it can be chosen now; ``detail`` says why not, as a code."""

    method: str
    zh: str
    en: str
    kind: str
    ready: bool
    detail: str


class ShownTender(msgspec.Struct, frozen=True):
    method: str
    zh: str
    en: str
    kind: str
    amount: Money
    qr_svg: str | None
    since: str


class ShownPiece(msgspec.Struct, frozen=True):
    denomination: str
    credited: Money


class ShownDebt(msgspec.Struct, frozen=True):
    number: str
    amount: Money
    in_doubt: bool


class ShownCash(msgspec.Struct, frozen=True):
    due: Money
    cash_due: Money
    rounding: Money
    inserted: Money
    remaining: Money
    to_give: tuple[Money, ...]
    accepted: tuple[ShownPiece, ...]
    refused: tuple[RefusedPiece, ...]
    dispensed: Mapping[str, int]
    debts: tuple[ShownDebt, ...]


class ShownNotice(msgspec.Struct, frozen=True):
    code: str
    zh: str
    en: str


class ShownTimeout(msgspec.Struct, frozen=True):
    seconds_left: int


class ShownReceipt(msgspec.Struct, frozen=True):
    number: str
    printed: bool
    problem: str | None


class ShownBasket(msgspec.Struct, frozen=True):
    """A handset's basket that is being read: ``count`` parts, of which ``missing`` were not read yet."""

    count: int
    missing: tuple[int, ...]


class KioskState(ScreenState, frozen=True):
    """``voice`` is the prompt to say, None for silence."""

    kiosk: str
    name: str
    phase: Shown
    language: str
    prompt: ShownPrompt
    voice: str | None
    order: ShownOrder | None
    basket: ShownBasket | None
    methods: tuple[ShownMethod, ...]
    tender: ShownTender | None
    cash: ShownCash | None
    notice: ShownNotice | None
    timeout: ShownTimeout | None
    help: Literal["none", "called"]
    receipt: ShownReceipt | None
    devices: Mapping[str, str]


def show(kiosk: Kiosk, now_s: float, config: Config, *, name: str, seq: int) -> KioskState:
    """The screen of a state at a time."""
    phase, prompt = _phase_and_prompt(kiosk)
    cash = _cash_shown(kiosk)
    if kiosk.asked_s is not None:
        prompt = "still_there"
    elif kiosk.notice is not None and kiosk.notice.prompt is not None:
        prompt = kiosk.notice.prompt
    is_visited = phase not in {"welcome", "out_of_service"} or now_s - kiosk.touched_s < SPEAKS_TO_VISITORS_S
    left_s = config.timing.idle_warning_s - (now_s - kiosk.asked_s) if kiosk.asked_s is not None else 0.0
    receipt = kiosk.receipt
    return KioskState(
        kiosk=config.kiosk_id,
        name=name,
        seq=seq,
        phase=phase,
        language=kiosk.language,
        prompt=ShownPrompt(prompt, PROMPTS[prompt].zh, PROMPTS[prompt].en),
        voice=recording_of(prompt) if is_visited else None,
        order=_order(kiosk.order, kiosk.methods) if kiosk.order is not None else None,
        basket=_basket(kiosk) if phase == "welcome" else None,
        methods=tuple(_method(kiosk, one) for one in kiosk.methods),
        tender=_tender(kiosk, cash),
        cash=_cash(cash) if cash is not None else None,
        notice=_notice(kiosk, cash),
        timeout=ShownTimeout(max(0, ceil(left_s))) if kiosk.asked_s is not None else None,
        help="called" if kiosk.help_key is not None else "none",
        receipt=ShownReceipt(receipt.number, receipt.printed, receipt.problem) if receipt is not None else None,
        devices={device: seen.status for device, seen in kiosk.devices.items()},
    )


def _phase_and_prompt(kiosk: Kiosk) -> tuple[Shown, str]:
    match kiosk.phase:
        case "starting":
            return _starting(kiosk)
        case "welcome" | "opening":
            return _welcome(kiosk)
        case "order":
            return "order", _order_prompt(kiosk)
        case "beginning" | "tender" | "stopping":
            return "tender", _tender_prompt(kiosk)
        case "giving_back":
            return "giving_back", _giving_back_prompt(kiosk)
        case "paid":
            return "paid", _paid_prompt(kiosk)


def _starting(kiosk: Kiosk) -> tuple[Shown, str]:
    if kiosk.cash.is_open and kiosk.request is not None:
        return "tender", _cash_prompt(kiosk.cash, is_server_away=kiosk.is_server_away)
    return "out_of_service", "server_away" if kiosk.is_server_away else "starting"


def _welcome(kiosk: Kiosk) -> tuple[Shown, str]:
    if kiosk.is_server_away:
        return "out_of_service", "server_away"
    if kiosk.phase == "welcome" and not kiosk.methods and "server" in kiosk.devices:
        return "out_of_service", "out_of_service"
    if kiosk.phase == "opening":
        return "welcome", "one_moment"
    return "welcome", "more_parts" if kiosk.basket is not None else "welcome"


def _giving_back_prompt(kiosk: Kiosk) -> str:
    if kiosk.paying_out is not None:
        return "take_back"
    if kiosk.slips:
        return "take_slip"
    if kiosk.returned is not None:
        return "gave_back_desk" if kiosk.at_desk is not None else "gave_back"
    return "money_safe" if kiosk.is_server_away else "giving_back"


def _order_prompt(kiosk: Kiosk) -> str:
    if kiosk.order is not None and kiosk.order.open_payment is not None:
        return "elsewhere"
    if kiosk.is_server_away:
        is_paid_in_part = kiosk.order is not None and kiosk.order.paid.amount_minor > 0
        return "money_safe" if is_paid_in_part else "server_away"
    return "one_moment" if kiosk.request is not None else "choose_tender"


def _tender_prompt(kiosk: Kiosk) -> str:
    tender, cash = kiosk.tender, kiosk.own_cash
    if kiosk.phase == "beginning":
        return "server_away" if kiosk.is_server_away else "one_moment"
    if cash is not None:
        return _cash_prompt(cash, is_server_away=kiosk.is_server_away)
    if kiosk.phase == "stopping":
        return "stopping"
    if tender is None or tender.method.kind == CASH:
        return "one_moment"
    if tender.url:
        return "scan_qr"
    return "one_moment" if tender.method.kind == CARD_OF_STORE else "use_terminal"


def _cash_prompt(cash: CashInfo, *, is_server_away: bool) -> str:
    if cash.state == "taking":
        return "insert_cash"
    if cash.state in {"changing", "returning"}:
        return "take_change" if cash.state == "changing" else "take_back"
    if cash.debts:
        return "take_slip"
    if is_server_away:
        return "money_safe"
    return "counting" if cash.outcome == "paid" else "stopping"


def _paid_prompt(kiosk: Kiosk) -> str:
    if kiosk.slips:
        return "take_slip"
    receipt = kiosk.receipt
    return "thanks" if receipt is not None and (receipt.printed or receipt.is_printing) else "thanks_no_paper"


def _order(order: OrderInfo, methods: tuple[MethodInfo, ...]) -> ShownOrder:
    names = {one.method: (one.zh, one.en) for one in methods}
    return ShownOrder(
        id=order.order_id,
        number=order.number,
        item_count=order.item_count,
        lines=order.lines,
        total=order.total,
        payable=order.payable,
        paid=order.paid,
        due=order.due,
        coupons=order.coupons,
        payments=tuple(
            ShownPayment(
                one.payment_id, one.method, *names.get(one.method, (one.method, one.method)), one.amount, one.status
            )
            for one in order.payments
        ),
    )


def _basket(kiosk: Kiosk) -> ShownBasket | None:
    return ShownBasket(kiosk.basket.count, kiosk.basket.missing) if kiosk.basket is not None else None


def _method(kiosk: Kiosk, method: MethodInfo) -> ShownMethod:
    return ShownMethod(method.method, method.zh, method.en, method.kind, not (why := _why_not(kiosk, method)), why)


def _why_not(kiosk: Kiosk, method: MethodInfo) -> str:
    """Why a tender can't begin now, as a code; empty if it can."""
    if kiosk.is_server_away:
        return "server_away"
    if kiosk.order is not None and kiosk.order.open_payment is not None:
        return "payment_open"
    if method.kind == CASH:
        seen = kiosk.devices.get("cash")
        if seen is None or seen.status == "failed":
            return "device"
        if kiosk.cash.is_open:
            return "busy"
    return ""


def _tender(kiosk: Kiosk, cash: CashInfo | None) -> ShownTender | None:
    tender = kiosk.tender
    if tender is None:
        if kiosk.phase != "starting" or cash is None:
            return None
        amount = Money(cash.due_minor, cash.currency)
        return ShownTender(CASH, "现金", "Cash", CASH, amount, None, "")
    method = tender.method
    qr_svg = _qr_svg(tender.url) if tender.url and kiosk.phase == "tender" else None
    return ShownTender(method.method, method.zh, method.en, method.kind, tender.amount, qr_svg, tender.since)


def _cash_shown(kiosk: Kiosk) -> CashInfo | None:
    """The till's payment where it is that of the shopper who stands here."""
    if kiosk.phase == "starting":
        return kiosk.cash if kiosk.cash.is_open and kiosk.request is not None else None
    if kiosk.phase == "paid":
        is_ours = any(debt.number in kiosk.slips for debt in kiosk.cash.debts)
        return kiosk.cash if is_ours else None
    if kiosk.phase == "giving_back":
        return kiosk.cash if kiosk.paying_out is not None and kiosk.cash.outcome == "refunded" else None
    return kiosk.own_cash if kiosk.phase in {"tender", "stopping"} else None


def _cash(cash: CashInfo) -> ShownCash:
    def money(amount_minor: int) -> Money:
        return Money(amount_minor, cash.currency)

    return ShownCash(
        due=money(cash.due_minor),
        cash_due=money(cash.cash_due_minor),
        rounding=money(cash.rounding_minor),
        inserted=money(cash.inserted_minor),
        remaining=money(cash.remaining_minor),
        to_give=tuple(Money(amount, currency) for currency, amount in sorted(cash.to_give_minor.items())),
        accepted=tuple(ShownPiece(one.denomination, money(one.credited_minor)) for one in cash.accepted),
        refused=tuple(cash.refused),
        dispensed=cash.dispensed,
        debts=tuple(ShownDebt(one.number, Money(one.amount_minor, one.currency), one.in_doubt) for one in cash.debts),
    )


def _notice(kiosk: Kiosk, cash: CashInfo | None) -> ShownNotice | None:
    """What went wrong last; while the server is away, that."""
    if kiosk.notice is not None:
        notice: Notice = kiosk.notice
        return ShownNotice(notice.code, notice.zh, notice.en)
    if not kiosk.is_server_away or kiosk.phase in {"welcome", "opening"}:
        return None
    is_paid = kiosk.order is not None and kiosk.order.paid.amount_minor > 0
    prompt = "money_safe" if is_paid or (cash is not None and cash.inserted_minor > 0) else "server_away"
    return ShownNotice("server_away", PROMPTS[prompt].zh, PROMPTS[prompt].en)


@lru_cache(maxsize=8)
def _qr_svg(text: str) -> str:
    """A QR code (ISO/IEC 18004, error correction M) as SVG that scales to its box, with the quiet zone of 4 modules."""
    return segno.make(text, error="m", micro=False).svg_inline(border=4, omitsize=True, light="#fff", dark="#000")
