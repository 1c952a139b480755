"""Stored value: gift cards, prepaid and membership cards, vouchers for returned bottles. Pure.

What lies on a card is a debt of the store to whoever holds it. The card is found by any of its codes: the barcode
printed on it, its magnetic stripe, the identifier of its chip.
"""

import re
from typing import ClassVar, Literal

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.kernel.money import Money
from unqueue.server.ledger.model import Entry, entry

Kind = Literal["gift", "member", "voucher"]
Status = Literal["active", "blocked"]
MoveKind = Literal["issue", "top_up", "spend", "refund", "void"]

_AIM_PREFIX = re.compile(r"^\][A-Za-z][0-9A-Za-z]")
_TRACK = re.compile(r"^[;%B]*([0-9]{4,19})[=^?].*$")
_BLANKS = re.compile(r"[\s:-]+")


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card. ``balance_minor`` is what lies on it, in minor units of ``currency``; ``tail`` is what people may see of
    its code. ``expires_us`` (microseconds UTC) is None for a card that is good for ever.
    """

    card_id: str
    kind: Kind
    status: Status
    balance_minor: int
    currency: str
    tail: str
    member: str | None
    issued_us: int
    expires_us: int | None

    @property
    def balance(self) -> Money:
        return Money(self.balance_minor, self.currency)

    def refusal(self, now_us: int, currency: str) -> "DomainError | None":
        """Why nothing can be paid with the card, whatever lies on it."""
        if self.status == "blocked":
            return CardBlocked()
        if self.expires_us is not None and now_us >= self.expires_us:
            return CardExpired()
        return CardUnknown() if currency != self.currency else None


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What went onto a card (positive) or off it. ``void`` moves nothing: it keeps a spend from coming later.

    ``move_id`` is the payment's or refund's id, so that nothing moves twice. ``payment_id`` is the payment that a
    refund gives back. ``second`` is who signed beside the ``actor``, where two persons put value on the card.
    """

    move_id: str
    card_id: str | None
    kind: MoveKind
    amount_minor: int
    currency: str
    payment_id: str | None
    actor: str
    at_us: int = 0
    second: str | None = None


def normal_code(text: str) -> str:
    """A card's code however it was read: barcode with its AIM identifier, magnetic stripe (ISO/IEC 7813 track 1 or 2,
    of which only the number counts), chip identifier with or without colons.

    >>> normal_code("]C12990001234567"), normal_code(";2990001234567=99121010000?"), normal_code("04:a3:f2:19")
    ('2990001234567', '2990001234567', '04A3F219')
    """
    plain = _AIM_PREFIX.sub("", text.strip())
    stripe = _TRACK.match(plain)
    return stripe.group(1) if stripe is not None else _BLANKS.sub("", plain).upper()


def tail_of(code: str) -> str:
    """The last four characters of a code: enough to tell one's cards apart."""
    return normal_code(code)[-4:]


DAY_US = 24 * 3600 * 1_000_000
"""What one person puts on cards alone is counted over so long."""


def needs_second_person(
    amount_minor: int, alone_minor: int, limit_minor: int, *, for_bottles: bool, fills_alone: bool
) -> bool:
    """Whether a second person has to sign for value that is put on a card (docs/decisions/0012).

    ``alone_minor`` is what the first has put on cards alone within :data:`DAY_US`. Nobody goes over the limit alone.
    Below it, a voucher ``for_bottles`` needs no second person, and neither does somebody who ``fills_alone``.

    >>> needs_second_person(250, 0, 20_000, for_bottles=True, fills_alone=False)
    False
    >>> needs_second_person(250, 19_900, 20_000, for_bottles=True, fills_alone=False)
    True
    """
    if not amount_minor:
        return False
    return not (for_bottles or fills_alone) or alone_minor + amount_minor > limit_minor


def spend(move: Move, clearing: str) -> Entry:
    """The holder paid: the debt on the card becomes a claim of the order's payment."""
    return _entry(move, clearing)


def give(move: Move, source: str) -> Entry:
    """Value came onto the card from an account: the desk that took money for it, deposits, a refund."""
    return _entry(move, source)


def _entry(move: Move, other: str) -> Entry:
    postings = [(account(move.card_id or ""), -move.amount_minor), (other, move.amount_minor)]
    payment_id = move.payment_id or (move.move_id if move.kind == "spend" else None)
    return entry(f"stored-value:{move.move_id}", postings, move.currency, payment_id=payment_id)


def account(card_id: str) -> str:
    """The account of what is owed to the holder of a card."""
    return f"stored-value:{card_id}"


class CardUnknown(DomainError):
    code: ClassVar[str] = "card_unknown"
    status: ClassVar[int] = 404
    zh: ClassVar[str] = "没有找到这张卡，请核对卡号，或换一种方式付款"
    en: ClassVar[str] = "We don't know this card. Please check it, or pay another way."


class CardBlocked(DomainError):
    code: ClassVar[str] = "card_blocked"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这张卡已停用，请到服务台"
    en: ClassVar[str] = "This card is blocked. Please come to the service desk."


class CardExpired(DomainError):
    code: ClassVar[str] = "card_expired"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这张卡已过期，请到服务台"
    en: ClassVar[str] = "This card has expired. Please come to the service desk."


class BalanceTooSmall(DomainError):
    """Less lies on the card than was to be paid with it. Details, where it is raised: ``balance``."""

    code: ClassVar[str] = "balance_too_small"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "卡上余额不足，可以先用余额付一部分"
    en: ClassVar[str] = "There is not enough on the card. You can pay a part with it."


class CardTaken(DomainError):
    """Details: ``tail`` of the code that belongs to another card."""

    code: ClassVar[str] = "card_taken"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这个卡号已经属于另一张卡"
    en: ClassVar[str] = "This code belongs to another card already."


class SecondSignatureNeeded(DomainError):
    """Nothing was done. Details: ``limit``, up to which it may go without, for those who may."""

    code: ClassVar[str] = "second_signature_needed"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "往卡里存钱要两个人：请主管也输入姓名和密码"
    en: ClassVar[str] = "Value on a card takes two persons. Please have a supervisor sign with name and PIN, too."


class MoveConflict(DomainError):
    code: ClassVar[str] = "move_conflict"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这个编号已用于另一次操作"
    en: ClassVar[str] = "This id was used for something else."


PROBLEMS: dict[str, type[DomainError]] = {
    kind.code: kind for kind in (CardUnknown, CardBlocked, CardExpired, BalanceTooSmall)
}
"""Codes with which a payment by card can fail → their texts."""
