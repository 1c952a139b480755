"""`unqueue doctor` as a person or a program calls it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from unqueue.commands.doctor import app


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for variable in ("UNQUEUE_SETTINGS", "UNQUEUE_SERVER__PORT"):
        monkeypatch.delenv(variable, raising=False)


def _doctor(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_wrong_settings_are_the_only_finding_and_the_exit_status_says_so(tmp_path: Path) -> None:
    file = tmp_path / "unqueue.toml"
    file.write_text('[server]\nport = "http"\n')
    result = _doctor()
    assert result.exit_code == 1
    said = result.output.splitlines()
    assert said == [
        f'✗ settings: {file}:2: server.port: expected a port number from 0 to 65535, found "http"',
        "    → Write port = 8000.",
    ]


def test_each_line_has_a_mark_and_each_trouble_a_cure() -> None:
    lines = _doctor().output.splitlines()
    assert lines[0] == "✓ settings: no file, so the defaults"
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        assert line[:2] in ("✓ ", "! ", "✗ ") or line.startswith("    → ")
        assert line[0] not in "!✗" or following.startswith("    → ")


def test_a_program_reads_the_same() -> None:
    result = _doctor("--json")
    report = json.loads(result.output)
    failures = [finding for finding in report["findings"] if finding["level"] == "failed"]
    assert report["healthy"] is (not failures)
    assert result.exit_code == (1 if failures else 0)
    assert {"about", "level", "found", "mend"} == set(report["findings"][0])


def test_a_lane_that_is_asked_for_but_not_there() -> None:
    result = _doctor("--part", "lane")
    assert result.exit_code == 1
    assert "no lane in its settings" in result.output


@pytest.mark.parametrize("is_server_too", [True, False])
def test_a_lanes_computer_is_asked_for_a_database_only_if_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_server_too: bool
) -> None:
    monkeypatch.setattr("unqueue.station.doctor.TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr("unqueue.station.doctor.DEVICE_SECONDS", 0.1)
    (tmp_path / "unqueue.toml").write_text(
        '[lane]\nid = "lane-1"\nserver_url = "http://127.0.0.1:9"\ntoken = "t"\nport = 0\n'
        '[lane.scale]\nport = "/dev/no-such-scale"\n[lane.io]\nhost = "127.0.0.1"\nport = 9\n'
    )
    if is_server_too:
        (tmp_path / ".unqueue").mkdir()
    about = [finding["about"] for finding in json.loads(_doctor("--json").output)["findings"]]
    assert {"lane port", "server", "scale", "io", "lane screen"} <= set(about)
    assert ("database" in about) is is_server_too
    assert about.count("time zone") == 1
