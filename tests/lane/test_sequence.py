"""The lane's sequence, step by step: what a shopper sees, what the devices do, what the server is told."""

import msgspec
import pytest
from tests.support.lane_rig import EXPECTED_G, NUMBER, PASS, Rig, alarms, loaded, new_pass, opened, ready

from unqueue.devices.ports import NotReady, UnstableWeight, Weighing
from unqueue.lane.sequence import outputs
from unqueue.lane.sequence.arrival import REFUSALS
from unqueue.lane.sequence.codes import identify
from unqueue.lane.sequence.words import (
    Claim,
    IoRead,
    Refused,
    Tick,
    Timing,
    Weighed,
)

T = Timing()


def asked() -> Rig:
    """Goods lay there when the pass was shown, and the server has not answered yet."""
    rig = ready()
    rig.lay(EXPECTED_G)
    rig.wait(1.0)
    rig.show_pass()
    return rig


class TestHonest:
    def test_from_pass_to_door(self) -> None:
        rig = opened()
        assert (rig.openings, rig.screen.prompt.id, rig.screen.voice) == (1, "thanks", "thanks")
        assert outputs(rig.lane).green
        assert rig.walk()
        rig.wait(0.5)
        assert (rig.screen.state, rig.exits[0].status, rig.openings) == ("idle", "left", 1)
        assert rig.screen.order is None

    def test_with_tags_the_belt_carries_them_past_the_deactivator_first(self) -> None:
        rig = loaded(tags=2)
        rig.look()
        assert (outputs(rig.lane).belt, outputs(rig.lane).deactivator, rig.openings) == (True, True, 0)
        rig.wait(1.0)
        assert (rig.live_tags, rig.screen.state) == (0, "open")
        assert not outputs(rig.lane).deactivator
        assert rig.exits[0].weighing is not None
        assert rig.exits[0].weighing.tags_deactivated

    def test_goods_may_be_laid_one_by_one(self) -> None:
        rig = ready()
        rig.show_pass()
        rig.serve()
        for load_g in (500, 1060, 1700):
            rig.lay(load_g)
            rig.wait(T.too_light_s - 1)
            assert (rig.screen.state, rig.screen.prompt.id) == ("weighing", "lay_goods")
        rig.lay(EXPECTED_G)
        rig.wait(0.5)
        assert rig.screen.state == "open"
        assert rig.calls == {}

    def test_goods_may_be_laid_before_the_pass_is_shown(self) -> None:
        rig = ready()
        rig.lay(EXPECTED_G)
        rig.wait(1.0)
        rig.show_pass()
        rig.wait(1.0)
        assert rig.screen.state == "open"

    @pytest.mark.parametrize("weighed_meanwhile", [True, False])
    def test_goods_that_were_weighed_while_the_server_was_asked_are_not_weighed_again(
        self, weighed_meanwhile: bool
    ) -> None:
        rig = asked()
        if weighed_meanwhile:
            rig.now_s += 0.05
            rig.look()
        rig.answer()
        assert rig.lane.phase == ("judging" if weighed_meanwhile else "loading")

    @pytest.mark.parametrize("since", [UnstableWeight(), NotReady("the scale does not answer")])
    def test_goods_that_have_moved_since_are(self, since: Weighing) -> None:
        rig = asked()
        rig.now_s += 0.05
        rig.look()
        rig.now_s += 0.05
        rig.hear(Weighed(since))
        rig.answer()
        assert rig.lane.phase == "loading"

    def test_the_gate_opens_at_once_when_nothing_is_in_the_way(self) -> None:
        rig = loaded()
        rig.look()
        rig.serve()
        assert rig.openings == 1


