"""Payments: what an attempt to pay can become, and when a notification may be believed. Pure.

pending → succeeded              it counts for the order, which is paid once all of it is
→ failed                 the shopper declined, or the provider did
→ closed                 given up, or expired
failed, closed → surplus         the money came all the same: it goes back, the order stays as it is
pending → surplus                the order no longer needed it, or it was not the amount that was asked for
succeeded → surplus              the shopper wants it back before all of the order is paid
surplus → refunded

An order may take several payments, one after the other: at most one attempt is open at a time, over all the places
where one can pay, and each is for a part or all of what is due then.
"""

from enum import Enum
from typing import ClassVar, Literal

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.kernel.money import Money
from unqueue.providers.port import ActionKind, Channel, Charge, Notification, ProviderState
from unqueue.server.orders.model import Status as OrderStatus
from unqueue.server.stored_value.model import PROBLEMS as CARD_PROBLEMS

Status = Literal["pending", "succeeded", "failed", "closed", "surplus", "refunded"]
Outcome = Literal["succeeded", "failed", "closed", "surplus"]
ReturnTo = Literal["handset", "order"]

TAKEN: frozenset[Status] = frozenset({"succeeded", "surplus", "refunded"})
"""The provider took the shopper's money, and nothing that it says about that is news any more."""

ASK_AFTER_S = (5, 5, 10, 20, 40, 60)
"""While an attempt is pending and no notification comes, the provider is asked after these pauses, then the last."""
WATCH_AFTER_S = (60, 600, 3600, 86_400)
"""An attempt that was given up is looked at again after these pauses: the money may have come all the same."""
REFUND_STUCK_S = 3600
"""A refund of which its provider has said nothing for so long may be settled by hand."""
REFUND_AFTER_S = (1, 5, 30, 120, 600, 3600)
"""A refund that did not go through is tried again after these pauses, then the last, until it does."""

AGAIN_S_MAX = max(*ASK_AFTER_S, *WATCH_AFTER_S, *REFUND_AFTER_S)
"""The longest of these pauses. What is due later than that was planned by a clock that was wrong, and is due now."""


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to pay one order. Its id is the attempt's id at the provider; ``*_us`` are microseconds UTC.

    ``place`` is the kiosk where it was begun, else empty. ``asked`` holds what only the provider's first call needs
    (JSON of :class:`Asked`), and is forgotten after it. ``action_kind`` is None until the provider has answered;
    ``action_fields`` is the JSON of its fields. ``reference`` is the provider's number, ``slip`` the JSON of the lines
    that a card terminal wants on the receipt. ``problem`` is the code of what went wrong. ``query_due_us`` is when the
    provider is asked next (None: no more), and ``pauses`` is how many pauses were planned since the status changed.
    """

    payment_id: str
    order_id: str
    trip_id: str
    method: str
    status: Status
    amount_minor: int
    currency: str
    return_to: ReturnTo
    created_us: int
    expires_us: int
    channel: Channel = "page"
    place: str = ""
    asked: str = ""
    action_kind: ActionKind | None = None
    action_url: str = ""
    action_fields: str = ""
    slip: str = ""
    reference: str = ""
    problem: str | None = None
    query_due_us: int | None = None
    pauses: int = 0

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def charge(self) -> Charge:
        """How its provider is asked about it."""
        return Charge(
            attempt_id=self.payment_id, amount=self.amount, created_us=self.created_us, reference=self.reference
        )


class Asked(msgspec.Struct, frozen=True):
    """What a provider needs to begin: who pays, the browser's address, and the card or the like that is paid with."""

    payer: str = ""
    client_ip: str = ""
    instrument: str = ""


Cause = Literal["surplus", "given_back", "return"]
PaidBy = Literal["cash", "bank"]
"""How staff give money back by hand: from the service desk's drawer, or by a transfer from the store's bank account."""
BackBy = Literal["cash", "bank", "written_off"]
"""How what a shopper got twice is ended: into the desk's drawer, onto the store's bank account, or not at all."""
AT_PROVIDER = "provider"
"""The place of a refund that is being sent to its provider."""
ADRIFT = "provider?"
"""The place of a refund that was sent and never answered: it may still arrive, whatever becomes of the next try."""


class RefundAnswer(Enum):
    """What came of a try to give money back."""

    NOT_SENT = "not_sent"
    NONE = "none"
    PENDING = "pending"
    REFUSED = "refused"
    FAILED = "failed"
    """Not the request but the refund: its provider will not do it any more."""


