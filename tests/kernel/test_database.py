"""Units of work: durable when answered, undone when refused, in order, and nobody pays for another's refusal."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from unqueue.kernel import journal
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import Busy, DomainError
from unqueue.kernel.journal import followers

pytestmark = pytest.mark.anyio


class Refusal(DomainError):
    code = "refused"


def follow(name: str, seq: int = 0) -> Callable[[Transaction], str]:
    def write(tx: Transaction) -> str:
        tx.record("follower.added", f"follower:{name}", "test", {"name": name})
        tx.execute(insert(followers), {"name": name, "seq": seq})
        return name

    return write


async def names(database: Database) -> list[str]:
    return sorted(await database.read(lambda connection: list(connection.scalars(select(followers.c.name)))))


async def kinds(database: Database) -> list[str]:
    return [event.stream for event in await database.read(journal.read)]


async def test_a_unit_answers_with_its_result_once_others_can_read_it(database: Database) -> None:
    assert await database.unit(follow("receipts")) == "receipts"
    other = Database(database.url)
    assert other.read_now(lambda connection: connection.scalar(select(followers.c.name))) == "receipts"
    other.dispose()


async def test_a_refusal_undoes_its_own_unit_and_no_other_of_the_group(database: Database) -> None:
    def refuse(tx: Transaction) -> None:
        follow("never")(tx)
        raise Refusal

    units: list[Any] = [follow("a"), refuse, follow("b"), follow("a"), follow("c")]
    answers = await asyncio.gather(*(database.unit(unit) for unit in units), return_exceptions=True)
    assert [type(answer) for answer in answers] == [str, Refusal, str, IntegrityError, str]
    assert await names(database) == ["a", "b", "c"]
    assert await kinds(database) == ["follower:a", "follower:b", "follower:c"]
    assert await database.read(journal.verify) is None


async def test_units_run_in_the_order_in_which_they_were_asked_for(database: Database) -> None:
    await asyncio.gather(*(database.unit(follow(f"{number:03}")) for number in range(300)))
    assert await kinds(database) == [f"follower:{number:03}" for number in range(300)]


async def test_listeners_hear_only_what_was_committed_and_before_the_caller_does(database: Database) -> None:
    heard: list[str] = []
    database.listen(lambda events: heard.extend(event.stream for event in events))

    def refuse(tx: Transaction) -> None:
        follow("lost")(tx)
        raise Refusal

    with pytest.raises(Refusal):
        await database.unit(refuse)
    await database.unit(follow("kept"))
    assert heard == ["follower:kept"]


@pytest.mark.parametrize("change", ["UPDATE journal SET actor = 'x'", "DELETE FROM journal"])
async def test_the_database_itself_refuses_to_change_the_journal(database: Database, change: str) -> None:
    await database.unit(follow("a"))
    with pytest.raises(DBAPIError, match="append-only"):
        await database.unit(lambda tx: tx.execute(text(change)))
    assert await kinds(database) == ["follower:a"]


async def test_a_changed_row_breaks_the_chain_where_it_was_changed(database: Database) -> None:
    for name in "abc":
        await database.unit(follow(name))
    guard = "journal_no_update" if database.is_embedded else "journal_append_only ON journal"
    await database.unit(lambda tx: tx.execute(text(f"DROP TRIGGER {guard}")))
    forged = update(journal.journal).where(journal.journal.c.seq == 2).values(data='{"name":"z"}')
    await database.unit(lambda tx: tx.execute(forged))
    assert await database.read(journal.verify) == 2


async def test_two_processes_write_one_unbroken_chain(database: Database) -> None:
    other = Database(database.url)
    await other.start()
    await asyncio.gather(
        *(one.unit(follow(f"{index}-{number}")) for number in range(40) for index, one in enumerate((database, other)))
    )
    await other.close()
    assert len(await kinds(database)) == 80
    assert await database.read(journal.verify) is None


async def test_a_caller_who_went_away_does_not_disturb_the_group(database: Database) -> None:
    gone = asyncio.ensure_future(database.unit(follow("gone")))
    await asyncio.sleep(0)
    gone.cancel()
    await database.unit(follow("here"))
    assert await names(database) == ["gone", "here"]


async def test_closing_finishes_what_waits(database: Database) -> None:
    waiting = [asyncio.ensure_future(database.unit(follow(f"{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await database.close()
    assert len(await asyncio.gather(*waiting)) == 20
    with pytest.raises(DomainError):
        await database.unit(follow("late"))


async def test_a_unit_waits_for_another_process_that_writes_and_the_loop_does_not(database: Database) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slowly(tx: Transaction) -> None:
        follow("import")(tx)
        entered.set()
        assert leave.wait(20)

    other = Database(database.url)
    importing = asyncio.create_task(asyncio.to_thread(other.write_now, slowly))
    assert await asyncio.to_thread(entered.wait, 20)
    waiting = asyncio.create_task(database.unit(follow("scan")))
    for _ in range(20):  # the loop goes on turning
        await asyncio.sleep(0.005)
    assert not waiting.done()
    leave.set()
    await importing
    other.dispose()
    assert await waiting == "scan"
    assert await database.unit(follow("the next")) == "the next"
    assert await database.read(journal.verify) is None
    assert await kinds(database) == ["follower:import", "follower:scan", "follower:the next"]


async def test_units_that_arrive_while_the_disk_is_waited_for_become_the_next_group(database: Database) -> None:
    async def one_after_another(name: str) -> None:
        for number in range(5):
            await database.unit(follow(f"{name}{number}"))

    await asyncio.gather(*(one_after_another(name) for name in "abcdefgh"))
    assert len(await names(database)) == 40
    assert await database.read(journal.verify) is None


async def test_a_commit_that_fails_is_told_to_all_who_wait_and_the_next_unit_succeeds(database: Database) -> None:
    """A deferred constraint is checked by the COMMIT itself: the one way to have it fail on a healthy disk."""

    def promise(tx: Transaction) -> None:
        follow("broken promise")(tx)
        if database.is_embedded:
            tx.execute(text("PRAGMA defer_foreign_keys=ON"))
        tx.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
        child = "CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
        tx.execute(text(child))
        tx.execute(text("INSERT INTO child VALUES (1)"))

    answers = await asyncio.gather(
        database.unit(follow("a")), database.unit(promise), database.unit(follow("b")), return_exceptions=True
    )
    assert all(isinstance(answer, Exception) for answer in answers)
    assert await database.unit(follow("c")) == "c"
    assert await names(database) == ["c"]
    assert await database.read(journal.verify) is None


async def test_a_full_disk_is_told_and_the_store_goes_on_once_there_is_room(database: Database) -> None:
    if not database.is_embedded:
        return  # a database server is its administrators' to fill
    await database.unit(follow("before"))

    def fill(tx: Transaction) -> None:
        tx.execute(text("PRAGMA max_page_count=1"))
        for number in range(1_000):
            follow(f"{number} {'x' * 50}")(tx)

    answers = await asyncio.gather(
        database.unit(follow("a")), database.unit(fill), database.unit(follow("b")), return_exceptions=True
    )
    assert isinstance(answers[1], Busy)
    assert "full" in str(answers[1].__cause__), "whoever reads the log must see what it was"
    with pytest.raises(sqlite3.OperationalError, match="full"):
        database.write_now(fill)
    async with asyncio.timeout(10):
        assert await database.unit(follow("after")) == "after"
    assert await database.read(journal.verify) is None
    assert {"before", "after"} <= set(await names(database))
    assert len(await names(database)) < 1_000


async def test_a_lock_that_does_not_end_is_busy_not_a_fault(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not database.is_embedded:
        return  # PostgreSQL's advisory lock is waited for without an end
    monkeypatch.setattr("unqueue.kernel.database.BUSY_TIMEOUT_MS", 50)
    other = sqlite3.connect(database.url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy):
        await database.unit(follow("a"))
    other.execute("ROLLBACK")
    other.close()
    assert await database.unit(follow("b")) == "b"


async def test_a_listener_that_fails_stops_neither_the_caller_nor_the_next_group(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    database.listen(fail)
    async with asyncio.timeout(10):
        assert [await database.unit(follow(name)) for name in "ab"] == ["a", "b"]
    assert "a fault of ours" in caplog.text
