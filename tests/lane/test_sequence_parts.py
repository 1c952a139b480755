"""More goods than the scale can weigh, or than have room on it: they are weighed in parts."""

import pytest
from tests.support.lane_rig import EXPECTED_G, Rig, loaded, ready

from unqueue.lane.sequence.words import Config, Timing
from unqueue.lane.weighing import Tare

T = Timing()
FIRST_G = 1060


def first_weighed(**options: object) -> Rig:
    """The milk was weighed as a part, and lies there still."""
    rig = ready(**options)
    rig.show_pass()
    rig.serve()
    rig.lay(FIRST_G)
    rig.wait(T.part_s + 0.5)
    assert rig.screen.more
    rig.press_more()
    assert (rig.screen.state, rig.screen.prompt.id, rig.screen.voice) == ("loading", "part_off", "part_off")
    assert not rig.screen.more
    return rig


def rest_laid(rest_g: int) -> Rig:
    rig = first_weighed()
    rig.lay(0)
    rig.wait(1)
    assert (rig.screen.state, rig.screen.prompt.id) == ("loading", "lay_rest")
    rig.lay(rest_g)
    rig.wait(1)
    return rig


def test_two_parts_are_one_weighing() -> None:
    rig = rest_laid(EXPECTED_G - FIRST_G)
    assert rig.screen.state == "open"
    weighing = rig.exits[0].weighing
    assert weighing is not None
    assert (weighing.measured_g, weighing.parts, weighing.verdict) == (EXPECTED_G, 2, "pass")
    rig.walk()
    rig.wait(1)
    assert (rig.lane.phase, rig.lane.parts) == ("idle", ())


@pytest.mark.parametrize(("rest_g", "prompt"), [(EXPECTED_G, "not_scanned"), (600, "not_on_belt")])
def test_what_does_not_fit_in_parts_does_not_fit(rest_g: int, prompt: str) -> None:
    rig = rest_laid(rest_g)
    rig.wait(T.too_light_s + 1)
    assert (rig.screen.state, rig.screen.prompt.id, rig.openings) == ("check", prompt, 0)
    weighing = rig.exits[0].weighing
    assert weighing is not None
    assert (weighing.measured_g, weighing.parts) == (FIRST_G + rest_g, 2)


def test_the_first_part_counts_once_however_long_it_lies() -> None:
    """Weighed twice it would make room for something unpaid of its weight."""
    rig = first_weighed()
    rig.lay(EXPECTED_G - FIRST_G)  # on top, without taking the first part off
    rig.wait(5)
    assert (rig.screen.prompt.id, rig.openings) == ("part_off", 0)
    rig.wait(T.part_off_s_max)
    assert (rig.lane.parts, rig.lane.part_lies) == ((), False)
    rig.lay(EXPECTED_G)
    rig.wait(1)
    assert rig.screen.state == "open"  # all lies there after all
    weighing = rig.exits[0].weighing
    assert weighing is not None
    assert (weighing.measured_g, weighing.parts) == (EXPECTED_G, 1)


@pytest.mark.parametrize("bay", ["", "bay"])
def test_too_heavy_at_once(bay: str) -> None:
    rig = loaded(config=Config(side_bay=bay))
    rig.overweight = True
    rig.wait(T.too_heavy_s + 1)
    assert (rig.screen.state, rig.screen.prompt.id) == ("check", "too_heavy_at_once")
    assert not rig.screen.more  # a scale that is overloaded shows nothing to keep
    rig.lay(FIRST_G)
    rig.wait(T.part_s + 0.5)
    assert rig.screen.more
    rig.press_more()
    rig.lay(0)
    rig.wait(1)
    rig.lay(EXPECTED_G - FIRST_G)
    rig.wait(1)
    assert rig.screen.state == "open"


def test_who_weighs_the_same_goods_twice_is_looked_at() -> None:
    rig = first_weighed()
    rig.lay(0)
    rig.wait(1)
    rig.lay(FIRST_G)
    rig.wait(T.too_light_s + 1)
    assert (rig.screen.state, rig.openings) == ("check", 0)


def test_a_new_look_by_staff_begins_with_all_goods() -> None:
    rig = rest_laid(600)
    rig.wait(T.too_light_s + T.check_s + 1)
    rig.staff("reweigh")
    rig.wait(0.5)
    assert (rig.lane.phase, rig.lane.parts) == ("loading", ())
    rig.lay(EXPECTED_G)
    rig.wait(1)
    assert rig.screen.state == "open"


@pytest.mark.parametrize(
    ("load_g", "tags", "trolley", "wait_s"),
    [
        pytest.param(FIRST_G, 1, None, 2.0, id="tags are silenced when all goods fit, and by then the part is gone"),
        pytest.param(1000 + FIRST_G, 0, Tare(1000, 2.0), 2.0, id="a trolley has no parts"),
        pytest.param(0, 0, None, 2.0, id="nothing lies there"),
        pytest.param(FIRST_G, 0, None, 0.5, id="it has just been laid"),
        pytest.param(EXPECTED_G + 300, 0, None, 1.5, id="more than was paid"),
    ],
)
def test_not_every_load_is_a_part(load_g: int, tags: int, trolley: Tare | None, wait_s: float) -> None:
    rig = ready(tags=tags, config=Config(trolley=trolley))
    rig.show_pass()
    rig.serve()
    rig.lay(load_g)
    rig.wait(wait_s)
    assert not rig.screen.more
    rig.press_more()
    assert rig.lane.parts == ()


def test_a_restart_forgets_parts_and_lets_nothing_out_for_it() -> None:
    rig = first_weighed()
    rig.lay(EXPECTED_G - FIRST_G)
    rig.restart()
    rig.wait(3)
    assert (rig.lane.parts, rig.openings) == ((), 0)
    rig.lay(EXPECTED_G)
    rig.wait(2)
    assert rig.screen.state == "open"
