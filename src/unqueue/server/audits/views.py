"""Audits as JSON shows them: ``Audit`` and ``StaffAudit`` of docs/protocols/http.md."""

import hashlib
from collections.abc import Sequence
from typing import Literal

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros
from unqueue.kernel.money import Money
from unqueue.server.audits import store
from unqueue.server.audits.comparing import Article, Difference, DifferenceKind, Tally, articles_of
from unqueue.server.audits.estimates import Figures
from unqueue.server.audits.model import THANKS, THANKS_WITHOUT_MEMBER, AuditWords, Draw, Kind, Status, reason
from unqueue.server.exits.views import OrderSummary, order_summary
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order


class AuditView(msgspec.Struct, frozen=True):
    """What the shopper is told. ``due``: why the goods will be scanned again; ``clean``: thanks; else nothing."""

    status: Literal["none", "due", "clean", "over"]
    text: AuditWords | None


class AuditArticle(msgspec.Struct, frozen=True):
    """What the order has of one product; ``chosen``: to be counted in this audit."""

    key: str
    gtin: str
    name_zh: str
    name_en: str
    weight_g: int | None
    quantity: int
    chosen: bool


class DifferenceView(msgspec.Struct, frozen=True):
    """``beside``: found by the way, not among what was to be counted."""

    key: str
    name_zh: str
    name_en: str
    kind: DifferenceKind
    quantity: int
    ordered: int
    counted: int
    worth: Money
    beside: bool


class ResultView(msgspec.Struct, frozen=True):
    """What the last rescan found, and who made it."""

    id: str
    at: str
    by: str
    differences: list[DifferenceView]
    unpaid: Money
    overpaid: Money


class StaffAuditView(msgspec.Struct, frozen=True):
    """An audit as staff see it. A ``full`` one counts every article, a ``partial`` one those chosen by lot."""

    order: OrderSummary
    kind: Kind
    status: Status
    reason: AuditWords
    articles: list[AuditArticle]
    result: ResultView | None


class SeenView(msgspec.Struct, frozen=True):
    """The product of a scanned code; ``key`` names its article, ``ordered`` is how many of it are on the order."""

    key: str
    name_zh: str
    name_en: str
    weight_g: int | None
    ordered: int
    chosen: bool


class ComparisonView(msgspec.Struct, frozen=True):
    """What the scans lead to, before anybody confirms it; ``id`` names it. ``dropped`` and ``doubtful`` are places in
    the list of scans: read twice at once, and perhaps read twice.
    """

    id: str
    dropped: tuple[int, ...]
    doubtful: tuple[int, ...]
    differences: list[DifferenceView]
    unpaid: Money
    overpaid: Money


class FiguresView(msgspec.Struct, frozen=True):
    """``Figures`` of the days from ``first`` to ``last``; amounts are in minor units of ``currency``."""

    first: str
    last: str
    currency: str
    figures: Figures


def audit_view(draw: Draw | None) -> AuditView:
    if draw is None or draw.status == "none":
        return AuditView("none", None)
    if draw.holds and draw.status == "due":
        return AuditView("due", reason(draw))
    if draw.status == "clean":
        lowers = draw.member is not None and draw.rules.clean_factor < 1
        return AuditView("clean", THANKS if lowers else THANKS_WITHOUT_MEMBER)
    return AuditView("over", None)


def staff_view(connection: Connection, draw: Draw, order: Order) -> StaffAuditView:
    assert draw.kind is not None, "only a drawn order has an audit"
    articles = articles_of(orders_store.lines(connection, draw.order_id))
    result = store.latest_result(connection, draw.order_id)
    return StaffAuditView(
        order=order_summary(order),
        kind=draw.kind,
        status=draw.status,
        reason=reason(draw),
        articles=[article_view(article, draw) for article in articles],
        result=_result_view(result, order.currency) if result is not None else None,
    )


def article_view(article: Article, draw: Draw) -> AuditArticle:
    return AuditArticle(
        key=article.key,
        gtin=article.gtin,
        name_zh=article.name_zh,
        name_en=article.name_en,
        weight_g=article.weight_g,
        quantity=article.quantity,
        chosen=article.key in draw.chosen,
    )


def comparison_view(found: Tally, differences: Sequence[Difference], currency: str) -> ComparisonView:
    unpaid, overpaid = _sums(differences, currency)
    return ComparisonView(
        id=comparison_id(differences),
        dropped=found.dropped,
        doubtful=found.doubtful,
        differences=[_difference_view(one, currency) for one in differences],
        unpaid=unpaid,
        overpaid=overpaid,
    )


def comparison_id(differences: Sequence[Difference]) -> str:
    """Names what there is to confirm: the same differences have the same name."""
    return hashlib.sha256(msgspec.json.encode(differences)).hexdigest()[:32]


def _result_view(result: store.Result, currency: str) -> ResultView:
    unpaid, overpaid = _sums(result.differences, currency)
    return ResultView(
        id=result.result_id,
        at=from_micros(result.at_us).isoformat(),
        by=result.by_name,
        differences=[_difference_view(one, currency) for one in result.differences],
        unpaid=unpaid,
        overpaid=overpaid,
    )


def _difference_view(one: Difference, currency: str) -> DifferenceView:
    return DifferenceView(
        key=one.key,
        name_zh=one.name_zh,
        name_en=one.name_en,
        kind=one.kind,
        quantity=one.quantity,
        ordered=one.ordered,
        counted=one.counted,
        worth=Money(one.worth_minor, currency),
        beside=one.beside,
    )


def _sums(differences: Sequence[Difference], currency: str) -> tuple[Money, Money]:
    unpaid = sum(one.worth_minor for one in differences if one.is_unpaid)
    overpaid = sum(one.worth_minor for one in differences if not one.is_unpaid)
    return Money(unpaid, currency), Money(overpaid, currency)
