"""A wallet's own SQLite file: what it answered survives a restart."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from unqueue.providers.sandbox_kit.model import Payment, Planned, Refund

_SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
  merchant_id TEXT NOT NULL, payment_id TEXT NOT NULL, cashier_token TEXT NOT NULL UNIQUE,
  reference TEXT NOT NULL UNIQUE, code TEXT UNIQUE, request_hash TEXT NOT NULL, decided_us INTEGER NOT NULL,
  payment BLOB NOT NULL, PRIMARY KEY (merchant_id, payment_id)
) STRICT;
CREATE INDEX IF NOT EXISTS payments_decided ON payments (merchant_id, decided_us);
CREATE TABLE IF NOT EXISTS refunds (
  merchant_id TEXT NOT NULL, refund_id TEXT NOT NULL, payment_id TEXT NOT NULL,
  amount_minor INTEGER NOT NULL CHECK (amount_minor > 0), created_us INTEGER NOT NULL, refund BLOB NOT NULL,
  PRIMARY KEY (merchant_id, refund_id), FOREIGN KEY (merchant_id, payment_id) REFERENCES payments
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_payment ON refunds (merchant_id, payment_id);
CREATE TABLE IF NOT EXISTS notifications (
  notification INTEGER PRIMARY KEY, url TEXT NOT NULL, body BLOB NOT NULL, forged INTEGER NOT NULL,
  created_us INTEGER NOT NULL, due_us INTEGER, tries INTEGER NOT NULL DEFAULT 0, tries_max INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS notifications_due ON notifications (due_us) WHERE due_us IS NOT NULL;
CREATE TABLE IF NOT EXISTS nonces (
  serial TEXT NOT NULL, nonce TEXT NOT NULL, at_s INTEGER NOT NULL, PRIMARY KEY (serial, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nonces_at ON nonces (at_s);
"""


class Waiting(msgspec.Struct, frozen=True):
    """A notification that the merchant has not acknowledged yet; ``tries`` counts those already made."""

    notification: int
    url: str
    body: bytes
    forged: bool
    created_us: int
    tries: int
    tries_max: int | None


