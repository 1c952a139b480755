"""The store is killed (SIGKILL) at each of its calls to the wallet, before the call and after it: once it is back and
the shopper has pressed the same buttons again, the books are those of a day without accident.
"""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import OPENING
from tests.support.tills import METHOD, MILK, Bank, Shopper, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Database
from unqueue.server.orders import store as orders_store

FIRST, SECOND = "a" * 32, "b" * 32
CALLS = ("create", "close", "create", "query", "query", "refund")
"""What :func:`shop` makes the store ask of the wallet, in this order."""

CHILD = """
import asyncio, os, signal, sys
from tests.server.payments.test_kill import victim
asyncio.run(victim(*sys.argv[1:]))
"""


async def shop(till: Till, shopper: Shopper) -> None:
    """Start to pay, give it up, start again, pay; then the wallet takes money for the first attempt as well."""
    await shopper.start_payment(id=FIRST)
    await shopper.close({"id": FIRST})
    await shopper.start_payment(id=SECOND)
    await _press(till, SECOND, "none")
    await till.bank.send()
    await _press(till, FIRST, "after_close")
    await till.bank.send()
    await till.work()


async def _press(till: Till, payment_id: str, trouble: str) -> None:
    at_wallet = till.bank.app.store.payment("store-7", payment_id)
    assert at_wallet is not None
    await till.bank.press(f"https://wallet.example/pay/{at_wallet.cashier_token}", trouble=trouble)


async def victim(database_url: str, directory: str, call: str, moment: str) -> None:
    """The process that dies at its ``call``-th call to the wallet."""
    database, bank, till = await _open(database_url, Path(directory), OPENING_CLOCK)
    shopper = await till.order(MILK)
    names = {"order": shopper.order.order_id, "trip": shopper.trip_token, "token": shopper.order_token}
    print(json.dumps(names), flush=True)
    inside, calls = bank.wire.handle_async_request, 0

    async def handle(request: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == int(call) and moment == "before":
            signal.raise_signal(signal.SIGKILL)
        answer = await inside(request)
        if calls == int(call):
            signal.raise_signal(signal.SIGKILL)
        return answer

    bank.wire.handle_async_request = handle  # type: ignore[method-assign]
    await shop(till, shopper)
    await database.close()


OPENING_CLOCK = ManualClock(OPENING)


async def _open(database_url: str, directory: Path, clock: ManualClock) -> tuple[Database, Bank, Till]:
    database = Database(database_url, clock=clock)
    await database.start()
    bank = Bank(directory, clock)
    return database, bank, Till(database, bank)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, len(CALLS) + 1))
def test_killed_at_a_call_to_the_wallet(database_url: str, tmp_path: Path, call: int, moment: str) -> None:
    command = [sys.executable, "-c", CHILD, database_url, str(tmp_path / "wallet"), str(call), moment]
    died = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=Path(__file__).parents[3])
    assert died.returncode == -signal.SIGKILL, "the scenario makes fewer calls than it says"
    names = json.loads(died.stdout)
    asyncio.run(_come_back(database_url, tmp_path / "wallet", names, call))


async def _come_back(database_url: str, directory: Path, names: dict[str, str], call: int) -> None:
    clock = ManualClock(OPENING)
    clock.advance(2)
    database, bank, till = await _open(database_url, directory, clock)
    order = await database.read(lambda connection: orders_store.get(connection, names["order"]))
    assert order is not None
    shopper = Shopper(till, order, names["trip"], names["token"])
    await till.worker.start()
    await till.worker.stop()
    await till.work()
    attempts = await till.attempts(order.order_id)
    assert all(one.action_kind is not None for one in attempts if one.status == "pending"), "found by asking, at start"
    if CALLS[call - 1] == "create":
        assert attempts[-1].status == "pending", "the intent was durable before the wallet heard of it"
    await shop(till, shopper)
    for _ in range(3):
        clock.advance(60)
        await bank.send()
        await till.work()
    statuses = {one.payment_id: one.status for one in await till.attempts(order.order_id)}
    assert statuses == {FIRST: "refunded", SECOND: "succeeded"}
    held = await till.balances()
    assert held[f"provider:{METHOD}:clearing"] == order.total_minor
    assert f"surplus:{order.order_id}" not in held
    assert bank.app.store.refunded_minor("store-7", FIRST) == order.total_minor
    assert bank.app.store.refunded_minor("store-7", SECOND) == 0
    assert len(await till.events("order.paid")) == 1
    await till.stop()
    await bank.stop()
    await database.close()
