"""A lane's sequence in a small world of its own: gate, belt, tags, and a server that keeps its own rules.

No device and no network: time and everything that happens are moves that a test makes. The server is the real model
of exits (:mod:`unqueue.server.exits.model`), so that the two sides are tried against each other.
"""

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unqueue.devices.ports import NotReady, Overweight, StableWeight, UnderZero
from unqueue.kernel.errors import DomainError
from unqueue.kernel.weight import Reading
from unqueue.lane.screen import LaneState, show
from unqueue.lane.sequence import outputs, step
from unqueue.lane.sequence.words import (
    Abandon,
    Answered,
    CallInfo,
    CallOver,
    CallSeen,
    Claim,
    Code,
    Command,
    Config,
    DeviceSeen,
    ExitInfo,
    ExitSeen,
    HelpAsked,
    Input,
    IoRead,
    Lane,
    Left,
    OpenGate,
    PartDone,
    Pending,
    RaiseAlarm,
    ReadExits,
    Refused,
    Release,
    SendAside,
    Sound,
    TellWeighing,
    Tick,
    Weighed,
    ZeroScale,
)
from unqueue.lane.weighing import Line, Verdict
from unqueue.passes.signed import PassClaims, sign
from unqueue.server.exits.answers import Action, CallKind, actions_of
from unqueue.server.exits.model import Exit
from unqueue.server.exits.refusals import OrderAtBay, OrderLeft
from unqueue.server.exits.weights import Suspect, Weighing

ORDER_ID, NUMBER = "0f" * 16, "104729389"
_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def new_pass(order_id: str = ORDER_ID, issued_s: int = 0, link: str = "AAAA") -> str:
    """A pass of the store: each time that a handset fetches one it is another text, and its link changes."""
    stem = sign(PassClaims("store", bytes.fromhex(order_id), bytes(32), bytes(16), issued_s, issued_s + 3600), _KEY)
    return f"{stem}.{link}"


PASS = new_pass()
LINES = (Line(1, "milk", "牛奶", "Milk", 1, 1060, 6.0), Line(2, "wine", "红酒", "Wine", 1, 1240, 12.0))
EXPECTED_G = 2300
GATE_CLOSES_S = 10.0
LIVE = {"claimed", "accepted", "released"}


