"""The use cases of an audit: draw, tell the shopper, rescan, conclude; and what all of them say together.

An order is drawn for when it is paid, once, whoever asks first: the shopper can be told before the lane.
"""

import asyncio
import contextlib
import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import InvalidRequest, NotFound
from unqueue.kernel.journal import Event
from unqueue.kernel.settings import Audits as AuditSettings
from unqueue.server.access import Principal
from unqueue.server.audits import store
from unqueue.server.audits.comparing import (
    Article,
    Difference,
    Said,
    Seen,
    Tally,
    articles_of,
    compare,
    sums_of,
    tally,
)
from unqueue.server.audits.drawing import SEED_BYTES, commitment, draw
from unqueue.server.audits.estimates import estimate
from unqueue.server.audits.model import (
    AuditChanged,
    AuditDoubtful,
    AuditNotDue,
    Draw,
    Rules,
    Visit,
    probability,
)
from unqueue.server.audits.verifying import Checked, DrawRecord, Happened, verify
from unqueue.server.audits.views import (
    AuditView,
    ComparisonView,
    FiguresView,
    SeenView,
    StaffAuditView,
    audit_view,
    comparison_id,
    comparison_view,
    staff_view,
)
from unqueue.server.catalogue.service import Catalogue
from unqueue.server.exits import calls
from unqueue.server.exits import store as exits_store
from unqueue.server.exits.calls import Answer
from unqueue.server.exits.model import Exit
from unqueue.server.follower import Follower
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order
from unqueue.server.orders.service import may_see
from unqueue.server.trips import store as trips_store
from unqueue.server.trips.model import Added, Batched, MemberShown
from unqueue.server.trips.service import normal_id

LOOK_S = 60.0
"""How often it looks whether a new day has begun."""
SCANS_MAX = 2_000
FIGURES_DAYS_MAX = 366
CLEAN_REASON = "抽查：商品都对 / audit: all is right"
_log = logging.getLogger(__name__)


class AuditScan(msgspec.Struct, frozen=True):
    """One thing that the attendant scanned (``code``) or tapped (``article``, a key). ``at_ms`` is a clock of the
    console's that only goes forward; ``said`` answers whether it is another item or the same one, read twice.
    """

    at_ms: int
    code: str = ""
    article: str = ""
    said: Said | None = None


class AuditScans(msgspec.Struct, frozen=True):
    scans: list[AuditScan]


class Conclusion(msgspec.Struct, frozen=True):
    """A rescan that ends. ``id`` is made by the console; ``comparison_id`` names the result that was looked at."""

    id: str
    comparison_id: str
    scans: list[AuditScan]