class BookStore:
    """Payments, refunds, notifications to send and nonces seen. Every method is durable when it returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        self._connection.close()

    def use_nonce(self, serial: str, nonce: str, at_s: int, oldest_s: int) -> bool:
        """Remember a nonce; False when it was used before. Those from before ``oldest_s`` are forgotten."""
        with self._transaction():
            self._connection.execute("DELETE FROM nonces WHERE at_s < ?", (oldest_s,))
            done = self._connection.execute("INSERT OR IGNORE INTO nonces VALUES (?, ?, ?)", (serial, nonce, at_s))
            return done.rowcount == 1

    def insert_payment(self, payment: Payment, request_hash: str) -> None:
        self._connection.execute(
            "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                payment.merchant_id,
                payment.payment_id,
                payment.cashier_token,
                payment.reference,
                payment.code or None,
                request_hash,
                payment.decided_us,
                msgspec.json.encode(payment),
            ),
        )

    def payment(self, merchant_id: str, payment_id: str) -> Payment | None:
        return self._payment("merchant_id = ? AND payment_id = ?", merchant_id, payment_id)

    def payment_of_reference(self, merchant_id: str, reference: str) -> Payment | None:
        return self._payment("merchant_id = ? AND reference = ?", merchant_id, reference)

    def payment_of_cashier(self, cashier_token: str) -> Payment | None:
        return self._payment("cashier_token = ?", cashier_token)

    def payment_of_code(self, code: str) -> Payment | None:
        return self._payment("code = ?", code)

    def request_hash(self, merchant_id: str, payment_id: str) -> str:
        """The hash of the request that made a payment: another request with its id is refused."""
        query = "SELECT request_hash FROM payments WHERE merchant_id = ? AND payment_id = ?"
        return str(self._connection.execute(query, (merchant_id, payment_id)).fetchone()[0])

    def decide(self, payment: Payment, planned: list[Planned], now_us: int) -> None:
        """Keep what became of a payment, together with the notifications that it causes."""
        with self._transaction():
            self._connection.execute(
                "UPDATE payments SET decided_us = ?, payment = ? WHERE merchant_id = ? AND payment_id = ?",
                (payment.decided_us, msgspec.json.encode(payment), payment.merchant_id, payment.payment_id),
            )
            self._plan(planned, now_us)

    def refund(self, merchant_id: str, refund_id: str) -> Refund | None:
        query = "SELECT refund FROM refunds WHERE merchant_id = ? AND refund_id = ?"
        row = self._connection.execute(query, (merchant_id, refund_id)).fetchone()
        return msgspec.json.decode(row[0], type=Refund) if row else None

    def refunded_minor(self, merchant_id: str, payment_id: str) -> int:
        """How much of a payment was given back or is on its way."""
        query = "SELECT coalesce(sum(amount_minor), 0) FROM refunds WHERE merchant_id = ? AND payment_id = ?"
        return int(self._connection.execute(query, (merchant_id, payment_id)).fetchone()[0])

    def insert_refund(self, refund: Refund, planned: list[Planned], now_us: int) -> None:
        """Keep a refund, together with the notifications that it causes."""
        with self._transaction():
            self._connection.execute(
                "INSERT INTO refunds VALUES (?, ?, ?, ?, ?, ?)",
                (
                    refund.merchant_id,
                    refund.refund_id,
                    refund.payment_id,
                    refund.amount.amount_minor,
                    refund.created_us,
                    msgspec.json.encode(refund),
                ),
            )
            self._plan(planned, now_us)

    def payments_decided(self, merchant_id: str, from_us: int, before_us: int) -> list[Payment]:
        """A merchant's payments that were decided in a time, the earliest first: for a bill."""
        query = (
            "SELECT payment FROM payments WHERE merchant_id = ? AND decided_us >= ? AND decided_us < ?"
            " ORDER BY decided_us, payment_id"
        )
        rows = self._connection.execute(query, (merchant_id, from_us, before_us))
        return [msgspec.json.decode(row[0], type=Payment) for row in rows]

    def refunds_made(self, merchant_id: str, from_us: int, before_us: int) -> list[Refund]:
        """A merchant's refunds that were asked for in a time, the earliest first: for a bill."""
        query = (
            "SELECT refund FROM refunds WHERE merchant_id = ? AND created_us >= ? AND created_us < ?"
            " ORDER BY created_us, refund_id"
        )
        rows = self._connection.execute(query, (merchant_id, from_us, before_us))
        return [msgspec.json.decode(row[0], type=Refund) for row in rows]

    def due(self, now_us: int, limit: int) -> list[Waiting]:
        """Notifications whose time has come, the longest overdue first."""
        rows = self._connection.execute(
            "SELECT notification, url, body, forged, created_us, tries, tries_max FROM notifications"
            " WHERE due_us <= ? ORDER BY due_us, notification LIMIT ?",
            (now_us, limit),
        )
        return [Waiting(row[0], row[1], row[2], bool(row[3]), *row[4:]) for row in rows]

    def next_due_us(self) -> int | None:
        row = self._connection.execute("SELECT min(due_us) FROM notifications WHERE due_us IS NOT NULL").fetchone()
        return None if row[0] is None else int(row[0])

    def tried(self, notification: int, tries: int, due_us: int | None) -> None:
        """Note a try; ``due_us`` None ends it: acknowledged, or given up."""
        self._connection.execute(
            "UPDATE notifications SET tries = ?, due_us = ? WHERE notification = ?", (tries, due_us, notification)
        )

    def _plan(self, planned: list[Planned], now_us: int) -> None:
        self._connection.executemany(
            "INSERT INTO notifications (url, body, forged, created_us, due_us, tries_max) VALUES (?, ?, ?, ?, ?, ?)",
            [(entry.url, entry.body, entry.forged, now_us, entry.due_us, entry.tries_max) for entry in planned],
        )

    def _payment(self, condition: str, *keys: Any) -> Payment | None:
        query = f"SELECT payment FROM payments WHERE {condition}"  # noqa: S608  # the conditions are those above
        row = self._connection.execute(query, keys).fetchone()
        return msgspec.json.decode(row[0], type=Payment) if row else None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
