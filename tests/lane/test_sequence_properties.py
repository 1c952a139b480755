"""Whatever happens, in whatever order: no promise breaks, and an honest shopper gets out in the end.

The rig looks after each input that the deactivator is on for paid goods only, that the gate is never told to open
without a release, and that an order is let out once (:class:`tests.support.lane_rig.Rig`).
"""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.lane_rig import EXPECTED_G, NUMBER, PASS, Rig, new_pass

from unqueue.lane.sequence.words import Abandon, Config, Left, ReadExits, Release, SendAside, TellWeighing

MOVES = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.1, 0.5, 3.0, 9.0, 15.0, 70.0, 130.0])),
    st.tuples(st.just("lay"), st.sampled_from([0, 500, EXPECTED_G, EXPECTED_G, EXPECTED_G + 528])),
    st.tuples(st.just("pass"), st.sampled_from([PASS, new_pass(issued_s=9), new_pass("a" * 32), NUMBER, "rubbish"])),
    st.tuples(st.just("staff"), st.sampled_from(["let_go", "reweigh", "refuse", "done", "open_again"])),
    st.tuples(st.just("break"), st.sampled_from(["scale", "io", "server"])),
    st.tuples(st.just("no"), st.sampled_from([TellWeighing, Release, Left, Abandon, SendAside, ReadExits])),
    st.tuples(
        st.sampled_from(["mend", "walk", "walk", "tag", "help", "restart", "fire", "look", "heavy", "more"]), st.none()
    ),
)


def toggle(rig: Rig, name: str) -> None:
    setattr(rig, name, not getattr(rig, name))


def mend(rig: Rig) -> None:
    rig.broken.clear()
    rig.says_no.clear()


DOING: dict[str, Callable[[Rig, Any], object]] = {
    "wait": lambda rig, seconds: rig.wait(seconds, pace_s=max(0.25, seconds / 40)),
    "lay": lambda rig, load_g: rig.lay(load_g),
    "pass": lambda rig, text: rig.show_pass(text),
    "staff": lambda rig, action: rig.staff(action),
    "break": lambda rig, device: rig.broken.add(device),
    "no": lambda rig, asked: rig.says_no.update({asked: "order_unpaid" if asked is Release else "something_new"}),
    "mend": lambda rig, _: mend(rig),
    "walk": lambda rig, _: rig.walk(),
    "tag": lambda rig, _: setattr(rig, "alarms", rig.alarms + 1),
    "more": lambda rig, _: rig.press_more(),
    "help": lambda rig, _: rig.press_help(),
    "restart": lambda rig, _: rig.restart(),
    "fire": lambda rig, _: toggle(rig, "fire"),
    "heavy": lambda rig, _: toggle(rig, "overweight"),
    "look": lambda rig, _: rig.look(),
}


def move(rig: Rig, name: str, value: Any) -> None:
    DOING[name](rig, value)


@settings(max_examples=300)
@given(
    moves=st.lists(MOVES, max_size=40),
    tags=st.integers(0, 2),
    checks=st.sampled_from([(), ("min_age",), ("audit",), ("min_age", "audit")]),
    side_bay=st.sampled_from(["", "bay"]),
)
def test_no_promise_breaks_and_everybody_gets_out(
    moves: list[tuple[str, Any]], tags: int, checks: tuple[str, ...], side_bay: str
) -> None:
    rig = Rig(tags=tags, checks=checks, config=Config(side_bay=side_bay))
    for name, value in moves:
        move(rig, name, value)
    assert rig.unpaid_passages == 0
    _everything_is_well_again(rig)
    if not rig.has_left:
        _honest_visit(rig)
    assert rig.releases <= 1
    assert rig.has_left


def _everything_is_well_again(rig: Rig) -> None:
    """Devices and server work, the fire is out, staff answer every call; the lane comes to rest."""
    mend(rig)
    rig.fire = rig.overweight = False
    rig.lay(0)
    for _ in range(60):
        rig.wait(5)
        for action in ("let_go", "done"):
            rig.staff(action)
        rig.refresh()
        rig.walk()
        rig.wait(1)
        if rig.screen.state == "idle" and rig.lane.phase == "idle":
            return
    raise AssertionError(f"the lane hangs in {rig.lane.phase}: {rig.screen}")


def _honest_visit(rig: Rig) -> None:
    rig.wait(10)
    rig.show_pass()
    rig.wait(1)
    rig.lay(EXPECTED_G)
    rig.wait(6)
    rig.staff("let_go")
    rig.refresh()
    if rig.lane.phase == "aside":
        # Somebody let the goods go in the side bay, and the shopper comes to a gate.
        rig.lay(0)
        rig.wait(5)
        rig.show_pass()
        rig.wait(1)
        rig.lay(EXPECTED_G)
    rig.wait(6)
    assert rig.screen.state == "open", rig.screen
    assert rig.walk()
    rig.wait(2)
    assert rig.screen.state == "idle"


@settings(max_examples=150)
@given(moves=st.lists(MOVES.filter(lambda move: move[0] != "fire"), max_size=40))
def test_the_gate_lets_one_person_out_for_one_order(moves: list[tuple[str, Any]]) -> None:
    """However often it is told to open: not again after somebody walked through."""
    rig = Rig()
    for name, value in moves:
        move(rig, name, value)
    assert rig.passages <= rig.releases <= 1