class Rig:
    """``tags`` of the order's goods are live until the deactivator sees them; ``checks`` as the server asks them."""

    def __init__(self, *, tags: int = 0, checks: tuple[str, ...] = (), config: Config | None = None) -> None:
        self.config = config or Config()
        self.now_s = 0.0
        self.lane = Lane()
        self.commands: list[Command] = []
        self.tags, self.checks = tags, checks
        self.live_tags = tags
        self.hidden_tags = 0
        """Live tags that lie so that the field misses them, until somebody turns the goods over."""
        # The world.
        self.load_g = 0.0
        self.overweight = False
        self.under_zero = False
        self.passages = self.alarms = self.deactivated = 0
        self.items: int | None = None
        self.gate_closes_s = -1.0
        self.fire = self._opened_in_fire = False
        self.broken: set[str] = set()
        # The server.
        self.exits: list[Exit] = []
        self.has_left = False
        self.releases = 0
        self.told_silenced: bool | None = None
        """What the lane said of the tags when it asked for the release."""
        self.calls: dict[str, tuple[CallKind, str | None]] = {}
        self.says_no: dict[type, str] = {}
        """Requests that the server refuses whatever they ask, each with its code."""
        self.refused = 0
        self.restarts = 0
        self.missed_tags: set[str] = set()
        self.raised: dict[int, str] = {}
        self.answered: dict[str, Action | None] = {}
        # What must never happen is looked for after each input.
        self.openings = 0
        self.unpaid_passages = 0

    # Inputs.

    def hear(self, heard: Input) -> None:
        self.lane, commands = step(self.lane, heard, self.now_s, self.config)
        for command in commands:
            self._obey(command)
        self._check_promises()

    def look(self) -> None:
        """Devices tell how things are, as they do many times a second."""
        for name in ("scale", "io", "server"):
            status = "failed" if name in self.broken else "ready"
            seen = self.lane.devices.get(name)
            if seen is None or seen.status != status:
                self.hear(DeviceSeen(name, status))  # type: ignore[arg-type]
        if "io" not in self.broken:
            self._deactivate()
            self.hear(
                IoRead(
                    passages=self.passages,
                    items=self.items,
                    alarms=self.alarms,
                    deactivated=self.deactivated,
                    gate_closed=not self.gate_is_open,
                    fire=self.fire,
                )
            )
        if "scale" in self.broken:
            self.hear(Weighed(NotReady("unplugged")))
        elif self.overweight:
            self.hear(Weighed(Overweight()))
        elif self.under_zero:
            self.hear(Weighed(UnderZero()))
        else:
            self.hear(Weighed(StableWeight(Reading(5 * round(self.load_g / 5), 5))))
        self.hear(Tick())

    def wait(self, seconds: float, *, pace_s: float = 0.25) -> None:
        """Time goes by; the server answers what it is asked."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s = min(self.now_s + pace_s, until_s)
            self.look()
            self.serve()

    def serve(self) -> None:
        """The server answers the pending request, if it is there."""
        while "server" not in self.broken and (pending := self.lane.request) is not None:
            self.hear(self.answer_to(pending))
            if self.lane.request is not None and self.lane.request.number == pending.number:
                return

    def answer(self) -> None:
        """The server answers what it was asked, once."""
        assert self.lane.request is not None, "nothing was asked"
        self.hear(self.answer_to(self.lane.request))

    def restart(self) -> None:
        """Kill −9: what the lane knew is gone."""
        self.lane = Lane()
        self.restarts += 1  # its requests are numbered anew, but never have the ids of earlier ones
        self.raised.clear()

    # The world.

    @property
    def gate_is_open(self) -> bool:
        return self.now_s < self.gate_closes_s

    def show_pass(self, text: str = PASS) -> None:
        self.hear(Code(text))

    def lay(self, load_g: float) -> None:
        self.load_g = load_g
        self.overweight = False

    def walk(self) -> bool:
        """Walk through the gate, if it is open; it closes behind."""
        if not self.gate_is_open:
            return False
        if not self._opened_in_fire and all(one.status not in {"released", "left"} for one in self.exits):
            self.unpaid_passages += 1
        self.passages += 1
        self.load_g = 0.0
        self.gate_closes_s = self.now_s
        return True

    def press_more(self) -> None:
        self.hear(PartDone())

    def press_help(self) -> None:
        self.hear(HelpAsked())

    def _deactivate(self) -> None:
        reached = self.live_tags - self.hidden_tags
        if outputs(self.lane).deactivator and self.load_g and reached > 0:
            self.deactivated += reached
            self.live_tags -= reached

    def _obey(self, command: Command) -> None:
        self.commands.append(command)
        match command:
            case OpenGate():
                if "io" not in self.broken:
                    self.openings += 1
                    self._opened_in_fire = self.lane.fire_s is not None
                    self.gate_closes_s = self.now_s + GATE_CLOSES_S
                if self.lane.fire_s is None:  # what the lane knows: in doubt the fire still burns
                    live = [one for one in self.exits if one.status == "released"]
                    assert live, "the gate is told to open without a release"
            case RaiseAlarm(key, kind, exit_id, _, cause):
                call_id = f"call-{len(self.calls)}"
                self.calls[call_id] = (kind, exit_id)
                if cause == "tag_missed":
                    self.missed_tags.add(call_id)
                self.raised[key] = call_id
            case CallOver(key):
                self.answered.setdefault(self.raised[key], None)
            case Sound() | ZeroScale():
                pass

    def _check_promises(self) -> None:
        if outputs(self.lane).deactivator:
            # Invariant 12: tags deactivated ⇒ paid, and what lies there is what was paid, or was let go by name.
            if self.lane.phase == "deactivating_again":
                assert "deactivate" in self.answered.values(), "nobody said that a paid item's tag was missed"
                return
            assert self.lane.exit is not None
            known = self._exit(self.lane.exit.exit_id)
            assert known is not None, "no paid order is at the lane"
            assert self.lane.verdict is not None
            assert self.lane.verdict.verdict == "pass" or known.status == "accepted"
        assert self.releases <= 1, "an order was let out twice"

    # The server.

    def answer_to(self, pending: Pending) -> Answered | Refused:
        if (code := self.says_no.get(type(pending.request))) is not None:
            self.refused += 1
            return Refused(pending.number, code)
        try:
            found = self._answer(pending)
        except DomainError as refusal:
            return Refused(pending.number, refusal.code)
        return Answered(pending.number, tuple(self.info(one) for one in found))

    def _answer(self, pending: Pending) -> list[Exit]:
        request = pending.request
        match request:
            case ReadExits():
                return [one for one in self.exits if one.status in LIVE and one.bay is None]
            case Claim():
                return [self._claim(pending.number)]
            case TellWeighing(exit_id, verdict, interval_g, tags_deactivated):
                weighing = Weighing(
                    id=str(pending.number),
                    measured_g=verdict.measured_g,
                    interval_g=interval_g,
                    expected_g=verdict.expected_g,
                    sigma_g=verdict.sigma_g,
                    tolerance_g=verdict.tolerance_g,
                    verdict=verdict.verdict,
                    suspects=msgspec.convert(msgspec.to_builtins(verdict.suspects), list[Suspect]),
                    tags_deactivated=tags_deactivated,
                    low_g=verdict.low_g,
                    high_g=verdict.high_g,
                    overweight=verdict.overweight,
                    parts=verdict.parts,
                    counted=verdict.counted,
                )
                known = self._known(exit_id)
                if verdict.verdict == "check":
                    self.calls.setdefault(f"weight-{self.restarts}-{pending.number}", ("weight", exit_id))
                return [self._keep(known.weighed(weighing))]
            case Release() | Left() | Abandon():
                return [self._move_on(request)]
            case SendAside(exit_id, bay):
                asks = any(
                    kind == "help" and of == exit_id and call_id not in self.answered
                    for call_id, (kind, of) in self.calls.items()
                )
                return [self._keep(self._known(exit_id).sent_aside(bay, asks_for_help=asks))]

    def _move_on(self, request: Release | Left | Abandon) -> Exit:
        known = self._known(request.exit_id)
        match request:
            case Release():
                if known.status in {"released", "left"}:
                    return known
                released = known.released(request.passages)
                self.releases += 1
                self.told_silenced = request.tags_deactivated
                return self._keep(released)
            case Left():
                left = known if known.status == "left" else known.left()
                self.has_left = True
                for call_id, (kind, exit_id) in self.calls.items():
                    if exit_id == known.exit_id and kind != "live_tag":
                        self.answered.setdefault(call_id, None)
                return self._keep(left)
            case Abandon():
                return self._keep(known.abandoned())

    def _claim(self, number: int) -> Exit:
        live = [one for one in self.exits if one.status in LIVE]
        if live and live[0].bay is not None and live[0].status != "accepted":
            raise OrderAtBay(bay=live[0].bay)
        if live:
            return live[0] if live[0].bay is None else self._keep(live[0].taken_at("lane-1"))
        if self.has_left:
            raise OrderLeft
        fresh = Exit(
            exit_id=f"exit-{len(self.exits)}-{number}",
            lane="lane-1",
            order_id=ORDER_ID,
            trip_id="t",
            basket_hash="h",
            request_hash="r",
            pass_id=None,
            status="claimed",
            checks=self.checks,  # type: ignore[arg-type]
            weighing=None,
            override_call_id=None,
            passages=None,
            claimed_us=0,
            touched_us=0,
        )
        for check in self.checks:
            self.calls[f"{check}-{self.restarts}-{number}"] = (check, fresh.exit_id)
        self.exits.append(fresh)
        return fresh

    def staff(self, action: Action) -> bool:
        """Staff answer every open call that this action fits; whether there was one."""
        done = False
        for call_id, (kind, exit_id) in list(self.calls.items()):
            known = self._exit(exit_id) if exit_id is not None else None
            possible = actions_of(kind, known.status if known is not None else None)
            if call_id in self.missed_tags:
                possible |= {"deactivate"}
            if known is not None and known.bay is not None:
                possible -= {"reweigh"}  # a bay has no scale of its own
            if call_id in self.answered or action not in possible:
                continue
            done = True
            self.answered[call_id] = action
            if known is not None:
                self._keep(known.answered(kind, action, call_id))
            self.hear_of(call_id)
        return done

    def hear_of(self, call_id: str) -> None:
        """The lane hears how the exit and the call stand."""
        if "server" in self.broken:
            return
        for key, raised in self.raised.items():
            if raised == call_id:
                self.hear(CallSeen(key, CallInfo(call_id, "answered", action=self.answered[call_id])))
        self.refresh()

    def refresh(self) -> None:
        """The lane reads its exit while a person decides."""
        if "server" not in self.broken and self.lane.exit is not None and self.lane.request is None:
            known = self._exit(self.lane.exit.exit_id)
            if known is not None:
                self.hear(ExitSeen(self.info(known)))
        for key in (self.lane.alarm_key, self.lane.help_key):
            if "server" in self.broken or key not in self.raised:
                continue
            call_id = self.raised[key]
            if call_id in self.answered:
                self.hear(CallSeen(key, CallInfo(call_id, "answered", action=self.answered[call_id])))

    def info(self, one: Exit) -> ExitInfo:
        told = msgspec.convert(msgspec.to_builtins(one.weighing), Verdict) if one.weighing is not None else None
        return ExitInfo(
            exit_id=one.exit_id,
            status=one.status,
            order_id=one.order_id,
            number=NUMBER,
            item_count=2,
            lines=LINES,
            tags=self.tags,
            checks=one.checks,
            weighing=told,
            passages=one.passages,
            bay=one.bay,
        )

    def _known(self, exit_id: str) -> Exit:
        known = self._exit(exit_id)
        assert known is not None, f"{exit_id} is none of ours"
        return known

    def _exit(self, exit_id: str) -> Exit | None:
        return next((one for one in self.exits if one.exit_id == exit_id), None)

    def _keep(self, one: Exit) -> Exit:
        self.exits = [one if known.exit_id == one.exit_id else known for known in self.exits]
        return one

    # What is seen.

    @property
    def screen(self) -> LaneState:
        return show(self.lane, self.now_s, self.config, lane_id="lane-1", name="1", seq=0)

    @property
    def opened(self) -> int:
        return sum(isinstance(command, OpenGate) for command in self.commands)


def ready(**options: object) -> Rig:
    rig = Rig(**options)  # type: ignore[arg-type]
    rig.wait(1.0)
    assert rig.screen.state == "idle"
    return rig


def loaded(**options: object) -> Rig:
    """A pass was shown and the right goods lie on the belt."""
    rig = ready(**options)
    rig.show_pass()
    rig.serve()
    assert (rig.screen.state, rig.screen.prompt.id) == ("loading", "lay_goods")
    rig.lay(EXPECTED_G)
    return rig


def opened(**options: object) -> Rig:
    rig = loaded(**options)
    rig.wait(1.0)
    assert rig.screen.state == "open"
    return rig


def alarms(rig: Rig) -> list[RaiseAlarm]:
    return [command for command in rig.commands if isinstance(command, RaiseAlarm)]
