"""What the store's IT person does by hand: lanes, and a look at the journal."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from unqueue.__main__ import app
from unqueue.kernel.database import Database
from unqueue.kernel.settings import load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "unqueue.toml"
    path.write_text("[server]\ndata_dir = 'data'\n")
    (tmp_path / "data").mkdir()
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.mark.parametrize("device_id", ["lane 1!", "Lane-1", "", "x" * 41])
def test_a_lane_whose_name_the_settings_would_refuse_is_not_registered(settings: Path, device_id: str) -> None:
    answer = run("device", "add", device_id, "--settings", str(settings))
    assert answer.exit_code != 0
    assert "token" not in answer.stdout


def test_a_lane_is_registered(settings: Path) -> None:
    answer = run("device", "add", "lane-1", "--settings", str(settings))
    assert answer.exit_code == 0
    assert 'id = "lane-1"\ntoken = "d_' in answer.stdout


def test_a_kiosk_is_registered(settings: Path) -> None:
    answer = run("device", "add", "kiosk-1", "--kind", "kiosk", "--settings", str(settings))
    assert answer.exit_code == 0
    assert '[kiosk]\nid = "kiosk-1"\ntoken = "d_' in answer.stdout


def test_the_journal_shows_the_latest_and_says_that_there_is_more(settings: Path) -> None:
    run("device", "add", "lane-1", "--settings", str(settings))
    database = Database(load_settings(settings, {}).database_url)
    for number in range(8):
        database.write_now(lambda tx, number=number: tx.record(f"thing.happened{number}", "thing:1", "test", {}))  # type: ignore[misc]
    database.dispose()
    latest = run("journal", "show", "--settings", str(settings), "--limit", "3").stdout
    assert [f"happened{number}" in latest for number in (4, 5, 6, 7)] == [False, True, True, True]
    assert latest.index("happened5") < latest.index("happened7")
    assert "--limit shows more" in latest
    first = run("journal", "show", "--settings", str(settings), "--limit", "3", "--after", "0").stdout
    assert "happened7" not in first
    assert "There may be more: --after 3" in first
