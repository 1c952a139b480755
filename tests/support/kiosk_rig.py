"""A kiosk's sequence in a small world: a server with one order, a till, and a clock. No device, no network."""

from typing import Any

import msgspec

from unqueue.kernel.money import Money
from unqueue.kiosk.screen import KioskState, show
from unqueue.kiosk.sequence import step
from unqueue.kiosk.sequence.words import (
    AddCoupon,
    Answered,
    BeginCash,
    BeginPayment,
    Begun,
    CancelCash,
    CardInfo,
    CashInfo,
    CashRefused,
    CashSeen,
    ClosePayment,
    Code,
    Command,
    Config,
    DeviceSeen,
    GiveAllBack,
    Input,
    Kiosk,
    MethodInfo,
    MethodsSeen,
    Notice,
    OpenOrder,
    OrderInfo,
    OrderSeen,
    PaidOut,
    PaymentInfo,
    PayOut,
    Pending,
    Printed,
    PrintReceipt,
    ReadCard,
    ReadOrder,
    Refused,
    Started,
    Tick,
)

NUMBER, TOKEN = "104729389", "o_token"
METHODS = (
    MethodInfo("cash", "现金", "Cash", "cash", ("page",)),
    MethodInfo("wallet", "钱包", "Wallet", "sandbox_wallet", ("page", "qr")),
    MethodInfo("card-1", "银行卡", "Card", "nexo_terminal", ("page",)),
    MethodInfo("store-card", "购物卡", "Store card", "stored_value", ("page",)),
)
TOTAL_MINOR = 1290
_CASH_BACK = ("cash", "surplus")


def cny(amount_minor: int) -> Money:
    return Money(amount_minor, "CNY")


