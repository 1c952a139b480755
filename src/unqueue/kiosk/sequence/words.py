"""What the kiosk's sequence hears and says: its inputs, its requests to the server, its commands. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from unqueue.kernel.money import Money
from unqueue.kiosk.cash.session import Debt
from unqueue.passes.baskets import Collected

Phase = Literal[
    "starting",  # reading from the server what was going on before a restart
    "welcome",
    "opening",  # the server looks for the order of a code
    "order",
    "beginning",  # the server is asked for a payment
    "tender",
    "stopping",  # the tender was given up, or ended: the server is still to know
    "giving_back",
    "paid",
]
Language = Literal["zh", "en"]
AlarmKind = Literal["device", "help"]
Leaving = Literal["", "give_back", "leave"]
"""What follows when the tender has stopped: nothing, all that was paid goes back, or the shopper is gone as well."""

CASH, CARD_OF_STORE = "cash", "stored_value"


class MethodInfo(msgspec.Struct, frozen=True):
    """A way to pay here. ``kind`` is its provider's, ``channels`` what it can serve."""

    method: str
    zh: str
    en: str
    kind: str
    channels: tuple[str, ...] = ()


class PaymentInfo(msgspec.Struct, frozen=True):
    """An attempt as the server tells it. ``url`` is shown as a QR code. ``problem``: code, Chinese, English."""

    payment_id: str
    method: str
    status: str
    amount: Money
    place: str = ""
    created_at: str = ""
    url: str = ""
    problem: tuple[str, str, str] | None = None


class OrderInfo(msgspec.Struct, frozen=True):
    """An order as the server tells it. ``lines`` and ``coupons`` are handed on to the screen as they are."""

    order_id: str
    number: str
    token: str
    status: str
    item_count: int
    lines: tuple[Any, ...]
    total: Money
    payable: Money
    paid: Money
    due: Money
    payments: tuple[PaymentInfo, ...] = ()
    coupons: tuple[Any, ...] = ()
    left_out: int = 0
    """So many codes of a basket that was handed over are not in it."""

    def payment(self, payment_id: str) -> PaymentInfo | None:
        return next((one for one in self.payments if one.payment_id == payment_id), None)

    @property
    def open_payment(self) -> PaymentInfo | None:
        return next((one for one in self.payments if one.status == "pending"), None)


class CardInfo(msgspec.Struct, frozen=True):
    """A card of the store and what lies on it."""

    code: str
    balance: Money


class Begun(msgspec.Struct, frozen=True):
    """A payment that the server knows, and the order with it."""

    payment: PaymentInfo
    order: OrderInfo


class Piece(msgspec.Struct, frozen=True):
    """A coin or note that may be put in, and what it counts."""

    denomination: str
    credited_minor: int


class RefusedPiece(msgspec.Struct, frozen=True):
    denomination: str
    reason: str
    zh: str
    en: str


class CashInfo(msgspec.Struct, frozen=True, kw_only=True):
    """How the till stands; field for field its own view."""

    state: Literal["idle", "halted", "taking", "changing", "returning", "finished"] = "idle"
    payment_id: str | None = None
    outcome: str | None = None
    currency: str = ""
    step_minor: int = 1
    due_minor: int = 0
    cash_due_minor: int = 0
    rounding_minor: int = 0
    inserted_minor: int = 0
    remaining_minor: int = 0
    to_give_minor: dict[str, int] = {}
    dispensed: dict[str, int] = {}
    accepted: list[Piece] = []
    refused: list[RefusedPiece] = []
    debts: list[Debt] = []

    @property
    def is_open(self) -> bool:
        return self.state in {"taking", "changing", "returning"}


class Notice(msgspec.Struct, frozen=True):
    """What went wrong last. ``prompt`` is what the voice says to it, if anything."""

    code: str
    zh: str
    en: str
    prompt: str | None = None


# What the sequence hears.


class Started(msgspec.Struct, frozen=True):
    """The process is up: the order that was here when it went down, and the language that was spoken."""

    order_id: str | None = None
    language: Language = "zh"


class Tick(msgspec.Struct, frozen=True):
    """Time went on."""


class Code(msgspec.Struct, frozen=True):
    """A code was read by the scanner, or typed."""

    text: str


class Pay(msgspec.Struct, frozen=True):
    """The shopper chose a tender; ``amount_minor`` None is all that is due."""

    method: str
    amount_minor: int | None = None
    instrument: str = ""


