"""Power is cut while the kiosk finds its ccTalk devices again: what they took before is counted once."""

from functools import partial

import pytest
from tests.devices.drivers.cctalk_power import FIRST_COIN, FIRST_NOTE, cut_while_taking, side_by_side

from unqueue.kernel.cash import Denomination

pytestmark = pytest.mark.slow  # more than a thousand cuts


@pytest.mark.parametrize("device_too", [False, True])
@pytest.mark.parametrize("money", [FIRST_COIN, FIRST_NOTE], ids=str)
def test_power_is_cut_while_the_kiosk_starts(money: Denomination, *, device_too: bool) -> None:
    """Money came that the life before did not hear of. With both ends off the place hardly matters: some of them."""
    length = range(1, 230, 11 if device_too else 1)
    side_by_side([partial(cut_while_taking, money, n, device_too=device_too, starting=True) for n in length])
