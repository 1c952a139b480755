"""Lanes of the simulated floor: the real sequence (:func:`unqueue.lane.sequence.step`) between simulated devices, and
the server's real model of an exit (:class:`unqueue.server.exits.model.Exit`) behind it.

A real lane looks at its devices many times a second. Here it looks whenever something changed, and at each moment at
which one of its patiences may end: every deadline of the sequence is one of its moments plus one of its timings.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from unqueue.bench.peak.play import Bell, Play
from unqueue.bench.peak.shopping import Chance, Visit
from unqueue.devices.ports import StableWeight, UnstableWeight
from unqueue.kernel.weight import Reading
from unqueue.lane.sequence import outputs, step
from unqueue.lane.sequence.words import (
    Abandon,
    Answered,
    CallInfo,
    CallSeen,
    Claim,
    Code,
    Command,
    Config,
    DeviceSeen,
    ExitInfo,
    ExitSeen,
    Input,
    IoRead,
    Lane,
    Left,
    OpenGate,
    Pending,
    RaiseAlarm,
    ReadExits,
    Release,
    Request,
    SendAside,
    TellWeighing,
    Tick,
    Weighed,
)
from unqueue.lane.weighing import Verdict
from unqueue.server.exits.answers import CallKind
from unqueue.server.exits.model import Exit
from unqueue.server.exits.weights import Weighing

INTERVAL_G = 5
GATE_CLOSES_S = 8.0
_JUST_AFTER_S = 0.001


class Call(msgspec.Struct):
    """A call for staff. ``visit`` is None for one that is about no exit; ``alarm_key`` names it to its lane."""

    kind: CallKind
    lane: "SimulatedLane"
    visit: Visit | None = None
    alarm_key: int | None = None
    is_taken: bool = False


class Store:
    """The server: the exits of all orders, and the calls that nobody has answered."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.visits: dict[int, Visit] = {}
        self.exits: dict[int, Exit] = {}
        self.calls: list[Call] = []
        self.exceptions: set[int] = set()
        """Whom staff were called to."""
        self.called, self.cleared = Bell(), Bell()

    def answer(self, lane: "SimulatedLane", request: Request) -> tuple[ExitInfo, ...]:
        if isinstance(request, ReadExits):
            return ()
        if isinstance(request, Claim):
            number = int((request.pass_ or "").split(".")[1])
            self._claim(lane, self.visits[number])
        else:
            number = int(request.exit_id)
            self._keep(number, self._moved(lane, number, request))
        return (self.info(number),)

    def _claim(self, lane: "SimulatedLane", visit: Visit) -> None:
        self.exits[visit.number] = Exit(
            exit_id=str(visit.number),
            lane=lane.name,
            order_id=str(visit.number),
            trip_id="",
            basket_hash="",
            request_hash="",
            pass_id=None,
            status="claimed",
            # What kind of check a person has to clear makes no difference to a lane.
            checks=("min_age",) if visit.is_audited else (),
            weighing=None,
            override_call_id=None,
            passages=None,
            claimed_us=0,
            touched_us=0,
        )
        if visit.is_audited:
            self.call(Call("min_age", lane, visit))

    def _moved(self, lane: "SimulatedLane", number: int, request: Request) -> Exit:
        one = self.exits[number]
        match request:
            case TellWeighing(_, verdict, interval_g, tags_deactivated):
                if verdict.verdict == "check" and not any(
                    call.kind == "weight" and call.visit is self.visits[number] for call in self.calls
                ):
                    self.call(Call("weight", lane, self.visits[number]))
                return one.weighed(_weighing(verdict, interval_g, tags_deactivated))
            case SendAside(_, bay):
                return one.sent_aside(bay)
            case Release(_, passages):
                return one.released(passages)
            case Left():
                return one.left()
            case Abandon():
                return one.abandoned()
            case _:
                raise AssertionError(f"no lane asks {request}")

    def _keep(self, number: int, one: Exit) -> None:
        self.exits[number] = one
        fits = one.weighing is not None and one.weighing.verdict == "pass"
        self.calls = [call for call in self.calls if not (fits and call.kind == "weight" and _about(call, number))]
        if one.status in {"left", "abandoned"}:
            self.calls = [call for call in self.calls if not _about(call, number)]

    def call(self, call: Call) -> None:
        self.calls.append(call)
        if call.visit is not None:
            self.exceptions.add(call.visit.number)
        self.play.ring(self.called)

    def let_go(self, visit: Visit) -> None:
        """A person has looked at everything that this exit waits for. Who waits in the bay is let out by hand."""
        one = self.exits[visit.number]
        for call in [call for call in self.calls if _about(call, visit.number)]:
            one = one.answered(call.kind, "let_go", "person")
            self.calls.remove(call)
        if one.bay is not None:
            one = one.released(None).left()
        self.exits[visit.number] = one
        self.play.ring(self.cleared)

    def info(self, number: int) -> ExitInfo:
        one, visit = self.exits[number], self.visits[number]
        told = msgspec.convert(msgspec.to_builtins(one.weighing), Verdict) if one.weighing is not None else None
        return ExitInfo(
            exit_id=one.exit_id,
            status=one.status,
            number=str(number),
            item_count=len(visit.lines),
            lines=visit.lines,
            order_id=one.order_id,
            tags=visit.tags,
            checks=one.checks,
            weighing=told,
            passages=one.passages,
            bay=one.bay,
        )


