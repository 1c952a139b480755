"""One step of the sequence being taken, and what its phases share. Pure."""

from typing import Any

import msgspec

from unqueue.lane.sequence.words import (
    NEAR_EMPTY_G,
    AlarmKind,
    Answered,
    Command,
    Config,
    ExitInfo,
    GateGood,
    IoRead,
    Lane,
    OpenGate,
    Pending,
    Phase,
    RaiseAlarm,
    Refused,
    Request,
    TagCause,
)
from unqueue.lane.weighing import Suspect, Tare, Verdict, check

TOO_HEAVY = Suspect("unknown", "超过秤的最大称量", "More than the scale can weigh")
_NEEDED = ("scale", "io", "server")


class Turn:
    """A step at ``now_s``: the state as it becomes, and the commands so far."""

    def __init__(self, lane: Lane, now_s: float, config: Config) -> None:
        self.lane = lane
        self.now_s = now_s
        self.config = config
        self.rule = config.rule
        self.timing = config.timing
        # Nobody in the side bay would know of an order that the lane decides about alone.
        alone = lane.offline or (lane.exit is not None and lane.exit.offline)
        self.side_bay = "" if alone else config.side_bay
        self.trolley = config.trolley
        self.commands: list[Command] = []

    def set(self, **changes: Any) -> None:
        self.lane = msgspec.structs.replace(self.lane, **changes)

    def to(self, phase: Phase, **changes: Any) -> None:
        """Go on to a phase. What was asked of the server in the one before is given up, unless it is kept; and the next
        shopper has another trolley.
        """
        if phase == "idle" and self.lane.phase not in {"idle", "starting", "claiming"}:
            self.set(tare=None, parts=(), part_lies=False)
        if phase in {"idle", "open"}:
            self.set(refusals=0)
        self.set(**{"phase": phase, "since_s": self.now_s, "reminded_s": self.now_s, "request": None, **changes})

    def tags_counted(self, seen: IoRead) -> int | None:
        """How many tags the deactivator silenced of this order; None where that was before the lane's restart."""
        return seen.deactivated - self.lane.tags_base if self.lane.tags_known else None

    @property
    def items_counted(self) -> int | None:
        """How many things crossed the barrier since the belt was empty; None where that is not sure."""
        lane = self.lane
        if lane.io is None or lane.io.items is None or lane.items_base is None:
            return None
        return lane.io.items - lane.items_base

    def tags_silenced(self) -> bool | None:
        """Whether as many tags of this order were counted as it has; None where that is not known: some may have been
        silenced before the lane's restart.
        """
        if self.io.deactivated - self.lane.tags_base >= self.exit.tags:
            return True
        return False if self.lane.tags_known else None

    def ask(self, request: Request) -> None:
        number = self.lane.serial + 1
        self.set(serial=number, request=Pending(number, request))

    def alarm(
        self,
        kind: AlarmKind,
        exit_id: str | None,
        detail: str | None,
        cause: TagCause | None = None,
        goods: tuple[GateGood, ...] = (),
    ) -> int:
        """Call staff; the key under which the call's fate is told."""
        key = self.lane.serial + 1
        self.set(serial=key)
        self.commands.append(RaiseAlarm(key, kind, exit_id, detail, cause, goods))
        return key

    def notice(self, prompt: str) -> None:
        """Show and say something for a few seconds."""
        self.set(notice=prompt, notice_until_s=self.now_s + self.timing.notice_s)

    def open_gate(self) -> None:
        self.commands.append(OpenGate())
        self.set(gate_told_s=self.now_s)

    def resynchronise(self) -> None:
        """Something did not fit: read from the server how things stand."""
        self.to("starting", exit=None, told=None, verdict=None, tags_done=False, alarm_key=None)

    def judge(self, one: ExitInfo) -> Verdict:
        """What the rule says to the load on the belt."""
        *parts, reading = self.lane.parts if self.lane.part_lies else (*self.lane.parts, self.lane.reading)
        counted = None if parts else self.items_counted
        verdict = check(one.lines, reading, self.rule, one.expected, tare=self.tare, parts=parts, counted=counted)
        if self.lane.overweight:
            return msgspec.structs.replace(verdict, verdict="check", suspects=(TOO_HEAVY,), overweight=True)
        return verdict

    @property
    def tare(self) -> Tare | None:
        """The tare of the trolley on the floor scale; None where goods are weighed alone."""
        return None if self.trolley is None else self.lane.tare or self.trolley

    def is_expected(self, answer: Answered | Refused) -> bool:
        """Whether this answers what was asked last."""
        return self.lane.request is not None and self.lane.request.number == answer.number

    @property
    def waited_s(self) -> float:
        return self.now_s - self.lane.since_s

    @property
    def exit(self) -> ExitInfo:
        """The exit at the lane; only for phases that have one."""
        assert self.lane.exit is not None, f"no order is at the lane in {self.lane.phase}"
        return self.lane.exit

    @property
    def verdict(self) -> Verdict:
        assert self.lane.verdict is not None, "an order at the lane has a verdict"
        return self.lane.verdict

    @property
    def io(self) -> IoRead:
        assert self.lane.io is not None, "no order is taken before the gate's counter is known"
        return self.lane.io

    def is_near_empty(self) -> bool:
        return self.lane.is_near_empty

    def is_settled(self) -> bool:
        """Whether a load that does not fit has not changed for long enough to be looked at."""
        too_light = self.verdict.is_light and not self.lane.overweight
        patience_s = self.timing.too_light_s if too_light else self.timing.too_heavy_s
        return self.now_s - self.lane.changed_s >= patience_s

    def differs(self, told: Verdict) -> bool:
        """Whether the belt holds something else than when ``told`` was weighed."""
        if told.overweight != self.lane.overweight or self.lane.part_lies:
            return True
        return abs(self.lane.goods_g - told.measured_g) > max(NEAR_EMPTY_G, 2 * self.lane.interval_g)

    def has_passed(self, seen: IoRead) -> bool:
        """Whether somebody walked through since the gate was allowed to open for the exit at the lane."""
        released = self.lane.exit is not None and self.lane.exit.status == "released"
        return released and seen.passages > self.lane.passages_base

    def may_open_again(self, seen: IoRead) -> bool:
        """Whether the gate is closed and surely nobody walked through. A counter that began anew is not sure."""
        return seen.gate_closed and seen.passages == self.lane.passages_base


def trouble(lane: Lane) -> str | None:
    """The first of scale, I/O module and server that has failed; without them the lane can't work. Without the server
    it can where it may decide alone.
    """
    alone = (lane.offline and lane.exit is None) or (lane.exit is not None and lane.exit.offline)
    return next((name for name in _NEEDED if name in lane.failed_s and not (name == "server" and alone)), None)


def may_give_up(lane: Lane) -> bool:
    """Whether an order without goods can go back: all works, or the lane decides alone and can tell of that later."""
    broken = trouble(lane)
    return broken is None or (broken == "server" and lane.offline)
