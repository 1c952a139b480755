"""Exits and calls as JSON shows them: ``Exit`` and ``Call`` of docs/protocols/http.md."""

import math
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros
from unqueue.kernel.money import Money
from unqueue.server.catalogue import store as catalogue_store
from unqueue.server.catalogue.model import Product
from unqueue.server.exits import store
from unqueue.server.exits.answers import PAYABLE, Action, CallKind, Finding, Status
from unqueue.server.exits.model import Call, Check, Exit
from unqueue.server.exits.weights import BAG_G, BAG_SD_G, Brought, ExpectedWeight, Weighing
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderLine


class OrderSummary(msgspec.Struct, frozen=True):
    id: str
    number: str
    item_count: int
    total: Money


class ExitLine(msgspec.Struct, frozen=True):
    """One line as the lane weighs it; ``weight_g_expected`` and ``weight_g_sd`` are of the whole line."""

    line: int
    product_id: str
    name_zh: str
    name_en: str
    quantity: int
    weight_g_expected: int
    weight_g_sd: float
    eas: bool


class SecurityView(msgspec.Struct, frozen=True):
    """Who called the guard, when and why."""

    by: str
    at: str
    reason: str


class CallView(msgspec.Struct, frozen=True):
    """``action`` is None while the call is open, and where it settled itself. ``actions`` can be answered to it now;
    ``evidence_id`` names what there is to see of it now; ``payable``: goods that turn up can be paid for at it;
    ``looked_by`` opened it first.
    """

    id: str
    kind: CallKind
    status: str
    lane: str
    exit_id: str | None
    order: OrderSummary | None
    opened_at: str
    answered_at: str | None
    answered_by: str | None
    action: Action | None
    reason: str | None
    evidence: dict[str, Any]
    evidence_id: str
    actions: list[Action]
    payable: bool
    looked_by: str | None
    security: SecurityView | None
    finding: Finding | None


class ExitView(msgspec.Struct, frozen=True):
    """``checks`` are those that staff have still to clear; ``tags`` is how many goods carry one. ``expected``: between
    which weights they pass at this lane, as learned; None where the lane's own rule decides. ``bay``: the side bay that
    the shopper was sent to.
    """

    id: str
    lane: str
    status: Status
    order: OrderSummary
    basket_hash: str
    lines: list[ExitLine]
    tags: int
    checks: tuple[Check, ...]
    weighing: Weighing | None
    call: CallView | None
    passages: int | None
    expected: ExpectedWeight | None = None
    bay: str | None = None


class Rotation(msgspec.Struct, frozen=True):
    """How a screen makes the text that it shows now: ``<stem>.<link>``, the link as
    :func:`unqueue.passes.rotation.chain` says. ``seed`` and ``link`` are base64url, ``pass_id`` hexadecimal; the links
    change every ``step_s`` seconds from ``issued_s`` on, ``steps`` times.
    """

    stem: str
    seed: str
    pass_id: str
    issued_s: int
    step_s: int
    steps: int


class ContainerView(msgspec.Struct, frozen=True):
    """A bag or box that shoppers often bring, and how many of it this one has."""

    product_id: str
    name_zh: str
    name_en: str
    count: int


class BagsView(msgspec.Struct, frozen=True):
    """How many bags of their own a shopper has declared, and how many of ``containers`` that the store knows; of all
    together they may ``count_max`` (0: the store asks nobody).
    """

    count: int
    count_max: int
    containers: list[ContainerView] = []


class OfflineLane(msgspec.Struct, frozen=True):
    """The lane that takes a pass while it is cut off from the server."""

    id: str
    name: str


class PassView(msgspec.Struct, frozen=True):
    """An exit pass: its text as it is shown now with its QR code, when it ends, and how what is shown changes.
    ``offline_lane`` is None where staff have to look at the order first.
    """

    # ``pass`` is a word of Python's own.
    pass_: str = msgspec.field(name="pass")
    expires_at: str
    svg: str
    rotation: Rotation
    offline_lane: OfflineLane | None


