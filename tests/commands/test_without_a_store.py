"""Commands that read the books, where no store was opened: settings that name another place, or none yet."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from unqueue.__main__ import app


@pytest.mark.parametrize(
    "words",
    [
        "journal verify",
        "journal show",
        "ledger balance",
        "ledger account sales",
        "ledger order 104729389",
        "staff list",
        "staff remove somebody",
        "staff forget-passkeys somebody",
        "coupons list",
        "catalogue show 6901234567892",
        "settlement report",
        "audits report",
        "figures",
    ],
)
@pytest.mark.parametrize("is_there", [False, True])
def test_says_that_there_is_none_and_makes_none(tmp_path: Path, words: str, *, is_there: bool) -> None:
    settings, file = tmp_path / "unqueue.toml", tmp_path / "data" / "unqueue.db"
    settings.write_text("[server]\ndata_dir = 'data'\n")
    if is_there:  # a file, but no store's
        file.parent.mkdir()
        file.touch()
    answer = CliRunner().invoke(app, [*words.split(), "--settings", str(settings)], env={"COLUMNS": "200"})
    assert answer.exit_code == 1
    assert "There is no store's database at" in answer.output
    assert "unqueue serve" in answer.output
    assert "unqueue.toml here" in " ".join(answer.output.split())
    assert isinstance(answer.exception, SystemExit)
    assert file.exists() is is_there
