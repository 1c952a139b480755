"""`unqueue ledger`: the books on the command line say what the books hold."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from unqueue.__main__ import app
from unqueue.kernel.database import Database
from unqueue.kernel.settings import load_settings
from unqueue.server.ledger import store
from unqueue.server.ledger.model import entry
from unqueue.server.setup import migrate_database


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A store whose books hold three entries."""
    path = tmp_path / "unqueue.toml"
    path.write_text("[server]\ndata_dir = 'data'\n")
    (tmp_path / "data").mkdir()
    url = load_settings(path, {}).database_url
    migrate_database(url)
    database = Database(url)
    for name, postings in {
        "one": [("cash:kiosk-1", 1290), ("sales", -1290)],
        "two": [("stored-value:a", -500), ("desk", 500)],
        "three": [("stored-value:b", -250), ("desk", 250)],
    }.items():
        database.write_now(lambda tx, name=name, postings=postings: store.post(tx, entry(name, postings, "CNY")))  # type: ignore[misc]
    database.dispose()
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["ledger", *words], env={"COLUMNS": "160", "NO_COLOR": "1"})


def test_the_trial_balance_adds_up_and_folds_what_there_are_many_of(settings: Path) -> None:
    answer = run("balance", "--settings", str(settings))
    assert answer.exit_code == 0, answer.output
    rows = {line.split()[0]: line for line in answer.stdout.splitlines() if line.strip()}
    assert "¥12.90" in rows["cash:kiosk-1"]
    assert "× 2" in rows["stored-value:…"]
    assert "¥7.50" in rows["stored-value:…"]
    assert rows["CNY"].count("¥20.40") == 2


def test_every_account_by_itself_on_request(settings: Path) -> None:
    answer = run("balance", "--settings", str(settings), "--all", "--prefix", "stored-value")
    assert "stored-value:a" in answer.stdout
    assert "stored-value:b" in answer.stdout
    assert "cash:kiosk-1" not in answer.stdout


def test_an_account_shows_its_postings_and_what_it_holds(settings: Path) -> None:
    answer = run("account", "desk", "--settings", str(settings))
    assert "two" in answer.stdout
    assert "¥7.50" in answer.stdout


@pytest.mark.parametrize("words", [("account", "moon"), ("order", "123456789")])
def test_what_is_not_there_is_said_with_a_way_on(settings: Path, words: tuple[str, str]) -> None:
    answer = run(*words, "--settings", str(settings))
    assert answer.exit_code == 1
    assert "There is no" in answer.output