class TestChecks:
    def test_something_on_the_belt_that_is_not_on_the_order(self) -> None:
        rig = loaded()
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s - 0.5)
        assert (rig.screen.state, rig.openings) == ("weighing", 0)
        rig.wait(1.0)
        assert (rig.screen.state, rig.screen.prompt.id, rig.screen.voice) == ("check", "not_scanned", "not_scanned")
        assert [suspect.kind for suspect in rig.screen.suspects] == ["missed"]
        assert [kind for kind, _ in rig.calls.values()] == ["weight"]
        assert outputs(rig.lane).red

    def test_taking_it_off_is_enough(self) -> None:
        rig = loaded()
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s + 0.5)
        rig.lay(EXPECTED_G)
        rig.wait(0.5)
        assert (rig.screen.state, rig.openings) == ("open", 1)

    def test_something_that_did_not_come_onto_the_belt(self) -> None:
        rig = loaded()
        rig.lay(EXPECTED_G - 1060)
        rig.wait(T.too_light_s + 0.5)
        assert (rig.screen.state, rig.screen.prompt.id) == ("check", "not_on_belt")
        assert [(suspect.kind, suspect.en) for suspect in rig.screen.suspects] == [("extra", "Milk")]
        rig.lay(EXPECTED_G)
        rig.wait(0.5)
        assert rig.screen.state == "open"

    def test_after_a_while_the_screen_says_that_someone_comes(self) -> None:
        rig = loaded()
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s + T.check_s + 1)
        assert (rig.screen.state, rig.screen.prompt.id) == ("staff", "staff_coming")
        assert rig.screen.suspects

    def test_staff_let_go_and_the_tags_die_only_then(self) -> None:
        rig = loaded(tags=1)
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s + 1)
        assert rig.live_tags == 1
        assert rig.staff("let_go")
        rig.wait(1.0)
        assert (rig.screen.state, rig.live_tags, rig.openings) == ("open", 0, 1)

    def test_something_added_while_the_tags_die_stops_the_deactivator(self) -> None:
        rig = loaded(tags=1)
        rig.look()
        assert outputs(rig.lane).deactivator
        rig.live_tags = 0
        rig.lay(EXPECTED_G + 300)
        rig.look()
        assert not outputs(rig.lane).deactivator
        rig.wait(T.too_heavy_s + 1)
        assert (rig.screen.state, rig.openings) == ("check", 0)

    def test_something_added_after_staff_let_go_is_looked_at_again(self) -> None:
        rig = loaded(tags=1)
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s + 1)
        rig.live_tags = 0
        rig.staff("let_go")
        rig.lay(EXPECTED_G + 528 + 300)
        rig.wait(T.too_heavy_s + 1)
        assert (rig.screen.state, rig.openings) == ("check", 0)
        assert len(rig.calls) == 2

    def test_what_staff_let_go_is_what_lies_there_when_the_lane_hears_of_it(self) -> None:
        """They saw half a kilogram too much; meanwhile there are five."""
        rig = loaded(tags=1)
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s + 1)
        rig.lay(EXPECTED_G + 5000)
        rig.look()
        rig.staff("let_go")
        assert (rig.lane.phase, rig.live_tags, rig.releases) == ("judging", 1, 0)
        rig.wait(1)
        assert (rig.screen.state, rig.live_tags, rig.releases, len(rig.calls)) == ("check", 1, 0, 2)
        rig.staff("let_go")
        rig.wait(1)
        assert (rig.screen.state, rig.releases) == ("open", 1)

    def test_goods_that_were_taken_off_during_an_age_check_are_missed(self) -> None:
        rig = loaded(checks=("min_age",))
        rig.wait(2.0)
        rig.lay(0)
        rig.look()
        rig.staff("let_go")
        rig.wait(1.0)
        assert (rig.screen.state, rig.releases) == ("check", 0)

    def test_a_decision_is_not_compared_with_a_scale_that_nobody_has_read_yet(self) -> None:
        rig = loaded()
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s + 1)
        rig.restart()
        rig.staff("let_go")
        rig.hear(IoRead(rig.passages, 0, 0, gate_closed=True))
        rig.hear(Tick())
        assert rig.lane.request is None
        rig.wait(1)
        assert (rig.screen.state, len(rig.calls)) == ("open", 1)

    def test_reweigh(self) -> None:
        rig = loaded()
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s + 1)
        assert rig.staff("reweigh")
        assert rig.screen.state == "weighing"
        rig.wait(T.too_heavy_s + 1)
        assert (rig.screen.state, len(rig.calls)) == ("check", 2)

    def test_refuse(self) -> None:
        rig = loaded()
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s + 1)
        rig.staff("refuse")
        assert (rig.screen.state, rig.screen.prompt.id, rig.openings) == ("idle", "service_desk", 0)

    def test_an_age_check_waits_for_a_person_and_keeps_the_tags(self) -> None:
        rig = loaded(tags=1, checks=("min_age",))
        rig.wait(2.0)
        assert (rig.screen.state, rig.screen.prompt.id, rig.live_tags) == ("staff", "age_check", 1)
        rig.staff("let_go")
        rig.wait(1.0)
        assert (rig.screen.state, rig.live_tags) == ("open", 0)

    def test_an_audit_takes_the_goods_up_and_lays_them_back(self) -> None:
        rig = loaded(tags=1, checks=("audit",))
        rig.wait(2.0)
        assert (rig.screen.state, rig.screen.prompt.id, rig.screen.voice) == ("staff", "audit_check", "staff_coming")
        for load_g in (EXPECTED_G / 2, 0, EXPECTED_G + 40, 0):
            rig.lay(load_g)
            rig.wait(T.emptied_s + T.too_light_s)
        assert (rig.screen.prompt.id, len(rig.calls), rig.live_tags) == ("audit_check", 1, 1)
        rig.lay(EXPECTED_G)
        rig.wait(1.0)
        rig.staff("let_go")
        rig.wait(1.0)
        assert (rig.screen.state, rig.screen.prompt.id, rig.live_tags) == ("open", "thanks", 0)
        assert rig.lane.exit is not None
        thanked = msgspec.structs.replace(rig.lane.exit, is_thanked=True)
        rig.lane = msgspec.structs.replace(rig.lane, exit=thanked)
        assert (rig.screen.prompt.id, rig.screen.voice) == ("audit_thanks", "thanks")

    def test_goods_that_an_audit_left_out_are_missed(self) -> None:
        rig = loaded(checks=("audit",))
        rig.wait(2.0)
        rig.lay(EXPECTED_G - 528)
        rig.wait(30)
        rig.staff("let_go")
        rig.wait(1.0)
        assert (rig.screen.state, rig.releases) == ("check", 0)

    def test_an_audit_that_nobody_ends_does_not_keep_the_lane(self) -> None:
        rig = loaded(checks=("audit",))
        rig.wait(2.0)
        rig.lay(0)
        rig.wait(T.rescan_s + 2)
        assert (rig.screen.state, rig.exits[0].status) == ("idle", "abandoned")

    def test_more_than_the_scale_can_weigh(self) -> None:
        rig = loaded()
        rig.overweight = True
        rig.wait(T.too_heavy_s + 1)
        said = ("check", "too_heavy_at_once", "too_heavy_at_once")
        assert (rig.screen.state, rig.screen.prompt.id, rig.screen.voice) == said
        rig.staff("let_go")
        rig.wait(0.5)
        assert rig.screen.state == "open"

    def test_goods_taken_back(self) -> None:
        rig = loaded()
        rig.lay(EXPECTED_G + 528)
        rig.wait(T.too_heavy_s + 1)
        rig.lay(0)
        rig.wait(T.emptied_s + 1)
        assert (rig.screen.state, rig.screen.prompt.id, rig.exits[0].status) == ("idle", "took_long", "abandoned")

    def test_nobody_lays_anything(self) -> None:
        rig = ready()
        rig.show_pass()
        rig.wait(T.lay_s_max - 1)
        assert rig.screen.state == "loading"
        rig.wait(2)
        assert (rig.screen.state, rig.exits[0].status) == ("idle", "abandoned")

    def test_the_voice_reminds(self) -> None:
        rig = ready()
        rig.show_pass()
        voices = []
        for _ in range(int(T.remind_s / 0.1) + 10):
            rig.wait(0.1, pace_s=0.1)
            voices.append(rig.screen.voice)
        assert None in voices[10:]
        assert voices[-1] == "lay_goods"


