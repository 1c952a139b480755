"""What was sent, and what the next messages meet. Kept as one line of JSON for each change."""

from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import msgspec

from unqueue.kernel.clock import Clock, micros

Provider = Literal["aliyun", "tencent", "twilio"]
Trouble = Literal["none", "limit", "error", "lost_request", "lost_answer", "unsubscribed", "undelivered", "under_way"]
"""What happens to a message: a rate ``limit``; an ``error`` or a ``lost_request`` (a gateway's time-out), nothing sent;
a ``lost_answer`` (the time-out comes after it was sent); a number that ``unsubscribed``; a phone that is off for good
(``undelivered``) or for now (``under_way``).
"""
TROUBLES: tuple[str, ...] = get_args(Trouble)


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A message that the provider took. ``sender`` is the sign name or the number that it comes from."""

    provider: Provider
    reference: str
    number: str
    sender: str
    text: str
    context: str = ""
    template: str = ""
    status: Literal["sent", "delivered", "failed"] = "delivered"
    at_us: int = 0


class Book:
    """All messages, oldest first. ``trouble`` is a queue: each message that is sent takes the next one."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self.clock = clock
        self.messages: list[Sent] = []
        self.trouble: deque[Trouble] = deque()
        if path.exists():
            self.messages = [msgspec.json.decode(line, type=Sent) for line in path.read_bytes().splitlines() if line]

    @property
    def now_us(self) -> int:
        return micros(self.clock.now())

    def next_trouble(self) -> Trouble:
        return self.trouble.popleft() if self.trouble else "none"

    def plan(self, troubles: Iterable[str]) -> None:
        """Have the next messages meet these. ValueError for one that nobody knows."""
        self.trouble.extend(msgspec.convert(list(troubles), list[Trouble]))

    def take(self, sent: Sent) -> Sent:
        """Keep a message."""
        kept = msgspec.structs.replace(sent, at_us=self.now_us)
        self.messages.append(kept)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(kept) + b"\n")
        return kept

    def to(self, provider: Provider, number: str) -> list[Sent]:
        """The messages of one provider to a number, oldest first."""
        return [sent for sent in self.messages if sent.provider == provider and sent.number == number]


def status_under(trouble: Trouble) -> Literal["sent", "delivered", "failed"]:
    """What becomes of a message that is taken."""
    return "failed" if trouble == "undelivered" else "sent" if trouble == "under_way" else "delivered"
