"""The lane's sequence when something goes wrong: a live tag at the gate, a restart, a device or the server away."""

import pytest
from tests.support.lane_rig import EXPECTED_G, Rig, alarms, loaded, new_pass, opened, ready

from unqueue.lane.sequence import outputs
from unqueue.lane.sequence.words import (
    CallInfo,
    CallSeen,
    IoRead,
    Left,
    OpenGate,
    Sound,
    Timing,
    ZeroScale,
)

T = Timing()


class TestAlarm:
    def test_a_live_tag_on_the_way_out(self) -> None:
        rig = opened(tags=1)
        rig.alarms += 1
        rig.walk()
        rig.wait(1)
        assert (rig.screen.state, rig.screen.prompt.id, outputs(rig.lane).red) == ("alarm", "bell_call", True)
        assert any(isinstance(command, Sound) for command in rig.commands)
        (alarm,) = alarms(rig)
        assert (alarm.kind, alarm.exit_id, alarm.cause) == ("live_tag", rig.exits[0].exit_id, "not_on_order")
        assert alarm.detail == "the deactivator counted 1 of the order's 1 tags"
        assert rig.exits[0].status == "left"
        assert rig.lane.gone is not None
        assert rig.lane.gone.exit_id == rig.exits[0].exit_id
        rig.alarms += 1
        rig.look()
        assert alarms(rig)[-1].exit_id == rig.exits[0].exit_id
        rig.staff("done")
        rig.wait(1)
        assert rig.screen.state == "idle"

    def test_a_tag_that_the_deactivator_missed_is_silenced_by_a_person(self) -> None:
        rig = loaded(tags=2)
        rig.hidden_tags = 1
        rig.wait(T.deactivate_s_max + 1)
        assert (rig.screen.state, rig.live_tags) == ("open", 1)
        rig.alarms += 1
        rig.look()
        (alarm,) = alarms(rig)
        assert (alarm.cause, alarm.detail) == ("tag_missed", "the deactivator counted 1 of the order's 2 tags")
        assert rig.screen.prompt.id == "live_tag"
        rig.staff("deactivate")
        assert (rig.lane.phase, outputs(rig.lane).deactivator, outputs(rig.lane).belt) == (
            "deactivating_again",
            True,
            False,
        )
        rig.hidden_tags = 0
        rig.wait(0.5)
        assert (rig.live_tags, rig.screen.state, rig.gate_is_open) == (0, "open", True)
        assert not outputs(rig.lane).deactivator

    def test_what_a_person_silenced_after_the_shopper_left_is_counted(self) -> None:
        rig = loaded(tags=2)
        rig.hidden_tags = 1
        rig.wait(T.deactivate_s_max + 1)
        rig.walk()
        rig.wait(1)
        rig.alarms += 1
        rig.look()
        rig.now_s += T.bell_s  # until somebody has come
        rig.staff("deactivate")
        rig.hidden_tags = 0
        rig.load_g = 5  # held to the field, not laid down
        rig.wait(1)
        assert rig.live_tags == 0
        rig.alarms += 1
        rig.look()
        again = alarms(rig)[-1]
        assert (again.cause, again.exit_id) == ("not_on_order", rig.exits[0].exit_id)
        assert again.detail == "the deactivator counted 2 of the order's 2 tags"

    def test_what_was_silenced_before_a_restart_is_not_called_missed(self) -> None:
        rig = opened(tags=2)
        rig.restart()
        rig.wait(1)
        rig.alarms += 1
        rig.look()
        (alarm,) = alarms(rig)
        assert (alarm.cause, alarm.detail) == (None, None)

    def test_what_was_silenced_before_a_restart_and_before_the_release_is_not_called_missed(self) -> None:
        rig = loaded(tags=2)
        for _ in range(3):
            rig.look()  # and the server answers nothing yet
        assert (rig.lane.phase, rig.live_tags) == ("judging", 0)
        rig.restart()
        rig.wait(T.deactivate_s_max + 2)
        assert (rig.screen.state, rig.told_silenced) == ("open", None)
        rig.alarms += 1
        rig.look()
        (alarm,) = alarms(rig)
        assert (alarm.cause, alarm.detail) == (None, None)

    @pytest.mark.parametrize(("tags", "missed", "told"), [(0, 0, True), (2, 0, True), (2, 1, False)])
    def test_the_release_tells_whether_every_tag_was_counted(self, tags: int, missed: int, told: bool) -> None:
        rig = loaded(tags=tags)
        rig.hidden_tags = missed
        rig.wait(T.deactivate_s_max + 1)
        assert (rig.screen.state, rig.told_silenced) == ("open", told)
        weighing = rig.exits[0].weighing
        assert weighing is not None
        assert weighing.tags_deactivated == (tags > 0 and missed == 0)

    def test_whoever_comes_next_is_told_to_wait(self) -> None:
        rig = opened()
        rig.walk()
        rig.broken.add("server")
        rig.look()
        assert rig.lane.phase == "leaving"
        rig.show_pass(new_pass("a" * 32))
        assert rig.screen.prompt.id == "wait_turn"
        rig.broken.clear()
        rig.alarms += 1
        rig.look()
        assert rig.lane.phase == "alarm"
        rig.wait(T.notice_s + 1)
        rig.show_pass(new_pass("a" * 32))
        assert (rig.screen.state, rig.screen.prompt.id) == ("alarm", "wait_turn")
        rig.wait(T.notice_s + 1)
        assert rig.screen.prompt.id != "wait_turn"

    def test_a_newer_bell_is_waited_for(self) -> None:
        rig = opened(tags=1)
        rig.alarms += 1
        rig.look()
        first = rig.lane.alarm_key
        rig.alarms += 1
        rig.look()
        assert rig.lane.alarm_key != first
        assert rig.lane.alarm_cause == "not_on_order"
        assert first is not None
        rig.hear(CallSeen(first, CallInfo("call-1", "answered", action="done")))
        assert rig.lane.phase == "alarm"

    def test_a_tag_that_stays_does_not_keep_the_field_on(self) -> None:
        rig = loaded(tags=1)
        rig.hidden_tags = 1
        rig.wait(T.deactivate_s_max + 1)
        rig.alarms += 1
        rig.look()
        rig.staff("deactivate")
        rig.wait(T.deactivate_again_s_max + 0.5)
        assert (rig.lane.phase, outputs(rig.lane).deactivator, rig.live_tags) == ("open", False, 1)

    def test_goods_of_the_next_shopper_keep_their_tags(self) -> None:
        rig = loaded(tags=1)
        rig.hidden_tags = 1
        rig.wait(T.deactivate_s_max + 1)
        rig.walk()
        rig.wait(1)
        rig.alarms += 1
        rig.look()
        (alarm,) = alarms(rig)
        assert (alarm.cause, alarm.exit_id, rig.lane.exit) == ("tag_missed", rig.exits[0].exit_id, None)
        rig.lay(900)
        rig.look()
        rig.staff("deactivate")
        assert not outputs(rig.lane).deactivator

    def test_a_bell_long_after_the_last_order_is_nobody_s(self) -> None:
        rig = opened(tags=1)
        rig.walk()
        rig.wait(T.bell_s + 2)
        rig.alarms += 1
        rig.look()
        (alarm,) = alarms(rig)
        assert (alarm.exit_id, alarm.cause) == (None, None)

    def test_before_the_shopper_passed_the_way_is_free_again_afterwards(self) -> None:
        rig = opened()
        rig.alarms += 1
        rig.wait(30)
        assert (rig.screen.state, rig.gate_is_open) == ("alarm", False)
        rig.staff("let_go")
        rig.look()
        assert (rig.screen.state, rig.gate_is_open) == ("open", True)

    def test_an_answer_that_comes_before_the_server_heard_of_the_passage_opens_nothing(self) -> None:
        rig = opened()
        rig.alarms += 1
        rig.walk()
        rig.now_s += 5
        rig.look()
        assert isinstance(rig.lane.request.request if rig.lane.request else None, Left)
        rig.staff("done")
        assert (rig.lane.phase, rig.opened) == ("leaving", 1)

    def test_a_bell_while_another_order_is_weighed_does_not_stop_it(self) -> None:
        rig = loaded()
        rig.alarms += 1
        rig.look()
        assert rig.screen.prompt.id == "live_tag"
        assert len(alarms(rig)) == 1
        rig.wait(1)
        assert rig.screen.state == "open"

    def test_a_bell_while_a_pass_is_being_read_loses_nothing(self) -> None:
        rig = ready()
        rig.show_pass()
        rig.alarms += 1
        rig.look()
        rig.serve()
        assert rig.screen.state == "alarm"
        rig.staff("done")
        rig.wait(1)
        assert rig.screen.state == "loading"

    @pytest.mark.parametrize(("missed", "told"), [(0, True), (1, None)])
    def test_what_was_counted_after_such_a_bell_is_told_as_it_was(self, missed: int, told: bool | None) -> None:
        rig = ready(tags=2)
        rig.show_pass()
        rig.alarms += 1
        rig.look()
        rig.serve()
        rig.staff("done")
        rig.wait(1)
        rig.hidden_tags = missed
        rig.lay(EXPECTED_G)
        rig.wait(T.deactivate_s_max + 1)
        assert (rig.screen.state, rig.told_silenced) == ("open", told)
        assert rig.exits[0].weighing is not None
        assert rig.exits[0].weighing.tags_deactivated is (told is True)

    def test_pulses_before_the_lane_started_are_no_alarm(self) -> None:
        rig = Rig()
        rig.alarms = 17
        rig.wait(1)
        assert (rig.screen.state, alarms(rig)) == ("idle", [])

    def test_a_fire_opens_everything(self) -> None:
        rig = loaded(tags=1)
        rig.lay(EXPECTED_G + 528)
        rig.wait(1)
        rig.fire = True
        rig.look()
        assert (rig.gate_is_open, rig.screen.state, rig.screen.prompt.id) == (True, "alarm", "fire")
        rig.wait(60)
        assert rig.gate_is_open
        assert outputs(rig.lane) == outputs(rig.lane).__class__(green=True)
        rig.fire = False
        rig.wait(1)
        assert rig.screen.state in {"loading", "weighing", "check"}


