"""Goods in a visitor's hands: what was taken off the belt is the same thing when it is laid again."""

import pytest

from unqueue.devices.simulators.control import ControlClient
from unqueue.twin.world import Good, LaneWorld, UnknownGood

MILK = Good("06901234567892", "牛奶", "Milk", weight_g=1030.0, weight_g_sd=8.0, has_tag=True)
APPLES = Good("02100000000005", "苹果", "Apples", weight_g=200.0, weight_g_sd=15.0, has_tag=False)


@pytest.fixture
def world() -> LaneWorld:
    """A lane whose devices are not asked: hands alone are looked at."""
    away = ControlClient(0)
    goods = {good.gtin: good for good in (MILK, APPLES)}
    return LaneWorld("lane-1", scale=away, io=away, scanner=away, rfid=away, goods=goods, seed=1)


def test_a_piece_taken_off_the_belt_is_laid_again_as_it_was(world: LaneWorld) -> None:
    milk = world.piece(MILK.gtin)
    milk.tag_live = False
    world.taken.append(milk)
    assert world.in_hand(MILK.gtin) is milk
    assert world.taken == []
    fresh = world.in_hand(MILK.gtin)
    assert fresh is not milk
    assert fresh.tag_live


def test_a_labelled_weight_finds_the_bag_of_that_weight(world: LaneWorld) -> None:
    light, heavy = world.piece(APPLES.gtin, 318), world.piece(APPLES.gtin, 846)
    world.taken.extend([light, heavy])
    assert world.in_hand(APPLES.gtin, 846) is heavy
    assert world.in_hand(APPLES.gtin, 506).weight_g == 506
    assert world.taken == [light]


def test_a_good_that_the_store_does_not_have_is_refused(world: LaneWorld) -> None:
    with pytest.raises(UnknownGood):
        world.in_hand("04006381333931")
