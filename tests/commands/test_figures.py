"""``unqueue figures``: the same figures as the console's, in a terminal."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from unqueue.commands.figures import app
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
    assert runner.invoke(app, ["-s", settings, "--from", "2026-03-05", "--to", "2026-03-03"]).exit_code == 1
    assert runner.invoke(app, ["-s", settings, "--from", "yesterday"]).exit_code == 2
    for end in ("0001-01-03", "9999-12-31"):
        refused = runner.invoke(app, ["-s", settings, "--to", end])
        assert refused.exit_code == 1
        assert isinstance(refused.exception, SystemExit)
