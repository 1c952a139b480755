"""What this side began at a terminal, and how it ended: a small file beside the server's data.

ZVT needs it, nexo does not. ZVT's messages carry no name of ours: asked again after a crash, the terminal can only say
how *its last transaction* ended. Which of our attempts that was, and whether it is newer than what came before, only we
can know; so it is on disk before a payment is begun. Each change is a line of JSON; opening the file keeps the last
line of each.
"""

import os
from pathlib import Path
from typing import Literal

import msgspec

KEPT_MAX = 5000
Status = Literal["begun", "succeeded", "failed", "closed", "unclear"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A payment, reversal (all of a payment) or refund (a part, to the card). ``before`` names the terminal's last
    transaction when this one was begun; ``charge_id`` is the payment that a reversal or refund gives back.
    """

    subject_id: str
    kind: Literal["payment", "reversal", "refund"]
    amount_minor: int
    currency: str
    created_us: int
    begun_us: int
    before: str = ""
    status: Status = "begun"
    reference: str = ""
    charge_id: str = ""
    slip: tuple[str, ...] = ()


class Journal:
    """All entries, by attempt or refund. ValueError when the file holds something else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, Entry] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        for number, line in enumerate(lines, 1):
            try:
                entry = msgspec.json.decode(line, type=Entry) if line else None
            except msgspec.DecodeError as error:
                if number == len(lines):
                    continue  # the power went while this line was written: what it tells was not begun yet
                raise ValueError(f"{path.name}, line {number}, is none of a terminal's journal") from error
            if entry is not None:
                self._entries.pop(entry.subject_id, None)
                self._entries[entry.subject_id] = entry
        self.forgotten_until_us = 0
        """What was created until then may have been here once."""
        self._compact()
        self._file = path.open("ab")

    def get(self, subject_id: str) -> Entry | None:
        return self._entries.get(subject_id)

    def unsettled(self) -> list[Entry]:
        """What was begun and not heard of since."""
        return [entry for entry in self._entries.values() if entry.status == "begun"]

    def given_back_minor(self, charge_id: str, but: str = "") -> int:
        """How much of a payment went back, or may have gone; the refund ``but`` does not count."""
        return sum(
            entry.amount_minor
            for entry in self._entries.values()
            if entry.charge_id == charge_id and entry.subject_id != but and entry.status not in {"failed", "closed"}
        )

    def put(self, entry: Entry) -> Entry:
        """Keep an entry as it is now. Durable when it returns."""
        self._file.write(msgspec.json.encode(entry) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._entries[entry.subject_id] = entry
        return entry

    def close(self) -> None:
        self._file.close()

    def _compact(self) -> None:
        settled = [entry for entry in self._entries.values() if entry.status not in {"begun", "unclear"}]
        for entry in settled[: max(0, len(self._entries) - KEPT_MAX)]:
            self.forgotten_until_us = max(self.forgotten_until_us, entry.created_us)
            del self._entries[entry.subject_id]
        draft = self._path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.writelines(msgspec.json.encode(entry) + b"\n" for entry in self._entries.values())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
