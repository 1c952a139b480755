"""Power is cut while a note recycler takes a note: each is counted once, in the place that was told."""

import asyncio
from typing import Any

import pytest
from tests.devices.drivers.ssp_power import (
    RECYCLED,
    VARIANTS,
    books_agree,
    play_note,
    until_nothing_moves,
)
from tests.support.ssp_bench import NOTE, Bench, ready, run

from unqueue.devices.drivers.ssp_recycler import SspNoteRecycler


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_a_note_is_counted_once_whenever_the_host_dies(variant: dict[str, Any]) -> None:
    """A packet has six bytes or more: every fifth byte cuts each at least once."""
    for budget in range(1, play_note(None, encrypted=False, variant=variant) + 1, 5):
        play_note(budget, encrypted=False, variant=variant)


def test_the_same_with_encryption() -> None:
    """An encrypted packet has 22 bytes or more: every twenty-first byte cuts each at least once."""
    for budget in range(1, play_note(None, encrypted=True, variant={}) + 1, 21):
        play_note(budget, encrypted=True, variant={})


def test_a_note_is_counted_once_whenever_the_device_loses_power() -> None:
    """At every hundredth of a second of its way, while the host lives on."""

    async def scene(cut_after_s: float) -> None:
        bench = Bench(encrypted=True, settings=RECYCLED)

        async def pays(driver: SspNoteRecycler) -> None:
            await ready(driver)
            await driver.enable(frozenset({NOTE}))
            assert bench.hand(insert=str(NOTE))["taken"]
            await asyncio.sleep(cut_after_s)
            bench.hand(power=False)
            await asyncio.sleep(0.3)
            bench.hand(power=True)
            await asyncio.sleep(3)
            await until_nothing_moves(bench, driver)

        await bench.host(pays)
        books_agree(bench)
        state = bench.device.state()
        assert sum(bench.credits().values()) + sum(state["returned"].values()) == 1

    for hundredths in range(50):
        run(lambda at=hundredths / 100: scene(at))  # type: ignore[misc]
