"""A belt that counts what is laid: the lane goes by weight and count together, where it is sure of the count."""

import msgspec
import pytest
from tests.support.lane_rig import EXPECTED_G, LINES, Rig, ready

from unqueue.kernel.weight import Reading
from unqueue.lane.sequence.words import Config, DeviceSeen, ExitInfo, Timing
from unqueue.lane.weighing import ByCount, Expected, Rule, check
from unqueue.server.exits.answers import Action
from unqueue.server.exits.model import Exit

T = Timing()
BY_COUNT = Expected(EXPECTED_G, 13.0, 2265, 2340, (ByCount(-1, 2290, 2340), ByCount(0, 2240, 2370), ByCount(1, 1, 0)))


class Counting(Rig):
    """A lane whose belt counts, and a server that knows what that is worth."""

    def info(self, one: Exit) -> ExitInfo:
        return msgspec.structs.replace(super().info(one), expected=BY_COUNT)


def counting() -> Counting:
    rig = Counting(config=Config(counts_items=True))
    rig.items = 40
    rig.wait(1)
    assert rig.screen.state == "idle"
    return rig


def laid(rig: Counting, things: int, load_g: float) -> None:
    assert rig.items is not None
    rig.items += things
    rig.look()
    rig.lay(load_g)


@pytest.mark.parametrize(
    ("things", "load_g", "state"),
    [
        (2, EXPECTED_G, "open"),
        (2, EXPECTED_G + 60, "open"),  # as many as there should be: the weight may be farther off
        (3, EXPECTED_G, "check"),  # one more, however well the weight fits
        (1, EXPECTED_G + 10, "open"),  # two that touch count as one
        (1, EXPECTED_G - 30, "check"),
        (9, EXPECTED_G, "open"),  # a count that says nothing
        (9, EXPECTED_G + 60, "check"),
    ],
)
def test_weight_and_count_decide_together(things: int, load_g: float, state: str) -> None:
    rig = counting()
    rig.show_pass()
    rig.serve()
    laid(rig, things, load_g)
    rig.wait(T.too_light_s + 1)
    assert rig.screen.state == state
    weighing = rig.exits[0].weighing
    assert weighing is not None
    assert weighing.counted == things


def test_what_lay_there_before_the_pass_was_counted_as_well() -> None:
    rig = counting()
    laid(rig, 3, EXPECTED_G)
    rig.wait(1)
    rig.show_pass()
    rig.wait(T.too_light_s + 1)
    assert rig.screen.state == "check"
    assert rig.screen.prompt.id == "not_scanned"
    assert [suspect.en for suspect in rig.screen.suspects] == ["It looks like 1 more than on the order"]


def test_goods_that_were_taken_off_and_laid_again_are_not_counted_twice() -> None:
    rig = counting()
    rig.show_pass()
    rig.serve()
    laid(rig, 3, 1800)
    rig.wait(0.5)
    rig.lay(1060)
    rig.wait(0.5)
    laid(rig, 1, EXPECTED_G)
    rig.wait(1)
    assert rig.screen.state == "open"
    weighing = rig.exits[0].weighing
    assert weighing is not None
    assert weighing.counted is None


def test_the_next_shopper_is_counted_from_the_empty_belt() -> None:
    rig = counting()
    laid(rig, 5, 700)
    rig.wait(1)
    rig.lay(0)
    rig.wait(1)
    rig.show_pass()
    rig.serve()
    laid(rig, 2, EXPECTED_G)
    rig.wait(1)
    weighing = rig.exits[0].weighing
    assert weighing is not None
    assert (rig.screen.state, weighing.counted) == ("open", 2)


def test_what_crosses_and_does_not_land_is_not_counted() -> None:
    """A hand, a cloth, or the last thing of somebody who took their goods back."""
    rig = counting()
    assert rig.items is not None
    laid(rig, 2, 700)
    rig.wait(1)
    rig.lay(0)
    rig.wait(1)
    rig.items += 1
    rig.wait(T.landing_s + 1)
    rig.show_pass()
    rig.serve()
    laid(rig, 2, EXPECTED_G)
    rig.wait(1)
    weighing = rig.exits[0].weighing
    assert weighing is not None
    assert (rig.screen.state, weighing.counted) == ("open", 2)


@pytest.mark.parametrize("action", ["take_off", "reweigh"])
def test_what_staff_took_off_is_not_counted(action: Action) -> None:
    """Too light for the scale to tell: after their hands nobody knows what the count is worth."""
    rig = counting()
    rig.show_pass()
    rig.serve()
    laid(rig, 3, EXPECTED_G + 8)
    rig.wait(T.too_light_s + T.check_s + 2)
    assert rig.lane.phase == "staff"
    rig.lay(EXPECTED_G)
    assert rig.staff(action)
    rig.wait(T.too_light_s + 5)
    weighing = rig.exits[0].weighing
    assert weighing is not None
    assert (rig.screen.state, weighing.counted) == ("open", None)


def test_a_module_that_was_away_may_have_begun_anew() -> None:
    """And counted so far already that it looks as if it had gone on."""
    rig = counting()
    rig.show_pass()
    rig.serve()
    laid(rig, 1, 1060)
    rig.hear(DeviceSeen("io", "failed", "no answer"))
    rig.hear(DeviceSeen("io", "ready"))
    laid(rig, 7, EXPECTED_G)
    rig.wait(1)
    weighing = rig.exits[0].weighing
    assert weighing is not None
    assert (rig.screen.state, weighing.counted) == ("open", None)


def test_after_a_restart_nobody_knows_what_was_counted() -> None:
    rig = counting()
    rig.show_pass()
    rig.serve()
    laid(rig, 1, 1060)
    rig.wait(0.5)
    rig.restart()
    rig.wait(0.5)
    laid(rig, 1, EXPECTED_G)
    rig.wait(1)
    weighing = rig.exits[0].weighing
    assert weighing is not None
    assert (rig.screen.state, weighing.counted) == ("open", None)


def test_a_counter_that_began_anew_counts_for_nothing() -> None:
    rig = counting()
    rig.show_pass()
    rig.serve()
    laid(rig, 1, 1060)
    rig.wait(0.5)
    rig.items = 0
    laid(rig, 1, EXPECTED_G)
    rig.wait(1)
    weighing = rig.exits[0].weighing
    assert weighing is not None
    assert (rig.screen.state, weighing.counted) == ("open", None)


def test_goods_in_parts_are_not_counted() -> None:
    first, rest = Reading(1060, 5), Reading(EXPECTED_G - 1060, 5)
    found = check(LINES, rest, Rule(), BY_COUNT, parts=[first])
    assert (found.verdict, found.counted) == ("pass", None)


def test_a_count_of_unknown_worth_says_nothing_of_what_is_wrong() -> None:
    """It is told all the same: so the server learns what it is worth."""
    askew = Expected(EXPECTED_G, 13.0, EXPECTED_G - 20, EXPECTED_G + 60)
    found = check(LINES, Reading(EXPECTED_G - 30, 5), Rule(), askew, counted=7)
    assert (found.verdict, found.counted, found.is_light) == ("check", 7, True)
    assert "fewer" not in found.suspects[0].en


def test_a_lane_that_does_not_count_goes_by_weight() -> None:
    assert ready().lane.items_base is None
    assert check(LINES, Reading(EXPECTED_G + 60, 5), Rule(), BY_COUNT).verdict == "check"
