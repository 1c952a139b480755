"""The card reader of a simulated terminal, and what hands and mishaps do to it.

Control requests, each a line of JSON on the control port, answered with the state:

- ``{"present": "chip" | "contactless" | "magnetic_stripe", "outcome": "approve" | "decline" | "wrong_pin" | "removed",
  "times": 1}``: a card lies ready and is taken by the next payment or refund that wants one;
- ``{"take_away": true}``: no card lies ready; ``{"press": "stop"}``: the shopper cancels;
- ``{"trouble": …, "at": 0}`` with one of `TROUBLES` or null; it strikes once;
- ``{"reset": true}``: no card, no trouble, nothing in progress; ``{"get": true}``.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from unqueue.providers.card_terminal_sandbox.books import Books

Entry = Literal["chip", "contactless", "magnetic_stripe"]
Outcome = Literal["approve", "decline", "wrong_pin", "removed"]
Ending = Literal["approve", "decline", "wrong_pin", "removed", "stopped", "aborted", "timed_out"]
ENTRIES, OUTCOMES = ("chip", "contactless", "magnetic_stripe"), ("approve", "decline", "wrong_pin", "removed")

TROUBLES = (
    None, "lose_request", "lose_reply", "cut", "power_cut_before_booking", "power_cut_after_booking",
    "full_card_number", "wrong_amount", "late_reply", "cut_and_reverse", "spoiled_status",
)  # fmt: skip
"""A question is lost before it is heard; an answer is lost; the connection is cut before the message number ``at`` of a
conversation; the power goes; the whole card number is printed; less is taken than asked for; the answer comes late; the
connection is cut and the terminal, unheard, takes the payment back; a result is spoiled on the way.
"""


class ControlRefused(Exception):
    """The request makes no sense to a terminal."""


class Card(msgspec.Struct, frozen=True):
    entry: Entry
    outcome: Outcome


class Reader:
    """Waits for cards. ``card_number`` is on all of them; ``thinking_s`` is what a card and its bank take."""

    def __init__(self, books: Books, card_number: str, thinking_s: float, timeout_s: float) -> None:
        self._books = books
        self.card_number = card_number
        self._thinking_s = thinking_s
        self._timeout_s = timeout_s
        self._ready: list[Card] = []
        self._changed = asyncio.Event()
        self._ended: Ending | None = None
        self._trouble: str | None = None
        self._trouble_at = 0
        self.waiting = False
        self.shows_number = False  # a terminal that prints it once prints it on every copy
        self.power_cut: Callable[[], None] = lambda: None

    async def read(self) -> tuple[Ending, str]:
        """How a shopper's turn at the reader ended, and how the card was read (empty: it was not)."""
        self._ended, self.waiting = None, True
        try:
            async with asyncio.timeout(self._timeout_s):
                while not self._ready and not self._has_ended():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return "timed_out", ""
        finally:
            self.waiting = False
        if ended := self._has_ended():
            return ended, ""
        card = self._ready.pop(0)
        await asyncio.sleep(self._thinking_s)
        return card.outcome, card.entry

    def _has_ended(self) -> Ending | None:
        return self._ended

    def end(self, ending: Ending) -> bool:
        """End the turn of the shopper who has presented no card yet; False when nobody's turn it is."""
        if not self.waiting:
            return False
        self._ended = ending
        self._changed.set()
        return True

    def strikes(self, trouble: str, at: int = 0) -> bool:
        """Whether the trouble is to happen here and now. It happens once."""
        if self._trouble != trouble or self._trouble_at != at:
            return False
        self._trouble = None
        return True

    async def handle(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The physical side: see the module's text."""
        match request:
            case {"present": str(entry)} if entry in ENTRIES:
                outcome, times = request.get("outcome", "approve"), request.get("times", 1)
                if outcome not in OUTCOMES or not isinstance(times, int):
                    raise ControlRefused(f"outcome is one of {', '.join(OUTCOMES)}, times a number")
                self._ready += [msgspec.convert({"entry": entry, "outcome": outcome}, Card)] * times
            case {"take_away": True}:
                self._ready.clear()
            case {"press": "stop"}:
                self.end("stopped")
            case {"trouble": trouble} if trouble in TROUBLES:
                self._trouble, self._trouble_at = trouble, int(request.get("at", 0))
            case {"reset": True}:
                self._ready.clear()
                self._trouble = None
                self.shows_number = False
                self.end("aborted")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        while self._books.last("in_progress") is not None:  # noqa: ASYNC110  # a simulator's own poll
                            await asyncio.sleep(0.005)
            case {"get": True}:
                pass
            case _:
                raise ControlRefused("ask present, take_away, press, trouble, reset or get")
        self._changed.set()
        return {
            "waiting": self.waiting,
            "cards": len(self._ready),
            "trouble": self._trouble,
            "transactions": msgspec.to_builtins(self._books.all),
        }
