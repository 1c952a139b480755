"""A lane that never stands still: what would keep it is sent to the side bay."""

from collections.abc import Sequence

import pytest
from tests.support.lane_rig import EXPECTED_G, PASS, Rig, alarms, loaded, new_pass, ready

from unqueue.lane.sequence import outputs
from unqueue.lane.sequence.words import CallInfo, CallSeen, Config, Timing

T = Timing()
BAY = Config(side_bay="bay")
TOO_MUCH = EXPECTED_G + 528


def phases(rig: Rig, seconds: float) -> list[str]:
    """The phases that the lane goes through, each once."""
    found = [str(rig.lane.phase)]
    for _ in range(round(seconds / 0.25)):
        rig.wait(0.25)
        if rig.lane.phase != found[-1]:
            found.append(rig.lane.phase)
    return found


@pytest.mark.parametrize(
    ("checks", "load_g", "heavy", "after_s"),
    [
        pytest.param((), TOO_MUCH, False, T.too_heavy_s + T.check_s, id="the shopper found nothing"),
        pytest.param((), EXPECTED_G - 1060, False, T.too_light_s + T.check_s, id="something is missing"),
        pytest.param(("min_age",), EXPECTED_G, False, 0.0, id="staff must see an ID"),
        pytest.param((), EXPECTED_G, True, T.too_heavy_s, id="more than the scale can weigh"),
    ],
)
def test_what_keeps_the_lane_is_sent_aside(checks: Sequence[str], load_g: int, heavy: bool, after_s: float) -> None:
    rig = loaded(checks=tuple(checks), config=BAY, tags=1)
    rig.lay(load_g)
    rig.overweight = heavy
    rig.wait(after_s - 0.5)
    assert rig.lane.phase != "aside"
    rig.wait(1.5)
    assert (rig.screen.state, rig.screen.prompt.id, rig.screen.voice) == ("aside", "to_side_bay", "to_side_bay")
    assert (rig.exits[0].bay, rig.exits[0].status, rig.lane.exit) == ("bay", "claimed", None)
    assert (rig.openings, rig.live_tags, rig.calls != {}) == (0, 1, True)
    assert not outputs(rig.lane).deactivator
    rig.wait(5)
    assert rig.lane.phase == "aside"  # the goods lie there still
    rig.lay(0)
    rig.wait(T.aside_empty_s + 0.5)
    assert (rig.screen.state, rig.screen.prompt.id) == ("idle", "welcome")


@pytest.mark.parametrize("checks", [(), ("min_age",)])
@pytest.mark.parametrize("load_g", [TOO_MUCH, EXPECTED_G])
def test_a_lane_without_a_bay_waits_as_ever(checks: tuple[str, ...], load_g: int) -> None:
    rig = loaded(checks=checks)
    rig.lay(load_g)
    assert not {"sending_aside", "aside"} & set(phases(rig, 40))


def test_the_next_shopper_goes_on_while_the_first_waits_in_the_bay() -> None:
    rig = loaded(checks=("min_age",), config=BAY)
    rig.wait(1)
    rig.lay(0)
    rig.wait(5)
    rig.show_pass()
    rig.wait(0.5)
    assert (rig.lane.phase, rig.screen.prompt.id) == ("idle", "at_side_bay")  # of the one in the bay
    first, rig.exits, rig.checks = rig.exits[0], [], ()
    rig.show_pass()
    rig.lay(EXPECTED_G)
    rig.wait(2)
    assert (rig.screen.state, rig.openings) == ("open", 1)
    assert first.bay == "bay"


def test_who_finds_it_within_the_time_goes_on() -> None:
    rig = loaded(config=BAY)
    rig.lay(TOO_MUCH)
    rig.wait(T.too_heavy_s + T.check_s - 2)
    assert rig.lane.phase == "check"
    rig.lay(EXPECTED_G)
    rig.wait(1)
    assert (rig.screen.state, rig.exits[0].bay) == ("open", None)


def test_hands_that_are_at_it_are_not_hurried() -> None:
    rig = loaded(config=BAY)
    rig.lay(TOO_MUCH)
    rig.wait(T.too_heavy_s + T.check_s - 1)
    rig.lay(EXPECTED_G - 800)
    rig.wait(3)
    assert rig.lane.phase == "check"
    rig.lay(EXPECTED_G)
    rig.wait(1)
    assert rig.screen.state == "open"


def test_a_second_weighing_that_does_not_fit_ends_the_looking() -> None:
    rig = loaded(config=BAY)
    rig.lay(TOO_MUCH)
    rig.wait(T.too_heavy_s + 2)
    assert rig.lane.phase == "check"
    rig.lay(TOO_MUCH + 300)
    rig.wait(T.too_heavy_s + 1)
    assert rig.lane.phase == "aside"


