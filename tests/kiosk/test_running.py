"""The kiosk at work: server, wallet, kiosk and each of its devices are processes of their own."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from tests.support.running_kiosk import CARD, CASH, WALLET, KioskVisit, balances, running_kiosk, staff
from tests.support.running_store import ATTENDANT, PIN, Processes
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
        for hopper, money in (("hopper-1", "CNY-100-coin"), ("hopper-5", "CNY-10-coin")):
            once = str(uuid.uuid5(uuid.NAMESPACE_OID, hopper))  # the same deed each time: it is booked once
            deed = {"id": once, "device": hopper, "by": "小李", "counts": {money: 60}}
            who = {"Authorization": f"Bearer {processes.token}"}
            (await one.screen.post("/staff/cash/fill", json=deed, headers=who)).raise_for_status()
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
    await visit.until("tender", prompt="insert_cash", cash=takes_coins_and_notes)
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


def takes_coins_and_notes(cash: dict[str, Any]) -> bool:
    """Both devices were told what to take: before that they hand everything back."""
    accepted = {piece["denomination"] for piece in cash["accepted"]}
    return accepted >= {"CNY-100-coin", "CNY-1000-note"}


async def begin_cash(visit: KioskVisit, **more: Any) -> None:
    await visit.press("/pay", method=CASH, **more)
    await visit.until("tender", prompt="insert_cash", cash=takes_coins_and_notes)


async def test_a_wallet_by_its_code_on_the_screen(visit: KioskVisit) -> None:
    order = await open_order(visit, TEA)
    shown = await visit.press("/pay", method=WALLET)
    assert (shown["phase"], shown["prompt"]["id"], shown["voice"]) == ("tender", "scan_qr", "scan_qr")
    assert shown["tender"]["qr_svg"].startswith("<svg")
    action = (await visit.read(order))["payments"][0]["action"]
    async with httpx.AsyncClient(trust_env=False) as phone:
        assert (await phone.post(action["url"], data={"action": "pay", "trouble": "none"})).status_code == 303
    shown = await visit.until("paid", receipt=lambda receipt: receipt["printed"])
    assert (shown["prompt"]["id"], shown["order"]["due"]["amount_minor"]) == ("thanks", 0)
    await visit.press("/done")


async def test_a_wallet_that_is_given_up_takes_nothing(visit: KioskVisit) -> None:
    order = await open_order(visit, TEA)
    await visit.press("/pay", method=WALLET)
    await visit.press("/cancel")
    await visit.until("order")
    assert [one["status"] for one in (await visit.read(order))["payments"]] == ["closed"]
    await visit.press("/done")


async def test_cancel_gives_all_money_back(visit: KioskVisit) -> None:
    order = await open_order(visit, MILK)
    await begin_cash(visit)
    given = (await visit.coins.ask(get=True))["paid_out"]
    await visit.insert("CNY-100-coin", "CNY-500-note")
    await visit.until("tender", cash=lambda cash: cash["inserted"]["amount_minor"] == 600)
    await visit.press("/cancel")
    await visit.until("order", prompt="choose_tender")
    notes = await visit.notes.ask(get=True)
    after = (await visit.coins.ask(get=True))["paid_out"]
    assert after.get("CNY-100-coin", 0) - given.get("CNY-100-coin", 0) == 1
    assert notes["dispensed"].get("CNY-500-note", 0) == 1
    told = await visit.until_order(order, lambda found: found["payments"][0]["status"] == "closed")
    assert told["due"] == told["total"]
    await visit.press("/done")


async def test_a_store_card_a_coin_and_everything_back(visit: KioskVisit) -> None:
    card = await issue_card(visit, "8600000000000000017", 500)
    order = await open_order(visit, MILK)
    shown = await visit.press("/code", code=card)  # no coupon: a card, and what lies on it is paid
    shown = await visit.until("order", order=lambda found: found["paid"]["amount_minor"] == 500)
    assert [one["method"] for one in shown["order"]["payments"]] == [CARD]
    await begin_cash(visit, amount_minor=200)
    await visit.insert("CNY-100-coin", "CNY-100-coin")
    shown = await visit.until("order", order=lambda found: found["paid"]["amount_minor"] == 700)
    assert shown["notice"]["code"] == "still_due"
    assert (await visit.press("/pay", method=CARD, instrument=card, status=409))["code"] == "card_empty"
    given = (await visit.coins.ask(get=True))["paid_out"]
    await visit.press("/give-back")
    shown = await visit.until("giving_back", prompt="gave_back")
    assert shown["order"]["paid"]["amount_minor"] == 0
    after = (await visit.coins.ask(get=True))["paid_out"]
    assert after.get("CNY-100-coin", 0) - given.get("CNY-100-coin", 0) == 2
    await visit.until_order(order, lambda found: {one["status"] for one in found["payments"]} == {"refunded"})
    found = (await visit.server.post("/api/stored-value/balance", json={"code": card}, headers=order["who"])).json()
    assert found["balance"]["amount_minor"] == 500
    await visit.press("/done")


async def test_the_server_dies_in_the_middle_of_a_cash_payment(visit: KioskVisit) -> None:
    order = await open_order(visit, MILK)
    await begin_cash(visit)
    await visit.insert("CNY-1000-note")
    await visit.until("tender", cash=lambda cash: cash["inserted"]["amount_minor"] == 1000)
    visit.processes.kill("server")
    await visit.insert("CNY-100-coin", "CNY-100-coin", "CNY-100-coin")
    shown = await visit.until("tender", prompt="money_safe", cash=lambda cash: cash["dispensed"])
    assert shown["cash"]["dispensed"] == {"CNY-10-coin": 1}
    assert (shown["devices"]["server"], shown["notice"]["code"]) == ("failed", "server_away")
    assert "safe" in shown["prompt"]["en"]
    assert not any(method["ready"] for method in shown["methods"])
    visit.processes.start("server")
    await visit.until("paid", receipt=lambda receipt: receipt["printed"])
    assert (await visit.read(order))["status"] == "paid"
    assert balances(visit.processes)["cash:kiosk-1"] > 0
    await visit.press("/done")


async def test_the_kiosk_dies_in_the_middle_of_a_cash_payment(visit: KioskVisit) -> None:
    order = await open_order(visit, MILK)
    await begin_cash(visit)
    await visit.insert("CNY-1000-note", "CNY-100-coin")
    await visit.until("tender", cash=lambda cash: cash["inserted"]["amount_minor"] == 1100)
    visit.processes.kill("kiosk")
    visit.processes.start("kiosk")
    shown = await visit.until("tender", order=lambda found: found["number"] == order["number"])
    assert shown["cash"]["inserted"]["amount_minor"] == 1100
    await visit.until("tender", prompt="insert_cash", cash=takes_coins_and_notes)
    await visit.insert("CNY-100-coin", "CNY-100-coin")
    await visit.until("paid", receipt=lambda receipt: receipt["printed"])
    told = await visit.read(order)
    assert (told["status"], [one["status"] for one in told["payments"]]) == ("paid", ["succeeded"])
    await visit.press("/done")


async def test_a_payment_that_the_till_never_began_is_ended(visit: KioskVisit) -> None:
    """As after a crash between the server's answer and the till's first entry."""
    order = await visit.buy(TEA)
    body = {"method": CASH, "id": str(uuid.uuid4())}
    token = {"Authorization": f"Bearer {visit.processes.token}"}
    path = f"/api/orders/{order['id']}/payments"
    assert (await visit.server.post(path, json=body, headers=token)).json()["status"] == "pending"
    told = await visit.until_order(order, lambda found: found["payments"][0]["status"] == "closed")
    assert told["due"] == told["total"]


async def test_a_phone_that_pays_is_told_of(visit: KioskVisit) -> None:
    order = await visit.buy(TEA)
    path = f"/api/orders/{order['id']}/payments"
    begun = (await visit.server.post(path, json={"method": WALLET}, headers=order["who"])).json()
    await visit.press("/code", code=order["number"])
    shown = await visit.until("order", prompt="elsewhere")
    assert {method["detail"] for method in shown["methods"]} == {"payment_open"}
    assert (await visit.press("/pay", method=WALLET, status=409))["code"] == "elsewhere"
    assert begun["status"] == "pending"
    await visit.press("/cancel")
    await visit.until("order", prompt="choose_tender")
    await visit.press("/done")


async def test_help_reaches_staff(visit: KioskVisit) -> None:
    shown = await visit.press("/help")
    assert (shown["help"], shown["prompt"]["id"], shown["voice"]) == ("called", "staff_coming", "staff_coming")
    call = await visit.staff_call("help")
    answer = {"id": str(uuid.uuid4()), "action": "done", "reason": "", "evidence_id": call["evidence_id"]}
    (
        await visit.server.post(f"/api/staff/calls/{call['id']}/answer", json=answer, headers=call["who"])
    ).raise_for_status()
    await visit.until("welcome", help=lambda told: told == "none")


async def test_codes_that_lead_nowhere_and_things_that_make_no_sense_now(visit: KioskVisit) -> None:
    assert (await visit.press("/code", code="104729388", status=409))["code"] == "number_wrong"
    assert (await visit.press("/code", code="https://store.example/o/o_nobody", status=409))["code"] == "order_unknown"
    assert (await visit.press("/pay", method=CASH, status=409))["code"] == "not_now"
    assert (await visit.press("/receipt", status=409))["code"] == "not_now"
    await open_order(visit, TEA)
    assert (await visit.press("/pay", method=CASH, amount_minor=1_000_000, status=409))["code"] == "amount_wrong"
    assert (await visit.press("/code", code="no-such-thing", status=409))["code"] == "code_unknown"
    await visit.press("/done")


async def test_the_screen_hears_by_events_and_speaks(visit: KioskVisit) -> None:
    async with visit.screen.stream("GET", "/events") as stream:
        lines = stream.aiter_lines()
        await visit.press("/language", language="en")
        async for line in lines:
            if line.startswith("data: ") and json.loads(line.removeprefix("data: "))["language"] == "en":
                break
    sound = await visit.screen.get("/voice/en/welcome.wav")
    assert (sound.headers["content-type"], sound.content[:4]) == ("audio/wav", b"RIFF")
    assert (await visit.screen.get("/voice/en/nothing.wav")).status_code == 404
    await visit.press("/done")
    assert (await visit.state())["language"] == "zh"


async def test_the_day_ends_with_a_table(visit: KioskVisit) -> None:
    assert (await visit.screen.get("/staff/cash")).status_code == 401
    table = await asyncio.to_thread(staff, visit.processes, "day", "--by", "小李")
    assert "closed by 小李" in table
    assert "dispenser:hopper-1" in table
    taken = await asyncio.to_thread(staff, visit.processes, "remove-cashbox", "notes", "--by", "小李")
    assert "remove-cashbox notes" in taken
    assert "safe" in balances(visit.processes)


async def issue_card(visit: KioskVisit, code: str, amount_minor: int) -> str:
    session = (await visit.server.post("/api/staff/sessions", json={"name": ATTENDANT, "pin": PIN})).json()
    body = {"id": str(uuid.uuid4()), "kind": "gift", "codes": [code], "amount_minor": amount_minor}
    who = {"Authorization": f"Bearer {session['token']}"}
    (await visit.server.post("/api/stored-value/cards", json=body, headers=who)).raise_for_status()
    return code
