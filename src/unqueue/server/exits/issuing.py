"""The use cases of the exit pass: it is issued to its shopper, bound to a lane, and read at a lane."""

import asyncio
import math
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.kernel.ids import new_id
from unqueue.passes import rotation, signed
from unqueue.passes.signed import PassClaims, PassExpired, PassInvalid
from unqueue.server.access import Principal
from unqueue.server.exits import store
from unqueue.server.exits.age_checks import is_cleared
from unqueue.server.exits.model import Binding, checks_of, refuse_unless_paid
from unqueue.server.exits.refusals import OrderReturned
from unqueue.server.exits.views import ExitLine, OfflineLane, PassView, Rotation, brought_lines
from unqueue.server.exits.weights import ExpectedWeight
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderLine
from unqueue.server.orders.service import may_see, qr_svg

BRIEFED_S = 20
"""Passes are bound to lanes that were told so lately what they need when they are cut off."""
INTERVAL_G = 5
"""Of the scale of a lane that nobody has come to yet."""
SEED_LENGTH = 16
"""Bytes of the secret that a pass's links are made from."""

IsReturned = Callable[[Connection, str], bool]
"""Whether goods of an order were taken back, or staff are about to."""


class LaneThere(Protocol):
    """A lane of the store, as far as a pass is concerned."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


LanesOf = Callable[[Connection], Sequence[LaneThere]]
"""The lanes of the store; the fleet knows."""


class Expects(Protocol):
    """Who knows what goods weigh; stands above exits."""

    async def expected(self, order_id: str, interval_g: int) -> ExpectedWeight | None:
        """What an order should weigh on a scale of this interval; None while that is not known."""


class Passes:
    """The store's passes. ``key`` signs them, and they are good for ``minutes``; ``lanes_of`` tells which lanes there
    are; ``judge`` knows what orders should weigh, which a lane that is cut off reads in the pass; ``is_held`` tells
    which of them staff want to see, whatever their goods are.
    """

    def __init__(
        self,
        database: Database,
        *,
        store_id: str,
        key: Ed25519PrivateKey,
        minutes: int,
        lanes_of: LanesOf,
        judge: Expects | None = None,
        is_held: Callable[[Transaction, Order], bool] | None = None,
        is_returned: IsReturned | None = None,
    ) -> None:
        self._database = database
        self.store_id = store_id
        self._key = key
        self._minutes = minutes
        self._lanes_of = lanes_of
        self._judge = judge
        self._is_held = is_held
        self._is_returned = is_returned
        self._briefed_us: dict[str, int] = {}

    def briefed(self, lane: str, at_us: int) -> None:
        """A lane knows what it needs to let orders out while it is cut off."""
        self._briefed_us[lane] = at_us

    @property
    def public_key(self) -> bytes:
        """What verifies a pass: 32 bytes (RFC 8032 section 5.1.5)."""
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    async def issue(self, principal: Principal, order_id: str) -> PassView:
        """A fresh pass for a paid order of the principal's own; OrderUnpaid, OrderLeft, or NotFound."""
        order = await self._database.read(lambda connection: orders_store.get(connection, order_id))
        if order is None or principal.kind not in {"trip", "order"} or not may_see(principal, order):
            raise NotFound
        refuse_unless_paid(order)
        claims, seed = await self._claims_of(order)

        def write(tx: Transaction) -> LaneThere | None:
            """Bound before anybody holds it: from now on no other lane may think that it is free."""
            refuse_unless_paid(orders_store.get(tx.connection, order_id) or order)
            if self._is_returned is not None and self._is_returned(tx.connection, order_id):
                raise OrderReturned
            lane = self._bind(tx, order, claims.expires_s * 1_000_000)
            note = {"order_id": order.order_id, "trip_id": order.trip_id, "pass_id": claims.pass_id.hex()}
            note |= {"offline_lane": lane.id} if lane is not None else {}
            tx.record("pass.issued", f"order:{order.order_id}", principal.actor, note)
            return lane

        lane = await self._database.unit(write)
        claims = msgspec.structs.replace(claims, lane=lane.id if lane is not None else "")
        stem = signed.sign(claims, self._key)
        text = f"{stem}.{signed.encode(claims.chain_end)}"
        svg = await asyncio.to_thread(qr_svg, text)  # tens of milliseconds, and nobody else should wait for them
        return PassView(
            pass_=text,
            expires_at=from_micros(claims.expires_s * 1_000_000).isoformat(),
            svg=svg,
            rotation=Rotation(
                stem=stem,
                seed=signed.encode(seed),
                pass_id=claims.pass_id.hex(),
                issued_s=claims.issued_s,
                step_s=rotation.STEP_S,
                steps=rotation.steps_of(claims.expires_s - claims.issued_s),
            ),
            offline_lane=OfflineLane(lane.id, lane.name) if lane is not None else None,
        )

    def read(self, text: str, *, lane: str = "", shown_s: float | None = None) -> PassClaims | DomainError:
        """What a pass says, or why it is none; told rather than raised, for a resend is answered as the first was. A
        lane that it is bound to may say when it was shown.
        """
        try:
            now_s = self._now_s()
            if shown_s is not None and self.authentic(text).lane == lane:
                now_s = min(now_s, shown_s)
            return signed.verify(text, self._key.public_key(), store_id=self.store_id, now_s=now_s)
        except (PassInvalid, PassExpired) as refusal:
            return refusal

    def authentic(self, text: str) -> PassClaims:
        """What a pass says that a lane took while it was cut off; PassInvalid where it is none of ours."""
        return signed.authentic(text, self._key.public_key(), store_id=self.store_id)

    def _bind(self, tx: Transaction, order: Order, until_us: int) -> LaneThere | None:
        """The one lane that may take the order while it is cut off; None where none may."""
        lanes = {lane.id: lane for lane in self._lanes_of(tx.connection)}
        since_us = tx.at_us - BRIEFED_S * 1_000_000
        known = store.binding(tx.connection, order.order_id)
        if known is not None:
            # It stays where it is: the lane may be cut off already, and hold an older pass for good. One that would
            # refuse the pass, or that has been silent since an older one ended, is not named in a new one.
            if known.taken_us is not None or known.until_us < tx.at_us or known.lane not in lanes:
                return None
            store.save_binding(tx, msgspec.structs.replace(known, until_us=max(known.until_us, until_us)))
            return lanes[known.lane]
        age_limits = [line.age_limit for line in orders_store.lines(tx.connection, order.order_id)]
        is_held = self._is_held is not None and self._is_held(tx, order)
        if is_cleared(tx.connection, order.order_id):
            age_limits = []
        if checks_of(age_limits) or is_held or store.live_of_order(tx.connection, order.order_id) is not None:
            return None
        there = [lane for lane in lanes.values() if self._briefed_us.get(lane.id, 0) >= since_us]
        if not there:
            return None
        bound = store.bindings_by_lane(tx.connection, tx.at_us)
        lane = min(there, key=lambda one: (bound.get(one.id, 0), one.id))
        store.save_binding(tx, Binding(order.order_id, lane.id, until_us))
        return lane

    async def _claims_of(self, order: Order) -> tuple[PassClaims, bytes]:
        """What a fresh pass says, all but its lane, and the seed of its links."""
        lines = await self._database.read(lambda connection: orders_store.lines(connection, order.order_id))
        brought = await self._database.read(
            lambda connection: brought_lines(connection, store.brought(connection, order.order_id))
        )
        judged = await self._judge.expected(order.order_id, INTERVAL_G) if self._judge is not None else None
        expected = judged or _by_catalogue(lines, brought)
        issued_s = int(self._now_s())
        claims = PassClaims(
            store_id=self.store_id,
            order_id=bytes.fromhex(order.order_id),
            basket_hash=bytes.fromhex(order.basket_hash),
            pass_id=bytes.fromhex(new_id()),
            issued_s=issued_s,
            expires_s=issued_s + 60 * self._minutes,
            number=order.number,
            items=order.item_count,
            tags=sum(line.quantity for line in lines if line.tag == "EAS"),
            expected_g=expected.expected_g,
            sigma_g=expected.sigma_g,
            low_g=expected.low_g,
            high_g=expected.high_g,
        )
        seed = secrets.token_bytes(SEED_LENGTH)
        steps = rotation.steps_of(claims.expires_s - claims.issued_s)
        end = rotation.chain(seed, steps, claims.pass_id)[0]
        return msgspec.structs.replace(claims, chain_end=end), seed

    def _now_s(self) -> float:
        return micros(self._database.clock.now()) / 1_000_000


def _by_catalogue(lines: Sequence[OrderLine], brought: Sequence[ExitLine]) -> ExpectedWeight:
    """What goods weigh that nobody has learned about: without limits, the lane's own rule has some."""
    variance = sum(line.quantity * line.weight_g_sd**2 for line in lines) + sum(one.weight_g_sd**2 for one in brought)
    mean_g = sum(line.quantity * line.weight_g_expected for line in lines)
    mean_g += sum(one.weight_g_expected for one in brought)
    return ExpectedWeight(mean_g, round(math.sqrt(variance), 2), 0, 0)
