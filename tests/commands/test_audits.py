"""``unqueue audits`` as someone at the store's server types it."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from unqueue.commands.audits import app
from unqueue.commands.common import complaints, console
from unqueue.kernel.database import Database, Transaction
from unqueue.server.audits.drawing import commitment, draw
from unqueue.server.audits.model import Rules, Visit
from unqueue.server.audits.verifying import DrawRecord
from unqueue.server.setup import migrate_database

runner = CliRunner()
DAY = "2026-03-02"
SEED = hashlib.sha256(b"a day").digest()
RULES = Rules(0.5, 1.0, 0, 1.0, 0, 1.0, 1.0, 1.0, 1.0, 0.5, 5, 2)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The database of the directory where the command is run."""
    (tmp_path / "unqueue.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNQUEUE_SETTINGS", raising=False)
    for one in (console, complaints):
        monkeypatch.setattr(one, "width", 200)
    url = f"sqlite:///{tmp_path}/.unqueue/unqueue.db"
    migrate_database(url)
    return Database(url)


def run(*words: str, status: int = 0) -> str:
    result = runner.invoke(app, [*words])
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


def write_day(database: Database, *, probability: float = 0.5) -> None:
    def write(tx: Transaction) -> None:
        def record(kind: str, data: Any) -> None:
            tx.record(f"audit.{kind}", f"audit-day:{DAY}", "system", data)

        record("committed", {"day": DAY, "commitment": commitment(SEED)})
        for order_id in ("a", "b", "c", "d"):
            lot = draw(SEED, order_id, probability=probability, rules=RULES, articles=["milk"])
            made = DrawRecord(order_id, RULES, Visit(100), probability, lot.value, lot.kind, ("milk",), lot.chosen)
            record("drawn", msgspec.to_builtins(made))
        record("revealed", {"day": DAY, "seed": SEED.hex()})

    database.write_now(write)
    database.dispose()


def test_a_day_is_checked_again(database: Database) -> None:
    write_day(database)
    said = run("verify", "--day", DAY)
    assert "4 draws" in said
    assert "The seed is the one that was committed to" in said


def test_what_is_not_right_is_told_and_fails(database: Database) -> None:
    write_day(database, probability=0.9)
    assert "order a: the rules give 0.5, not 0.9" in run("verify", "--day", DAY, status=1)


def test_a_day_without_draws_and_a_day_that_is_none(database: Database) -> None:
    database.dispose()
    assert "nothing was drawn" in run("verify", "--day", "2026-03-03", status=1)
    assert "write it as 2026-01-31" in run("verify", "--day", "yesterday", status=2)


def test_a_report_without_audits_claims_nothing(database: Database) -> None:
    database.dispose()
    said = run("report", "--from", DAY, "--to", DAY)
    assert "0 audits drawn" in said
    assert "orders with a difference too few rescans yet 0 of 20" in said
    assert "%" not in said.partition("95 % interval")[2]


def test_days_in_the_wrong_order_are_refused(database: Database) -> None:
    database.dispose()
    assert "is after --to 2026-03-01" in run("report", "--from", DAY, "--to", "2026-03-01", status=2)
