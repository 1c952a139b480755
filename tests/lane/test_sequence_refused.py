"""The lane's sequence when the server says no to what it asks at a point where nobody expects it: the lane reads how
things are, and where that does not help, a person is called, once, and nobody hammers at the server meanwhile.
"""

from collections.abc import Callable

import pytest
from tests.support.lane_rig import EXPECTED_G, Rig, alarms, loaded, opened, ready

from unqueue.lane.sequence import outputs
from unqueue.lane.sequence.words import (
    Abandon,
    CallRefused,
    Config,
    Left,
    ReadExits,
    Release,
    SendAside,
    TellWeighing,
    Timing,
)

T = Timing()


@pytest.mark.parametrize(("code", "prompt"), [("order_returned", "service_desk"), ("order_unpaid", "pass_unpaid")])
def test_an_order_that_may_not_leave_any_more(code: str, prompt: str) -> None:
    """Goods were taken back, or the money was, after all was cleared."""
    rig = loaded(tags=1)
    rig.says_no[Release] = code
    rig.wait(2)
    assert (rig.lane.phase, rig.screen.state, rig.screen.prompt.id) == ("staff", "staff", prompt)
    rig.wait(60)
    (alarm,) = alarms(rig)
    assert (alarm.kind, alarm.exit_id) == ("help", rig.exits[0].exit_id)
    assert alarm.detail is not None
    assert code in alarm.detail
    assert (rig.refused, rig.openings, outputs(rig.lane).deactivator) == (1, 0, False)
    assert rig.screen.prompt.id == "staff_coming"
    assert rig.staff("refuse")
    rig.wait(1)
    assert (rig.lane.phase, rig.screen.prompt.id, rig.exits[0].status) == ("idle", "service_desk", "abandoned")


def test_staff_saw_to_it_and_the_order_may_leave() -> None:
    rig = loaded()
    rig.says_no[Release] = "order_unpaid"
    rig.wait(5)
    rig.staff("done")
    rig.wait(5)
    assert (rig.lane.phase, len(alarms(rig))) == ("staff", 2)  # it was not seen to yet
    rig.says_no.clear()
    rig.staff("done")
    rig.wait(2)
    assert (rig.screen.state, rig.openings) == ("open", 1)


def in_the_bay() -> Rig:
    rig = loaded(config=Config(side_bay="bay"))
    rig.lay(EXPECTED_G + 528)
    return rig


def walked() -> Rig:
    rig = opened()
    rig.walk()
    return rig


def without_goods() -> Rig:
    rig = ready()
    rig.show_pass()
    rig.serve()
    return rig


@pytest.mark.parametrize(
    ("rig_of", "request_", "is_at_lane"),
    [
        (loaded, TellWeighing, True),
        (loaded, Release, True),
        (in_the_bay, SendAside, True),
        (walked, Left, True),
        (without_goods, Abandon, False),
    ],
)
def test_what_is_refused_again_is_for_a_person(rig_of: Callable[[], Rig], request_: type, is_at_lane: bool) -> None:
    rig = rig_of()
    rig.says_no[request_] = "something_new"
    rig.wait(3 * (T.lay_s_max + T.emptied_s))
    called = [alarm for alarm in alarms(rig) if "something_new" in (alarm.detail or "")]
    assert [(alarm.kind, alarm.exit_id) for alarm in called] == [("help", rig.exits[0].exit_id)]
    assert 2 <= rig.refused <= 5
    assert (rig.lane.phase == "staff") == is_at_lane
    rig.says_no.clear()
    rig.staff("done")
    rig.wait(T.refused_s + 2)
    rig.walk()
    rig.lay(0)
    rig.wait(T.lay_s_max + 5)
    assert (rig.lane.phase, rig.lane.refusals) == ("idle", 0)


def test_a_lane_that_may_not_read_its_exits_does_not_hammer_at_the_server() -> None:
    rig = Rig()
    rig.says_no[ReadExits] = "not_authenticated"
    rig.wait(60)
    assert (rig.lane.phase, rig.screen.prompt.id) == ("starting", "out_of_service")
    assert rig.refused <= 2 + 60 / T.refused_s
    (alarm,) = alarms(rig)
    assert (alarm.kind, alarm.exit_id) == ("help", None)
    rig.says_no.clear()
    rig.wait(T.refused_s + T.notice_s)
    assert (rig.lane.phase, rig.screen.prompt.id) == ("idle", "welcome")


