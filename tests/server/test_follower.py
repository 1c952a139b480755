"""Followers hear every event of theirs once, in order, across failures and restarts."""

import asyncio

import pytest

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.journal import Event
from unqueue.server import follower
from unqueue.server.follower import Follower, offset

pytestmark = pytest.mark.anyio


async def happen(database: Database, *kinds: str) -> None:
    """Events of these kinds, each with its own unit of work."""
    for kind in kinds:
        await database.unit(lambda tx, kind=kind: tx.record(kind, "order:1", "system", {}))


def collector(heard: list[int]) -> "follower.Handle":
    return lambda _tx, event: heard.append(event.seq)


async def until(heard: list[int], count: int) -> None:
    async with asyncio.timeout(5):
        while len(heard) < count:
            await asyncio.sleep(0.01)


async def test_it_hears_what_was_there_and_what_comes(database: Database) -> None:
    heard: list[int] = []
    await happen(database, "order.paid", "trip.scanned", "order.paid")
    following = Follower(database, "test", {"order.paid"}, collector(heard))
    await following.start()
    await until(heard, 2)
    await happen(database, "trip.scanned", "order.paid")
    await until(heard, 3)
    await following.catch_up()
    await following.stop()
    assert heard == [1, 3, 5]
    assert await database.read(lambda connection: offset(connection, "test")) == 5


async def test_it_goes_on_where_it_stopped(database: Database) -> None:
    heard: list[int] = []
    await happen(database, "order.paid")
    await Follower(database, "test", {"order.paid"}, collector(heard)).catch_up()
    await happen(database, "order.paid")
    await Follower(database, "test", {"order.paid"}, collector(heard)).catch_up()
    assert heard == [1, 2]


async def test_two_followers_of_one_name_share_the_work(database: Database) -> None:
    """As two processes of one store would: whoever commits first has it, and nothing is handled twice."""
    heard: list[int] = []
    followers = [Follower(database, "test", {"order.paid"}, collector(heard)) for _ in range(2)]
    for one in followers:
        await one.catch_up()
    for _ in range(5):
        await happen(database, "order.paid", "order.paid")
        await asyncio.gather(*(one.catch_up() for one in followers))
    assert heard == list(range(1, 11))


async def test_what_the_handler_writes_is_undone_with_the_offset(database: Database) -> None:
    heard: list[int] = []
    broken = ["not today"]

    def handle(tx: Transaction, event: Event) -> None:
        tx.record("order.left", "order:1", "system", {"of": event.seq})
        if broken:  # a unit that fails is run a second time, alone: both runs must fail
            raise RuntimeError(broken[0])
        heard.append(event.seq)

    await happen(database, "order.paid")
    following = Follower(database, "test", {"order.paid"}, handle)
    with pytest.raises(RuntimeError, match="not today"):
        await following.catch_up()
    assert await database.read(lambda connection: offset(connection, "test")) == 0
    broken.clear()
    await following.catch_up()
    assert heard == [1]
    written = await database.read(lambda connection: follower._interesting(connection, 0, frozenset({"order.left"})))
    assert [event.payload() for event in written[0]] == [{"of": 1}]


async def test_a_failing_handler_is_tried_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "RETRY_S", (0.01,))
    heard: list[int] = []
    failures = [RuntimeError("once"), RuntimeError("twice")]

    def handle(_tx: Transaction, event: Event) -> None:
        if failures:
            raise failures.pop()
        heard.append(event.seq)

    following = Follower(database, "test", {"order.paid"}, handle)
    await following.start()
    await happen(database, "order.paid")
    await until(heard, 1)
    await following.stop()
    assert heard == [1]


async def test_more_than_a_batch(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "BATCH_MAX", 3)
    heard: list[int] = []
    await happen(database, *["order.paid", "trip.scanned"] * 5)
    await Follower(database, "test", {"order.paid"}, collector(heard)).catch_up()
    assert heard == [1, 3, 5, 7, 9]


async def test_skipped_events_are_not_read_again_for_ever(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "SKIPPED_MAX", 3)
    await happen(database, *["trip.scanned"] * 5)
    await Follower(database, "test", {"order.paid"}, collector([])).catch_up()
    assert await database.read(lambda connection: offset(connection, "test")) == 5
