"""The kiosk's own journal of cash: one small SQLite file beside the machine, whatever the merchant server does.

The standard library's `sqlite3`, not SQLAlchemy: one file, one process, one thread, one database for ever, and a kiosk
that starts with nothing of the server's. `synchronous=FULL` and WAL: a commit is on the disk when it returns. The file
is locked for this process alone.

Transactions run on the event loop and block it for one sync of the disk, some milliseconds. That is meant: between two
awaits nobody else can see or make half a step, and one shopper at a time stands at a kiosk.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec

from unqueue.kernel.cash import Denomination, parse_denomination
from unqueue.kernel.ids import luhn_digit, new_id
from unqueue.kiosk.cash.ledger import Contents, Movement, apply
from unqueue.kiosk.cash.refusals import JournalInUse
from unqueue.kiosk.cash.reports import Body, Report, about, by_text, kind_of, must_follow
from unqueue.kiosk.cash.session import Debt, Session

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, kind TEXT NOT NULL, payment_id TEXT, device TEXT,
  attendant TEXT, data BLOB NOT NULL, action_id TEXT UNIQUE
) STRICT;
CREATE TABLE IF NOT EXISTS movements (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, entry INTEGER NOT NULL REFERENCES entries, denomination TEXT NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0), source TEXT NOT NULL, target TEXT NOT NULL CHECK (target <> source)
) STRICT;
CREATE INDEX IF NOT EXISTS entries_ended ON entries (payment_id) WHERE kind IN ('finished', 'refunded');
CREATE INDEX IF NOT EXISTS movements_entry ON movements (entry);
CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS entries_last BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS movements_stay BEFORE UPDATE ON movements BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS movements_last BEFORE DELETE ON movements BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TABLE IF NOT EXISTS marks (
  device TEXT PRIMARY KEY, mark TEXT NOT NULL, at_rest INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
  payment_id TEXT PRIMARY KEY, state TEXT NOT NULL, entry INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS sessions_one_open ON sessions (state <> 'finished') WHERE state <> 'finished';
CREATE TABLE IF NOT EXISTS escrows (
  device TEXT PRIMARY KEY, payment_id TEXT, denomination TEXT NOT NULL, decision TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS payouts (
  payout INTEGER PRIMARY KEY, payment_id TEXT NOT NULL, device TEXT NOT NULL, mark TEXT NOT NULL,
  asked BLOB NOT NULL, state TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS payouts_open ON payouts (state) WHERE state <> 'done';
CREATE TABLE IF NOT EXISTS locks (device TEXT PRIMARY KEY, reason TEXT NOT NULL, at_us INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS debts (
  number TEXT PRIMARY KEY, payment_id TEXT NOT NULL, body BLOB NOT NULL, settled_by TEXT, settled_us INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, body BLOB NOT NULL, sent_us INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (seq) WHERE sent_us IS NULL;
CREATE TABLE IF NOT EXISTS outbox_aside (
  seq INTEGER PRIMARY KEY REFERENCES outbox, at_us INTEGER NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS claims (
  refund_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, amount_minor INTEGER NOT NULL, currency TEXT NOT NULL,
  at_us INTEGER NOT NULL, state TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

JOURNAL = "cash.db"
"""The journal's file in the kiosk's data directory."""
_CLAIM = "refund_id, order_id, amount_minor, currency, at_us, state"

Decision = Literal["stack", "give_back"]
PayoutState = Literal["open", "doubt", "done"]
ClaimState = Literal["claimed", "handed_back", "unsure", "given"]


class Escrow(msgspec.Struct, frozen=True):
    """What was decided about the note in a device's escrow, before the device was told."""

    device: str
    payment_id: str | None
    denomination: Denomination
    decision: Decision


class PayoutIntent(msgspec.Struct, frozen=True):
    """A payout that was written down before its device was told. `doubt`: we stopped waiting for its end."""

    payout: int
    payment_id: str
    device: str
    mark: str
    asked: dict[Denomination, int]
    state: PayoutState


