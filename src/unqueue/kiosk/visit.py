"""Which order is at the kiosk, on its disk: so that a process that was killed goes on with it. Nothing else of a
shopper is written down, and the file goes with the shopper.
"""

import os
from pathlib import Path

import msgspec

from unqueue.kiosk.sequence.words import Language


class Visit(msgspec.Struct, frozen=True):
    order_id: str
    language: Language = "zh"


class VisitFile:
    """``visit.json`` in the kiosk's data directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "visit.json"
        self._kept: Visit | None = None

    def read(self) -> Visit | None:
        """What was kept when the process went down; None where there is nothing, or nothing that can be read."""
        try:
            self._kept = msgspec.json.decode(self._path.read_bytes(), type=Visit)
        except (OSError, msgspec.DecodeError):
            return None
        return self._kept

    def keep(self, visit: Visit | None) -> None:
        """Durable when it returns: written beside, then put in place."""
        if visit == self._kept:
            return
        if visit is None:
            self._path.unlink(missing_ok=True)
        else:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_suffix(".new")
            with beside.open("wb") as file:
                file.write(msgspec.json.encode(visit))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        self._kept = visit
