"""The lane's sequence while the server can't be asked, about an order that the lane may not decide alone: its
shopper is sent to staff, and once the goods are off the belt the lane is free for those who may go out alone.
"""

import pytest
from tests.support.lane_rig import EXPECTED_G, Rig, loaded, ready

from unqueue.lane.sequence.words import Abandon, Answered, Config, OfflineSeen, Phase, ReadExits, Timing

T = Timing()


def cut_off(rig: Rig) -> None:
    rig.broken.add("server")
    rig.wait(1)
    rig.hear(OfflineSeen(on=True))


def told_later(rig: Rig) -> str:
    """The end that the lane wants to tell, which its own desk keeps for later."""
    pending = rig.lane.request
    assert pending is not None
    assert isinstance(pending.request, Abandon)
    rig.hear(Answered(pending.number, ()))
    return pending.request.reason


def stuck_in(phase: Phase) -> Rig:
    """A lane that waits for the server in a phase, with goods on the belt."""
    rig = ready(config=Config(side_bay="bay"))
    rig.show_pass()
    rig.serve()
    if phase == "releasing":
        rig.lay(EXPECTED_G)
        while rig.lane.phase != "releasing":
            rig.now_s += 0.1
            rig.look()
            if rig.lane.phase == "judging":
                assert rig.lane.request is not None
                rig.hear(rig.answer_to(rig.lane.request))
    elif phase == "judging":
        rig.broken.add("server")
        rig.lay(EXPECTED_G)
        rig.wait(1)
    else:
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s + 1)
        rig.broken.add("server")
        rig.wait(2 * T.check_s + 1)
    assert rig.lane.phase == phase
    cut_off(rig)
    return rig


@pytest.mark.parametrize("phase", ["judging", "sending_aside"])
def test_a_lane_that_no_answer_reaches_is_free_when_the_goods_are_gone(phase: Phase) -> None:
    rig = stuck_in(phase)
    assert (rig.screen.state, rig.screen.prompt.id) == ("staff", "offline_staff")
    rig.wait(T.emptied_s + 10)
    assert rig.lane.phase == phase  # the goods lie there
    rig.lay(0)
    rig.wait(T.emptied_s - 5)
    assert rig.lane.phase == phase
    rig.wait(10)
    assert told_later(rig) == "server_away"
    assert (rig.lane.phase, rig.screen.state, rig.screen.prompt.id) == ("idle", "idle", "offline_staff")
    assert rig.openings == 0


def test_an_order_whose_release_may_have_been_given_is_not_given_up() -> None:
    """Else the gate would open for whoever comes next, when the server is back and tells of that release."""
    rig = stuck_in("releasing")
    assert rig.lane.request is not None
    rig.answer_to(rig.lane.request)  # the server wrote it down; its answer is lost
    rig.lay(0)
    rig.wait(T.emptied_s + 60)
    assert (rig.lane.phase, rig.screen.prompt.id) == ("releasing", "offline_staff")
    rig.lay(EXPECTED_G)
    rig.broken.discard("server")
    rig.hear(OfflineSeen(on=False))
    rig.wait(2)
    assert (rig.screen.state, rig.openings) == ("open", 1)


@pytest.mark.parametrize("passed", [True, False])
def test_a_bell_while_nobody_can_be_called_does_not_close_the_lane_for_good(passed: bool) -> None:
    rig = loaded()
    rig.wait(2)
    assert rig.screen.state == "open"
    cut_off(rig)
    rig.alarms += 1
    if passed:
        rig.walk()
    rig.wait(T.alarm_alone_s - 5)
    assert rig.lane.phase == "alarm"
    if passed:
        assert rig.lane.request is not None  # that the shopper left
        rig.hear(Answered(rig.lane.request.number, ()))
    rig.wait(10)
    # Who stands inside with a live tag waits for a person, who opens the gate by hand.
    assert rig.lane.phase == ("idle" if passed else "alarm") or isinstance(
        rig.lane.request and rig.lane.request.request, ReadExits
    )


def test_what_waits_for_a_word_only_is_not_sent_aside_at_once() -> None:
    rig = ready(checks=("other_lane",), config=Config(side_bay="bay"), tags=1)
    rig.show_pass()
    rig.serve()
    rig.lay(EXPECTED_G)
    rig.wait(T.check_s - 2)
    assert (rig.lane.phase, rig.exits[0].bay) == ("staff", None)
    assert rig.screen.prompt.id == "staff_coming", "nobody's age is asked for"
    rig.wait(4)
    assert (rig.lane.phase, rig.exits[0].bay) == ("aside", "bay")


def test_nobody_is_sent_away_while_the_server_may_be_back_at_once() -> None:
    rig = stuck_in("judging")
    rig.hear(OfflineSeen(on=False))
    assert rig.screen.prompt.id == "server_away"
    rig.lay(0)
    rig.wait(T.emptied_s + 10)
    assert rig.lane.phase == "judging"


@pytest.mark.parametrize("load_g", [0, EXPECTED_G + 528])
def test_an_order_whose_goods_were_taken_back_does_not_hold_the_lane(load_g: int) -> None:
    rig = loaded() if load_g else ready()
    if not load_g:
        rig.show_pass()
        rig.serve()
    else:
        rig.lay(load_g)
        rig.wait(T.too_heavy_s + 1)
    cut_off(rig)
    rig.lay(0)
    rig.wait(T.lay_s_max + 5)
    assert told_later(rig) in {"no_goods", "goods_taken_back"}
    assert rig.lane.phase == "idle"
