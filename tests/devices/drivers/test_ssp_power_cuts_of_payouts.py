"""Power is cut while a note recycler pays out: what is said of the payout is what really went out."""

import asyncio

import pytest
from tests.devices.drivers.ssp_power import (
    MIXED,
    RECYCLED,
    REFILLED,
    outcome,
    play_payout,
    really_paid,
    told,
)
from tests.support.ssp_bench import Bench, ready, run

from unqueue.devices.drivers.ssp_recycler import SspNoteRecycler


@pytest.mark.parametrize("power_cut", [False, True], ids=["host only", "device, too"])
def test_a_payout_is_what_went_out_whenever_the_host_dies(*, power_cut: bool) -> None:
    whole = play_payout(None, encrypted=False, power_cut=False)
    for budget in range(1, whole + 1, 5):
        play_payout(budget, encrypted=False, power_cut=power_cut)


def test_an_encrypted_payout_likewise() -> None:
    whole = play_payout(None, encrypted=True, power_cut=False)
    for budget in range(1, whole + 1, 21):
        play_payout(budget, encrypted=True, power_cut=False)


def test_a_payout_is_what_went_out_whenever_the_device_loses_power() -> None:
    async def scene(cut_after_s: float) -> None:
        bench = Bench(encrypted=True, settings=RECYCLED)
        bench.hand(refill=REFILLED)

        async def pays_out(driver: SspNoteRecycler) -> None:
            await ready(driver)
            mark = await driver.begin()
            await driver.dispense(MIXED, mark)
            await asyncio.sleep(cut_after_s)
            bench.hand(power=False)
            await asyncio.sleep(0.3)
            bench.hand(power=True)
            payout = await outcome(driver, mark)
            assert payout.exact
            assert told(payout) == really_paid(bench)
            if sum(payout.paid.values()) < sum(MIXED.values()):
                assert payout.problem == "reset"

        await bench.host(pays_out)

    for hundredths in range(45):
        run(lambda at=hundredths / 100: scene(at))  # type: ignore[misc]