NOT_CONFIGURED = "not_configured"
"""The code of a provider that has gone from the settings: nothing was sent."""


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money on its way back. ``due_us`` is when it is tried next; None once it arrived.

    ``cause``: it was not needed (``surplus``), the shopper wanted it back before the order was paid (``given_back``),
    or goods came back (``return``, by ``return_id``). ``place`` is who has begun to give it back, so that nobody else
    may: a kiosk, :data:`AT_PROVIDER`, or :data:`ADRIFT` where nobody but its provider can tell. One that was settled by
    hand from there has a ``due_us`` for a while yet: its provider is asked whether it gave it back as well.
    """

    refund_id: str
    payment_id: str
    order_id: str
    method: str
    amount_minor: int
    currency: str
    status: Literal["pending", "succeeded"]
    created_us: int
    due_us: int | None
    cause: Cause = "surplus"
    return_id: str | None = None
    place: str = ""
    tries: int = 0
    reference: str = ""
    problem: str | None = None

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


def outcome(payment: Payment, order_status: OrderStatus, state: ProviderState) -> Outcome | None:
    """What becomes of an attempt when the provider says ``state``; None when nothing changes.

    The order in which a provider's words arrive, and how often, makes no difference to where it ends.
    """
    if payment.status in TAKEN:
        return None
    if state.status == "succeeded":
        wanted = payment.status == "pending" and order_status == "open"
        fits = state.amount == payment.amount and state.order_id in {"", payment.order_id}
        return "succeeded" if wanted and fits else "surplus"
    if payment.status != "pending" or state.status in {"pending", "unknown"}:
        return None
    return "failed" if state.status == "failed" else "closed"


Mismatch = Literal["provider_mismatch", "merchant_mismatch", "order_mismatch", "amount_mismatch"]


def mismatch(
    payment: Payment, order_number: str, *, method: str, merchant_id: str, told: Notification
) -> Mismatch | None:
    """Why an authentic notification of the provider behind ``method`` does not fit the attempt that it names."""
    if payment.method != method:
        return "provider_mismatch"
    if told.merchant_id != merchant_id:
        return "merchant_mismatch"
    if told.order_id != payment.order_id or told.order_number != order_number:
        return "order_mismatch"
    if told.amount != payment.amount:
        return "amount_mismatch"
    return None


def agrees(state: ProviderState, told: Notification) -> bool:
    """Whether the provider, asked, says what its notification said."""
    return (
        state.status == told.status
        and state.amount == told.amount
        and state.order_id in {"", told.order_id}
        and state.reference == told.reference
    )


def is_known(payment: Payment, told: Notification) -> bool:
    """Whether a notification tells nothing new: it came before, or the answer to our question was quicker."""
    return payment.status in TAKEN if told.status == "succeeded" else payment.status == told.status


def planned(payment: Payment, now_us: int) -> Payment:
    """The payment with the time at which its provider is asked next, one pause further on than before."""
    due_us: int | None = None
    if payment.status == "pending":
        due_us = now_us + ASK_AFTER_S[min(payment.pauses, len(ASK_AFTER_S) - 1)] * 1_000_000
        if now_us < payment.expires_us:
            due_us = min(due_us, payment.expires_us)
    elif payment.status in {"failed", "closed"} and payment.pauses < len(WATCH_AFTER_S):
        due_us = now_us + WATCH_AFTER_S[payment.pauses] * 1_000_000
    return msgspec.structs.replace(payment, query_due_us=due_us, pauses=payment.pauses + 1)


def has_expired(payment: Payment, now_us: int) -> bool:
    """Whether the time to pay is over, also for an attempt that a clock that ran ahead has dated into the future."""
    return now_us >= payment.expires_us or payment.created_us - now_us >= payment.expires_us - payment.created_us


def watch_again_us(tries: int, now_us: int) -> int | None:
    """When to look again whether a refund that was settled by hand has arrived as well; None when it is enough.

    >>> [watch_again_us(tries, 0) for tries in (0, 3, 4)]
    [60000000, 86400000000, None]
    """
    return now_us + WATCH_AFTER_S[tries] * 1_000_000 if tries < len(WATCH_AFTER_S) else None


def watch_unanswered_us(tries: int, now_us: int) -> int:
    """When to look again at such a refund whose provider did not answer; an outage is no look.

    >>> [watch_unanswered_us(tries, 0) for tries in (0, 2, 4)]
    [600000000, 3600000000, 86400000000]
    """
    return now_us + max(600, WATCH_AFTER_S[min(tries, len(WATCH_AFTER_S) - 1)]) * 1_000_000


def refund_again_us(tries: int, now_us: int) -> int:
    """When to try a refund again that has been tried ``tries`` times."""
    return now_us + REFUND_AFTER_S[min(tries, len(REFUND_AFTER_S)) - 1] * 1_000_000


class PaymentConflict(DomainError):
    code: ClassVar[str] = "payment_conflict"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这个付款编号已经用过，请重新发起付款"
    en: ClassVar[str] = "This payment's id is taken. Please start the payment again."


class MethodUnknown(DomainError):
    code: ClassVar[str] = "method_unknown"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "这里不能用这种方式付款，请换一种"
    en: ClassVar[str] = "We can't take this way of paying here. Please choose another."


class AmountInvalid(DomainError):
    """Details: ``due``, the most that can be paid."""

    code: ClassVar[str] = "amount_invalid"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "付款金额要大于零，且不超过应付金额"
    en: ClassVar[str] = "The amount must be more than nothing, and not more than what is due."


class PayerUnknown(DomainError):
    """The wallet's browser has to be identified first, or what it came back with is no longer good."""

    code: ClassVar[str] = "payer_unknown"
    status: ClassVar[int] = 409
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "请重新打开付款页面"
    en: ClassVar[str] = "Please open the payment page again."


