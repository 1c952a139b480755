"""What a lane decided on its own, until the server knows it: a small SQLite file on the lane's computer.

The standard library's `sqlite3`, as at the kiosk: one file, one process, one thread. `synchronous=FULL` and WAL: what
was written is on the disk before the gate opens. That blocks the event loop for one sync of the disk, some
milliseconds, and one shopper at a time stands at a lane.
"""

import sqlite3
from pathlib import Path
from typing import Any, Self

import msgspec

_SCHEMA = """
CREATE TABLE IF NOT EXISTS exits (
  exit_id TEXT PRIMARY KEY, body TEXT NOT NULL, version INTEGER NOT NULL, told INTEGER NOT NULL
) STRICT
"""
_WRITE = """
INSERT INTO exits VALUES (?, ?, 1, 0) ON CONFLICT DO UPDATE SET body = excluded.body, version = version + 1
"""


class BookUnusable(Exception):
    """The file can't be used; the text says why and what to do."""


class OfflineBook:
    """The exits that the server has still to hear of, in the order in which they began."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=0)
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            mend = "give this lane a data_dir of its own that it may write, and close another lane that uses it"
            raise BookUnusable(f"{path}: {error}; {mend}") from error

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, exit_id: str, body: dict[str, Any]) -> None:
        """Write an exit, new or with more of it. It is on the disk when this returns."""
        self._connection.execute(_WRITE, (exit_id, msgspec.json.encode(body).decode()))

    def untold(self) -> list[tuple[str, int, dict[str, Any]]]:
        """What the server has not heard of yet: id, version and body, the oldest first."""
        rows = self._connection.execute("SELECT exit_id, version, body FROM exits WHERE version > told ORDER BY rowid")
        return [(exit_id, version, msgspec.json.decode(body)) for exit_id, version, body in rows]

    def told(self, exit_id: str, version: int) -> None:
        """The server has it, as of a version. What can't grow any more is forgotten."""
        self._connection.execute("UPDATE exits SET told = ? WHERE exit_id = ?", (version, exit_id))
        ended = "told = version AND json_extract(body, '$.left_passages') IS NOT NULL"
        self._connection.execute(f"DELETE FROM exits WHERE exit_id = ? AND {ended}", (exit_id,))  # noqa: S608  # ours

    def ended(self, exit_id: str) -> None:
        """Nothing more comes of an exit; what the server has still to hear of it stays."""
        self._connection.execute("DELETE FROM exits WHERE exit_id = ? AND told = version", (exit_id,))

    def is_empty(self) -> bool:
        return self._connection.execute("SELECT 1 FROM exits LIMIT 1").fetchone() is None