class Audits:
    """All audits of the store. ``rules`` with a rate of 0 draw nobody; ``fresh_seed`` makes a day's secret; ``let_out``
    lets out by hand who was cleared in a side bay.
    """

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        rules: Rules,
        *,
        let_out: Callable[[Transaction, Exit, str], None],
        currency: str,
        time_zone: str,
        fresh_seed: Callable[[], bytes] = lambda: secrets.token_bytes(SEED_BYTES),
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._rules = rules
        self._let_out = let_out
        self._currency = currency
        self._zone = ZoneInfo(time_zone)
        self._fresh_seed = fresh_seed
        self._follower = Follower(database, "audits", {"order.paid", "call.answered"}, self._handle)
        self._watching: asyncio.Task[None] | None = None

    @property
    def is_on(self) -> bool:
        return self._rules.rate > 0

    async def start(self) -> None:
        """Commit to the day's seed, tell those of days that are over, and follow what is paid."""
        await self.turn_days()
        if self.is_on:
            await self._follower.start()
        self._watching = asyncio.create_task(self._watch(), name="audits")

    async def stop(self) -> None:
        await self._follower.stop()
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None

    async def catch_up(self) -> None:
        """Draw for everything that is paid by now."""
        await self._follower.catch_up()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.turn_days()
            except Exception:  # noqa: BLE001  # a database that is away for a moment must not end the watch
                _log.exception("turning the day of the audits failed")

    async def turn_days(self) -> None:
        """Tell the seeds of days that are over, and commit to today's before anything is drawn."""

        def write(tx: Transaction) -> None:
            for day in store.secret_days(tx.connection, self._date(tx.at_us).isoformat()):
                store.set_revealed(tx, day.day)
                tx.record("audit.revealed", store.stream_of(day.day), "system", {"day": day.day, "seed": day.seed})
            if self.is_on:
                self._today(tx)

        await self._database.unit(write)

    def _today(self, tx: Transaction) -> store.Day:
        """The day whose seed draws now. A clock that was set back never leads to a seed that is no secret any more."""
        today, revealed = self._date(tx.at_us), store.last_revealed(tx.connection)
        if revealed is not None:
            today = max(today, date.fromisoformat(revealed) + timedelta(days=1))
        known = store.get_day(tx.connection, today.isoformat())
        if known is not None:
            return known
        seed = self._fresh_seed()
        made = store.Day(today.isoformat(), commitment(seed), seed.hex(), tx.at_us, None)
        store.insert_day(tx, made)
        told = {"day": made.day, "commitment": made.commitment, "commits_to": "SHA-256 of a seed of 32 bytes"}
        tx.record("audit.committed", store.stream_of(made.day), "system", told)
        return made

    def of_order_at_lane(self, tx: Transaction, order: Order) -> dict[str, Any] | None:
        """What holds an order at its lane, as the call for staff shows it; None for one that may go."""
        if _is_out(tx.connection, order.order_id):
            return None
        drawn = self._drawn(tx, order)
        if not drawn.holds:
            return None
        result = store.latest_result(tx.connection, order.order_id)
        return _evidence(drawn, result)

    def _drawn(self, tx: Transaction, order: Order) -> Draw:
        known = store.get(tx.connection, order.order_id)
        if known is not None:
            return known
        day = self._today(tx)
        visit, member = self._visit(tx.connection, order, day.day)
        articles = tuple(article.key for article in articles_of(orders_store.lines(tx.connection, order.order_id)))
        chance = probability(self._rules, visit)
        lot = draw(bytes.fromhex(day.seed), order.order_id, probability=chance, rules=self._rules, articles=articles)
        made = Draw(
            order_id=order.order_id,
            day=day.day,
            at_us=tx.at_us,
            member=member,
            rules=self._rules,
            visit=visit,
            probability=chance,
            value=lot.value,
            kind=lot.kind,
            articles=articles,
            chosen=lot.chosen,
            status="due" if lot.kind is not None else "none",
        )
        store.insert_draw(tx, made)
        record = DrawRecord(*(getattr(made, name) for name in DrawRecord.__struct_fields__))
        names = {"trip_id": order.trip_id, "status": made.status}
        tx.record("audit.drawn", store.stream_of(day.day), "system", msgspec.to_builtins(record) | names)
        return made

    def _visit(self, connection: Connection, order: Order, day: str) -> tuple[Visit, str | None]:
        """All that the rules may look at, and whose history it is, which they may not."""
        member, labelled = _told_by_trip(connection, order)
        if member is None:
            return Visit(order.total_minor, labelled), None
        audits = [one for one in store.audits_of(connection, member) if one[1] != "waived"]
        found = [unpaid_minor or 0 for _, status, unpaid_minor in audits if status in {"clean", "differences"}]
        clean_since = next((place for place, unpaid_minor in enumerate(found) if unpaid_minor), len(found))
        visit = Visit(
            order.total_minor,
            labelled,
            visits_before=store.visits_of(connection, member),
            audits_this_month=sum(one[0][:7] == day[:7] for one in audits),
            differences_before=sum(unpaid_minor > 0 for unpaid_minor in found),
            clean_since=clean_since,
        )
        return visit, member

    def _handle(self, tx: Transaction, event: Event) -> None:
        if event.kind == "order.paid":
            order = orders_store.get(tx.connection, event.payload()["order_id"])
            if order is not None and order.status == "paid" and not _is_out(tx.connection, order.order_id):
                self._drawn(tx, order)
            return
        told = event.payload()
        if told["call"] != "audit" or told["action"] != "let_go":
            return
        known = store.get(tx.connection, told["order_id"])
        if known is not None and known.holds:
            status = "waived" if known.status == "due" else known.status
            store.update_draw(tx, msgspec.structs.replace(known, status=status, cleared_us=event.at_us))

    async def of_order(self, principal: Principal, order_id: str) -> AuditView:
        """What a shopper is told of the audit of an own order. NotFound."""

        def read(connection: Connection) -> AuditView:
            order = orders_store.get(connection, order_id)
            if order is None or not may_see(principal, order):
                raise NotFound
            return audit_view(store.get(connection, order_id) if self.is_on else None)

        return await self._database.read(read)

    async def for_staff(self, order_id: str) -> StaffAuditView:
        """An audit with all that it counts. NotFound, or AuditNotDue for an order that was not drawn."""
        drawn, order, _ = await self._database.read(lambda connection: _audit(connection, order_id))
        return await self._database.read(lambda connection: staff_view(connection, drawn, order))

    async def look(self, order_id: str, scan: AuditScan) -> SeenView:
        """The product of one scanned code, and what the order has of it. ProductUnknown, or what the code's reader
        refuses.
        """
        drawn, _, articles = await self._database.read(lambda connection: _audit(connection, order_id))
        seen = await self._seen(articles, scan)
        (key,) = tally(articles, [seen]).keys
        ordered = next((article.quantity for article in articles if article.key == key), 0)
        return SeenView(key, seen.name_zh, seen.name_en, seen.weight_g, ordered, key in drawn.chosen)

    async def compare(self, order_id: str, scans: Sequence[AuditScan]) -> ComparisonView:
        """What the scans lead to, in both directions. Nothing is written."""
        drawn, order, articles = await self._database.read(lambda connection: _audit(connection, order_id))
        found, differences = _compared(drawn, articles, await self._all_seen(articles, scans))
        return comparison_view(found, differences, order.currency)

    async def conclude(self, staff: Principal, order_id: str, request: Conclusion) -> StaffAuditView:
        """Take a rescan to the books, by name. A clean one lets the order go; differences stay with the call. A recount
        takes the place of the count before it.

        AuditDoubtful until each doubtful scan is answered; AuditChanged where the result is not what was looked at.
        """
        _, _, articles = await self._database.read(lambda connection: _audit(connection, order_id))
        seen = await self._all_seen(articles, request.scans)
        result_id, request_hash = normal_id(request.id), _hash(request)

        def write(tx: Transaction) -> StaffAuditView:
            drawn, order, _ = _audit(tx.connection, order_id)
            known = store.result(tx.connection, result_id)
            if known is not None:
                if (known.order_id, known.request_hash) != (order_id, request_hash):
                    raise AuditChanged
                return staff_view(tx.connection, drawn, order)
            found, differences = _compared(drawn, articles, seen)
            if found.doubtful:
                raise AuditDoubtful(doubtful=list(found.doubtful))
            if comparison_id(differences) != request.comparison_id:
                raise AuditChanged
            result = store.Result(
                result_id, order_id, tx.at_us, staff.name, request_hash, sums_of(differences), differences
            )
            store.insert_result(tx, result)
            now = msgspec.structs.replace(
                drawn, status="differences" if differences else "clean", result_id=result_id, cleared_us=None
            )
            store.update_draw(tx, now)
            told = {"trip_id": order.trip_id, "order_id": order_id, "status": now.status, "result_id": result_id}
            more = {"by": staff.name, "kind": now.kind, "scans": len(seen), "differences": differences}
            tx.record("audit.concluded", f"audit:{order_id}", staff.actor, {**told, **more})
            one = _tell_call(tx, staff, now, result)
            if one is not None and one.bay is not None and one.status == "accepted":
                self._let_out(tx, one, staff.actor)
            return staff_view(tx.connection, now, order)

        return await self._database.unit(write)

    async def _all_seen(self, articles: Sequence[Article], scans: Sequence[AuditScan]) -> list[Seen]:
        if len(scans) > SCANS_MAX:
            raise InvalidRequest(problem=f"more than {SCANS_MAX} scans")
        return [await self._seen(articles, scan) for scan in scans]

    async def _seen(self, articles: Sequence[Article], scan: AuditScan) -> Seen:
        """What a scan names: an article of the order that was tapped, or whatever product has that code, fit to be sold
        or not.
        """
        for article in articles:
            if scan.article == article.key:
                return Seen(
                    article.product_id,
                    article.name_zh,
                    article.name_en,
                    article.weight_g,
                    worth_minor=0,
                    at_ms=scan.at_ms,
                    said=scan.said,
                    by_hand=True,
                )
        if not scan.code:
            raise InvalidRequest(problem="give a code, or the key of an article of the order")
        # Goods that may not be sold any more lie in the bag all the same.
        found = await self._catalogue.recognise(scan.code, from_micros(self._now_us()).astimezone(self._zone))
        product, value_minor = found.product, found.value_minor
        return Seen(
            product.product_id,
            product.name_zh or product.name_en,
            product.name_en or product.name_zh,
            found.code.weight_g if product.is_weighed else None,
            worth_minor=value_minor if value_minor is not None else product.unit_price_minor + product.deposit_minor,
            at_ms=scan.at_ms,
            said=scan.said,
        )

    async def figures(self, first: date, last: date) -> FiguresView:
        """What the audits of some days say of all orders that left, both days included."""
        if last < first:
            raise InvalidRequest(problem="the last day is before the first")
        if (last - first).days >= FIGURES_DAYS_MAX:
            raise InvalidRequest(problem=f"please choose at most {FIGURES_DAYS_MAX} days")
        found = await self._database.read_long(
            lambda connection: store.sampled(connection, first.isoformat(), last.isoformat())
        )
        return FiguresView(first.isoformat(), last.isoformat(), self._currency, estimate(found))

    def _date(self, at_us: int) -> date:
        return from_micros(at_us).astimezone(self._zone).date()

    def _now_us(self) -> int:
        return round(self._database.clock.now().timestamp() * 1_000_000)


