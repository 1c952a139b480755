"""Simulated devices in processes of their own: what each port's suite runs against."""

from collections.abc import Callable, Iterator

import pytest

from unqueue.devices.simulators.process import SimulatorProcess

Start = Callable[..., SimulatorProcess]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Start simulators, as in `start("scale", "--settle-ms", "50")`. All must end cleanly when they are told to."""
    running: list[SimulatorProcess] = []

    def start_one(device: str, *options: str) -> SimulatorProcess:
        running.append(SimulatorProcess.start(device, *options))
        return running[-1]

    yield start_one
    assert [simulator.stop() for simulator in running] == [0] * len(running)
