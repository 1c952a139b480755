"""The register map against the manual, and counting across wraps and restarts."""

import tomllib
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.devices.wire.modbus_io import (
    LANE_WIRING,
    MOXA_E1212,
    Counter,
    Wiring,
    counter_value,
    counter_words,
)

GOLDEN = tomllib.loads((Path(__file__).parents[2] / "golden" / "modbus-io.toml").read_text("utf-8"))


@pytest.mark.parametrize("entry", GOLDEN["address"], ids=lambda entry: f"{entry['kind']} {entry['channel']}")
def test_the_map_is_the_manuals(entry: dict[str, Any]) -> None:
    channel = entry["channel"]
    addresses = {
        "input": MOXA_E1212.inputs_at + channel,
        "counter": MOXA_E1212.counters_at + channel * MOXA_E1212.counter_words,
        "coil": MOXA_E1212.coils_at + channel,
        "pulse_coil": MOXA_E1212.pulse_coils_at + channel,
        "counter_run": (MOXA_E1212.counter_run_at or 0) + channel,
        "counter_clear": (MOXA_E1212.counter_clear_at or 0) + channel,
    }
    assert addresses[entry["kind"]] == entry["address"]


@given(st.integers(0, 2**32 - 1))
def test_counters_survive_their_registers(value: int) -> None:
    assert counter_value(counter_words(value, 2)) == value


@pytest.mark.parametrize("words", [1, 2])
@given(
    start=st.one_of(st.integers(0, 70), st.integers(65_500, 65_535)),
    steps=st.lists(st.integers(0, 10_000), max_size=30),
)
def test_a_total_is_what_was_counted_across_wraps(words: int, start: int, steps: list[int]) -> None:
    size = 1 << 16 * words
    start = start if words == 1 else (start - 65_600) % size
    counter = Counter(total=start, raw=start)
    for raw in accumulate(steps, lambda at, step: (at + step) % size, initial=start):
        counter = counter.advanced(raw, words=words)
    assert counter.total - start == sum(steps)
    assert counter.restarts == 0


@pytest.mark.parametrize("words", [1, 2])
def test_a_restarted_module_keeps_the_total_growing(words: int) -> None:
    counter = Counter(total=30_000, raw=30_000).advanced(30_004, words=words).advanced(3, words=words)
    assert (counter.total, counter.restarts) == (30_007, 1)


def test_a_wrap_and_a_restart_are_told_apart_by_plausibility() -> None:
    assert Counter(total=2**32 - 2, raw=2**32 - 2).advanced(5, words=2) == Counter(total=2**32 + 5, raw=5)
    assert Counter(total=50_000, raw=50_000).advanced(5, words=1) == Counter(total=50_005, raw=5, restarts=1)


@pytest.mark.parametrize(
    ("moved", "complaint"),
    [({"gate": 1}, "no such signal: gate"), ({"gate_open": 0}, "one channel"), ({"fire_alarm": 3}, "one channel")],
)
def test_a_wiring_that_cannot_be_is_refused(moved: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        LANE_WIRING.moved(moved)


def test_the_default_wiring_uses_each_terminal_once_and_fits_the_default_module() -> None:
    assert isinstance(LANE_WIRING.moved({}), Wiring)
    kinds = (LANE_WIRING.counters, LANE_WIRING.inputs, LANE_WIRING.coils, LANE_WIRING.pulse_coils)
    assert all(0 <= channel < MOXA_E1212.channels for kind in kinds for channel in kind.values())