class Cancel(msgspec.Struct, frozen=True):
    """Give the tender under way up."""


class GiveBack(msgspec.Struct, frozen=True):
    """Everything that was paid comes back."""


class TakeOff(msgspec.Struct, frozen=True):
    """Take a coupon off."""

    redemption_id: str


class Speak(msgspec.Struct, frozen=True):
    language: Language


class Stay(msgspec.Struct, frozen=True):
    """The shopper is still there."""


class PrintAgain(msgspec.Struct, frozen=True):
    """Print the receipt."""


class HelpAsked(msgspec.Struct, frozen=True):
    """The shopper pressed Help."""


class Done(msgspec.Struct, frozen=True):
    """The shopper leaves."""


class DeviceSeen(msgspec.Struct, frozen=True):
    """How a device is, or the server: it is called ``server``."""

    name: str
    status: Literal["ready", "busy", "failed"]
    detail: str = ""


class Answered(msgspec.Struct, frozen=True):
    """The server's answer to request ``number``."""

    number: int
    answer: OrderInfo | CardInfo | Begun


class Refused(msgspec.Struct, frozen=True):
    """The server said no to request ``number``."""

    number: int
    notice: Notice


class OrderSeen(msgspec.Struct, frozen=True):
    """The order as it stands."""

    order: OrderInfo


class MethodsSeen(msgspec.Struct, frozen=True):
    methods: tuple[MethodInfo, ...]


class CashSeen(msgspec.Struct, frozen=True):
    cash: CashInfo


class CashRefused(msgspec.Struct, frozen=True):
    """The till did not begin a payment, and says so to the server."""

    payment_id: str
    notice: Notice


class CallSeen(msgspec.Struct, frozen=True):
    """The call that :class:`RaiseAlarm` number ``key`` led to."""

    key: int
    is_open: bool


class Printed(msgspec.Struct, frozen=True):
    """What became of a receipt; ``problem`` is None where it is on paper."""

    order_id: str
    number: str
    problem: str | None = None


class PaidOut(msgspec.Struct, frozen=True):
    """What of the cash that was paid for an order the till gave back; staff hand over the rest."""

    order_id: str
    given_minor: int


Input = (
    Started | Tick | Code | Pay | Cancel | GiveBack | TakeOff | Speak | Stay | PrintAgain | HelpAsked | Done
    | DeviceSeen | Answered | Refused | OrderSeen | MethodsSeen | CashSeen | CashRefused | CallSeen | Printed | PaidOut
)  # fmt: skip

# What it asks of the server: one request at a time, repeated until it is answered or given up.


class OpenOrder(msgspec.Struct, frozen=True):
    """The order of a code."""

    code: str


class TakeBasket(msgspec.Struct, frozen=True):
    """The order of a basket that a handset without a network showed, part by part."""

    content: bytes


class ReadOrder(msgspec.Struct, frozen=True):
    order_id: str


class AddCoupon(msgspec.Struct, frozen=True):
    order_id: str
    code: str


class RemoveCoupon(msgspec.Struct, frozen=True):
    order_id: str
    redemption_id: str


class ReadCard(msgspec.Struct, frozen=True):
    """What lies on a card of the store, which is then paid with: up to ``amount_minor``, or all that is due."""

    method: str
    code: str
    amount_minor: int | None = None


class BeginPayment(msgspec.Struct, frozen=True):
    order_id: str
    method: str
    amount_minor: int
    channel: str | None = None
    instrument: str = ""


class ClosePayment(msgspec.Struct, frozen=True):
    order_id: str
    payment_id: str


class GiveAllBack(msgspec.Struct, frozen=True):
    order_id: str


Request = (
    OpenOrder | TakeBasket | ReadOrder | AddCoupon | RemoveCoupon | ReadCard | BeginPayment | ClosePayment | GiveAllBack
)


class Pending(msgspec.Struct, frozen=True):
    """A request on its way. Its number tells its answer from that of an earlier one."""

    number: int
    request: Request


# What it tells the till, the printer and staff, once.


class BeginCash(msgspec.Struct, frozen=True):
    """``is_part``: the order has more due than this."""

    payment_id: str
    amount: Money
    is_part: bool = False


class CancelCash(msgspec.Struct, frozen=True):
    payment_id: str
    reason: Literal["shopper", "timeout"] = "shopper"


