"""The wallet's own SQLite file: what it answered survives a restart."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from unqueue.kernel.money import Money
from unqueue.providers.sandbox_wallet.messages import RefundState
from unqueue.providers.sandbox_wallet.sandbox.model import Payment, Planned

_SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
  payment_id TEXT PRIMARY KEY, merchant_id TEXT NOT NULL, cashier_token TEXT NOT NULL UNIQUE,
  request_hash TEXT NOT NULL, status TEXT NOT NULL, payment BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS refunds (
  refund_id TEXT PRIMARY KEY, payment_id TEXT NOT NULL REFERENCES payments,
  amount_minor INTEGER NOT NULL CHECK (amount_minor > 0), currency TEXT NOT NULL, reference TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_payment ON refunds (payment_id);
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


class WalletStore:
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
            "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?)",
            (
                payment.payment_id,
                payment.merchant_id,
                payment.cashier_token,
                request_hash,
                payment.status,
                msgspec.json.encode(payment),
            ),
        )

    def payment(self, payment_id: str) -> Payment | None:
        return self._one("SELECT payment FROM payments WHERE payment_id = ?", payment_id)

    def payment_of_cashier(self, cashier_token: str) -> Payment | None:
        return self._one("SELECT payment FROM payments WHERE cashier_token = ?", cashier_token)

    def request_hash(self, payment_id: str) -> str:
        """The hash of the request that made a payment: another request with its id is refused."""
        row = self._connection.execute("SELECT request_hash FROM payments WHERE payment_id = ?", (payment_id,))
        return str(row.fetchone()[0])

    def decide(self, payment: Payment, planned: list[Planned], now_us: int) -> None:
        """Keep what became of a payment, together with the notifications that it causes."""
        with self._transaction():
            self._connection.execute(
                "UPDATE payments SET status = ?, payment = ? WHERE payment_id = ?",
                (payment.status, msgspec.json.encode(payment), payment.payment_id),
            )
            self._connection.executemany(
                "INSERT INTO notifications (url, body, forged, created_us, due_us, tries_max)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (payment.notify_url, entry.body, entry.forged, now_us, entry.due_us, entry.tries_max)
                    for entry in planned
                ],
            )

    def refund(self, refund_id: str) -> RefundState | None:
        row = self._connection.execute(
            "SELECT payment_id, amount_minor, currency, reference FROM refunds WHERE refund_id = ?", (refund_id,)
        ).fetchone()
        return RefundState(refund_id, row[0], "succeeded", Money(row[1], row[2]), row[3]) if row else None

    def refunded_minor(self, payment_id: str) -> int:
        row = self._connection.execute(
            "SELECT coalesce(sum(amount_minor), 0) FROM refunds WHERE payment_id = ?", (payment_id,)
        )
        return int(row.fetchone()[0])

    def insert_refund(self, refund: RefundState) -> None:
        self._connection.execute(
            "INSERT INTO refunds VALUES (?, ?, ?, ?, ?)",
            (refund.id, refund.payment_id, refund.amount.amount_minor, refund.amount.currency, refund.reference),
        )

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

    def _one(self, query: str, key: str) -> Payment | None:
        row = self._connection.execute(query, (key,)).fetchone()
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
