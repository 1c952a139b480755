"""Power is cut at bytes of the conversation in which a ccTalk device takes money: each piece is counted once."""

from functools import partial

import pytest
from tests.devices.drivers.cctalk_power import FIRST_COIN, FIRST_NOTE, cut_while_taking, side_by_side

from unqueue.kernel.cash import Denomination

pytestmark = pytest.mark.slow  # more than a thousand cuts


@pytest.mark.parametrize("device_too", [False, True])
@pytest.mark.parametrize("money", [FIRST_COIN, FIRST_NOTE], ids=str)
def test_power_is_cut_while_money_is_taken(money: Denomination, *, device_too: bool) -> None:
    length = range(1, 90 if money.form == "coin" else 180, 2 if device_too else 1)
    side_by_side([partial(cut_while_taking, money, n, device_too=device_too, starting=False) for n in length])