class TestCodes:
    @pytest.mark.parametrize(
        ("text", "asked"),
        [
            (PASS, Claim(pass_=PASS)),
            ("104729389", Claim(order_number="104729389")),
            ("104 729 389", Claim(order_number="104729389")),
            ("104-729-389", Claim(order_number="104729389")),
            ("104729388", "number_wrong"),
            ("６901234567892", "pass_invalid"),
            ("https://store.example/o/o_x", "pass_unpaid"),
            ("", "pass_invalid"),
        ],
    )
    def test_what_is_shown(self, text: str, asked: object) -> None:
        assert identify(text) == asked

    def test_a_lane_that_the_server_thinks_busy_reads_what_goes_on_there(self) -> None:
        rig = ready()
        rig.show_pass()
        assert rig.lane.request is not None
        rig.answer_to(rig.lane.request)  # the claim arrived, its answer did not; then another shopper came
        rig.hear(Refused(rig.lane.request.number, "lane_busy"))
        rig.wait(1)
        assert (rig.screen.state, len(rig.exits)) == ("loading", 1)

    @pytest.mark.parametrize("code", [*sorted(REFUSALS), "something_new"])
    def test_each_refusal_has_its_words(self, code: str) -> None:
        rig = ready()
        rig.show_pass()
        assert rig.lane.request is not None
        rig.hear(Refused(rig.lane.request.number, code))
        assert (rig.screen.state, rig.screen.prompt.id) == ("idle", REFUSALS.get(code, "service_desk"))
        rig.wait(T.notice_s + 1)
        assert rig.screen.prompt.id == "welcome"

    def test_a_used_pass(self) -> None:
        rig = opened()
        rig.walk()
        rig.wait(1)
        rig.show_pass()
        rig.wait(0.5)
        assert (rig.screen.prompt.id, rig.openings) == ("pass_used", 1)

    def test_a_second_pass_meanwhile_is_answered_kindly(self) -> None:
        rig = loaded()
        rig.show_pass("UQ2.another.pass")
        assert (rig.screen.state, rig.screen.prompt.id, rig.screen.voice) == ("loading", "wait_turn", "wait_turn")
        rig.wait(1)
        assert rig.screen.state == "open"

    def test_the_own_pass_again_meanwhile_is_no_matter(self) -> None:
        rig = loaded()
        rig.show_pass()
        assert rig.screen.prompt.id == "lay_goods"

    def test_an_answer_to_an_earlier_request_is_not_taken_for_this_one(self) -> None:
        rig = ready()
        rig.show_pass()
        assert rig.lane.request is not None
        rig.hear(Refused(rig.lane.request.number - 1, "order_left"))
        assert rig.lane.phase == "claiming"


