"""The use cases of the exit pass: it is issued to its shopper, and read at a lane."""

import asyncio
import secrets

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.kernel.ids import new_id
from unqueue.passes import rotation, signed
from unqueue.passes.signed import PassClaims, PassExpired, PassInvalid
from unqueue.server.access import Principal
from unqueue.server.exits.model import refuse_unless_paid
from unqueue.server.exits.views import PassView, Rotation
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order
from unqueue.server.orders.service import may_see, qr_svg

SEED_LENGTH = 16
"""Bytes of the secret that a pass's links are made from."""


class Passes:
    """The store's passes; ``key`` signs them, and they are good for ``minutes``."""

    def __init__(self, database: Database, *, store_id: str, key: Ed25519PrivateKey, minutes: int) -> None:
        self._database = database
        self._store_id = store_id
        self._key = key
        self._minutes = minutes

    async def issue(self, principal: Principal, order_id: str) -> PassView:
        """A fresh pass for a paid order of the principal's own; OrderUnpaid, OrderLeft, or NotFound."""
        order = await self._database.read(lambda connection: orders_store.get(connection, order_id))
        if order is None or principal.kind not in {"trip", "order"} or not may_see(principal, order):
            raise NotFound
        refuse_unless_paid(order)
        claims, seed = self._claims_of(order)
        stem = signed.sign(claims, self._key)
        note = {"order_id": order.order_id, "trip_id": order.trip_id, "pass_id": claims.pass_id.hex()}
        self._database.later(lambda tx: tx.record("pass.issued", f"order:{order.order_id}", principal.actor, note))
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
        )

    def read(self, text: str) -> PassClaims | DomainError:
        """What a pass says, or why it is none; told rather than raised, for a resend is answered as the first was."""
        try:
            return signed.verify(text, self._key.public_key(), store_id=self._store_id, now_s=self._now_s())
        except (PassInvalid, PassExpired) as refusal:
            return refusal

    def _claims_of(self, order: Order) -> tuple[PassClaims, bytes]:
        """What a fresh pass says, and the seed of its links."""
        issued_s = int(self._now_s())
        claims = PassClaims(
            store_id=self._store_id,
            order_id=bytes.fromhex(order.order_id),
            basket_hash=bytes.fromhex(order.basket_hash),
            pass_id=bytes.fromhex(new_id()),
            issued_s=issued_s,
            expires_s=issued_s + 60 * self._minutes,
            number=order.number,
        )
        seed = secrets.token_bytes(SEED_LENGTH)
        steps = rotation.steps_of(claims.expires_s - claims.issued_s)
        end = rotation.chain(seed, steps, claims.pass_id)[0]
        return msgspec.structs.replace(claims, chain_end=end), seed

    def _now_s(self) -> float:
        return micros(self._database.clock.now()) / 1_000_000
