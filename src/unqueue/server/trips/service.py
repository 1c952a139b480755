"""The use cases of a trip. The state of trips that are going on is kept in memory; every change is durable before it
is answered, and a trip that is not in memory is folded from its actions.
"""

import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from unqueue.kernel.clock import micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import DomainError, InvalidRequest, NotFound
from unqueue.kernel.ids import new_id, same_secret, token_hash
from unqueue.kernel.journal import Event
from unqueue.server.access import issue_token
from unqueue.server.catalogue.codes import CheckDigitWrong, CodeMalformed
from unqueue.server.catalogue.model import ProductUnknown
from unqueue.server.catalogue.service import ProductView
from unqueue.server.promotions.pricing import Pricing
from unqueue.server.trips import store
from unqueue.server.trips.basket import Basket, BatchAnswer, LineViews, ScanAnswer, show_basket
from unqueue.server.trips.coupons import BasketCoupon, CouponFinder, Found
from unqueue.server.trips.live import LiveTrip
from unqueue.server.trips.model import (
    ACTIONS_MAX,
    COUPONS_MAX,
    LINES_MAX,
    QUANTITY_MAX,
    Action,
    Added,
    BasketFull,
    Batched,
    Change,
    Changed,
    CouponAdded,
    CouponInBasket,
    CouponNotThere,
    CouponRemoved,
    CouponsFull,
    LineUnknown,
    MemberCardInvalid,
    MemberShown,
    NotAdded,
    QuantityInvalid,
    ScanConflict,
    Status,
    Trip,
    TripFrozen,
    TripTooLong,
    fold,
)
from unqueue.server.trips.ports import MemberFinder, Pricer, ProductFinder
from unqueue.server.trips.requests import Batch, BatchAdd, OpenedTrip, Scan

Put = Added | CouponAdded | MemberShown
LIVE_TRIPS_MAX = 5_000
_UUID_DIGITS = frozenset("0123456789abcdef")


