"""Audits: whose goods are scanned again, by the store's rules and by chance. Pure.

The rules see what was bought, how often the shopper came, and how earlier audits ended: :class:`Visit` has no place for
who the shopper is. They give a probability; :mod:`unqueue.server.audits.drawing` draws.
"""

import math
from typing import Literal

import msgspec

from unqueue.kernel.errors import DomainError

Kind = Literal["partial", "full"]
Status = Literal["none", "due", "clean", "differences", "waived"]
"""``none``: not drawn. ``due``: drawn, and not scanned yet. ``waived``: a person let the order go without."""
DIFFERENCES_COUNTED_MAX = 2
CLEAN_COUNTED_MAX = 3


class AuditNotDue(DomainError):
    code = "audit_not_due"
    status = 409
    zh = "这张订单不需要抽查"
    en = "This order is not to be audited."


class AuditDoubtful(DomainError):
    """Some scans may be one item that was read twice. Details: ``doubtful``, their places in the list."""

    code = "audit_doubtful"
    status = 409
    permanent = False
    zh = "有商品连着扫了两次，请先选“还有一件”或“同一件”"
    en = "Something was scanned twice in a row. Please say first whether it is another one, or the same."


class AuditChanged(DomainError):
    """What was confirmed is not what these scans lead to."""

    code = "audit_changed"
    status = 409
    zh = "核对结果有变化，请再看一下"
    en = "The result has changed. Please have another look."


class Rules(msgspec.Struct, frozen=True):
    """The store's rules: ``[audits]`` of its settings, which says what each is. Shares are between 0 and 1."""

    rate: float
    rate_max: float
    new_shopper_visits: int
    new_shopper_factor: float
    value_minor: int
    value_factor: float
    labelled_factor: float
    differences_factor: float
    clean_factor: float
    full_share: float
    partial_articles: int
    month_max: int


class Visit(msgspec.Struct, frozen=True):
    """All that a draw may look at.

    ``labelled``: lines whose code held a weight or a price, such as a discount sticker. Of a member: the visits before
    this one, the audits of this calendar month, the audits that found unpaid goods, and those without any since the
    last that did; None and 0 for a visit without a member, of whose past nothing is known.
    """

    total_minor: int
    labelled: int = 0
    visits_before: int | None = None
    audits_this_month: int = 0
    differences_before: int = 0
    clean_since: int = 0


def probability(rules: Rules, visit: Visit) -> float:
    """How probable an audit of this visit is: the base rate times a factor for each rule that applies, at most
    ``rate_max``; 0 once the member had as many audits this month as the store allows.

    Each clean result multiplies by ``clean_factor``, up to three in a row, until one finds unpaid goods again; each
    that found some multiplies by ``differences_factor``, at most twice.

    >>> rules = Rules(0.02, 0.2, 3, 2.0, 50_000, 1.5, 1.5, 2.0, 0.5, 0.2, 5, 2)
    >>> probability(rules, Visit(total_minor=8_000)), probability(rules, Visit(8_000, visits_before=0))
    (0.02, 0.04)
    >>> probability(rules, Visit(8_000, visits_before=9, clean_since=1))
    0.01
    >>> probability(rules, Visit(8_000, visits_before=9, audits_this_month=2))
    0.0
    """
    if visit.visits_before is not None and visit.audits_this_month >= rules.month_max:
        return 0.0
    rate = rules.rate
    if visit.visits_before is not None and visit.visits_before < rules.new_shopper_visits:
        rate *= rules.new_shopper_factor
    if rules.value_minor and visit.total_minor >= rules.value_minor:
        rate *= rules.value_factor
    if visit.labelled:
        rate *= rules.labelled_factor
    rate *= rules.differences_factor ** min(visit.differences_before, DIFFERENCES_COUNTED_MAX)
    rate *= rules.clean_factor ** min(visit.clean_since, CLEAN_COUNTED_MAX)
    return min(rate, rules.rate_max)


class Draw(msgspec.Struct, frozen=True):
    """The draw for one order: ``value`` is uniform between 0 and 1, and below ``probability`` means an audit.

    ``articles`` are all that the order has (:func:`~unqueue.server.audits.comparing.articles_of`), ``chosen`` those
    that the audit counts; ``day`` is the store's day whose seed drew, as ``2026-03-02``.
    """

    order_id: str
    day: str
    at_us: int
    member: str | None
    rules: Rules
    visit: Visit
    probability: float
    value: float
    kind: Kind | None
    articles: tuple[str, ...]
    chosen: tuple[str, ...]
    status: Status
    result_id: str | None = None
    cleared_us: int | None = None

    @property
    def holds(self) -> bool:
        """Whether the goods may not leave before staff say so."""
        return self.kind is not None and self.status in {"due", "differences"} and self.cleared_us is None


class AuditWords(msgspec.Struct, frozen=True):
    """What a shopper reads about an audit: that it is chance, how often it happens, and thanks afterwards."""

    zh: str
    en: str


def reason(draw: Draw) -> AuditWords:
    """Why this order is audited, in words that blame nobody.

    >>> reason(_EXAMPLE).en
    'A random check: about 1 in 50 visits like this one. A draw decides, never who you are.'
    """
    visits = math.floor(1 / draw.probability + 0.5) if draw.probability > 0 else 0
    if visits <= 1:
        return AuditWords(
            "随机抽查：现在每次购物都会核对一下，与您个人无关。",
            "A random check: for now it is every visit's turn, whoever you are.",
        )
    return AuditWords(
        f"随机抽查：像这样的购物约每 {visits} 次抽 1 次。由抽签决定，与您个人无关。",
        f"A random check: about 1 in {visits} visits like this one. A draw decides, never who you are.",
    )


THANKS = AuditWords(
    "抽查好了，商品都对，谢谢您的耐心！下次抽到的机会更小。",
    "All is right. Thank you for your patience! You are less likely to be drawn next time.",
)
THANKS_WITHOUT_MEMBER = AuditWords("抽查好了，商品都对，谢谢您的耐心！", "All is right. Thank you for your patience!")

_EXAMPLE = Draw(
    order_id="",
    day="2026-03-02",
    at_us=0,
    member=None,
    rules=Rules(0.02, 0.2, 3, 2.0, 0, 1.0, 1.0, 2.0, 0.5, 0.2, 5, 2),
    visit=Visit(8_000),
    probability=0.02,
    value=0.01,
    kind="partial",
    articles=(),
    chosen=(),
    status="due",
)
