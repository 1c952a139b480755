"""The number of a card never enters the store: a marked one is looked for wherever the store could have kept it.

The terminal is a real process that speaks nexo; it even prints the whole number on its slip, as a badly set one would.
What is searched: the database's files (write-ahead log and a backup included), the journal, receipts, what was logged,
and every byte that went between the store and its clients.
"""

import asyncio
import logging
import re
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import msgspec
import pytest
from tests.support.card_terminals import CARD_NUMBER, running_terminal
from tests.support.tills import KIOSK, MILK, Bank, Till

from unqueue.kernel.clock import ManualClock, SystemClock
from unqueue.kernel.database import Database
from unqueue.providers.kinds import open_provider
from unqueue.server.payments.service import Wish
from unqueue.server.setup import migrate_database

pytestmark = pytest.mark.anyio
DIGITS = CARD_NUMBER.encode()
SPACED = re.compile(rb"[ -]?".join(bytes([digit]) for digit in DIGITS))


def holds_it(content: bytes) -> bool:
    return SPACED.search(content) is not None


def test_the_search_would_find_it() -> None:
    spaced = " ".join(CARD_NUMBER[start : start + 4] for start in range(0, 16, 4))
    assert all(holds_it(f"x{text}y".encode()) for text in (CARD_NUMBER, spaced, spaced.replace(" ", "-")))


@pytest.mark.parametrize("outcome", ["approve", "decline"])
async def test_the_number_of_a_card_is_nowhere(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture, outcome: str
) -> None:
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "unqueue.db"
    database = await open_store(file)
    traffic: list[bytes] = []
    with running_terminal("nexo", tmp_path / "terminal") as terminal:
        account = terminal.nexo_account(tmp_path)
        options = {**account.options, "currency": "CNY"}
        account = msgspec.structs.replace(account, options=options)
        provider = open_provider(account, SystemClock())
        till = Till(database, Bank(tmp_path / "wallet", clock), {"card": provider}, [account])
        terminal.ask(trouble="full_card_number")
        till.http.event_hooks = {"response": [remember(traffic)]}
        shopper = await till.order(MILK)
        wish = Wish(method="card", place=KIOSK.id, return_to="order")
        payment = await till.payments.create(shopper.order, wish, actor=KIOSK.actor)
        terminal.ask(present="chip", outcome=outcome)
        for _ in range(100):
            if (await till.payments.ask(await till.payment(payment.payment_id))).status != "pending":
                break
            await asyncio.sleep(0.05)
        order = await shopper.read()
        assert order["status"] == ("paid" if outcome == "approve" else "open")
        if outcome == "approve":
            receipt = await shopper.call("GET", f"{shopper.path}/receipt")
            assert receipt["tenders"][0]["slip"], "the terminal's slip is passed through"
        backup = tmp_path / "backup.db"
        with sqlite3.connect(file) as source, sqlite3.connect(backup) as target:
            source.backup(target)
        await till.stop()
        await till.bank.stop()
    await database.close()
    kept = files_of(tmp_path)
    assert {"unqueue.db", "backup.db"} <= set(kept)
    assert [name for name, content in kept.items() if holds_it(content)] == []
    assert not holds_it(caplog.text.encode())
    assert traffic
    assert not any(holds_it(content) for content in traffic)


def files_of(directory: Path) -> dict[str, bytes]:
    """The store's files; the terminal's own lie in a folder beside them."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def remember(traffic: list[bytes]) -> Callable[[httpx.Response], Awaitable[None]]:
    async def hook(response: httpx.Response) -> None:
        traffic.append(await response.aread())
        traffic.append(response.request.content)

    return hook


async def open_store(file: Path) -> Database:
    url = f"sqlite:///{file}"
    migrate_database(url)
    database = Database(url, clock=SystemClock())
    await database.start()
    return database
