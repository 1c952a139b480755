"""Power is cut while ccTalk hoppers give change: what is said of it is what really went out."""

from functools import partial

import pytest
from tests.devices.drivers.cctalk_power import cut_while_paying, side_by_side

pytestmark = pytest.mark.slow  # more than a thousand cuts


@pytest.mark.parametrize("device_too", [False, True])
def test_power_is_cut_while_change_is_paid(*, device_too: bool) -> None:
    places = range(1, 320, 3 if device_too else 1)
    side_by_side([partial(cut_while_paying, n, device_too=device_too, begun=True) for n in places])


def test_power_is_cut_before_change_is_paid() -> None:
    side_by_side([partial(cut_while_paying, n, device_too=False, begun=False) for n in range(1, 130)])