class Rig:
    """``order`` is the server's; what the kiosk asks of it is answered by :meth:`serve`."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.now_s = 0.0
        self.kiosk = Kiosk()
        self.commands: list[Command] = []
        self.payments: list[PaymentInfo] = []
        self.coupons_minor = 0
        self.closed = False
        self.is_away = False
        self.cash = CashInfo()
        self.card_minor = 500
        self.answers_slowly = False
        self.begins_later: list[BeginCash] = []
        self.gives_refunds = True

    # What the kiosk hears.

    def hear(self, heard: Input) -> None:
        self.kiosk, commands = step(self.kiosk, heard, self.now_s, self.config)
        for command in commands:
            self.commands.append(command)
            self._obey(command)

    def answer_at_last(self) -> None:
        """A slow till does what it was asked to, however late."""
        self.answers_slowly = False
        waiting, self.begins_later = self.begins_later, []
        for command in waiting:
            if self.cash.is_open:
                self.hear(CashRefused(command.payment_id, Notice("till_busy", "请稍候", "One moment, please.")))
            else:
                self._obey(command)

    def start(self, order_id: str | None = None) -> "Rig":
        for name in ("server", "cash", "printer"):
            self.hear(DeviceSeen(name, "ready"))
        self.hear(MethodsSeen(METHODS))
        self.hear(Started(order_id))
        self.serve()
        return self

    def open(self) -> "Rig":
        self.start()
        self.hear(Code(NUMBER))
        self.serve()
        return self

    def wait(self, seconds: float, pace_s: float = 0.5) -> None:
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s = min(until_s, self.now_s + pace_s)
            self.hear(Tick())
            self.serve()

    def shown(self) -> KioskState:
        return show(self.kiosk, self.now_s, self.config, name="1", seq=0)

    # The server.

    @property
    def order(self) -> OrderInfo:
        paid = sum(one.amount.amount_minor for one in self.payments if one.status == "succeeded")
        payable = TOTAL_MINOR - self.coupons_minor
        is_paid = paid >= payable
        return OrderInfo(
            order_id="order-1", number=NUMBER, token=TOKEN,
            status="closed" if self.closed else "paid" if is_paid else "open", item_count=1,
            lines=({"name_zh": "牛奶"},), total=cny(TOTAL_MINOR), payable=cny(payable), paid=cny(paid),
            due=cny(payable - paid), payments=tuple(self.payments),
        )  # fmt: skip

    def pay(self, method: str, amount_minor: int, status: str = "pending", place: str = "kiosk-1") -> PaymentInfo:
        url = "https://wallet.example/pay/1" if method == "wallet" else ""
        payment = PaymentInfo(f"payment-{len(self.payments) + 1}", method, status, cny(amount_minor), place, "now", url)
        self.payments.append(payment)
        return payment

    def end(self, status: str, **more: Any) -> None:
        """The payment that is open comes to an end."""
        at = next(at for at, one in enumerate(self.payments) if one.status == "pending")
        self.payments[at] = msgspec.structs.replace(self.payments[at], status=status, **more)

    def tell(self) -> None:
        """An event says that something changed, and the kiosk reads the order."""
        if not self.is_away and self.kiosk.order is not None:
            self.hear(OrderSeen(self.order))

    def serve(self) -> None:
        """The server answers what it is asked, if it is there."""
        while not self.is_away and (pending := self.kiosk.request) is not None:
            self.hear(self.answer_to(pending))
            if self.kiosk.request is not None and self.kiosk.request.number == pending.number:
                return

    def answer_to(self, pending: Pending) -> Input:  # noqa: C901, PLR0911  # a table of what a server answers
        number, open_payment = pending.number, self.order.open_payment
        match pending.request:
            case OpenOrder(code) if code not in {NUMBER, f"https://store.example/o/{TOKEN}"}:
                return Refused(number, Notice("order_unknown", "没有", "No such order."))
            case AddCoupon(_, code) if code != "SAVE2":
                return Refused(number, Notice("coupon_unknown", "没有", "No such coupon."))
            case AddCoupon():
                self.coupons_minor = 200
            case ReadCard(_, code):
                if code != "card-with-5":
                    return Refused(number, Notice("card_unknown", "没有", "No such card."))
                return Answered(number, CardInfo(code, cny(self.card_minor)))
            case BeginPayment(_, method, amount_minor):
                if open_payment is not None:
                    return Refused(number, Notice("payment_open", "别处", "Elsewhere."))
                payment = self.pay(method, amount_minor, "succeeded" if method == "store-card" else "pending")
                return Answered(number, Begun(payment, self.order))
            case ClosePayment(_, payment_id):
                if open_payment is not None and open_payment.payment_id == payment_id and open_payment.method != "cash":
                    self.end("closed")
            case GiveAllBack():
                if open_payment is not None:
                    return Refused(number, Notice("payment_open", "别处", "Elsewhere."))
                self.payments = [
                    msgspec.structs.replace(one, status="surplus" if one.status == "succeeded" else one.status)
                    for one in self.payments
                ]
            case ReadOrder() | OpenOrder():
                pass
        return Answered(number, self.order)

    # The till and the printer.

    def till(self, **changes: Any) -> None:
        self.cash = msgspec.structs.replace(self.cash, **changes)
        self.hear(CashSeen(self.cash))

    def insert(self, amount_minor: int) -> None:
        inserted = self.cash.inserted_minor + amount_minor
        self.till(inserted_minor=inserted)
        if inserted >= self.cash.due_minor:
            self.till(state="changing", outcome="paid")
            self.till(state="finished")
            self.report("succeeded")

    def report(self, status: str) -> None:
        """The till's word reaches the server, if that is there."""
        if not self.is_away and self.order.open_payment is not None:
            self.end(status)
            self.tell()

    def _obey(self, command: Command) -> None:
        match command:
            case BeginCash(payment_id, amount):
                if self.answers_slowly:
                    self.begins_later.append(command)
                    return
                self.cash = CashInfo(
                    state="taking",
                    payment_id=payment_id,
                    currency="CNY",
                    due_minor=amount.amount_minor,
                    cash_due_minor=amount.amount_minor,
                )
                self.hear(CashSeen(self.cash))
            case CancelCash(payment_id):
                if self.cash.payment_id == payment_id and self.cash.state == "taking":
                    self.till(state="returning", outcome="cancelled")
                    self.till(state="finished")
                    self.report("closed")
            case PayOut(order_id) if self.gives_refunds:
                back = [one.amount.amount_minor for one in self.payments if (one.method, one.status) == _CASH_BACK]
                self.payments = [
                    msgspec.structs.replace(one, status="refunded") if (one.method, one.status) == _CASH_BACK else one
                    for one in self.payments
                ]
                self.hear(PaidOut(order_id, sum(back)))
            case PayOut(order_id):
                self.hear(PaidOut(order_id, 0))
            case PrintReceipt(order_id):
                self.hear(Printed(order_id, "R-1"))
            case _:
                pass
