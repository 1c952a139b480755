"""`unqueue doctor` on a kiosk's computer: what is broken, and how to mend it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unqueue.devices.simulators.process import SimulatorProcess
from unqueue.kernel.findings import Finding, examine
from unqueue.kernel.settings import Cash, CashDevice, Kiosk, Settings
from unqueue.kernel.settings_lane import Printer, Scanner
from unqueue.kiosk import doctor
from unqueue.station.doctor import of_running
from unqueue.twin.ports import free_port


@pytest.fixture(scope="module")
def bus() -> Iterator[SimulatorProcess]:
    with SimulatorProcess.start("cctalk", "--tcp-port", "0", "--hopper", "CNY-100-coin=5") as running:
        yield running


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices that are away stay away here."""
    monkeypatch.setattr("unqueue.station.doctor.DEVICE_SECONDS", 1.0)


def findings(tmp_path: Path, **more: Any) -> dict[str, Finding]:
    kiosk = Kiosk(
        id="kiosk-1", server_url=f"http://127.0.0.1:{free_port()}", token="t", port=free_port(), data_dir=tmp_path,
        **more,
    )  # fmt: skip
    return {finding.about: finding for finding in examine(doctor.checks(Settings(kiosk=kiosk), kiosk))}


def test_what_is_away_is_told_with_its_key(tmp_path: Path) -> None:
    away = f"socket://127.0.0.1:{free_port()}"
    coins = CashDevice(name="coins", driver="cctalk_coin_acceptor", port=away)
    found = findings(
        tmp_path, scanner=Scanner(port=away), printer=Printer(url=f"tcp://127.0.0.1:{free_port()}"),
        cash=Cash(devices=[coins]),
    )  # fmt: skip
    assert {name: found[name].level for name in ("server", "scanner", "printer", "coins")} == dict.fromkeys(
        ("server", "scanner", "printer", "coins"), "failed"
    )
    assert "kiosk.server_url" in found["server"].mend
    assert "[[kiosk.cash.devices]]" in found["coins"].mend


def test_what_is_there_is_told_as_well(tmp_path: Path, bus: SimulatorProcess) -> None:
    port = bus.announced["url"]
    devices = [
        CashDevice(name="coins", driver="cctalk_coin_acceptor", port=port),
        CashDevice(name="hopper", driver="cctalk_hopper", port=port, address=3, denomination="CNY-100-coin"),
    ]
    found = findings(tmp_path, cash=Cash(devices=devices))
    assert (found["coins"].level, found["hopper"].level) == ("ok", "ok")


def test_options_that_make_no_sense(tmp_path: Path) -> None:
    coins = CashDevice(name="coins", driver="cctalk_coin_acceptor", port="/dev/null", options={"speed": "9"})
    found = findings(tmp_path, cash=Cash(devices=[coins]))
    assert found["kiosk.cash.devices.0.options"].level == "failed"


def test_a_running_kiosk_tells_of_its_devices() -> None:
    state = {"devices": {"scanner": "failed", "notes": "failed"}}
    mends = [finding.mend for finding in of_running(state, "kiosk", doctor.mend_of)]
    assert ["[kiosk.scanner]" in mends[0], "[[kiosk.cash.devices]]" in mends[1]] == [True, True]