class TestRestart:
    def test_while_goods_are_laid(self) -> None:
        rig = loaded()
        rig.lay(500)
        rig.wait(1)
        rig.restart()
        rig.wait(1)
        assert rig.screen.state == "weighing"
        rig.lay(EXPECTED_G)
        rig.wait(1)
        assert rig.screen.state == "open"

    def test_while_staff_are_coming(self) -> None:
        rig = loaded()
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s + 1)
        rig.restart()
        rig.wait(1)
        assert (rig.screen.state, len(rig.calls)) == ("check", 1)
        rig.staff("let_go")
        rig.wait(1)
        assert rig.screen.state == "open"

    def test_after_the_release_and_before_the_gate(self) -> None:
        """The server let the order out, and the lane died before it could tell the gate."""
        rig = loaded()
        rig.look()
        while rig.lane.phase != "releasing":
            assert rig.lane.request is not None
            rig.hear(rig.answer_to(rig.lane.request))
        assert rig.lane.request is not None
        rig.answer_to(rig.lane.request)
        assert (rig.releases, rig.openings) == (1, 0)
        rig.restart()
        rig.wait(1)
        assert (rig.screen.state, rig.openings, rig.releases) == ("open", 1, 1)

    def test_after_the_shopper_walked_through(self) -> None:
        rig = opened()
        rig.walk()
        rig.restart()
        rig.wait(1)
        assert (rig.screen.state, rig.exits[0].status, rig.openings) == ("idle", "left", 1)

    def test_after_the_gates_counter_began_anew_a_person_decides(self) -> None:
        rig = Rig()
        rig.passages = 50
        rig.wait(1)
        rig.show_pass()
        rig.lay(EXPECTED_G)
        rig.wait(1)
        rig.restart()
        rig.passages = 0
        rig.wait(1)
        assert (rig.screen.state, rig.screen.prompt.id, rig.openings) == ("staff", "staff_coming", 1)
        rig.staff("done")
        rig.wait(1)
        assert (rig.screen.state, rig.exits[0].status) == ("idle", "left")

    def test_after_the_gates_counter_began_anew_staff_may_open_once_more(self) -> None:
        rig = Rig()
        rig.passages = 50
        rig.wait(1)
        rig.show_pass()
        rig.lay(EXPECTED_G)
        rig.wait(1)
        rig.restart()
        rig.passages = 3
        rig.wait(11)
        rig.staff("open_again")
        assert (rig.gate_is_open, rig.exits[0].status) == (True, "released")
        rig.walk()
        rig.wait(1)
        assert (rig.exits[0].status, rig.releases) == ("left", 1)

    def test_after_staff_let_go_the_decision_stands(self) -> None:
        rig = loaded(tags=1)
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s + 1)
        rig.broken.add("server")
        rig.staff("let_go")
        rig.restart()
        rig.broken.clear()
        rig.wait(1)
        assert (rig.screen.state, len(rig.calls)) == ("open", 1)