def rules_of(settings: AuditSettings) -> Rules:
    """The rules of the settings' ``[audits]``."""
    return Rules(*(getattr(settings, name) for name in Rules.__struct_fields__))


def verify_day(connection: Connection, day: str) -> Checked:
    """Check all draws of a day again: against its seed, its rules, and the orders that left."""
    events = [Happened(event.seq, event.kind, event.payload()) for event in store.events_of_day(connection, day)]
    committed = next((one.seq for one in events if one.kind == "audit.committed"), None)
    revealed = next((one.seq for one in events if one.kind == "audit.revealed"), None)
    released = store.released_between(connection, committed, revealed) if committed is not None else []
    return verify(events, released, store.drawn_of(connection, released))


def _is_out(connection: Connection, order_id: str) -> bool:
    """Whether a gate was opened for an order: it is too late to draw, where audits were off until then."""
    return exits_store.release_of(connection, order_id) is not None and store.get(connection, order_id) is None


def _audit(connection: Connection, order_id: str) -> tuple[Draw, Order, list[Article]]:
    order = orders_store.get(connection, order_id)
    if order is None:
        raise NotFound
    drawn = store.get(connection, order_id)
    if drawn is None or drawn.kind is None:
        raise AuditNotDue
    return drawn, order, articles_of(orders_store.lines(connection, order_id))


