"""The same with an old firmware, or a device that loses power, too: each note is counted once, where it lies."""

from typing import Any

import pytest
from tests.devices.drivers.ssp_power import VARIANTS, play_note

HARDER = {name: variant for name, variant in VARIANTS.items() if {"power_cut", "options"} & set(variant)}


@pytest.mark.slow
@pytest.mark.parametrize("variant", HARDER.values(), ids=HARDER)
def test_every_byte_of_every_variant(variant: dict[str, Any]) -> None:
    for budget in range(1, play_note(None, encrypted=False, variant=variant) + 1):
        play_note(budget, encrypted=False, variant=variant)
