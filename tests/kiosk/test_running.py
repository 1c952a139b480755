"""The kiosk at work: server, kiosk, wallet, scanner, printer, ccTalk bus and note recycler as processes of their own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.support.running_kiosk import CARD, CASH, WALLET, KioskVisit, Processes, running_kiosk
from tests.support.stores import MILK, TEA

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    directory = tmp_path_factory.mktemp("kiosk")
    with running_kiosk(directory, f"sqlite:///{directory}/store.db") as running:
        yield running


@pytest.fixture
async def visit(processes: Processes) -> AsyncIterator[KioskVisit]:
    """Someone in front of an idle kiosk; afterwards nothing of them is left."""
    async with KioskVisit(processes) as one:
        await one.until("welcome", devices=lambda seen: seen.get("cash") == "ready")
        if "CNY-100-coin" not in await asyncio.to_thread(processes.staff, "counts"):
            await asyncio.to_thread(processes.staff, "fill", "hopper-1", "CNY-100-coin=60", "--by", "小李")
            await asyncio.to_thread(processes.staff, "fill", "hopper-5", "CNY-10-coin=60", "--by", "小李")
        yield one
        state = await one.until("welcome")
        assert [state[name] for name in ("order", "tender", "cash", "timeout", "receipt")] == [None] * 5
        assert "Traceback" not in processes.log("kiosk")


async def open_order(visit: KioskVisit, *codes: str) -> dict[str, Any]:
    """Buy, and hold the order's QR to the scanner."""
    order = await visit.buy(*codes)
    await visit.scanner.ask(scan=order["qr"]["url"])
    shown = await visit.until("order")
    assert shown["order"]["number"] == order["number"]
    return order


async def test_cash_with_change(visit: KioskVisit) -> None:
    order = await open_order(visit, MILK)
    shown = await visit.press("/pay", method=CASH)
    assert (shown["phase"], shown["tender"]["method"]) == ("tender", CASH)
    await visit.until("tender", prompt="insert_cash", cash=lambda cash: cash["accepted"])
    await visit.insert("CNY-1000-note")
    await visit.until("tender", cash=lambda cash: cash["inserted"]["amount_minor"] == 1000)
    given = (await visit.coins.ask(get=True))["paid_out"]
    await visit.insert("CNY-500-note")
    shown = await visit.until("paid", receipt=lambda receipt: receipt["printed"])
    after = (await visit.coins.ask(get=True))["paid_out"]
    assert {piece: after.get(piece, 0) - given.get(piece, 0) for piece in ("CNY-100-coin", "CNY-10-coin")} == {
        "CNY-100-coin": 2,
        "CNY-10-coin": 1,
    }
    assert (await visit.read(order))["status"] == "paid"
    assert order["number"].encode() in await visit.paper()
    await visit.press("/done")