def _compared(drawn: Draw, articles: Sequence[Article], seen: Sequence[Seen]) -> tuple[Tally, list[Difference]]:
    found = tally(articles, seen)
    return found, compare(articles, seen, found, drawn.chosen if drawn.kind == "partial" else None)


def _tell_call(tx: Transaction, staff: Principal, drawn: Draw, result: store.Result) -> Exit | None:
    """The calls of a lane or bay about the order hear of the result; a clean one answers the audit's. The exit after
    it.
    """
    one = exits_store.live_of_order(tx.connection, drawn.order_id)
    if one is None:
        return None
    calls.found_by_rescan(tx, one, staff.actor, result.result_id, result.sums.unpaid_minor)
    for call in exits_store.open_calls(tx.connection, exit_id=one.exit_id):
        if call.kind == "audit":
            evidence = {**call.evidence, **_evidence(drawn, result)}
            amended = calls.amend(tx, call, one, staff.actor, evidence)
            if drawn.status == "clean":
                seen_id = amended.evidence_id(one)
                answer = Answer(result.result_id, "let_go", CLEAN_REASON, evidence_id=seen_id)
                calls.answer_in(tx, staff, amended, one, answer)
    return exits_store.get(tx.connection, one.exit_id)


def _evidence(drawn: Draw, result: store.Result | None) -> dict[str, Any]:
    return {
        "audit": drawn.kind,
        "result_id": result.result_id if result is not None else None,
        "outcome": drawn.status if result is not None else None,
    }


def _told_by_trip(connection: Connection, order: Order) -> tuple[str | None, int]:
    """The stable name of the member whose visit it was, and how many of the order's lines came by a label of the
    store's own: a weight or a price in its code.
    """
    trip = trips_store.get(connection, order.trip_id)
    member = trip.member if trip is not None else None
    labelled = set[int]()
    for row in trips_store.actions(connection, order.trip_id):
        for change in row.action.changes if isinstance(row.action, Batched) else (row.action,):
            if isinstance(change, MemberShown):
                member = change.member
            elif isinstance(change, Added) and (change.label_price_minor is not None or change.weight_g is not None):
                labelled.add(change.line)
    on_order = {line.line for line in orders_store.lines(connection, order.order_id)}
    return member, len(labelled & on_order)


def _hash(request: Conclusion) -> str:
    return hashlib.sha256(msgspec.json.encode([request.comparison_id, request.scans])).hexdigest()
