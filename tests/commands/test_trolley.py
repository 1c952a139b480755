"""``unqueue trolley``: a tare typed in by hand, and the list."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from unqueue.commands.trolley import app


@pytest.fixture
def settings(tmp_path: Path) -> str:
    path = tmp_path / "unqueue.toml"
    path.write_text("[server]\ndata_dir = 'data'\n", "utf-8")
    return str(path)


def test_a_tare_is_typed_in_and_listed(settings: str) -> None:
    runner = CliRunner()
    assert "no store" in runner.invoke(app, ["list", "-s", settings]).output.lower()
    assert runner.invoke(app, ["set", "9521141123454A17", "21480", "-s", settings]).exit_code == 0
    listed = runner.invoke(app, ["list", "-s", settings])
    assert listed.exit_code == 0
    assert "9521141123454A17" in listed.output
    assert "21,480" in listed.output
    assert runner.invoke(app, ["set", "X", "5", "-s", settings]).exit_code == 2