class ExtendCash(msgspec.Struct, frozen=True):
    """The shopper is still there: the till goes on taking."""

    payment_id: str


class PayOut(msgspec.Struct, frozen=True):
    """Have the till give back what was paid in cash for an order."""

    order_id: str


class PrintReceipt(msgspec.Struct, frozen=True):
    order_id: str
    language: Language
    is_copy: bool = False


class PrintSlip(msgspec.Struct, frozen=True):
    """On paper: what the machine could not give, by the numbers under which the store owes it."""

    order_number: str
    debts: tuple[Debt, ...]


class RaiseAlarm(msgspec.Struct, frozen=True):
    """Call staff. ``key`` names the call in :class:`CallSeen`."""

    key: int
    kind: AlarmKind
    detail: str | None = None


Command = BeginCash | CancelCash | ExtendCash | PayOut | PrintReceipt | PrintSlip | RaiseAlarm


class Timing(msgspec.Struct, frozen=True):
    """How long the kiosk waits for what, in seconds."""

    idle_s: float = 60.0
    idle_warning_s: float = 20.0
    goodbye_s: float = 20.0
    notice_s: float = 8.0
    open_s_max: float = 10.0
    begin_s_max: float = 15.0
    wait_server_s: float = 120.0
    """Money is safe in the till: so long a shopper is asked to wait for the server before the screen is cleared."""
    gave_back_s: float = 10.0
    extend_s: float = 10.0
    trouble_s: float = 5.0
    """A device may be away for so long before staff are called."""
    basket_s: float = 45.0
    """So long the parts of a basket wait for the next."""
    help_s: float = 120.0
    """So long after it was asked for, help that nobody has answered may be asked for once more."""


class Config(msgspec.Struct, frozen=True):
    """``language`` is spoken until a shopper chooses another."""

    kiosk_id: str = "kiosk-1"
    language: Language = "zh"
    timing: Timing = Timing()


class Tender(msgspec.Struct, frozen=True):
    """The payment under way."""

    method: MethodInfo
    amount: Money
    payment_id: str = ""
    since: str = ""
    url: str = ""


class Receipt(msgspec.Struct, frozen=True):
    number: str = ""
    printed: bool = False
    problem: str | None = None
    is_printing: bool = True


class Kiosk(msgspec.Struct, frozen=True):
    """The kiosk's whole state. Times are seconds of one monotonic clock."""

    phase: Phase = "starting"
    since_s: float = 0.0
    touched_s: float = 0.0
    asked_s: float | None = None
    """Since when the screen asks whether somebody is still there."""
    language: Language = "zh"
    order: OrderInfo | None = None
    basket: Collected | None = None
    """The parts of a handset's basket so far; of the order that it became as well, which its handset may still show."""
    tender: Tender | None = None
    leaving: Leaving = ""
    unwanted: bool = False
    """A payment that was asked for may still come to be, and nobody wants it any more."""
    returned: Money | None = None
    """What went back last."""
    paying_out: Money | None = None
    """The part of it that the till is giving back now."""
    at_desk: Money | None = None
    """The part of it that staff hand over."""
    receipt: Receipt | None = None
    cash: CashInfo = CashInfo()
    extended_s: float = 0.0
    slips: tuple[str, ...] = ()
    """Debts of this visit that were printed."""
    methods: tuple[MethodInfo, ...] = ()
    request: Pending | None = None
    serial: int = 0
    notice: Notice | None = None
    notice_until_s: float = 0.0
    notices: int = 0
    """How many notices there were: a new one is told from one that is still shown."""
    help_key: int | None = None
    help_s: float = -1e9
    devices: Mapping[str, DeviceSeen] = {}
    failed_s: Mapping[str, float] = {}
    """Since when a device has failed; only those that have."""
    called_for: frozenset[str] = frozenset()
    """The failed devices that staff were called to."""

    @property
    def order_id(self) -> str | None:
        return self.order.order_id if self.order is not None else None

    @property
    def is_server_away(self) -> bool:
        return "server" in self.failed_s

    @property
    def own_cash(self) -> CashInfo | None:
        """The till's payment, if it is that of the tender under way."""
        tender = self.tender
        if tender is None or not tender.payment_id or self.cash.payment_id != tender.payment_id:
            return None
        return self.cash

    @property
    def is_taking_cash(self) -> bool:
        return self.own_cash is not None and self.cash.state == "taking"
