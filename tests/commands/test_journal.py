"""``unqueue journal`` as someone at the store's server types it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from unqueue.commands.common import complaints, console
from unqueue.commands.journal import app
from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Database
from unqueue.server.setup import migrate_database
from unqueue.server.staff.service import create_staff, list_staff

runner = CliRunner()
REASON = "自带的保温箱，看过了，没有别的东西 / their own cool box, looked into it, there was nothing else in it at all"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A store with one member of staff, two answers to calls and a gate that was opened by hand."""
    (tmp_path / "unqueue.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNQUEUE_SETTINGS", raising=False)
    for one in (console, complaints):
        monkeypatch.setattr(one, "width", 80)
    url = f"sqlite:///{tmp_path}/.unqueue/unqueue.db"
    migrate_database(url)
    clock = ManualClock(datetime(2026, 3, 1, 15, 30, tzinfo=UTC))  # half past eleven in the evening in Shanghai
    database = Database(url, clock=clock)
    create_staff(database, "小李", "482915")
    actor = f"staff:{list_staff(database)[0].staff_id}"

    def record(kind: str, stream: str, data: Any) -> None:
        database.write_now(lambda tx: tx.record(kind, stream, actor, data))

    record("call.answered", "call:c1", {"order_id": "o1", "action": "let_go", "reason": REASON})
    clock.advance(3600)
    record("call.answered", "call:c2", {"order_id": "o2", "action": "refuse", "reason": "50%_of it"})
    record("exit.released", "exit:e1", {"order_id": "o1"})
    record("lane.gate_asked", "lane:lane-1", {"by": "小李"})
    return database


def run(*words: str, status: int = 0) -> str:
    result = runner.invoke(app, ["show", *words])
    assert result.exit_code == status, result.output
    return result.output


def seqs(*words: str) -> list[int]:
    return [msgspec.json.decode(line)["seq"] for line in run("--json", *words).splitlines()]


@pytest.mark.usefixtures("database")
def test_all_is_shown_and_by_whom() -> None:
    said = run("--kind", "override")
    assert REASON.replace(" ", "") in "".join(said.split())
    assert "小李 (staff:" in said
    assert all(len(line) <= 80 for line in said.splitlines())


def test_a_line_is_an_event(database: Database) -> None:
    line = run("--json", "--kind", "call.answered", "--limit", "1")
    told = msgspec.json.decode(line)
    assert told["data"] == {"order_id": "o2", "action": "refuse", "reason": "50%_of it"}
    assert (told["name"], told["actor"]) == ("小李", f"staff:{list_staff(database)[0].staff_id}")
    assert told["at"] == "2026-03-01T16:30:00+00:00"


@pytest.mark.usefixtures("database")
def test_what_is_asked_for() -> None:
    everything = seqs()
    staff, first, second, released, gate = everything[0], *everything[-4:]
    assert seqs("--kind", "override") == [first, second, gate]
    assert seqs("--kind", "exit", "--kind", "staff.created") == [staff, released]
    assert seqs("--kind", "exi") == []
    assert seqs("--kind", "override", "--from", "2026-03-01", "--to", "2026-03-01") == [first]
    assert seqs("--kind", "override", "--from", "2026-03-02", "--to", "2026-03-02") == [second, gate]
    assert seqs("--kind", "override", "--after", "0", "--limit", "2") == [first, second]
    assert seqs("--stream", "call:c2") == [second]


@pytest.mark.usefixtures("database")
def test_what_is_refused() -> None:
    assert "is after --to" in run("--from", "2026-03-02", "--to", "2026-03-01", status=2)
    assert "There is no order 386669816" in " ".join(run("--order", "386669816", status=1).split())
