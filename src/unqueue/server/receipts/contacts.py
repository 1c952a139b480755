"""A receipt's way to a phone: what the shopper agreed to, how far the SMS is, and when to look at it again. Pure."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.kernel.money import Money

PURPOSE = "receipt"
CONSENT_VERSION = "receipt-sms-1"
"""Which text the shopper agreed to (docs/guides/receipts.md keeps them all)."""
NUMBERS_MAX = 3
"""So many numbers may be given for one receipt: the way is no means to bother strangers."""
SENT_AGAIN_MAX = 10
"""So many sends there are of one receipt, those by staff included."""

Language = Literal["zh", "en"]
Status = Literal["waiting", "due", "sending", "uncertain", "sent", "delivered", "failed", "perhaps", "withdrawn"]
"""``waiting`` for the receipt → ``due`` → ``sending`` → ``sent`` (the provider has it) → ``delivered``.

``uncertain``: the provider's answer was lost, and it is asked. ``perhaps``: it never told; the SMS is not sent again.
``failed``: no SMS will come. ``withdrawn``: the shopper took the number back.
"""
OPEN: frozenset[Status] = frozenset({"waiting", "due"})
"""Nothing has left the store."""
CLOSED: frozenset[Status] = frozenset({"failed", "withdrawn"})
"""Another number may be given."""
AGAIN: frozenset[Status] = frozenset({"failed", "perhaps", "uncertain", "due"})
"""Staff may have it sent again."""
TROUBLES_MAX = 100

TROUBLED_S = 60
"""What is not with the provider after so long is shown to staff."""
TROUBLED_DAYS = 7
"""So long an SMS that failed is shown: its shopper hardly comes back later."""

_S = 1_000_000
RETRY_S = (5, 15, 60, 300, 900, 3600)
LOOK_S = (10, 60, 300, 1800, 7200, 21_600)
GIVE_UP_S = 24 * 3600
"""A receipt that could not be sent in a day is not sent any more; a message nobody reported on is left alone."""
QUIET_S = 120
"""So long a provider with complete lists is asked about a lost answer before the message counts as not taken."""
PERHAPS_S = 3600
"""So long a provider that only lists what phones reported is asked."""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A number and what its owner agreed to. ``sealed`` is the number, encrypted; None once it was dropped.

    ``keep``: it may stay after delivery. ``shown`` is what of it may be shown.
    """

    order_id: str
    sealed: bytes | None
    shown: str
    keep: bool
    consent_version: str
    consent_us: int
    language: Language


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The one SMS of a receipt. ``tries`` counts its sends, or its looks once it left; ``first_us`` is the first send.

    ``numbers`` counts the numbers that were given. ``due_us`` is when to look at it; None: never again.
    """

    message_id: str
    order_id: str
    purpose: str
    status: Status
    reference: str
    problem: str
    tries: int
    numbers: int
    created_us: int
    first_us: int | None
    due_us: int | None
    changed_us: int

    def __repr__(self) -> str:
        return f"Message(message_id={self.message_id!r}, status={self.status!r})"


class ReceiptSms(msgspec.Struct, frozen=True):
    """``ReceiptSms`` of docs/protocols/http.md: how far the SMS is. ``number`` is masked."""

    status: Status
    number: str
    keep: bool
    zh: str
    en: str
    changed_at: str


class SmsTrouble(msgspec.Struct, frozen=True):
    """``SmsTrouble`` of docs/protocols/http.md: a receipt whose SMS failed or still waits. ``number`` is masked;
    ``zh`` and ``en`` say why, ``problem`` is the provider's word. ``number_kept``: it can go to the same number.
    """

    order_id: str
    order_number: str
    receipt_number: str
    status: Status
    number: str
    number_kept: bool
    language: Language
    zh: str
    en: str
    problem: str
    since: str
    sends: int


_TOLD: Mapping[Status, tuple[str, str]] = {
    "waiting": ("付款后会把小票发到您的手机", "We’ll text your receipt once you have paid."),
    "due": ("正在发送小票短信", "Sending your receipt."),
    "sending": ("正在发送小票短信", "Sending your receipt."),
    "uncertain": ("正在确认短信是否已发出", "We’re checking whether the SMS went out."),
    "sent": ("小票短信已发出", "Your receipt is on its way."),
    "delivered": ("小票短信已送达", "Your receipt has arrived."),
    "failed": (
        "短信发不出去，请换一个号码，或保存电子小票",
        "The SMS can’t be sent. Try another number, or save it here.",
    ),
    "perhaps": (
        "短信可能已经发出。没收到的话，请保存电子小票",
        "The SMS may have gone out. If it doesn’t come, please save your receipt here.",
    ),
    "withdrawn": ("号码已删除，不会再发短信", "Your number is deleted. No SMS will be sent."),
}


def told(status: Status) -> tuple[str, str]:
    """A status in Chinese and English."""
    return _TOLD[status]


_WHY: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("MOBILE_NUMBER_ILLEGAL", "MOBILE_COUNT", "IncorrectPhoneNumber", "21211", "21614", "30005", "30006"),
        "运营商不接受这个号码",
        "The network does not take this number.",
    ),
    (
        ("BLACK", "Blacklist", "21610", "30004", "Unsubscribe"),
        "这个号码不收此类短信",
        "This number does not accept such messages.",
    ),
    (("LIMIT", "Limit", "20429", "14107", "21611", "30001"), "短信发送太频繁", "Too many messages for now."),
    (
        ("AMOUNT_NOT_ENOUGH", "OUT_OF_SERVICE", "InsufficientBalance", "PRODUCT_UN_SUBSCRIPT", "30002"),
        "短信账户有问题，请告诉经理",
        "The store’s SMS account is not in order. Please tell the manager.",
    ),
    (
        ("SIGNATURE", "TEMPLATE", "Signature", "Template", "AuthFailure", "InvalidAccessKey", "20003"),
        "短信签名、模板或密钥有问题，请告诉经理",
        "Sign name, template or key of the store’s SMS is not right. Please tell the manager.",
    ),
    (
        ("unreachable", "http_", "not_json", "20500", "20503", "20504", "ResourceUnavailable"),
        "联系不上短信平台",
        "The SMS provider can’t be reached.",
    ),
    (("UNDELIV", "undelivered", "30003", "30008"), "手机关机或没有信号", "The phone is off or out of reach."),
)


def why(status: Status, problem: str) -> tuple[str, str]:
    """Why an SMS failed or waits, in Chinese and English, from the provider's word for it.

    >>> why("failed", "isv.MOBILE_NUMBER_ILLEGAL")[1]
    'The network does not take this number.'
    >>> why("perhaps", "http_504")[1]
    'Nobody knows whether it went out.'
    """
    if status in {"uncertain", "perhaps"}:
        return "不知道短信有没有发出", "Nobody knows whether it went out."
    for words, zh, en in _WHY:
        if any(word in problem for word in words):
            return zh, en
    if status == "failed":
        return "短信没有送达", "The SMS did not arrive."
    return "还在等短信平台", "It still waits for the SMS provider."


def text(store: tuple[str, str], total: Money, number: str, url: str, language: Language) -> str:
    """The SMS where no template says it; ``store`` is its Chinese and English name.

    >>> text(("街角超市", "Corner"), Money(1290, "CNY"), "R-1", "https://s.example/o/x", "en")
    'Thank you for shopping at Corner. Total ¥12.90, receipt R-1: https://s.example/o/x'
    """
    if language == "zh":
        return f"感谢光临{store[0]}！消费{total}，小票号{number}，电子小票：{url}"
    return f"Thank you for shopping at {store[1]}. Total {total}, receipt {number}: {url}"


def retry_at(now_us: int, tries: int) -> int:
    """When to send again what was not taken."""
    return now_us + RETRY_S[min(tries, len(RETRY_S) - 1)] * _S


def look_at(now_us: int, looks: int) -> int:
    """When to ask again what became of a message."""
    return now_us + LOOK_S[min(looks, len(LOOK_S) - 1)] * _S


def is_older(message: Message, now_us: int, seconds: int) -> bool:
    """Whether the first send was longer ago than that."""
    return message.first_us is not None and now_us - message.first_us > seconds * _S


class SmsNotOffered(DomainError):
    code = "sms_not_offered"
    status = 409
    zh = "本店暂不提供短信小票，请保存电子小票"
    en = "This store does not send receipts by SMS. Please save your receipt instead."


class NumberRefused(DomainError):
    """Details: ``fault``, without the number."""

    code = "number_refused"
    status = 422
    zh = "这个手机号码无法接收短信，请核对后再试"
    en = "We can’t text this number. Please check it; a number from abroad begins with + and its country code."


class SmsUnderWay(DomainError):
    code = "receipt_sms_sent"
    status = 409
    zh = "小票短信已经发往另一个号码"
    en = "The receipt was already sent to another number."


class SmsNotFailed(DomainError):
    """It arrived, is on its way, or waits for the receipt."""

    code = "sms_not_failed"
    status = 409
    zh = "这条短信没有失败，不用重发"
    en = "This SMS has not failed: there is nothing to send again."


class NumberGone(DomainError):
    """What failed has no number any more."""

    code = "number_gone"
    status = 409
    zh = "号码已经删除，请顾客再报一次手机号码"
    en = "The number is deleted by now. Please ask the shopper for it again."


class NumbersUsedUp(DomainError):
    code = "numbers_used_up"
    status = 429
    zh = "号码已经换了太多次，请保存电子小票"
    en = "Too many numbers were tried. Please save your receipt instead."