def test_one_refusal_that_reading_explains_calls_nobody() -> None:
    """Staff sent the shopper on while the lane was about to ask."""
    rig = loaded()
    rig.says_no[TellWeighing] = "exit_ended"
    rig.look()
    rig.look()
    assert rig.refused == 0
    rig.exits = [one.abandoned() for one in rig.exits]
    rig.wait(2)
    assert (rig.lane.phase, rig.screen.prompt.id, alarms(rig)) == ("idle", "service_desk", [])


def test_that_the_shopper_left_is_refused_while_the_bell_rings() -> None:
    rig = opened()
    rig.alarms += 1
    rig.walk()
    rig.says_no[Left] = "something_new"
    rig.wait(5)
    assert (rig.lane.phase, rig.refused) == ("alarm", 1)
    rig.staff("done")
    rig.wait(60)
    assert (rig.lane.phase, rig.refused, len(alarms(rig))) == ("staff", 3, 2)
    rig.says_no.clear()
    rig.staff("done")
    rig.wait(5)
    assert (rig.lane.phase, rig.exits[0].status, rig.openings) == ("idle", "left", 1)


@pytest.mark.parametrize("passed", [True, False])
def test_a_bell_that_the_server_takes_no_call_for_does_not_close_the_lane_for_good(passed: bool) -> None:
    rig = opened()
    rig.alarms += 1
    if passed:
        rig.walk()
    rig.look()
    assert rig.lane.alarm_key is not None
    rig.hear(CallRefused(rig.lane.alarm_key + 1))
    assert rig.lane.alarm_key is not None
    rig.hear(CallRefused(rig.lane.alarm_key))
    rig.wait(T.alarm_alone_s - 5)
    assert rig.lane.phase == "alarm"
    rig.wait(10)
    assert rig.lane.phase == ("idle" if passed else "alarm")
    rig.gate_closes_s = rig.now_s + 5  # a person opens by hand
    assert rig.walk()
    rig.wait(1)
    assert (rig.lane.phase, rig.exits[0].status) == ("idle", "left")


def test_the_module_dies_while_a_person_holds_an_item_to_the_field() -> None:
    rig = loaded(tags=1)
    rig.hidden_tags = 1
    rig.wait(T.deactivate_s_max + 1)
    rig.alarms += 1
    rig.look()
    rig.staff("deactivate")
    rig.broken.add("io")
    rig.wait(T.deactivate_again_s_max + T.trouble_s)
    assert (rig.lane.phase, outputs(rig.lane).deactivator) == ("open", False)
    assert [alarm.kind for alarm in alarms(rig)] == ["live_tag", "device"]
    rig.now_s += 20
    rig.broken.clear()
    rig.wait(1)
    assert rig.gate_is_open  # whoever stands there gets out
    rig.walk()
    rig.wait(1)
    assert rig.lane.phase == "idle"


def test_a_call_that_the_server_does_not_take_keeps_nobody_waiting_for_its_answer() -> None:
    """After a release that was refused: the shopper takes the goods back, and the lane is free."""
    rig = loaded()
    rig.says_no[Release] = "order_unpaid"
    rig.wait(5)
    assert rig.lane.phase == "staff"
    assert rig.lane.alarm_key is not None
    rig.hear(CallRefused(rig.lane.alarm_key))
    rig.lay(0)
    rig.wait(T.emptied_s + T.check_s)
    assert rig.lane.phase == "idle"


def test_at_an_open_gate_staff_are_called_again() -> None:
    rig = opened()
    rig.wait(T.walk_s_max + 1)
    assert rig.lane.alarm_key is not None
    rig.hear(CallRefused(rig.lane.alarm_key))
    assert rig.lane.alarm_key is None
    rig.wait(T.walk_s_max + 1)
    assert (rig.lane.alarm_key is not None, len(alarms(rig))) == (True, 2)


def test_about_goods_that_were_left_staff_are_called_again() -> None:
    rig = in_the_bay()
    rig.wait(T.aside_s_max + 30)
    assert rig.lane.phase == "aside"
    assert rig.lane.alarm_key is not None
    rig.hear(CallRefused(rig.lane.alarm_key))
    rig.wait(T.aside_s_max + 1)
    assert (rig.lane.alarm_key is not None, len(alarms(rig))) == (True, 2)