class RefundAtKiosk(DomainError):
    """Details: ``place``, the kiosk that has begun to give it back."""

    code: ClassVar[str] = "refund_at_kiosk"
    status: ClassVar[int] = 409
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "自助机 {place} 正在退这笔钱，请先看那台机器"
    en: ClassVar[str] = "Kiosk {place} is giving this back. Please look at that machine first."


class KioskAwake(DomainError):
    """Details: ``place``, a kiosk that was heard of a moment ago."""

    code: ClassVar[str] = "kiosk_awake"
    status: ClassVar[int] = 409
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "自助机 {place} 还在运行，请到那台机器上处理"
    en: ClassVar[str] = "Kiosk {place} is running. Please have the money given back there."


class RefundArrived(DomainError):
    code: ClassVar[str] = "refund_arrived"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这笔钱已经退过了，请不要再付"
    en: ClassVar[str] = "This has been given back already. Please don't pay it again."


class RefundUnderWay(DomainError):
    """Its provider has not refused it: it may arrive yet, or may have arrived."""

    code: ClassVar[str] = "refund_under_way"
    status: ClassVar[int] = 409
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "这笔退款还可能到账，请先等渠道答复"
    en: ClassVar[str] = "This refund may still arrive. Please wait until its provider has answered."


class ProviderBusy(DomainError):
    """The provider does not answer; the attempt stays open, and sending the request again goes on with it."""

    code: ClassVar[str] = "provider_busy"
    status: ClassVar[int] = 503
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "付款渠道暂时没有回应，请稍候再试"
    en: ClassVar[str] = "The payment service is not answering. Please try again in a moment."


class NothingToDecide(DomainError):
    """Its provider knows, or will tell; or it has ended already."""

    code: ClassVar[str] = "nothing_to_decide"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这笔付款不需要人工判断"
    en: ClassVar[str] = "There is nothing to decide about this payment."


class PaymentDeclined(DomainError):
    """Shown with a payment of status ``failed``, never raised."""

    code: ClassVar[str] = "payment_declined"
    status: ClassVar[int] = 402
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "没有付成，没有扣款。可以再试一次，或换一种方式"
    en: ClassVar[str] = "The payment did not go through, and nothing was taken. Try again, or pay another way."


class PaymentExpired(DomainError):
    """Shown with a payment of status ``closed``, never raised."""

    code: ClassVar[str] = "payment_expired"
    status: ClassVar[int] = 410
    permanent: ClassVar[bool] = False
    zh: ClassVar[str] = "付款时间到了，没有扣款。请再试一次"
    en: ClassVar[str] = "The time to pay ran out, and nothing was taken. Please try again."


class ProviderRefusedPayment(DomainError):
    """Shown with a payment of status ``failed``, never raised."""

    code: ClassVar[str] = "provider_refused"
    status: ClassVar[int] = 502
    zh: ClassVar[str] = "付款渠道没有接受这笔付款，没有扣款。请换一种方式，或叫店员"
    en: ClassVar[str] = "The payment service did not accept this, and nothing was taken. Pay another way, or call us."


PROBLEMS: dict[str, type[DomainError]] = {
    kind.code: kind for kind in (PaymentDeclined, PaymentExpired, ProviderRefusedPayment)
} | CARD_PROBLEMS
"""Codes in :attr:`Payment.problem` → their texts."""