class TestWayOut:
    def test_a_gate_that_closes_too_soon_opens_again_while_nobody_passed(self) -> None:
        rig = opened()
        rig.wait(25)
        assert rig.openings == 3
        assert rig.screen.prompt.id == "walk_out"
        assert rig.walk()
        rig.wait(1)
        assert rig.screen.state == "idle"

    def test_nobody_walks_through(self) -> None:
        rig = opened()
        rig.wait(T.walk_s_max + 20)
        (alarm,) = alarms(rig)
        assert (alarm.kind, alarm.exit_id) == ("help", rig.exits[0].exit_id)
        assert not rig.gate_is_open
        assert (rig.screen.state, rig.screen.prompt.id) == ("staff", "staff_coming")
        rig.show_pass()  # the shopper is still there
        assert rig.gate_is_open
        rig.look()
        assert rig.screen.state == "open"
        rig.walk()
        rig.wait(1)
        assert rig.exits[0].status == "left"

    @pytest.mark.parametrize("shown", [PASS, new_pass(issued_s=1800), NUMBER, "104 729 389"])
    @pytest.mark.parametrize("restarted", [False, True])
    def test_the_order_again_opens_the_gate_that_closed(self, shown: str, restarted: bool) -> None:
        """The handset has fetched another pass meanwhile, or the shopper types the number."""
        rig = opened()
        if restarted:
            rig.restart()
        rig.wait(T.walk_s_max + 20)
        assert not rig.gate_is_open
        rig.show_pass(shown)
        rig.look()
        assert (rig.gate_is_open, rig.screen.prompt.id) == (True, "thanks")
        rig.walk()
        rig.wait(1)
        assert (rig.exits[0].status, rig.passages, rig.releases) == ("left", 1, 1)

    @pytest.mark.parametrize("shown", [new_pass("a" * 32), "104729405", "UQ2.x.y", "UQ2.kaM.x", "UQ2.é.x", "", "milk"])
    @pytest.mark.parametrize("restarted", [False, True])
    def test_nothing_else_opens_it(self, shown: str, restarted: bool) -> None:
        rig = opened()
        if restarted:
            rig.restart()
        rig.wait(T.walk_s_max + 20)
        rig.show_pass(shown)
        assert (rig.gate_is_open, rig.screen.prompt.id) == (False, "wait_turn")

    def test_who_passed_can_not_let_a_second_person_out(self) -> None:
        """Nor can whoever made a pass up: a passage that was counted is the last for this release."""
        rig = opened()
        rig.wait(T.walk_s_max + 20)
        rig.show_pass()
        rig.walk()
        told = rig.opened
        rig.hear(IoRead(rig.passages, 0, 0, gate_closed=True))
        rig.show_pass()
        rig.wait(30)
        rig.show_pass(new_pass(issued_s=1800))
        rig.wait(30)
        assert (rig.opened, rig.passages) == (told, 1)

    def test_staff_open_again_for_a_shopper_who_stands_inside(self) -> None:
        rig = opened()
        rig.wait(T.walk_s_max + 20)
        assert rig.staff("open_again")
        rig.look()
        assert (rig.gate_is_open, rig.screen.state, rig.exits[0].status) == (True, "open", "released")
        rig.walk()
        rig.wait(1)
        assert (rig.screen.state, rig.exits[0].status, rig.releases, rig.passages) == ("idle", "left", 1, 1)

    def test_staff_open_again_and_nobody_walks_through_again(self) -> None:
        rig = opened()
        rig.wait(T.walk_s_max + 20)
        rig.staff("open_again")
        rig.wait(T.walk_s_max + 20)
        assert (rig.gate_is_open, len(alarms(rig)), rig.exits[0].status) == (False, 2, "released")
        rig.staff("done")
        rig.wait(1)
        assert rig.exits[0].status == "left"

    def test_staff_open_again_after_the_shopper_has_passed_opens_nothing(self) -> None:
        rig = opened()
        rig.wait(T.walk_s_max + 1)
        rig.show_pass()
        told = rig.opened
        rig.walk()
        rig.hear(IoRead(rig.passages, 0, 0, gate_closed=True))
        rig.staff("open_again")
        rig.wait(1)
        assert (rig.opened, rig.exits[0].status) == (told, "left")

    def test_help_at_the_gate_is_answered_at_the_gate(self) -> None:
        rig = opened()
        rig.press_help()
        rig.now_s += 15
        rig.staff("open_again")
        assert rig.gate_is_open
        rig.press_help()
        rig.staff("done")
        rig.wait(1)
        assert rig.exits[0].status == "left"

    def test_a_counter_that_began_anew_at_the_open_gate_is_a_matter_for_a_person(self) -> None:
        rig = Rig()
        rig.passages = 50
        rig.wait(1)
        rig.show_pass()
        rig.lay(EXPECTED_G)
        rig.wait(1)
        assert rig.screen.state == "open"
        rig.passages, told = 0, rig.opened
        rig.wait(T.walk_s_max + 1)
        rig.show_pass()
        assert (rig.opened, len(alarms(rig))) == (told, 1)
        rig.staff("open_again")
        assert rig.gate_is_open
        rig.walk()
        rig.wait(1)
        assert rig.exits[0].status == "left"

    def test_the_pass_again_while_the_gate_is_open_does_not_open_it_twice(self) -> None:
        rig = opened()
        rig.show_pass()
        assert rig.opened == 1
        rig.walk()
        rig.hear(IoRead(rig.passages - 1, 0, 0, gate_closed=True))  # the passage is not read yet
        rig.hear(IoRead(rig.passages, 0, 0, gate_closed=True))
        rig.show_pass()
        assert rig.opened == 1

    def test_staff_say_that_the_shopper_left_by_another_way(self) -> None:
        rig = opened()
        rig.wait(T.walk_s_max + 20)
        rig.staff("done")
        rig.wait(1)
        assert (rig.screen.state, rig.exits[0].status) == ("idle", "left")

    def test_a_passage_between_two_looks_is_counted_before_the_gate_is_told_again(self) -> None:
        """The gate closed behind the shopper: both are in the same look."""
        rig = opened()
        rig.now_s += T.gate_s + 1
        rig.walk()
        openings = rig.openings
        rig.look()
        rig.serve()
        assert rig.openings == openings
        assert rig.exits[0].status == "left"

    def test_what_lies_there_afterwards_is_not_forgotten(self) -> None:
        rig = opened()
        rig.walk()
        rig.lay(500)
        rig.wait(3)
        assert (rig.screen.state, rig.screen.prompt.id) == ("idle", "take_goods")
        rig.lay(0)
        rig.wait(0.5)
        assert rig.screen.prompt.id == "welcome"
