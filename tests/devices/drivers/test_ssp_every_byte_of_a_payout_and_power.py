"""Host and device lose power at every byte of a payout: what is said of it is what really went out."""

import pytest
from tests.devices.drivers.ssp_power import play_payout


@pytest.mark.slow
def test_every_byte_of_a_payout() -> None:
    for budget in range(1, play_payout(None, encrypted=False, power_cut=False) + 1):
        play_payout(budget, encrypted=False, power_cut=True)
