"""The inside of a simulated note recycler: where each note is, and how it moves. Knows no bytes.

Steps take `step_s` of the running loop's time. Power can go at any moment: what is volatile is gone then, notes stay
where they are, and `power_up` clears the note path as ITL's devices do: towards the front what had not reached the safe
point, inwards what had.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Literal

import msgspec

from unqueue.devices.wire.ssp_events import Event, EventCode
from unqueue.devices.wire.ssp_messages import Amount, Counters, Route

Quality = Literal["genuine", "counterfeit", "unknown"]
Place = Literal["reading", "escrow", "stacking", "safe", "returning", "leaving", "emptying"]
_E = EventCode
_NOT_RECOGNISED, _REJECTED_BY_HOST, _DISABLED_BY_HOST, _STRING, _TIMED_OUT = 0x02, 0x08, 0x0C, 0x0E, 0x13


class Note(msgspec.Struct):
    """The note in the path. Channel 0: the device does not know it."""

    channel: int
    quality: Quality
    place: Place
    reported: bool = False
    """The host was told that it lies in escrow."""


class Job(msgspec.Struct):
    """A payout or an emptying. It is kept beyond a power cut."""

    kind: Literal["payout", "emptying"]
    todo: list[int]
    requested: dict[str, int]
    moved: dict[str, int]
    halted: bool = False


class Kept(msgspec.Struct):
    """What survives a power cut: notes, where they are, and what the device has counted."""

    store: list[int] = []
    cashbox: list[int] = []
    inserted: list[int] = []
    """By shoppers, 0 for notes that the device does not know."""
    returned: list[int] = []
    dispensed: list[int] = []
    collected: list[int] = []
    """By staff, with the cashbox."""
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    routes: dict[int, Route] = {}
    note: Note | None = None
    job: Job | None = None


class Recycler:
    """Notes, motors and sensors, and the events that they cause. `channels[0]` is channel 1."""

    def __init__(
        self, channels: tuple[Amount, ...], *, step_s: float, escrow_s: float, store_max: int, box_max: int
    ) -> None:
        self._channels = channels
        self._step_s = step_s
        self._escrow_s = escrow_s
        self._store_max = store_max
        self._box_max = box_max
        self._timer: asyncio.TimerHandle | None = None
        self.kept = Kept()
        self.events: deque[Event] = deque()
        self.powered = True
        self.booting = False
        self.box_removed = False
        self.jam: Literal["safe", "unsafe"] | None = None
        self.enabled = False
        self.payout_enabled = False
        self.let_in: frozenset[int] = frozenset()
        self.reject_code = 0
        self.silenced = False
        """The host has yet to acknowledge an event: no new note is taken."""

    # Hands -----------------------------------------------------------------------------------------------------------

    def insert(self, channel: int, quality: Quality) -> bool:
        """A shopper holds a note before the mouth; whether it was drawn in."""
        ready = self.powered and not self.booting and self.enabled and not self.silenced and not self.jam
        if not ready or self.kept.note or self.kept.job or self.box_removed or not self.let_in or self._is_full():
            return False
        self.kept.inserted.append(channel)
        self.kept.note = Note(channel, quality, "reading")
        self._after(self._validated)
        return True

    def pull(self) -> bool:
        """Somebody pulls at the note on a string; whether it came out."""
        note = self.kept.note
        if note is None or note.place in {"leaving", "emptying"}:
            return False
        self._hand_back(note.channel)
        if self.powered:
            self.reject_code = _STRING
            self.events.append(Event(_E.FRAUD_ATTEMPT, channel=note.channel if note.quality == "genuine" else 0))
        return True

    def set_jam(self, kind: Literal["safe", "unsafe"] | None) -> None:
        """Movement stops, or goes on: backwards after an unsafe jam before the safe point."""
        was, self.jam = self.jam, kind
        note = self.kept.note
        if was and not kind and note is not None:
            if note.place == "stacking" and was == "unsafe":
                note.place = "returning"
            self._resume()

    def fill_box(self) -> None:
        """With other notes than shoppers', which the counts of places leave out."""
        self._box_max = len(self.kept.cashbox)
        self.events.append(Event(_E.STACKER_FULL))

    def change_box(self, *, removed: bool, box_max: int) -> None:
        self.box_removed = removed
        self.events.append(Event(_E.CASHBOX_REMOVED if removed else _E.CASHBOX_REPLACED))
        if removed:
            self.kept.collected += self.kept.cashbox
            self.kept.cashbox.clear()
            self._box_max = box_max

    # The host's orders -----------------------------------------------------------------------------------------------

    def polled(self) -> None:
        """A poll takes the note that the host knows to be in escrow."""
        note = self.kept.note
        if note is not None and self._in_escrow(note) and note.reported and not self.silenced:
            note.place = "stacking"
            self._after(self._reached_safety)

    def held(self) -> bool:
        """Whether a note lies in escrow; it stays for another while."""
        note = self.kept.note
        if note is None or not self._in_escrow(note):
            return False
        self._after(self._timed_out, self._escrow_s)
        return True

    def rejected(self) -> bool:
        note = self.kept.note
        if note is None or not self._in_escrow(note):
            return False
        self._return(note, _REJECTED_BY_HOST)
        return True

    def refusal(self, wanted: list[int]) -> int | None:
        """Why these notes can't be paid out, as the byte of the answer; None when they can."""
        if not self.payout_enabled:
            return 4
        if self.kept.job or self.kept.note or self.booting:
            return 3
        missing = Counter(wanted) - Counter(self.kept.store)
        return 0 if missing else None

    def pay_out(self, wanted: list[int]) -> None:
        self._start(Job("payout", wanted, self._values(wanted), {}))

    def smart_empty(self) -> bool:
        if self.kept.job or self.kept.note or self.booting:
            return False
        self._start(Job("emptying", list(self.kept.store), self._values(self.kept.store), {}))
        return True

    def halt(self) -> None:
        if self.kept.job is not None:
            self.kept.job.halted = True

    # Power -----------------------------------------------------------------------------------------------------------

    def power_down(self) -> None:
        self.powered = self.booting = self.enabled = self.payout_enabled = self.silenced = False
        self.let_in = frozenset()
        self.events.clear()
        self._stop()

    def power_up(self, boot_s: float) -> None:
        self.powered = self.booting = True
        self._after(self._booted, boot_s)

    def _booted(self) -> None:
        self.booting = False
        self.events.extend([Event(_E.SLAVE_RESET), Event(_E.DISABLED)])
        note, job = self.kept.note, self.kept.job
        if note is not None:
            self._clear(note)
        if job is not None and job.kind == "payout":
            paid = tuple(Amount(job.moved.get(code, 0), code) for code in job.requested)
            asked = tuple(Amount(value, code) for code, value in job.requested.items())
            self.events.append(Event(_E.INCOMPLETE_PAYOUT, amounts=paid, requested=asked))
        self.kept.job = None

    def _clear(self, note: Note) -> None:
        """Empty the note path after a power cut."""
        channel = note.channel if note.quality == "genuine" else 0
        if note.place in {"leaving", "emptying"}:
            self._transfer(note)
        elif note.place == "safe":
            where = self._put_away(note)
            code = _E.NOTE_INTO_STORE_AT_RESET if where == "stored" else _E.CLEARED_INTO_CASHBOX
            amounts = (self._channels[channel - 1],) if code == _E.NOTE_INTO_STORE_AT_RESET else ()
            self.events.append(Event(code, channel=None if amounts else channel, amounts=amounts))
        else:
            self._hand_back(note.channel)
            self.events.append(Event(_E.CLEARED_FROM_FRONT, channel=channel))

    # Movement --------------------------------------------------------------------------------------------------------

    def _validated(self) -> None:
        note = self._moving()
        if note is None:
            return
        if note.quality != "genuine":
            self._return(note, _NOT_RECOGNISED)
        elif note.channel not in self.let_in or not self.enabled:
            self._return(note, _DISABLED_BY_HOST)
        else:
            note.place = "escrow"
            self._after(self._timed_out, self._escrow_s)

    def _timed_out(self) -> None:
        if self.kept.note is not None:
            self._return(self.kept.note, _TIMED_OUT)

    def _reached_safety(self) -> None:
        note = self._moving()
        if note is not None:
            note.place = "safe"
            self.events.append(Event(_E.CREDIT, channel=note.channel))
            self._after(self._arrived)

    def _arrived(self) -> None:
        note = self._moving()
        if note is not None:
            stored = self._put_away(note) == "stored"
            self.events.append(Event(_E.STORED_IN_PAYOUT if stored else _E.STACKED))
            if not stored and self._is_full():
                self.events.append(Event(_E.STACKER_FULL))

    def _returned(self) -> None:
        note = self._moving()
        if note is not None:
            self._hand_back(note.channel)
            self.kept.counts["rejected"] += 1
            self.events.append(Event(_E.REJECTED))

    def _return(self, note: Note, code: int) -> None:
        self.reject_code = code
        note.place = "returning"
        self._after(self._returned)

    def _put_away(self, note: Note) -> Literal["stored", "stacked"]:
        self.kept.note = None
        recycled = self.kept.routes.get(note.channel) == "dispenser" and len(self.kept.store) < self._store_max
        (self.kept.store if recycled else self.kept.cashbox).append(note.channel)
        where: Literal["stored", "stacked"] = "stored" if recycled else "stacked"
        self.kept.counts[where] += 1
        return where

    def _hand_back(self, channel: int) -> None:
        self._stop()
        self.kept.note = None
        self.kept.returned.append(channel)

    def _start(self, job: Job) -> None:
        self.kept.job = job
        self._next_note()

    def _next_note(self) -> None:
        job = self.kept.job
        if job is None:
            return
        if job.halted or not job.todo:
            self._finish(job)
            return
        channel = job.todo.pop(0)
        self.kept.store.remove(channel)
        self.kept.note = Note(channel, "genuine", "leaving" if job.kind == "payout" else "emptying")
        self._after(self._left)

    def _left(self) -> None:
        note = self._moving()
        if note is None or self.kept.job is None:
            return
        if note.place == "emptying":
            self._transfer(note)
        else:
            self.kept.note = None
            self.kept.dispensed.append(note.channel)
            self.kept.counts["dispensed"] += 1
        amount = self._channels[note.channel - 1]
        moved = self.kept.job.moved
        moved[amount.currency] = moved.get(amount.currency, 0) + amount.value_minor
        self._after(self._next_note)

    def _transfer(self, note: Note) -> None:
        self.kept.note = None
        self.kept.cashbox.append(note.channel)
        self.kept.counts["transferred"] += 1
        self.events.append(Event(_E.NOTE_TRANSFERRED_TO_STACKER, amounts=(self._channels[note.channel - 1],)))

    def _finish(self, job: Job) -> None:
        self.kept.job = None
        code = _E.SMART_EMPTIED if job.kind == "emptying" else _E.HALTED if job.halted else _E.DISPENSED
        self.events.append(Event(code, amounts=amounts_of(job.moved)))

    def _resume(self) -> None:
        note, job = self.kept.note, self.kept.job
        steps: dict[Place, Callable[[], None]] = {
            "reading": self._validated, "stacking": self._reached_safety, "safe": self._arrived,
            "returning": self._returned,
        }  # fmt: skip
        if note is None:
            return
        if note.place in steps:
            self._after(steps[note.place])
        elif note.place in {"leaving", "emptying"} and job is not None:  # the payout ends with a jam
            self._transfer(note)
            self.events.append(Event(_E.JAMMED, amounts=amounts_of(job.moved)))
            self.kept.job = None

    def _in_escrow(self, note: Note) -> bool:
        """And may be decided upon: while it starts, a device does as it must."""
        return note.place == "escrow" and not self.booting

    def _moving(self) -> Note | None:
        """The note in the path, unless it is stuck."""
        return None if self.jam else self.kept.note

    def _is_full(self) -> bool:
        return len(self.kept.cashbox) >= self._box_max

    def _values(self, channels: list[int]) -> dict[str, int]:
        values: Counter[str] = Counter()
        for channel in channels:
            values[self._channels[channel - 1].currency] += self._channels[channel - 1].value_minor
        return dict(values)

    def _after(self, step: Callable[[], None], seconds: float | None = None) -> None:
        self._stop()
        self._timer = asyncio.get_running_loop().call_later(self._step_s if seconds is None else seconds, step)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Sensors ---------------------------------------------------------------------------------------------------------

    def state_events(self) -> list[Event]:
        """What goes on now."""
        if self.booting:
            return [Event(_E.INITIALISING)]
        note, job = self.kept.note, self.kept.job
        found: list[Event] = []
        if self.jam and note is not None and note.place not in {"leaving", "emptying"}:
            found.append(Event(_E.SAFE_JAM if self.jam == "safe" else _E.UNSAFE_JAM))
        elif note is not None:
            found += self._note_events(note)
        if job is not None:
            code = _E.SMART_EMPTYING if job.kind == "emptying" else _E.JAMMED if self.jam else _E.DISPENSING
            found.append(Event(code, amounts=amounts_of(job.moved)))
        return found

    def _note_events(self, note: Note) -> list[Event]:
        match note.place:
            case "reading":
                return [Event(_E.READ, channel=0)]
            case "escrow":
                note.reported = True
                return [Event(_E.READ, channel=note.channel)]
            case "stacking" | "safe":
                return [Event(_E.STACKING)]
            case "returning":
                return [Event(_E.REJECTING)]
        return []

    def counters(self) -> Counters:
        counts = self.kept.counts
        return Counters(
            counts["stacked"], counts["stored"], counts["dispensed"], counts["transferred"], counts["rejected"]
        )


def amounts_of(values: dict[str, int]) -> tuple[Amount, ...]:
    """A value per currency, as events carry it."""
    return tuple(Amount(value, currency) for currency, value in values.items())