class TestTrouble:
    @pytest.mark.parametrize(
        ("device", "prompt"), [("scale", "out_of_service"), ("io", "out_of_service"), ("server", "server_away")]
    )
    def test_a_lane_that_nobody_uses_closes_and_opens(self, device: str, prompt: str) -> None:
        rig = ready()
        rig.broken.add(device)
        rig.wait(1)
        assert (rig.screen.state, rig.screen.prompt.id) == ("out_of_service", prompt)
        rig.show_pass()
        assert rig.lane.request is None
        assert rig.exits == []
        rig.broken.clear()
        rig.wait(T.notice_s + 1)
        assert (rig.screen.state, rig.screen.prompt.id) == ("idle", "welcome")

    @pytest.mark.parametrize("device", ["scale", "io"])
    def test_staff_are_called_to_a_broken_device_once(self, device: str) -> None:
        rig = ready()
        rig.broken.add(device)
        rig.wait(T.trouble_s - 1)
        assert alarms(rig) == []
        rig.wait(60)
        (alarm,) = alarms(rig)
        assert (alarm.kind, alarm.exit_id) == ("device", None)
        rig.broken.clear()
        rig.wait(1)
        rig.broken.add(device)
        rig.wait(T.trouble_s + 1)
        assert len(alarms(rig)) == 2

    def test_a_scale_that_dies_under_goods_waits_and_goes_on(self) -> None:
        rig = loaded()
        rig.broken.add("scale")
        rig.wait(30)
        assert (rig.screen.state, rig.screen.prompt.id, rig.openings) == ("staff", "device_wait", 0)
        rig.broken.clear()
        rig.wait(1)
        assert rig.screen.state == "open"

    @pytest.mark.parametrize("device", ["scale", "io"])
    @pytest.mark.parametrize("load_g", [0, 500, EXPECTED_G + 528])
    def test_staff_send_a_shopper_whose_lane_broke_to_another_one(self, device: str, load_g: int) -> None:
        rig = ready()
        rig.show_pass()
        rig.serve()
        rig.lay(load_g)
        rig.wait(T.too_heavy_s + 1)
        rig.broken.add(device)
        rig.wait(T.lay_s_max + T.emptied_s + 10)
        assert (rig.screen.state, rig.screen.prompt.id, rig.exits[0].status) == ("staff", "device_wait", "claimed")
        assert rig.staff("refuse")
        rig.look()
        assert rig.exits[0].status == "abandoned"
        assert (rig.lane.phase, rig.screen.state, rig.screen.prompt.id) == ("idle", "out_of_service", "out_of_service")

    @pytest.mark.parametrize("tags", [0, 1])
    def test_staff_let_goods_go_that_can_not_be_weighed(self, tags: int) -> None:
        rig = ready(tags=tags)
        rig.show_pass()
        rig.serve()
        rig.broken.add("scale")
        rig.lay(EXPECTED_G)
        rig.wait(30)
        assert rig.releases == 0
        rig.staff("let_go")
        rig.wait(T.deactivate_s_max + 1)
        assert (rig.lane.phase, rig.releases, rig.gate_is_open, rig.live_tags) == ("open", 1, True, 0)
        rig.walk()
        rig.wait(1)
        assert rig.exits[0].status == "left"

    def test_goods_that_are_laid_among_those_that_a_person_let_go_are_weighed(self) -> None:
        rig = ready(tags=1)
        rig.show_pass()
        rig.serve()
        rig.press_help()
        rig.live_tags = 0
        rig.staff("let_go")
        assert rig.lane.phase == "deactivating"
        rig.lay(EXPECTED_G + 528)
        rig.wait(1)
        assert (rig.screen.state, rig.releases, outputs(rig.lane).deactivator) == ("check", 0, False)

    def test_the_answer_done_changes_nothing_for_the_order(self) -> None:
        """And reading the exit again and again does not make the lane's patience endless."""
        rig = ready()
        rig.show_pass()
        rig.serve()
        rig.press_help()
        rig.staff("done")
        for _ in range(int(T.lay_s_max / 2)):
            rig.wait(2)
            rig.refresh()
        rig.wait(1)
        assert (rig.screen.state, rig.exits[0].status) == ("idle", "abandoned")

    def test_a_device_that_is_still_broken_when_the_shopper_has_gone_is_called_for_again(self) -> None:
        """The call about the exit was settled with it."""
        rig = opened()
        rig.broken.add("scale")
        rig.wait(T.trouble_s + 1)
        rig.walk()
        rig.wait(60)
        assert [(alarm.kind, alarm.exit_id) for alarm in alarms(rig)] == [
            ("device", rig.exits[0].exit_id),
            ("device", None),
        ]

    def test_a_server_that_dies_under_goods_waits_and_goes_on(self) -> None:
        rig = loaded()
        rig.broken.add("server")
        rig.wait(300)
        assert (rig.screen.prompt.id, rig.openings) == ("server_away", 0)
        rig.broken.clear()
        rig.wait(1)
        assert (rig.screen.state, rig.releases) == ("open", 1)

    def test_a_server_that_does_not_answer_a_pass(self) -> None:
        rig = ready()
        rig.show_pass()
        rig.broken.add("server")
        rig.wait(T.claim_s_max + 1)
        assert (rig.screen.state, rig.screen.prompt.id) == ("out_of_service", "server_away")
        rig.broken.clear()
        rig.wait(T.notice_s + 1)
        assert rig.screen.state == "idle"

    def test_a_scale_below_zero_is_set_to_zero_while_nobody_uses_it(self) -> None:
        rig = ready()
        rig.under_zero = True
        rig.wait(5)
        assert [command for command in rig.commands if isinstance(command, ZeroScale)] == [ZeroScale()]
        rig.wait(60)
        assert len([command for command in rig.commands if isinstance(command, ZeroScale)]) > 1

    def test_help(self) -> None:
        rig = loaded()
        rig.press_help()
        (alarm,) = alarms(rig)
        assert (alarm.kind, alarm.exit_id, rig.screen.prompt.id) == ("help", rig.exits[0].exit_id, "staff_coming")
        rig.wait(1)
        assert rig.screen.state == "open"


def test_the_first_look_at_the_io_module_alone_moves_nothing() -> None:
    rig = Rig()
    rig.hear(IoRead(passages=3, alarms=2, deactivated=1, gate_closed=True))
    assert rig.commands == []
    assert not any(isinstance(command, OpenGate) for command in rig.commands)