class Trips:
    """All trips of the store.

    ``coupons`` finds coupons and ``members`` the member of a card; what knows these things stands above trips.
    """

    def __init__(
        self,
        database: Database,
        catalogue: ProductFinder,
        promotions: Pricer,
        *,
        currency: str,
        time_zone: str,
        coupons: CouponFinder | None = None,
        members: MemberFinder | None = None,
        basket_key: Callable[[str], bytes] | None = None,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._promotions = promotions
        self._coupons = coupons
        self._members = members
        self._basket_key = basket_key
        self._currency = currency
        self._zone = ZoneInfo(time_zone)
        self._live: OrderedDict[str, LiveTrip] = OrderedDict()
        self._loading: dict[str, list[tuple[Status, str | None]]] = {}
        database.listen(self._follow)

    async def open(self, language: str, member: str | None, asker: str = "") -> OpenedTrip:
        """Start a visit. ``asker`` is the client's address."""
        name = await self._members.name(member, asker) if member and self._members is not None else None
        if member and name is None:
            raise MemberCardInvalid
        token, hashed = issue_token("trip")
        row = store.TripRow(
            trip_id=new_id(),
            token_hash=hashed,
            status="shopping",
            currency=self._currency,
            language=language,
            is_member=bool(member),
            opened_us=self._now_us(),
            order_id=None,
            member=name,
        )

        def write(tx: Transaction) -> None:
            store.insert_trip(tx, row)
            tx.record("trip.opened", f"trip:{row.trip_id}", f"trip:{row.trip_id}", {"language": language})

        await self._database.unit(write)
        live = LiveTrip(row, _empty(row))
        self._keep(live)
        key = self._basket_key(row.trip_id).hex() if self._basket_key is not None else None
        return OpenedTrip(row.trip_id, token, msgspec.Raw(self.basket(live)), key)

    async def owned(self, trip_id: str, token: str) -> LiveTrip:
        """The trip that ``token`` proves to be the bearer's; NotFound for anyone else's."""
        live = self._live.get(trip_id)
        if live is None:
            live = await self._load(normal_id(trip_id))
        else:
            self._live.move_to_end(trip_id)
        if not same_secret(live.row.token_hash, token_hash(token)):
            raise NotFound
        return live

    async def live(self, trip_id: str) -> LiveTrip:
        """A trip by its id, for other capabilities: whoever calls has made sure who asks."""
        return self._live.get(trip_id) or await self._load(trip_id)

    @contextlib.asynccontextmanager
    async def turn(self, held: LiveTrip) -> AsyncIterator[LiveTrip]:
        """A trip's turn: nobody else changes it meanwhile. Use what this gives: ``held`` may be out of date.

        A write that failed, or a full memory, drops a trip from memory; who waited for it goes on with the one that
        was read anew.
        """
        while True:
            async with held.lock:
                current = self._live.get(held.row.trip_id)
                if current is held:
                    yield held
                    return
            held = current or await self._load(held.row.trip_id)

    async def scan(self, held: LiveTrip, request: Scan, asker: str = "") -> bytes:
        """Put what was scanned into the basket; the JSON of a ``ScanAnswer``. A resend is answered as the first."""
        action_id = normal_id(request.id)
        body_hash = _body_hash(msgspec.structs.replace(request, id=action_id))
        async with self.turn(held) as live:
            done = self._again(live, action_id, body_hash)
            if done is None:
                self._open_for_change(live)
                action = await self._added(live, live.trip, request, asker)
                codes = {action.coupon: request.code} if isinstance(action, CouponAdded) else None
                trip = await self._commit(live, action_id, body_hash, action, codes)
                return self._answer(live, trip, action)
            return self._answer(live, self._as_of(live, done), live.actions[done - 1])

    async def change(self, held: LiveTrip, line: int, quantity: int) -> bytes:
        """Set a line's quantity; 0 takes it off."""
        async with self.turn(held) as live:
            self._open_for_change(live)
            self._check_change(live.trip, line, quantity)
            action = Changed(line, quantity)
            return self._answer(live, await self._commit(live, new_id(), _body_hash(action), action), action)

    async def remove_coupon(self, held: LiveTrip, coupon: int) -> bytes:
        """Take a coupon out of the basket."""
        async with self.turn(held) as live:
            self._open_for_change(live)
            if coupon not in live.trip.coupons:
                raise CouponNotThere
            action = CouponRemoved(coupon)
            return self._answer(live, await self._commit(live, new_id(), _body_hash(action), action), action)

    async def batch(self, held: LiveTrip, request: Batch, asker: str = "") -> bytes:
        """Add, set and delete many at once. What can't be added is told in ``refused``; the rest is one action."""
        action_id = normal_id(request.id)
        body_hash = _body_hash(msgspec.structs.replace(request, id=action_id))
        async with self.turn(held) as live:
            done = self._again(live, action_id, body_hash)
            if done is None:
                self._open_for_change(live)
                action, codes = await self._batched(live, request, asker)
                is_something = action.changes or action.refused
                trip = await self._commit(live, action_id, body_hash, action, codes) if is_something else live.trip
            else:
                taken = live.actions[done - 1]
                assert isinstance(taken, Batched), "a batch's body belongs to a batch"
                trip, action = self._as_of(live, done), taken
            touched = dict.fromkeys(change.line for change in action.changes if isinstance(change, Added | Changed))
            refused = [{"code": request.add[one.index].code, "problem": one.problem} for one in action.refused]
            return self._answer_batch(live, trip, list(touched), refused)

    def basket(self, live: LiveTrip) -> bytes:
        """The whole priced basket as JSON."""
        return _encode(self._shown(live, live.trip))

    def preview(self, live: LiveTrip, trip: Trip, pricing: Pricing) -> Sequence[BasketCoupon]:
        """What the coupons in the basket would give now."""
        if not trip.coupons or self._coupons is None:
            return ()
        return self._coupons.preview(trip, pricing, {number: live.coupons[number] for number in trip.coupons})

    def price(self, trip: Trip) -> Pricing:
        """What the promotions make of the basket now."""
        return self._promotions.price(
            [line.pricing_line() for line in trip.lines.values()],
            at=self._database.clock.now().astimezone(self._zone),
            member=trip.is_member,
        )

    async def look_at(self, live: LiveTrip, code: str) -> ProductView:
        """What a code stands for, without buying it. Noted in the journal."""
        found = await self._catalogue.resolve(code, None, self._local_now())
        live.viewed.add(found.product.gtin)
        self.note(live, "product.viewed", {"gtin": found.product.gtin})
        return await self._catalogue.view(found.product)

    def note(self, live: LiveTrip, kind: str, data: Mapping[str, Any]) -> None:
        """Journal that the shopper looked at something; nobody waits for it."""
        self._database.later(lambda tx: tx.record(kind, live.actor, live.actor, data))

    def forget(self, trip_id: str) -> None:
        """Drop a trip from memory; it is folded from its actions when it is next asked for."""
        self._live.pop(trip_id, None)

    async def _added(self, live: LiveTrip, trip: Trip, request: Scan | BatchAdd, asker: str) -> Put:
        try:
            found = await self._catalogue.resolve(request.code, request.symbology, self._local_now())
        except (CheckDigitWrong, CodeMalformed, ProductUnknown) as refusal:
            guess = None if isinstance(refusal, ProductUnknown) else asker
            other = await self._coupon_added(live, trip, request, guess) or await self._member_shown(trip, request)
            if other is None:
                raise refusal from None
            return other
        product = found.product
        if not 1 <= request.quantity <= QUANTITY_MAX:
            raise QuantityInvalid
        if product.is_weighed and request.quantity != 1:
            raise QuantityInvalid
        unit_price_minor = product.unit_price_minor
        plain = found.code.weight_g is None and found.code.price_minor is None
        number = trip.line_for(product, unit_price_minor, mergeable=plain)
        line = trip.lines.get(number)
        if line is None and len(trip.lines) >= LINES_MAX:
            raise BasketFull
        if line is not None and line.quantity + request.quantity > QUANTITY_MAX:
            raise QuantityInvalid
        live.products[product.gtin] = product
        return Added(
            line=number,
            gtin=product.gtin,
            quantity=request.quantity,
            unit_price_minor=unit_price_minor,
            code=request.code,
            weight_g=found.code.weight_g,
            label_price_minor=found.code.price_minor,
            sold_by=product.sold_by,
            deposit_minor=product.deposit_minor,
            tax_rate_bp=product.tax_rate_bp,
            symbology=request.symbology,
            at=request.at if isinstance(request, Scan) else None,
        )

    async def _coupon_added(
        self, live: LiveTrip, trip: Trip, request: Scan | BatchAdd, asker: str | None
    ) -> CouponAdded | None:
        """A code that is no product's may be a coupon's; None where it is neither."""
        found = await self._coupons.find(request.code, trip, asker) if self._coupons is not None else None
        if found is None:
            return None
        if request.quantity != 1 or any(live.coupons[number].code == found.code for number in trip.coupons):
            raise CouponInBasket
        if len(trip.coupons) >= COUPONS_MAX:
            raise CouponsFull
        number = trip.last_coupon + 1
        live.coupons[number] = found
        at = request.at if isinstance(request, Scan) else None
        return CouponAdded(number, found.coupon_id, found.zh, found.en, request.symbology, at)

    async def _member_shown(self, trip: Trip, request: Scan | BatchAdd) -> MemberShown | None:
        """A code that is neither a product's nor a coupon's may be on a member's card."""
        member = await self._members.of_card(request.code, trip.trip_id) if self._members is not None else None
        return MemberShown(member) if member is not None else None

    async def _batched(self, live: LiveTrip, request: Batch, asker: str) -> tuple[Batched, dict[int, str]]:
        """The batch as one action, checked step by step on a copy of the trip; with the codes of its coupons."""
        trial = self._as_of(live, len(live.actions))
        changes: list[Change] = []
        codes: dict[int, str] = {}
        refused: list[NotAdded] = []
        steps = [Changed(entry.line, entry.quantity) for entry in request.set]
        for change in [*steps, *(Changed(line, 0) for line in request.delete)]:
            self._check_change(trial, change.line, change.quantity)
            trial.apply(change, live.products)
            changes.append(change)
        for number in request.delete_coupons:
            if number not in trial.coupons:
                raise CouponNotThere
            removed = CouponRemoved(number)
            trial.apply(removed, live.products)
            changes.append(removed)
        for index, entry in enumerate(request.add):
            try:
                added = await self._added(live, trial, entry, asker)
            except DomainError as error:
                refused.append(NotAdded(index, error.problem()))
                continue
            if isinstance(added, CouponAdded):
                codes[added.coupon] = entry.code
            trial.apply(added, live.products)
            changes.append(added)
        return Batched(changes, refused), codes

    async def _commit(
        self,
        live: LiveTrip,
        action_id: str,
        body_hash: bytes,
        action: Action,
        codes: Mapping[int, str] | None = None,
    ) -> Trip:
        """Make an action durable, then let it take effect in memory. If it can't be known, memory is thrown away."""
        try:
            await self._database.unit(
                lambda tx: store.insert_action(tx, live.row.trip_id, action_id, body_hash, action, codes=codes)
            )
        except BaseException:
            self.forget(live.row.trip_id)
            raise
        live.trip.apply(action, live.products)
        live.took(action_id, body_hash, action)
        return live.trip

    def _answer(self, live: LiveTrip, trip: Trip, action: Action) -> bytes:
        """What a trip is after an action on one line or coupon."""
        basket = self._shown(live, trip)
        if isinstance(action, Added | Changed):
            lines = [view for view in basket.lines if view.line == action.line]
            return _encode(ScanAnswer(lines[0] if lines else None, basket, None))
        if isinstance(action, MemberShown):
            return _encode(ScanAnswer(None, basket, None))
        assert not isinstance(action, Batched), "a scan's body belongs to a scan"
        coupons = [view for view in basket.coupons if view.coupon == action.coupon]
        return _encode(ScanAnswer(None, basket, coupons[0] if coupons else None))

    def _shown(self, live: LiveTrip, trip: Trip) -> Basket:
        views = live.views if trip is live.trip else LineViews()
        pricing = self.price(trip)
        return show_basket(trip, pricing, views, self.preview(live, trip, pricing))

    def _answer_batch(self, live: LiveTrip, trip: Trip, lines: list[int], refused: list[dict[str, Any]]) -> bytes:
        basket = self._shown(live, trip)
        by_number = {view.line: view for view in basket.lines}
        return _encode(BatchAnswer([by_number[line] for line in lines if line in by_number], basket, refused))

    def _again(self, live: LiveTrip, action_id: str, body_hash: bytes) -> int | None:
        """How many actions there were when this one had been taken, if it was."""
        known = live.ids.get(action_id)
        if known is None:
            return None
        if known[0] != body_hash:
            raise ScanConflict
        return known[1]

    def _as_of(self, live: LiveTrip, count: int) -> Trip:
        """The trip as it was after its first ``count`` actions."""
        return fold(
            live.trip.trip_id,
            live.trip.currency,
            live.actions[:count],
            live.products,
            is_member=live.row.is_member,
            member=live.row.member,
        )

    @staticmethod
    def _open_for_change(live: LiveTrip) -> None:
        if live.trip.status != "shopping":
            raise TripFrozen
        if len(live.actions) >= ACTIONS_MAX:
            raise TripTooLong

    @staticmethod
    def _check_change(trip: Trip, line: int, quantity: int) -> None:
        known = trip.lines.get(line)
        if known is None:
            raise LineUnknown
        if not 0 <= quantity <= QUANTITY_MAX or (quantity > 1 and known.is_weighed):
            raise QuantityInvalid

    async def _load(self, trip_id: str) -> LiveTrip:
        def read(connection: Any) -> tuple[store.TripRow | None, list[store.ActionRow], dict[int, str]]:
            return (
                store.get(connection, trip_id),
                store.actions(connection, trip_id),
                store.coupon_codes(connection, trip_id),
            )

        heard = self._loading.setdefault(trip_id, [])
        try:
            row, rows, codes = await self._database.read(read)
            if row is None:
                raise NotFound
            live = await self._folded(row, rows)
            await self._recall(live, codes)
        finally:
            self._loading.pop(trip_id, None)
        if heard:  # it moved on after it was read
            live.trip.status, live.trip.order_id = heard[-1]
        # Another request may have loaded the same trip meanwhile: there must be one state, one lock.
        return self._live.get(trip_id) or self._keep(live)

    async def _folded(self, row: store.TripRow, rows: list[store.ActionRow]) -> LiveTrip:
        live = LiveTrip(row, _empty(row))
        for gtin in {change.gtin for entry in rows for change in _changes(entry.action) if isinstance(change, Added)}:
            product = await self._catalogue.find(gtin)
            assert product is not None, f"product {gtin} was sold and must stay known"
            live.products[gtin] = product
        for entry in rows:
            live.trip.apply(entry.action, live.products)
            live.took(entry.action_id, entry.body_hash, entry.action)
        live.trip.status, live.trip.order_id = row.status, row.order_id
        return live

    async def _recall(self, live: LiveTrip, codes: Mapping[int, str]) -> None:
        """Look the coupons of a trip up again, by their codes."""
        scanned = (change for action in live.actions for change in _changes(action) if isinstance(change, CouponAdded))
        for one in scanned:
            found = await self._coupons.recall(codes[one.coupon], live.trip) if self._coupons is not None else None
            live.coupons[one.coupon] = found or Found(one.coupon_id, codes[one.coupon], one.zh, one.en)

    def _keep(self, live: LiveTrip) -> LiveTrip:
        self._live[live.row.trip_id] = live
        while len(self._live) > LIVE_TRIPS_MAX:
            oldest = next(iter(self._live.values()))
            if oldest.lock.locked():
                break
            del self._live[oldest.row.trip_id]
        return live

    def _follow(self, events: list[Event]) -> None:
        """What became of a trip's order shows on the trip."""
        for event in events:
            status = _STATUS_AFTER.get(event.kind)
            if status is None:
                continue
            payload = event.payload()
            trip_id, order_id = payload["trip_id"], payload["order_id"] if status != "shopping" else None
            if trip_id in self._loading:
                self._loading[trip_id].append((status, order_id))
            live = self._live.get(trip_id)
            if live is not None:
                live.trip.status, live.trip.order_id = status, order_id
                if status == "left":  # the visit is over; who still looks at it has it read again
                    self.forget(trip_id)

    def _local_now(self) -> datetime:
        return self._database.clock.now().astimezone(self._zone)

    def _now_us(self) -> int:
        return micros(self._database.clock.now())


def normal_id(text: str) -> str:
    """A UUID in its plain form: 32 lower-case hexadecimal digits (RFC 9562; hyphens are optional here)."""
    plain = text.replace("-", "").lower()
    if len(plain) != 32 or not _UUID_DIGITS.issuperset(plain):
        raise InvalidRequest(problem="id must be a UUID")
    return plain


def _body_hash(body: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(body), digest_size=16).digest()


def _changes(action: Action) -> Sequence[Change]:
    return action.changes if isinstance(action, Batched) else [action]


def _empty(row: store.TripRow) -> Trip:
    return Trip(row.trip_id, row.currency, is_member=row.is_member, member=row.member)


_encode = msgspec.json.Encoder().encode
_STATUS_AFTER: Mapping[str, Status] = {
    "order.submitted": "submitted",
    "order.paid": "paid",
    "order.left": "left",
    "order.closed": "shopping",
}