def exit_view(connection: Connection, one: Exit) -> ExitView:
    """An exit with its order's lines and the call that it waits for."""
    order = _order(connection, one.order_id)
    lines = orders_store.lines(connection, one.order_id)
    brought = store.brought(connection, one.order_id)
    call = store.latest_call_of_exit(connection, one.exit_id)
    return ExitView(
        id=one.exit_id,
        lane=one.lane,
        status=one.status,
        order=order_summary(order),
        basket_hash=one.basket_hash,
        lines=[*(exit_line(line) for line in lines), *brought_lines(connection, brought)],
        tags=sum(line.quantity for line in lines if line.tag == "EAS"),
        checks=one.checks,
        weighing=one.weighing,
        call=call_view(connection, call) if call is not None else None,
        passages=one.passages,
        bay=one.bay,
    )


def brought_lines(connection: Connection, brought: Brought) -> list[ExitLine]:
    """What the shopper brought, as lines: it is weighed like goods. Their numbers are those of no line of an order."""
    lines = []
    if brought.bags:
        bags, sd_g = brought.bags, BAG_SD_G * math.sqrt(brought.bags)
        lines.append(ExitLine(0, "bag", "自带袋子", "Own bags", bags, bags * BAG_G, sd_g, eas=False))
    for place, (product, count) in enumerate(known_containers(connection, brought), 1):
        sd_g = product.weight_g_sd * math.sqrt(count)
        grams = count * product.weight_g_expected
        names = product.name_zh or product.name_en, product.name_en or product.name_zh
        lines.append(ExitLine(-place, product.product_id, *names, count, grams, sd_g, eas=False))
    return lines


def known_containers(connection: Connection, brought: Brought) -> list[tuple[Product, int]]:
    """The containers as the catalogue has them, and how many of each."""
    records = catalogue_store.records(connection, [product_id for product_id, _ in brought.containers])
    found = ((records.get(product_id), count) for product_id, count in brought.containers)
    return [(record.product, count) for record, count in found if record is not None]


def exit_line(line: OrderLine) -> ExitLine:
    """The line's weight: of independent units, means and variances add up."""
    return ExitLine(
        line=line.line,
        product_id=line.product_id,
        name_zh=line.name_zh,
        name_en=line.name_en,
        quantity=line.quantity,
        weight_g_expected=line.weight_g_expected * line.quantity,
        weight_g_sd=round(line.weight_g_sd * math.sqrt(line.quantity), 2),
        eas=line.tag == "EAS",
    )


def call_view(connection: Connection, call: Call) -> CallView:
    one = store.get(connection, call.exit_id) if call.exit_id is not None else None
    return CallView(
        id=call.call_id,
        kind=call.kind,
        status=call.status,
        lane=call.lane,
        exit_id=call.exit_id,
        order=order_summary(_order(connection, call.order_id)) if call.order_id is not None else None,
        opened_at=from_micros(call.opened_us).isoformat(),
        answered_at=from_micros(call.answered_us).isoformat() if call.answered_us is not None else None,
        answered_by=call.answered_by,
        action=call.action,
        reason=call.reason,
        evidence=call.evidence,
        evidence_id=call.evidence_id(one),
        actions=sorted(call.actions(one)),
        payable=call.status == "open" and call.kind in PAYABLE,
        looked_by=call.looked_by,
        security=_security(call),
        finding=call.finding,
    )


def _security(call: Call) -> SecurityView | None:
    if call.security_us is None or call.security_by is None:
        return None
    return SecurityView(call.security_by, from_micros(call.security_us).isoformat(), call.security_reason or "")


def call_views(connection: Connection, found: Iterable[Call]) -> list[CallView]:
    return [call_view(connection, call) for call in found]


def order_summary(order: Order) -> OrderSummary:
    return OrderSummary(order.order_id, order.number, order.item_count, Money(order.total_minor, order.currency))


def _order(connection: Connection, order_id: str) -> Order:
    order = orders_store.get(connection, order_id)
    assert order is not None, f"order {order_id} came to a lane and must stay known"
    return order