class Claim(msgspec.Struct, frozen=True):
    """A refund that this kiosk took upon itself, written down before the server heard of it. Whether it was begun is
    told by its session. ``handed_back``: the desk gives it, and this kiosk never will. ``unsure``: the server says that
    this kiosk has claimed it, and this journal knows nothing of it: staff look. ``given``: they found that it was.
    """

    refund_id: str
    order_id: str
    amount_minor: int
    currency: str
    at_us: int
    state: ClaimState


class StuckReport(msgspec.Struct, frozen=True):
    """A report that does not go out: the server refused it for good (``code``), or it waits for such a one (empty)."""

    seq: int
    at_us: int
    kind: str
    about: str
    code: str = ""
    detail: str = ""


class OpenDebt(msgspec.Struct, frozen=True):
    payment_id: str
    debt: Debt
    settled_by: str | None = None


class Lock(msgspec.Struct, frozen=True):
    device: str
    reason: str


class Entry(msgspec.Struct, frozen=True):
    """One line of the journal with its movements."""

    seq: int
    at_us: int
    kind: str
    payment_id: str | None
    device: str | None
    attendant: str | None
    data: dict[str, Any]
    movements: list[Movement]


class CashJournal:
    """The journal of one kiosk. `contents` is a replay of all movements, kept up with every commit."""

    synchronous: ClassVar[Literal["FULL", "OFF"]] = "FULL"  # tests that kill no disk need not wait for one

    def __init__(self, path: Path, kiosk: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.kiosk = kiosk
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=0.2)
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute(f"PRAGMA synchronous = {self.synchronous}")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.executescript(_SCHEMA)
            self._connection.execute("INSERT OR IGNORE INTO meta VALUES ('journal', ?), ('slips', '0')", (new_id(),))
        except sqlite3.OperationalError as error:
            self._connection.close()
            if "locked" in str(error):
                raise JournalInUse from error
            raise
        self.name = str(self._row("SELECT value FROM meta WHERE name = 'journal'")[0])
        self.contents: Contents = self.replay()

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self, at_us: int) -> "Iterator[Transaction]":
        """All of it, durable at the end, or nothing."""
        transaction = Transaction(self._connection, self.kiosk, at_us)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield transaction
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        apply(self.contents, transaction.movements)

    def replay(self, until_seq: int | None = None) -> Contents:
        """What lies where after the entry `until_seq`, from the movements alone."""
        last = until_seq if until_seq is not None else 1 << 62
        contents: Contents = {}
        for place, sign in (("source", -1), ("target", 1)):
            rows = self._connection.execute(
                f"SELECT {place}, denomination, sum(count) FROM movements WHERE entry <= ? GROUP BY 1, 2",  # noqa: S608  # a column's name
                (last,),
            )
            for name, text, count in rows:
                pieces = contents.setdefault(name, {})
                denomination = parse_denomination(text)
                pieces[denomination] = pieces.get(denomination, 0) + sign * count
        return contents

    def next_entry(self) -> int:
        """The number that the next entry gets."""
        row = self._row("SELECT seq FROM sqlite_sequence WHERE name = 'entries'")
        return int(row[0]) + 1 if row else 1

    def mark(self, device: str) -> str | None:
        row = self._row("SELECT mark FROM marks WHERE device = ?", device)
        return str(row[0]) if row else None

    def is_at_rest(self, device: str) -> bool:
        """Whether the device takes nothing, and has taken nothing since its mark."""
        row = self._row("SELECT at_rest FROM marks WHERE device = ?", device)
        return bool(row and row[0])

    def session(self, payment_id: str) -> Session | None:
        row = self._row("SELECT body FROM sessions WHERE payment_id = ?", payment_id)
        return msgspec.json.decode(row[0], type=Session) if row else None

    def open_session(self) -> Session | None:
        row = self._row("SELECT body FROM sessions WHERE state <> 'finished'")
        return msgspec.json.decode(row[0], type=Session) if row else None

    def last_session(self) -> Session | None:
        """The session that was begun last."""
        row = self._row("SELECT body FROM sessions ORDER BY entry DESC LIMIT 1")
        return msgspec.json.decode(row[0], type=Session) if row else None

    def escrows(self) -> dict[str, Escrow]:
        rows = self._connection.execute("SELECT device, payment_id, denomination, decision FROM escrows")
        return {row[0]: Escrow(row[0], row[1], parse_denomination(row[2]), row[3]) for row in rows}

    def unfinished_payouts(self) -> list[PayoutIntent]:
        """Those whose end is not booked: open ones and those in doubt, the oldest first."""
        rows = self._connection.execute(
            "SELECT payout, payment_id, device, mark, asked, state FROM payouts WHERE state <> 'done' ORDER BY payout"
        )
        return [
            PayoutIntent(
                payout,
                payment_id,
                device,
                mark,
                {parse_denomination(text): count for text, count in msgspec.json.decode(asked).items()},
                state,
            )
            for payout, payment_id, device, mark, asked, state in rows
        ]

    def locks(self) -> dict[str, Lock]:
        return {row[0]: Lock(row[0], row[1]) for row in self._connection.execute("SELECT device, reason FROM locks")}

    def debts(self) -> list[OpenDebt]:
        """Debts that nobody has paid, of finished payments too."""
        rows = self._connection.execute(
            "SELECT payment_id, body FROM debts WHERE settled_us IS NULL ORDER BY number"
        ).fetchall()
        debts = [OpenDebt(row[0], msgspec.json.decode(row[1], type=Debt)) for row in rows]
        return [entry for entry in debts if entry.debt.amount_minor or entry.debt.reason == "unknown"]

    def debt(self, number: str) -> OpenDebt | None:
        row = self._row("SELECT payment_id, body, settled_by FROM debts WHERE number = ?", number)
        return OpenDebt(row[0], msgspec.json.decode(row[1], type=Debt), row[2]) if row else None

    def waiting_reports(self, limit: int = 100) -> list[Report]:
        """Those that go to the server next, the oldest first; without those that are stuck."""
        waiting = (report for report, stuck in self._untaken() if stuck is None)
        return list(islice(waiting, limit))

    def stuck_reports(self) -> list[StuckReport]:
        """Those that were set aside and those that wait for one of them, the oldest first."""
        return [stuck for _, stuck in self._untaken() if stuck is not None]

    def _untaken(self) -> Iterator[tuple[Report, StuckReport | None]]:
        """What the server has not taken, in order; with it, why it does not go out."""
        rows = self._connection.execute(
            "SELECT seq, outbox.at_us, body, code, detail FROM outbox LEFT JOIN outbox_aside USING (seq)"
            " WHERE sent_us IS NULL ORDER BY seq"
        )
        stopped: list[Body] = []
        for seq, at_us, encoded, code, detail in rows:
            body = msgspec.json.decode(encoded, type=Body)
            stuck = None
            if code is not None or any(must_follow(body, earlier) for earlier in stopped):
                stopped.append(body)
                stuck = StuckReport(seq, at_us, kind_of(body), about(body), code or "", detail or "")
            yield Report(f"{self.name}-{seq}", self.kiosk, self.name, seq, at_us, body), stuck

    def report_taken(self, seq: int, at_us: int) -> None:
        self._connection.execute("UPDATE outbox SET sent_us = ? WHERE seq = ? AND sent_us IS NULL", (at_us, seq))

    def claim(self, refund_id: str) -> Claim | None:
        row = self._row(f"SELECT {_CLAIM} FROM claims WHERE refund_id = ?", refund_id)  # noqa: S608  # columns' names
        return Claim(*row) if row else None

    def claims(self, state: ClaimState) -> list[Claim]:
        """Those in a state, the oldest first."""
        rows = self._connection.execute(
            f"SELECT {_CLAIM} FROM claims WHERE state = ? ORDER BY at_us, refund_id",  # noqa: S608  # columns' names
            (state,),
        )
        return [Claim(*row) for row in rows]

    def begun_minor(self, order_id: str) -> int:
        """The refunds of an order that this kiosk began to give, together: their amounts before rounding."""
        rows = self._connection.execute(
            "SELECT body FROM sessions JOIN claims ON refund_id = payment_id WHERE order_id = ?", (order_id,)
        )
        return sum(msgspec.json.decode(row[0], type=Session).due_minor for row in rows)

    def entries(self, after_seq: int = 0) -> list[Entry]:
        """The journal after an entry, in order."""
        rows = self._connection.execute(
            "SELECT seq, at_us, kind, payment_id, device, attendant, data FROM entries WHERE seq > ? ORDER BY seq",
            (after_seq,),
        ).fetchall()
        movements: dict[int, list[Movement]] = {}
        for entry, text, count, source, target in self._connection.execute(
            "SELECT entry, denomination, count, source, target FROM movements WHERE entry > ? ORDER BY seq",
            (after_seq,),
        ):
            movements.setdefault(entry, []).append(Movement(parse_denomination(text), count, source, target))
        return [
            Entry(seq, at_us, kind, payment_id, device, by, msgspec.json.decode(data), movements.get(seq, []))
            for seq, at_us, kind, payment_id, device, by, data in rows
        ]

    def finished_before(self, payment_id: str, seq: int) -> dict[str, Any] | None:
        """The last report of a payment's or refund's end up to an entry."""
        row = self._row(
            "SELECT data FROM entries WHERE kind IN ('finished', 'refunded') AND payment_id = ? AND seq <= ?"
            " ORDER BY seq DESC LIMIT 1",
            payment_id,
            seq,
        )
        return dict(msgspec.json.decode(row[0])) if row else None

    def has_action(self, action_id: str) -> bool:
        """Whether what an attendant did under this id is booked."""
        return self._row("SELECT 1 FROM entries WHERE action_id = ?", action_id) is not None

    def last_closing(self) -> tuple[int, int]:
        """Sequence number and time of the last day's end; zeros before the first."""
        row = self._row("SELECT seq, at_us FROM entries WHERE kind = 'day_closed' ORDER BY seq DESC LIMIT 1")
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def _row(self, sql: str, *values: object) -> Any:
        return self._connection.execute(sql, values).fetchone()


