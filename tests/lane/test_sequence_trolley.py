"""A lane that weighs whole trolleys on a floor scale: the trolley's tare by its own code, the usual one without."""

import pytest
from tests.support.lane_rig import EXPECTED_G, Rig, ready

from unqueue.lane.sequence.words import AskTare, Code, Config, TareSeen, Timing
from unqueue.lane.weighing import Tare

T = Timing()
USUAL = Tare(21_500, 150.0)
CODE = "9521141123454A17"
OWN = Tare(21_230, 6.0, CODE)


def lane() -> Rig:
    return ready(config=Config(trolley=USUAL))


def shown(rig: Rig) -> Rig:
    rig.show_pass()
    rig.serve()
    assert rig.lane.phase == "loading"
    return rig


def test_a_trolley_with_goods_that_fit_goes_out() -> None:
    rig = shown(lane())
    rig.lay(USUAL.tare_g + EXPECTED_G + 120)  # a trolley that is a little heavier
    rig.wait(1)
    assert rig.screen.state == "open"


@pytest.mark.parametrize(("tare", "state"), [(None, "open"), (OWN, "check")])
def test_its_own_tare_sees_what_the_usual_one_hides(tare: Tare | None, state: str) -> None:
    rig = lane()
    if tare is not None:
        rig.hear(Code(f"(8003)0{CODE}"))
        assert rig.commands[-1] == AskTare(CODE)
        rig.hear(TareSeen(tare))
    shown(rig)
    rig.lay(OWN.tare_g + EXPECTED_G + 400)
    rig.wait(T.too_heavy_s + 1)
    assert rig.screen.state == state
    assert rig.exits[0].weighing is not None


def test_the_code_may_come_while_the_trolley_stands_there() -> None:
    rig = shown(lane())
    rig.lay(OWN.tare_g + EXPECTED_G - 500)
    rig.wait(1)
    assert rig.lane.belt_g == EXPECTED_G - 500 + OWN.tare_g - USUAL.tare_g
    rig.hear(TareSeen(OWN))
    assert rig.lane.belt_g == EXPECTED_G - 500
    rig.lay(OWN.tare_g + EXPECTED_G)
    rig.wait(1)
    assert rig.screen.state == "open"


def test_the_next_shopper_has_another_trolley() -> None:
    rig = lane()
    rig.hear(TareSeen(OWN))
    shown(rig)
    rig.lay(OWN.tare_g + EXPECTED_G)
    rig.wait(1)
    assert rig.lane.tare == OWN
    rig.walk()
    rig.wait(1)
    assert (rig.lane.phase, rig.lane.tare, rig.lane.belt_g) == ("idle", None, 0)


def test_a_trolley_that_never_came_has_gone_elsewhere() -> None:
    rig = lane()
    rig.hear(TareSeen(OWN))
    rig.wait(T.tare_s_max - 1)
    assert rig.lane.tare == OWN
    rig.wait(2)
    assert rig.lane.tare is None


def test_an_empty_trolley_is_nothing_to_weigh() -> None:
    rig = shown(lane())
    rig.lay(USUAL.tare_g - 300)
    rig.wait(20)
    assert rig.screen.state == "loading"
    rig.wait(T.lay_s_max)
    assert rig.exits[0].status == "abandoned"


def test_where_goods_are_weighed_alone_such_a_code_is_no_pass() -> None:
    rig = ready()
    rig.hear(Code(f"(8003)0{CODE}"))
    assert rig.screen.prompt.id == "pass_invalid"


@pytest.mark.parametrize("rang", [False, True])
def test_the_next_trolley_is_not_taken_for_the_last_one(rang: bool) -> None:
    rig = lane()
    rig.hear(TareSeen(OWN))
    shown(rig)
    rig.lay(OWN.tare_g + EXPECTED_G)
    rig.wait(3)
    assert rig.lane.phase == "open"
    rig.alarms += rang
    rig.look()
    rig.walk()
    rig.lay(USUAL.tare_g)
    rig.wait(1)
    if rang:
        rig.staff("done")
        rig.wait(2)
    assert (rig.lane.phase, rig.lane.tare) == ("idle", None)
