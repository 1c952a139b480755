"""``unqueue figures``: the same figures as the console's, in a terminal."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from unqueue.commands.figures import app
from unqueue.kernel.database import Database
from unqueue.server.fleet.service import register_device
from unqueue.server.setup import migrate_database


@pytest.fixture
def settings(tmp_path: Path) -> str:
    path = tmp_path / "unqueue.toml"
    path.write_text("[server]\ndata_dir = 'data'\n", "utf-8")
    return str(path)


def test_an_empty_store_has_no_figures_and_says_so(settings: str, tmp_path: Path) -> None:
    runner = CliRunner()
    assert "no store" in runner.invoke(app, ["-s", settings]).output.lower()
    (tmp_path / "data").mkdir()
    migrate_database(f"sqlite:///{tmp_path / 'data' / 'unqueue.db'}")
    told = runner.invoke(app, ["-s", settings, "--from", "2026-03-01", "--to", "2026-03-03"])
    assert told.exit_code == 0
    assert "2026-03-01 to 2026-03-03" in told.output
    assert told.output.count("2026-03-02") == 1
    assert "–" in told.output
    refused = runner.invoke(app, ["-s", settings, "--from", "2026-03-05", "--to", "2026-03-03"], env={"COLUMNS": "200"})
    assert (refused.exit_code, "is after --to" in refused.output) == (2, True)
    assert runner.invoke(app, ["-s", settings, "--from", "yesterday"]).exit_code == 2
    for end in ("0001-01-03", "9999-12-31"):
        refused = runner.invoke(app, ["-s", settings, "--to", end])
        assert refused.exit_code == 1
        assert isinstance(refused.exception, SystemExit)


def test_a_lane_that_is_none_is_refused(settings: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    url = f"sqlite:///{tmp_path / 'data' / 'unqueue.db'}"
    migrate_database(url)
    register_device(Database(url), "lane-1", "lane", "1")
    runner = CliRunner()
    refused = runner.invoke(app, ["-s", settings, "--lane", "nosuch"], env={"COLUMNS": "200"})
    assert refused.exit_code == 2
    assert "there is no lane nosuch. There are: lane-1." in refused.output
    assert runner.invoke(app, ["-s", settings, "--lane", "lane-1"]).exit_code == 0