class SimulatedLane:
    """One lane: its queue, its belt and gate, and the sequence that runs it."""

    def __init__(self, name: str, play: Play, store: Store, chance: Chance, config: Config) -> None:
        self.name = name
        self.lane = Lane()
        self.is_open = True
        self.queue: deque[Visit] = deque()
        self.holder: Visit | None = None
        self.busy_s: list[tuple[float, float]] = []
        """From when to when somebody had the lane."""
        self._taken_s = 0.0
        self.changed = Bell()
        self._play, self._store, self._chance, self._config = play, store, chance, config
        self._load_g, self._is_still = 0.0, True
        self._passages = self._deactivated = 0
        self._gate_closes_s = -1.0
        self._asked = self._poll = 0
        timing = config.timing
        self._patiences_s = sorted({getattr(timing, name) for name in timing.__struct_fields__} | {2 * timing.check_s})
        for device in ("scale", "io", "server"):
            self.hear(DeviceSeen(device, "ready"))
        self.look()

    @property
    def is_free(self) -> bool:
        return self.lane.phase == "idle" and self.holder is None

    # What people do.

    def step_up(self, visit: Visit) -> None:
        """It is this shopper's turn."""
        self.holder, self._taken_s = visit, self._play.now_s

    def show(self, code: str) -> None:
        self.hear(Code(code))

    def lay(self, load_g: float) -> None:
        """Change what lies on the belt; the scale needs a moment."""
        self._load_g, self._is_still = load_g, False
        self.hear(Weighed(UnstableWeight()))
        self._play.after(self._chance.takes_s(self._chance.habits.scale_settles_s), lambda: self._settle(load_g))

    def walk(self) -> None:
        """Walk through the gate with everything."""
        self._passages += 1
        self._gate_closes_s = self._play.now_s
        self.look()

    def tell(self, visit: Visit) -> None:
        """The server's event: something happened to the exit."""
        if self.lane.exit_id == str(visit.number):
            self.hear(ExitSeen(self._store.info(visit.number)))
            self.look()

    def answer(self, key: int) -> None:
        self.hear(CallSeen(key, CallInfo("call", "answered", action="done")))

    # What the lane hears.

    def look(self) -> None:
        gate_closed = self._play.now_s >= self._gate_closes_s
        self.hear(IoRead(self._passages, 0, self._deactivated, gate_closed))
        if self._is_still:
            self.hear(Weighed(StableWeight(Reading(INTERVAL_G * round(self._load_g / INTERVAL_G), INTERVAL_G))))
        self.hear(Tick())

    def hear(self, heard: Input) -> None:
        before = self.lane
        self.lane, commands = step(before, heard, self._play.now_s, self._config)
        for command in commands:
            self._obey(command)
        if outputs(self.lane).deactivator and not outputs(before).deactivator:
            self._soon(self._chance.habits.belt_s, self._deactivate)
        pending = self.lane.request
        if pending is not None and pending.number != self._asked:
            self._asked = pending.number
            self._soon(self._chance.habits.server_s, lambda: self._answered(pending))
        if self.lane.phase == "idle" and before.phase in {"leaving", "aside", "abandoning"}:
            self.holder = None
            self.busy_s.append((self._taken_s, self._play.now_s))
        if self.lane.phase != before.phase:
            self._play.ring(self.changed)
        self._look_again()

    def _look_again(self) -> None:
        """Look when the next patience may end."""
        lane, now_s = self.lane, self._play.now_s
        moments_s = {lane.since_s, lane.changed_s, lane.gate_told_s, lane.notice_until_s, lane.reminded_s}
        due_s = [at_s + wait_s for at_s in moments_s for wait_s in (0.0, *self._patiences_s) if at_s + wait_s > now_s]
        self._poll += 1
        if due_s and lane.phase != "idle":
            number = self._poll
            self._play.at(min(due_s) + _JUST_AFTER_S, lambda: self.look() if number == self._poll else None)

    def _soon(self, median_s: float, do: Callable[[], None]) -> None:
        self._play.after(self._chance.takes_s(median_s), do)

    def _settle(self, load_g: float) -> None:
        if self._load_g == load_g:
            self._is_still = True
            self.look()

    def _obey(self, command: Command) -> None:
        if isinstance(command, OpenGate):
            self._gate_closes_s = self._play.now_s + GATE_CLOSES_S
        elif isinstance(command, RaiseAlarm):
            self._store.call(Call(command.kind, self, alarm_key=command.key))

    def _deactivate(self) -> None:
        if outputs(self.lane).deactivator and self.lane.exit is not None:
            self._deactivated += self.lane.exit.tags
            self.look()

    def _answered(self, pending: Pending) -> None:
        if self.lane.request == pending:
            self.hear(Answered(pending.number, self._store.answer(self, pending.request)))


def _about(call: Call, number: int) -> bool:
    return call.visit is not None and call.visit.number == number


def _weighing(verdict: Verdict, interval_g: int, tags_deactivated: bool) -> Weighing:
    return Weighing(
        id="weighing",
        measured_g=verdict.measured_g,
        interval_g=interval_g,
        expected_g=verdict.expected_g,
        sigma_g=verdict.sigma_g,
        tolerance_g=verdict.tolerance_g,
        verdict=verdict.verdict,
        tags_deactivated=tags_deactivated,
        low_g=verdict.low_g,
        high_g=verdict.high_g,
        overweight=verdict.overweight,
        parts=verdict.parts,
    )
