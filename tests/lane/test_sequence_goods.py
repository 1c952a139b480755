"""The lane's sequence when the gate's reader sees goods that are not on the order."""

import pytest
from tests.support.lane_rig import EXPECTED_G, Rig, alarms, loaded, opened, ready

from unqueue.lane.sequence import outputs
from unqueue.lane.sequence.words import GateGood, GoodsSeen, OpenGate, Sound

GOODS = (GateGood("tea", "龙井茶", "Longjing tea", 1, 0),)


def see(rig: Rig) -> None:
    rig.hear(GoodsSeen(rig.exits[0].exit_id, GOODS))


def test_the_call_names_the_goods_and_the_shopper_is_asked_to_wait() -> None:
    rig = opened()
    see(rig)
    assert (rig.screen.state, rig.screen.prompt.id, rig.screen.named) == ("alarm", "bell_call", None)
    assert outputs(rig.lane).red
    assert isinstance(rig.commands[-2], Sound)
    (alarm,) = alarms(rig)
    assert (alarm.kind, alarm.cause, alarm.goods) == ("live_tag", "not_on_order", GOODS)
    assert alarm.exit_id == rig.exits[0].exit_id


@pytest.mark.parametrize("answer", ["done", "let_go"])
def test_who_has_not_passed_yet_gets_the_gate_again_when_staff_have_looked(answer: str) -> None:
    rig = opened()
    see(rig)
    rig.wait(30)
    assert not rig.gate_is_open
    rig.staff(answer)  # type: ignore[arg-type]
    rig.look()
    assert (rig.screen.state, rig.gate_is_open) == ("open", True)


def test_who_has_passed_is_told_apart_from_the_next_shopper() -> None:
    rig = opened()
    rig.walk()
    rig.wait(1)
    assert rig.screen.state == "idle"
    see(rig)
    (alarm,) = alarms(rig)
    assert (rig.screen.state, alarm.exit_id) == ("alarm", rig.exits[0].exit_id)
    rig.staff("done")
    rig.wait(1)
    assert rig.screen.state == "idle"


def test_an_order_that_is_weighed_meanwhile_goes_on() -> None:
    rig = loaded()
    before = rig.lane.phase
    rig.hear(GoodsSeen("exit-before", GOODS))
    assert (rig.lane.phase, rig.lane.notice, len(alarms(rig))) == (before, "live_tag", 1)
    rig.lay(EXPECTED_G)
    rig.wait(6)
    assert rig.gate_is_open


def test_more_goods_of_the_same_order_are_told_as_well() -> None:
    rig = opened()
    see(rig)
    see(rig)
    assert (rig.screen.state, len(alarms(rig))) == ("alarm", 2)


def test_in_a_fire_nothing_rings_and_the_gate_stays_open() -> None:
    rig = ready()
    rig.show_pass()
    rig.serve()
    rig.fire = True
    rig.look()
    see(rig)
    assert not any(isinstance(command, Sound) for command in rig.commands)
    assert any(isinstance(command, OpenGate) for command in rig.commands)
    assert (rig.screen.prompt.id, rig.gate_is_open) == ("fire", True)
