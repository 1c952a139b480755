"""A kiosk that reads a handset's basket part by part: what it shows, what it refuses, when it asks the server."""

import random

import pytest
from tests.support.kiosk_rig import NUMBER, Rig

from unqueue.kiosk.sequence import can_hear
from unqueue.kiosk.sequence.words import Cancel, Code, DeviceSeen, Notice, Refused, TakeBasket, Tick
from unqueue.passes import baskets

CONTENT = random.Random(1).randbytes(900)
PARTS = [part.text() for part in baskets.split(CONTENT, 250)]
OTHERS = [part.text() for part in baskets.split(CONTENT[::-1], 250)]


def notice_of(rig: Rig) -> str | None:
    notice = rig.shown().notice
    return notice.code if notice is not None else None


@pytest.mark.parametrize("seed", range(5))
def test_parts_in_any_order_become_the_order(seed: int) -> None:
    chance = random.Random(seed)
    rig = Rig().start()
    texts = PARTS + chance.choices(PARTS, k=3)
    chance.shuffle(texts)
    for text in texts:
        if rig.kiosk.phase == "welcome":
            rig.hear(Code(text))
    assert rig.kiosk.request is not None
    assert rig.kiosk.request.request == TakeBasket(CONTENT)
    rig.serve()
    assert rig.shown().phase == "order"
    rig.hear(Code(PARTS[2]))  # the handset goes on showing its codes
    assert (rig.kiosk.request, notice_of(rig)) == (None, None)


def test_progress_is_shown() -> None:
    rig = Rig().start()
    assert rig.shown().basket is None
    for text in (PARTS[2], PARTS[0], PARTS[2]):
        rig.hear(Code(text))
    shown = rig.shown()
    assert shown.basket is not None
    assert (shown.phase, shown.prompt.id) == ("welcome", "more_parts")
    assert (shown.basket.count, shown.basket.missing) == (4, (2, 4))


def test_a_part_of_another_basket_is_refused_until_the_shopper_starts_over() -> None:
    rig = Rig().start()
    rig.hear(Code(PARTS[0]))
    rig.hear(Code(OTHERS[0]))
    assert notice_of(rig) == "other_basket"
    assert rig.shown().basket.missing == (2, 3, 4)  # type: ignore[union-attr]
    assert can_hear(rig.kiosk, Cancel())
    rig.hear(Cancel())
    assert rig.shown().basket is None
    rig.hear(Code(OTHERS[0]))
    assert rig.shown().basket.missing == (2, 3, 4)  # type: ignore[union-attr]


def test_who_left_in_the_middle_leaves_nothing() -> None:
    rig = Rig().start()
    rig.hear(Code(PARTS[0]))
    rig.now_s += rig.config.timing.basket_s + 1
    rig.hear(Tick())
    assert rig.shown().basket is None


def test_an_order_code_goes_before_a_basket_that_is_not_whole() -> None:
    rig = Rig().start()
    rig.hear(Code(PARTS[0]))
    rig.hear(Code(NUMBER))
    rig.serve()
    assert (rig.shown().phase, rig.kiosk.basket) == ("order", None)


def test_another_basket_waits_until_this_order_is_finished() -> None:
    rig = Rig().open()
    rig.hear(Code(PARTS[0]))
    assert notice_of(rig) == "one_at_a_time"


def test_garbage_is_told() -> None:
    rig = Rig().start()
    rig.hear(Code("UQB1GARBAGE"))
    assert notice_of(rig) == "basket_code_invalid"


def test_a_kiosk_without_the_server_says_so() -> None:
    rig = Rig().start()
    rig.hear(DeviceSeen("server", "failed", "no route"))
    rig.hear(Code(PARTS[0]))
    assert (notice_of(rig), rig.kiosk.basket) == ("basket_stays", None)


def test_what_the_server_refuses_is_told_and_can_be_shown_again() -> None:
    rig = Rig().start()
    for text in PARTS:
        rig.hear(Code(text))
    assert rig.kiosk.request is not None
    rig.hear(Refused(rig.kiosk.request.number, Notice("basket_empty", "空", "Empty")))
    assert (rig.shown().phase, notice_of(rig), rig.shown().basket) == ("welcome", "basket_empty", None)