class Transaction:
    """What is written together. Made by :meth:`CashJournal.transaction`."""

    def __init__(self, connection: sqlite3.Connection, kiosk: str, at_us: int) -> None:
        self._connection = connection
        self._kiosk = kiosk
        self.at_us = at_us
        self.movements: list[Movement] = []

    def entry(
        self, kind: str, movements: Sequence[Movement] = (), *, payment_id: str | None = None,
        device: str | None = None, by: str | None = None, data: Mapping[str, Any] | None = None,
        action_id: str | None = None,
    ) -> int:  # fmt: skip
        """Append what happened, with its movements; the entry's number."""
        seq = self._connection.execute(
            "INSERT INTO entries (at_us, kind, payment_id, device, attendant, data, action_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self.at_us, kind, payment_id, device, by, msgspec.json.encode(data or {}), action_id),
        ).lastrowid
        assert seq is not None, "an insert has a row"
        self._connection.executemany(
            "INSERT INTO movements (entry, denomination, count, source, target) VALUES (?, ?, ?, ?, ?)",
            [(seq, str(m.denomination), m.count, m.source, m.target) for m in movements],
        )
        self.movements.extend(movements)
        return seq

    def mark(self, device: str, mark: str) -> None:
        """The device's events up to this one are booked. Something may have gone in since it was at rest."""
        self._connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, 0)", (device, mark))

    def rest(self, device: str, *, at_rest: bool) -> None:
        """The device takes nothing any more; or it is going to be told to take something."""
        self._connection.execute("UPDATE marks SET at_rest = ? WHERE device = ?", (at_rest, device))

    def put_session(self, session: Session, entry: int) -> None:
        """Keep the session as it is now, with its debts."""
        body = msgspec.json.encode(session)
        self._connection.execute(
            "INSERT INTO sessions VALUES (?, ?, ?, ?)"
            " ON CONFLICT (payment_id) DO UPDATE SET state = excluded.state, body = excluded.body",
            (session.payment_id, session.state, entry, body),
        )
        self._connection.executemany(
            "INSERT INTO debts (number, payment_id, body) VALUES (?, ?, ?)"
            " ON CONFLICT (number) DO UPDATE SET body = excluded.body",
            [(debt.number, session.payment_id, msgspec.json.encode(debt)) for debt in session.debts],
        )

    def slip_number(self) -> str:
        """The next number for a debt: kiosk, running number, and a check digit (ISO/IEC 7812-1 annex B)."""
        row = self._connection.execute(
            "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'slips' RETURNING value"
        ).fetchone()
        body = f"{int(row[0]):05d}"
        return f"{self._kiosk}-{body}{luhn_digit(body)}"

    def put_escrow(self, escrow: Escrow) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO escrows VALUES (?, ?, ?, ?)",
            (escrow.device, escrow.payment_id, str(escrow.denomination), escrow.decision),
        )

    def drop_escrow(self, device: str) -> None:
        self._connection.execute("DELETE FROM escrows WHERE device = ?", (device,))

    def begin_payout(self, payment_id: str, device: str, mark: str, asked: Mapping[Denomination, int]) -> PayoutIntent:
        payout = self._connection.execute(
            "INSERT INTO payouts (payment_id, device, mark, asked, state) VALUES (?, ?, ?, ?, 'open')",
            (payment_id, device, mark, msgspec.json.encode(by_text(asked))),
        ).lastrowid
        assert payout is not None, "an insert has a row"
        return PayoutIntent(payout, payment_id, device, mark, dict(asked), "open")

    def set_payout(self, payout: int, state: PayoutState) -> None:
        self._connection.execute("UPDATE payouts SET state = ? WHERE payout = ?", (state, payout))

    def lock(self, device: str, reason: str) -> None:
        """Take a device out of use; the first reason stays."""
        self._connection.execute("INSERT OR IGNORE INTO locks VALUES (?, ?, ?)", (device, reason, self.at_us))

    def unlock(self, device: str) -> None:
        self._connection.execute("DELETE FROM locks WHERE device = ?", (device,))

    def settle(self, number: str, by: str) -> None:
        self._connection.execute(
            "UPDATE debts SET settled_by = ?, settled_us = ? WHERE number = ?", (by, self.at_us, number)
        )

    def put_claim(self, claim: Claim) -> None:
        """Keep a claim as it is now."""
        self._connection.execute(
            "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?)",
            (claim.refund_id, claim.order_id, claim.amount_minor, claim.currency, claim.at_us, claim.state),
        )

    def set_aside(self, seq: int, code: str, detail: str) -> None:
        """The server refuses a report for good: it stays, and does not hold up what has nothing to do with it."""
        self._connection.execute(
            "INSERT OR REPLACE INTO outbox_aside VALUES (?, ?, ?, ?)", (seq, self.at_us, code, detail)
        )

    def retry_reports(self) -> int:
        """What was set aside goes out again, in its old place; how many."""
        return self._connection.execute("DELETE FROM outbox_aside").rowcount

    def report(self, bodies: Iterable[Body]) -> None:
        """Leave reports for the server; they go out in this order."""
        self._connection.executemany(
            "INSERT INTO outbox (at_us, body) VALUES (?, ?)", [(self.at_us, msgspec.json.encode(b)) for b in bodies]
        )
