"""The host dies at every byte of the conversation about a note: each note is counted once, where it lies."""

from typing import Any

import pytest
from tests.devices.drivers.ssp_power import VARIANTS, play_note

HOST_DIES = {name: variant for name, variant in VARIANTS.items() if not {"power_cut", "options"} & set(variant)}


@pytest.mark.slow
@pytest.mark.parametrize("variant", HOST_DIES.values(), ids=HOST_DIES)
def test_every_byte_of_every_variant(variant: dict[str, Any]) -> None:
    for budget in range(1, play_note(None, encrypted=False, variant=variant) + 1):
        play_note(budget, encrypted=False, variant=variant)
