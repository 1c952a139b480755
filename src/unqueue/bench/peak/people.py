"""Shoppers who queue, lay, wait and walk; attendants who come when they are called; one hour of both."""

from unqueue.bench.peak.lanes import Call, SimulatedLane, Store
from unqueue.bench.peak.play import Play, Process
from unqueue.bench.peak.shopping import Chance, Habits, Visit
from unqueue.lane.sequence.words import Config

BAY = "bay"
SAMPLE_EVERY_S = 10.0
_PATIENCE_S = 6 * 3600.0


class Hour:
    """One simulated peak hour, until the last shopper is out."""

    def __init__(self, seed: int, habits: Habits, *, side_bay: bool) -> None:
        self.play = Play()
        self.chance = Chance(seed, habits)
        self.habits, self.side_bay = habits, side_bay
        self.store = Store(self.play)
        config = Config(side_bay=BAY if side_bay else "")
        self.lanes = [
            SimulatedLane(f"lane-{number}", self.play, self.store, self.chance, config)
            for number in range(1, habits.lanes + 1)
        ]
        self.visits = list(self.chance.visits())
        self.attended_s = 0.0
        self.samples: list[tuple[float, int, int]] = []
        """Now and then: when, how many queue for a lane, how many are in the bay."""
        self._in_bay: set[int] = set()

    def run(self) -> "Hour":
        for visit in self.visits:
            self.store.visits[visit.number] = visit
            self.play.at(visit.comes_s, lambda visit=visit: self.play.start(self._shop(visit)))  # type: ignore[misc]
        for _ in range(self.habits.attendants):
            self.play.start(self._attend())
        if len(self.lanes) > 1 and self.habits.lane_out_s[1] > self.habits.lane_out_s[0]:
            self.play.start(self._take_out(self.lanes[1]))
        self.play.start(self._watch())
        self.play.run(_PATIENCE_S)
        assert all(visit.done_s is not None for visit in self.visits), "somebody never came out"
        return self

    def busy_share(self) -> float:
        """How much of the time that the lanes were open somebody had them, within the hour."""
        hour_s, (out_s, back_s) = self.habits.hour_s, self.habits.lane_out_s
        open_s = hour_s * len(self.lanes) - (min(back_s, hour_s) - out_s)
        return sum(max(min(end, hour_s) - begin, 0.0) for lane in self.lanes for begin, end in lane.busy_s) / open_s

    # Shoppers.

    def _shop(self, visit: Visit) -> Process:
        lane = yield from self._queue(visit)
        take, habits = self.chance.takes_s, self.habits
        lane.step_up(visit)
        yield take(habits.step_up_s)
        lane.show(visit.code)
        while lane.lane.phase in {"idle", "claiming"}:
            yield lane.changed
        for bag in range(1, visit.bags + 1):
            yield take(habits.bag_down_s)
            lane.lay(visit.true_g * bag / visit.bags)
        if visit.finds_alone:
            self.play.start(self._look(lane, visit))
        while lane.lane.phase not in {"open", "aside"}:
            yield lane.changed
        was_sent = lane.lane.phase == "aside"
        yield take(habits.gate_s) if not was_sent else 0.0
        for _ in range(visit.bags):
            yield take(habits.bag_up_s)
        lane.lay(0.0)
        if was_sent:
            yield from self._wait_in_bay(visit)
        yield take(habits.walk_out_s)
        if not was_sent:
            lane.walk()
        visit.done_s = self.play.now_s

    def _queue(self, visit: Visit) -> Process:
        """Stand where fewest people are; when that lane closes, at another one."""
        while True:
            lane = min(
                (one for one in self.lanes if one.is_open), key=lambda one: len(one.queue) + (one.holder is not None)
            )
            lane.queue.append(visit)
            while lane.is_open and not (lane.is_free and lane.queue[0] is visit):
                yield lane.changed
            lane.queue.remove(visit)
            if lane.is_open:
                return lane

    def _look(self, lane: SimulatedLane, visit: Visit) -> Process:
        """A shopper who scans badly and looks well takes the one thing more off the belt."""
        while lane.holder is visit and lane.lane.phase != "check":
            yield lane.changed
        yield self.chance.takes_s(self.habits.look_s)
        if lane.holder is visit and lane.lane.phase == "check":
            lane.lay(visit.right_g)

    def _wait_in_bay(self, visit: Visit) -> Process:
        visit.was_aside = True
        yield self.chance.takes_s(self.habits.to_bay_s)
        self._in_bay.add(visit.number)
        self.play.ring(self.store.called)
        while self.store.exits[visit.number].status != "left":
            yield self.store.cleared
        self._in_bay.discard(visit.number)

    # Staff.

    def _attend(self) -> Process:
        while True:
            call = self._next_call()
            if call is None:
                yield self.store.called
                continue
            call.is_taken = True
            begun_s = self.play.now_s
            yield from self._help(call)
            self.attended_s += self.play.now_s - begun_s

    def _next_call(self) -> Call | None:
        """The oldest call that somebody can be helped with. Where there is a bay, attendants stay there: they come to a
        lane only for what is not about an order.
        """
        for call in self.store.calls:
            in_bay = call.visit is not None and call.visit.number in self._in_bay
            if not call.is_taken and (in_bay or call.visit is None or not self.side_bay):
                return call
        return None

    def _help(self, call: Call) -> Process:
        take, habits = self.chance.takes_s, self.habits
        in_bay = call.visit is not None and call.visit.number in self._in_bay
        yield take(habits.in_bay_s if in_bay else habits.to_lane_s)
        if call not in self.store.calls:
            return  # it settled itself meanwhile
        if call.visit is None:
            yield take(habits.tidy_s)
            self.store.calls.remove(call)
            if call.alarm_key is not None:
                call.lane.answer(call.alarm_key)
            return
        while self.store.exits[call.visit.number].weighing is None:
            yield call.lane.changed  # the goods are being laid
        together = [one for one in self.store.calls if one.visit is call.visit]
        for one in together:
            one.is_taken = True
            yield take(habits.set_right_s if one.kind == "weight" else habits.rescan_s)
        if call in self.store.calls:
            self.store.let_go(call.visit)
            call.lane.tell(call.visit)

    # The day.

    def _take_out(self, lane: SimulatedLane) -> Process:
        """The lane takes nobody on for a while; who is there goes on, who queues there queues elsewhere."""
        out_s, back_s = self.habits.lane_out_s
        yield out_s
        lane.is_open = False
        self.play.ring(lane.changed)
        yield back_s - out_s
        lane.is_open = True

    def _watch(self) -> Process:
        while any(visit.done_s is None for visit in self.visits):
            self.samples.append((self.play.now_s, sum(len(lane.queue) for lane in self.lanes), len(self._in_bay)))
            yield SAMPLE_EVERY_S