def test_staff_who_were_quicker_let_go_at_the_lane() -> None:
    rig = loaded(config=BAY)
    rig.lay(TOO_MUCH)
    rig.wait(T.too_heavy_s + 2)
    rig.broken.add("server")  # the lane does not hear of the answer before it asks
    rig.staff("let_go")
    rig.wait(T.check_s)
    assert (rig.lane.phase, rig.screen.prompt.id) == ("sending_aside", "server_away")
    rig.broken.clear()
    rig.wait(1)
    assert (rig.screen.state, rig.exits[0].bay) == ("open", None)


def asks_for_help(load_g: int = 0, bay: Config = BAY) -> Rig:
    rig = loaded(config=bay)
    rig.lay(load_g)
    rig.press_help()
    return rig


def test_who_asks_for_help_while_laying_goods_is_helped_in_the_bay() -> None:
    rig = asks_for_help()
    rig.wait(T.check_s - 1)
    assert rig.lane.phase == "loading"  # somebody may be near
    rig.wait(2)
    assert (rig.screen.state, rig.exits[0].bay, rig.exits[0].weighing) == ("aside", "bay", None)
    rig.wait(T.aside_s_min + 1)
    assert rig.lane.phase == "idle"
    assert [kind for kind, _ in rig.calls.values()] == ["help"]


def test_who_lays_goods_all_the_same_stays() -> None:
    rig = asks_for_help()
    for load_g in (500, 1000, 1500):
        rig.wait(T.check_s - 4)
        rig.lay(load_g)
    rig.wait(3)
    rig.lay(EXPECTED_G)
    rig.wait(1)
    assert (rig.screen.state, rig.exits[0].bay) == ("open", None)


def test_who_was_helped_at_the_lane_stays() -> None:
    rig = asks_for_help()
    rig.wait(3)
    rig.staff("done")
    rig.wait(T.check_s + 5)
    assert rig.lane.phase == "loading"


def test_without_a_bay_help_comes_to_the_lane() -> None:
    rig = asks_for_help(bay=Config())
    rig.wait(T.check_s + 20)
    assert rig.lane.phase == "loading"


def test_goods_that_stay_on_the_belt_are_a_matter_for_staff() -> None:
    rig = loaded(checks=("min_age",), config=BAY)
    rig.wait(T.aside_s_max + 2)
    (alarm,) = alarms(rig)
    assert (alarm.kind, alarm.exit_id) == ("help", None)
    rig.staff("done")
    rig.hear_of(rig.raised[alarm.key])
    assert (rig.lane.phase, len(alarms(rig))) == ("aside", 1)
    rig.lay(0)
    rig.wait(T.aside_s_min + 1)
    assert rig.lane.phase == "idle"


def test_a_call_about_goods_ends_when_they_are_off_the_belt() -> None:
    rig = loaded(checks=("min_age",), config=BAY)
    rig.wait(T.aside_s_max + 2)
    (alarm,) = alarms(rig)
    rig.lay(0)
    rig.wait(T.aside_empty_s + 1)
    assert (rig.lane.phase, rig.lane.alarm_key) == ("idle", None)
    assert rig.raised[alarm.key] in rig.answered


def test_another_pass_waits_until_the_belt_is_empty() -> None:
    rig = loaded(checks=("min_age",), config=BAY)
    rig.wait(1)
    rig.show_pass(new_pass("a" * 32))
    assert (rig.lane.phase, rig.screen.prompt.id) == ("aside", "wait_turn")


def test_a_lane_that_restarts_has_nothing_to_do_with_it_any_more() -> None:
    rig = loaded(checks=("min_age",), config=BAY)
    rig.wait(1)
    rig.restart()
    rig.lay(0)
    rig.wait(2)
    assert (rig.lane.phase, rig.lane.exit) == ("idle", None)


def test_who_was_let_go_in_the_bay_walks_out_by_a_gate() -> None:
    """The bay's own, or a lane's where the bay's is away: what a person let go is not weighed again."""
    rig = loaded(config=BAY)
    rig.lay(TOO_MUCH)
    rig.wait(T.too_heavy_s + T.check_s + 1)
    rig.lay(0)
    rig.wait(5)
    rig.staff("let_go")
    rig.show_pass(PASS)
    rig.wait(1)
    assert (rig.screen.state, rig.releases, rig.exits[0].bay) == ("open", 1, None)


def test_an_answer_that_came_while_the_order_went_aside_is_not_waited_for() -> None:
    """The lane hears of an answer once, whatever it is at."""
    rig = ready(config=Config(side_bay="bay-1"))
    rig.show_pass()
    rig.serve()
    rig.press_help()
    key = rig.lane.help_key
    assert key is not None
    while rig.lane.phase == "loading":
        rig.now_s += 0.25
        rig.look()
    call = rig.raised.pop(key)
    rig.answered[call] = "done"
    rig.hear(CallSeen(key, CallInfo(call, "answered", action="done")))
    assert rig.lane.help_key is None
    rig.serve()
    rig.wait(T.lay_s_max + 60)
    assert (rig.lane.phase, rig.lane.exit) == ("idle", None)
