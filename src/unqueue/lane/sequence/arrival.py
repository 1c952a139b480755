"""Before goods lie on the belt: the restart, the code that was shown, the claim. Pure."""

from collections.abc import Mapping

from unqueue.devices.ports import UnderZero
from unqueue.lane.sequence import belt
from unqueue.lane.sequence.codes import identify, is_of_shopper
from unqueue.lane.sequence.turn import Turn, trouble
from unqueue.lane.sequence.words import (
    NEAR_EMPTY_G,
    Answered,
    Code,
    ExitInfo,
    ReadExits,
    Refused,
    Tick,
    Weighed,
    ZeroScale,
)

ZERO_AGAIN_S = 10.0
REFUSALS: Mapping[str, str] = {
    "order_unpaid": "pass_unpaid",
    "order_left": "pass_used",
    "pass_invalid": "pass_invalid",
    "pass_expired": "pass_expired",
    "order_unknown": "number_wrong",
    "order_returned": "service_desk",
    "order_at_other_lane": "other_lane",
    "order_at_bay": "at_side_bay",
    "lane_closed": "out_of_service",
    "too_many_guesses": "too_many_guesses",
    # The lane's own, while it decides alone.
    "pass_of_other_lane": "offline_other_lane",
    "pass_needs_staff": "offline_staff",
}
"""What the lane says to a claim that was refused."""
REFUSALS_MAX = 1
"""So many refusals in a row the lane tries to get over by itself."""
_FOR_A_PERSON = frozenset({"order_unpaid", "order_returned"})
"""Why an order may not leave although its goods were cleared. Reading how it stands would tell nothing new."""


def starting_tick(turn: Turn, _: Tick) -> None:
    lane = turn.lane
    # What was accepted before the restart is compared with the belt: the scale must have told of it, or of its failure.
    devices_told = lane.io is not None and "io" not in lane.failed_s and "scale" in lane.devices
    is_soon = lane.refusals > REFUSALS_MAX and turn.now_s - lane.refused_s < turn.timing.refused_s
    if lane.request is None and devices_told and lane.fire_s is None and not is_soon:
        turn.ask(ReadExits())


def starting_answered(turn: Turn, answer: Answered) -> None:
    if not turn.is_expected(answer):
        return
    if answer.exits:
        adopt(turn, answer.exits[0])
    else:
        turn.to("idle", exit=None)


def adopt(turn: Turn, one: ExitInfo) -> None:
    """Take an exit on where it stands."""
    if one.status in {"left", "abandoned"} or one.bay is not None:
        turn.to("idle", exit=None)
        return
    # After a restart nobody knows what was silenced before it.
    is_fresh = turn.lane.phase == "claiming" and one.status == "claimed" and one.weighing is None
    turn.set(
        exit=one,
        changed_s=turn.now_s,
        tags_done=False,
        tags_base=turn.io.deactivated,
        tags_known=is_fresh,
        left_behind=False,
        notice=None,
        looks=0,
        parts=(),
        part_lies=False,
        help_key=None,
    )
    turn.set(verdict=turn.judge(one))
    belt.stand(turn, one)


def idle_code(turn: Turn, code: Code) -> None:
    text = code.text.strip()
    request = identify(text)
    if (broken := trouble(turn.lane)) is not None:
        turn.notice("server_away" if broken == "server" else "out_of_service")
    elif isinstance(request, str):
        turn.notice(request)
    elif turn.lane.offline and request.pass_ is None:
        turn.notice("offline_number")
    else:
        turn.to("claiming", code=text, notice=None)
        turn.ask(request)


def idle_weighed(turn: Turn, seen: Weighed) -> None:
    lane = turn.lane
    if isinstance(seen.weighing, UnderZero) and turn.now_s - lane.zeroed_s >= ZERO_AGAIN_S:
        turn.set(zeroed_s=turn.now_s)
        turn.commands.append(ZeroScale())
    if lane.belt_g <= NEAR_EMPTY_G:
        turn.set(left_behind=False)
    elif lane.notice is None and turn.now_s - lane.reminded_s >= turn.timing.remind_s and not lane.left_behind:
        turn.set(reminded_s=turn.now_s)
        turn.notice("welcome")  # goods lie there, and nobody has shown a pass


def claiming_answered(turn: Turn, answer: Answered) -> None:
    if not turn.is_expected(answer):
        return
    before = turn.lane
    adopt(turn, answer.exits[0])
    is_weighed = before.weighed_s > before.since_s and before.weighed_s >= before.changed_s
    if is_weighed and turn.lane.phase == "loading" and turn.verdict.verdict == "pass":
        belt.fits(turn)  # the goods lie there already, and were weighed while the server was asked


def claiming_refused(turn: Turn, refusal: Refused) -> None:
    if not turn.is_expected(refusal):
        return
    if refusal.code in {"lane_busy", "exit_conflict"}:
        turn.resynchronise()
        return
    turn.to("idle")
    turn.notice(REFUSALS.get(refusal.code, "service_desk"))


def claiming_tick(turn: Turn, _: Tick) -> None:
    if turn.waited_s >= turn.timing.claim_s_max:
        turn.resynchronise()
        turn.notice("server_away")


def busy_code(turn: Turn, code: Code) -> None:
    """Another pass while an order is at the lane, or on its way to it."""
    if not is_of_shopper(turn.lane, code.text):
        turn.notice("wait_turn")


def refused(turn: Turn, refusal: Refused) -> None:
    """A refusal that no phase has an own answer for: things are not as the lane thought, and it reads how they are.
    Where that led to another one, or can't help, a person is called, and the shopper waits for them.
    """
    if not turn.is_expected(refusal):
        return
    lane = turn.lane
    asked = lane.request.request if lane.request is not None else None
    exit_id: str | None = getattr(asked, "exit_id", None)
    again = lane.refusals + 1 > REFUSALS_MAX
    turn.set(refusals=lane.refusals + 1, refused_s=turn.now_s)
    detail = f"the server says no to {type(asked).__name__}: {refusal.code}"
    if lane.exit is not None and (again or refusal.code in _FOR_A_PERSON):
        turn.to("staff", alarm_key=turn.alarm("help", exit_id, detail))
    else:
        if lane.refusals == REFUSALS_MAX:
            turn.alarm("help", exit_id, detail)
        turn.resynchronise()
    turn.notice(REFUSALS.get(refusal.code, "service_desk") if exit_id is not None else "out_of_service")
