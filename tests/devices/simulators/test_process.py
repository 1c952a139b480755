"""Simulators as processes: they say where they are, and leave nothing behind."""

import re
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unqueue.devices.simulators import SIMULATORS
from unqueue.devices.simulators.command import app
from unqueue.devices.simulators.process import SimulatorProcess


@pytest.mark.parametrize("device", SIMULATORS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_they_end_cleanly_when_told_to(device: str, number: signal.Signals) -> None:
    simulator = SimulatorProcess.start(device)
    assert simulator.announced["device"] == device
    assert simulator.announced["control_port"] > 0
    left_behind = [Path(simulator.announced[name]) for name in ("directory",) if name in simulator.announced]
    if device in ("scale", "scanner"):
        left_behind.append(Path(simulator.announced["url"]).parent)
    assert all(path.exists() for path in left_behind)
    simulator.process.send_signal(number)
    assert simulator.process.wait(5) == 0
    assert simulator.stop() == 0
    assert not any(path.exists() for path in left_behind)


def test_a_link_of_ones_own(tmp_path: Path) -> None:
    link = tmp_path / "scale"
    with SimulatorProcess.start("scale", "--link", str(link)) as simulator:
        assert simulator.announced["url"] == str(link)
        assert str(link.resolve()) == simulator.announced["path"]
    assert not link.is_symlink()


def test_one_that_does_not_start_is_an_error() -> None:
    with pytest.raises(ChildProcessError, match="scale did not start"):
        SimulatorProcess.start("scale", "--capacity-g", "none")


@pytest.mark.parametrize("device", SIMULATORS)
def test_help_tells_what_the_physical_side_takes(device: str) -> None:
    text = CliRunner().invoke(app, [device, "--help"]).output
    assert re.search(r"Physical side", text)
    assert '"fault"' in text
