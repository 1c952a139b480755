"""One step of the sequence being taken, and what its phases share. Pure."""

from typing import Any

import msgspec

from unqueue.kiosk.prompts import PROMPTS
from unqueue.kiosk.sequence.words import (
    CARD_OF_STORE,
    CASH,
    Answered,
    CancelCash,
    Code,
    Command,
    Config,
    ExtendCash,
    GiveAllBack,
    Kiosk,
    MethodInfo,
    Notice,
    OrderInfo,
    Pending,
    Phase,
    Refused,
    Request,
    Tender,
)

_NOBODY: dict[str, Any] = {
    "order": None, "basket": None, "tender": None, "leaving": "", "unwanted": False, "returned": None,
    "paying_out": None, "at_desk": None, "receipt": None, "slips": (), "notice": None, "asked_s": None, "request": None,
}  # fmt: skip


class Turn:
    """A step at ``now_s``: the state as it becomes, and the commands so far."""

    def __init__(self, kiosk: Kiosk, now_s: float, config: Config) -> None:
        self.kiosk = kiosk
        self.now_s = now_s
        self.config = config
        self.timing = config.timing
        self.commands: list[Command] = []

    def set(self, **changes: Any) -> None:
        self.kiosk = msgspec.structs.replace(self.kiosk, **changes)

    def to(self, phase: Phase, **changes: Any) -> None:
        """Go on to a phase. What was asked of the server in the one before is given up, unless it is kept; what was
        said in it is over, but not what went wrong.
        """
        notice = self.kiosk.notice
        kept = notice if notice is not None and notice.code not in PROMPTS else None
        now = {"phase": phase, "since_s": self.now_s, "asked_s": None, "request": None, "notice": kept}
        self.set(**{**now, **changes})

    def welcome(self) -> None:
        """Nobody is here: nothing of the last order stays."""
        self.to("welcome", **_NOBODY, language=self.config.language)

    def ask(self, request: Request) -> None:
        number = self.kiosk.serial + 1
        self.set(serial=number, request=Pending(number, request))

    def is_expected(self, answer: Answered | Refused) -> bool:
        """Whether this answers what was asked last."""
        return self.kiosk.request is not None and self.kiosk.request.number == answer.number

    def new_key(self) -> int:
        self.set(serial=self.kiosk.serial + 1)
        return self.kiosk.serial

    def touch(self) -> None:
        """Somebody is there."""
        self.set(touched_s=self.now_s, asked_s=None)
        kiosk = self.kiosk
        if kiosk.is_taking_cash and self.now_s - kiosk.extended_s >= self.timing.extend_s:
            self.set(extended_s=self.now_s)
            self.commands.append(ExtendCash(self.tender.payment_id))

    def tell(self, notice: Notice) -> None:
        """Show something for a few seconds."""
        until_s = self.now_s + self.timing.notice_s
        self.set(notice=notice, notice_until_s=until_s, notices=self.kiosk.notices + 1)

    def notice(self, prompt: str) -> None:
        """Show and say a prompt for a few seconds."""
        words = PROMPTS[prompt]
        self.tell(Notice(prompt, words.zh, words.en, prompt))

    @property
    def order(self) -> OrderInfo:
        """The order at the kiosk; only for phases that have one."""
        assert self.kiosk.order is not None, f"there is no order in {self.kiosk.phase}"
        return self.kiosk.order

    @property
    def tender(self) -> Tender:
        assert self.kiosk.tender is not None, f"there is no tender in {self.kiosk.phase}"
        return self.kiosk.tender

    @property
    def waited_s(self) -> float:
        return self.now_s - self.kiosk.since_s

    def method(self, name: str) -> MethodInfo | None:
        return next((one for one in self.kiosk.methods if one.method == name), None)

    def card_method(self) -> MethodInfo | None:
        """How one pays with the store's own cards, where it has any."""
        return next((one for one in self.kiosk.methods if one.kind == CARD_OF_STORE), None)

    def go_on(self) -> None:
        """No tender is under way any more: what the shopper wanted follows."""
        kiosk = self.kiosk
        if not kiosk.leaving:
            self.to("order", tender=None)
        elif self.order.paid.amount_minor > 0:
            self.to("giving_back", tender=None)
            self.ask(GiveAllBack(self.order.order_id))
        elif kiosk.leaving == "leave":
            self.welcome()
        else:
            self.to("order", tender=None, leaving="")

    def stop_cash(self, *, timed_out: bool = False) -> None:
        """Have the till give everything back. A payment that is complete stays complete."""
        if self.kiosk.is_taking_cash:
            self.commands.append(CancelCash(self.tender.payment_id, "timeout" if timed_out else "shopper"))

    def stop_stray_cash(self) -> None:
        """The till takes money for nobody who is here: it was given up before it had begun, or its order is gone."""
        cash = self.kiosk.cash
        if self.kiosk.phase != "starting" and cash.state == "taking" and cash.payment_id is not None:
            self.commands.append(CancelCash(cash.payment_id))

    def paid_in_cash(self, order: OrderInfo, status: str = "succeeded") -> int:
        """What was taken in cash for an order and is kept (or ``surplus``: goes back), in minor units."""
        cash = {one.method for one in self.kiosk.methods if one.kind == CASH}
        found = [one for one in order.payments if one.status == status and one.method in cash]
        return sum(one.amount.amount_minor for one in found)


def is_same_shopper(kiosk: Kiosk, code: Code) -> bool:
    """Whether a code is that of the order at the kiosk, shown again."""
    order, text = kiosk.order, code.text.strip()
    if order is None:
        return False
    return "".join(text.split()).replace("-", "") == order.number or text.rpartition("/o/")[2] == order.token
