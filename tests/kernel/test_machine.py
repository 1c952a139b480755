"""What doctor sees of a machine: each trouble is made for real where this machine lets us, and must be named."""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from unqueue.kernel import machine
from unqueue.kernel.findings import Finding


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that another program has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _levels(findings: Iterator[Finding]) -> list[tuple[str, str]]:
    return [(finding.about, finding.level) for finding in findings]


def test_a_port_that_is_free(listener: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    assert free != listener
    assert machine.port("port", "127.0.0.1", free, ours=False).level == "ok"
    assert machine.port("port", "127.0.0.1", 0, ours=False).level == "ok"


def test_a_port_that_another_program_has(listener: int) -> None:
    finding = machine.port("port", "127.0.0.1", listener, ours=False)
    assert finding.level == "failed"
    assert f"sport = :{listener}" in finding.mend


def test_a_port_that_is_ours(listener: int) -> None:
    assert machine.port("port", "127.0.0.1", listener, ours=True).level == "ok"


def test_looking_leaves_the_port_free(listener: int) -> None:
    del listener
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    machine.port("port", "127.0.0.1", free, ours=False)
    socket.create_server(("127.0.0.1", free)).close()


def test_an_address_of_another_machine() -> None:
    finding = machine.port("port", "192.0.2.1", 8000, ours=False)  # RFC 5737: nobody's
    assert (finding.level, "no address" in finding.found) == ("failed", True)


@pytest.mark.parametrize(("mode", "level"), [(0o600, "ok"), (0o400, "ok"), (0o640, "failed"), (0o604, "failed")])
def test_a_key_must_be_private(tmp_path: Path, mode: int, level: str) -> None:
    key = tmp_path / "key"
    key.touch()
    key.chmod(mode)
    (finding,) = machine.private("key", key)
    assert finding.level == level
    assert level == "ok" or finding.mend == f"chmod 600 {key}"


def test_a_folder_of_keys_must_be_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (finding,) = machine.private("keys", tmp_path)
    assert finding.mend == f"chmod 700 {tmp_path}"


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    assert [finding.level for finding in machine.private("key", tmp_path / "none")] == ["failed"]
    assert list(machine.private("key", tmp_path / "none", needed=False)) == []


@pytest.mark.parametrize(("free", "level"), [(1_000, "failed"), (1_000_000_000, "warning"), (10**12, "ok")])
def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, free))
    assert _levels(machine.disk(tmp_path / "not" / "there" / "yet")) == [("disk", level)]


def test_a_folder_that_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    assert ("data directory", "failed") in _levels(machine.disk(tmp_path))


def test_the_clock_of_this_machine() -> None:
    assert dict(_levels(machine.clock("Asia/Shanghai")))["time zone"] == "ok"
    assert dict(_levels(machine.clock("Mars/Base")))["time zone"] == "failed"


def test_a_clock_that_was_never_set(monkeypatch: pytest.MonkeyPatch) -> None:
    class Past(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Past":
            return cls(1970, 1, 1, tzinfo=tz)

    monkeypatch.setattr(machine, "datetime", Past)
    assert ("clock", "failed") in _levels(machine.clock("UTC"))


def test_a_clock_that_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([1_000.0, 1_003.0])
    monkeypatch.setattr(time, "time", lambda: next(answers))
    assert any("jumped by +2." in finding.found for finding in machine.clock("UTC"))


@pytest.mark.parametrize(
    ("ahead", "level"), [(0.2, "ok"), (-2.9, "ok"), (3.1, "warning"), (-29.0, "warning"), (31.0, "failed")]
)
def test_two_clocks(ahead: float, level: str) -> None:
    finding = machine.clock_against("clock", ahead, "the server's clock")
    assert finding.level == level
    assert level == "ok" or ("ahead of" in finding.found) == (ahead > 0)


def test_screens(tmp_path: Path) -> None:
    (tmp_path / "lane").mkdir()
    (tmp_path / "lane" / "index.html").touch()
    assert machine.screens("screens", tmp_path, ["lane"]).level == "ok"
    assert "handset" in machine.screens("screens", tmp_path, ["lane", "handset"]).found


def test_this_release_is_in_the_past() -> None:
    assert datetime.now(UTC) > machine.RELEASED
