"""A paid order has one receipt: numbered once, kept as issued, with the tax in it and what it was paid with."""

import asyncio
from datetime import UTC, datetime

import pytest
from tests.support.tills import BEER, BOOK, GIFT, METHOD, MILK, Shopper, Till

from unqueue.kernel.clock import ManualClock

pytestmark = pytest.mark.anyio


def yuan(amount_minor: int) -> dict[str, object]:
    return {"amount_minor": amount_minor, "currency": "CNY"}


async def pay(till: Till, shopper: Shopper) -> None:
    payment = await shopper.start_payment()
    if payment["action"]:
        await till.bank.press(payment["action"]["url"])
        await till.bank.send()


async def test_the_receipt_of_a_paid_order(till: Till) -> None:
    shopper = await till.order(MILK, BEER, BEER, BOOK)
    assert (await shopper.call("GET", f"{shopper.path}/receipt", status=409))["code"] == "order_unpaid"
    await pay(till, shopper)
    receipt = await shopper.call("GET", f"{shopper.path}/receipt")
    order = await shopper.read()
    assert receipt["number"] == "R-20260302-000001"
    assert receipt["order_number"] == order["number"]
    assert receipt["issued_at"] == "2026-03-02T01:00:00+00:00"
    assert receipt["store"]["name_zh"] == "街角超市"
    assert receipt["store"]["tax_id"] == "91310000TEST"
    lines = [dict(line) for line in receipt["lines"]]
    assert [line.pop("tax_rate_bp") for line in lines] == [900, 1300, 0]
    assert lines == order["basket"]["lines"]
    assert (receipt["subtotal"], receipt["discount"]) == (yuan(1290 + 1200 + 2000), yuan(120))
    assert (receipt["deposit"], receipt["total"]) == (yuan(100), yuan(4470))
    assert receipt["taxes"] == [
        {"rate_bp": 1300, "net": yuan(956), "tax": yuan(124), "gross": yuan(1080)},
        {"rate_bp": 900, "net": yuan(1183), "tax": yuan(107), "gross": yuan(1290)},
        {"rate_bp": 0, "net": yuan(2100), "tax": yuan(0), "gross": yuan(2100)},
    ]
    assert sum(row["gross"]["amount_minor"] for row in receipt["taxes"]) == receipt["total"]["amount_minor"]
    (attempt,) = await till.attempts(shopper.order.order_id)
    assert receipt["tenders"] == [
        {
            "method": METHOD,
            "zh": "沙盒钱包",
            "en": "Sandbox wallet",
            "amount": yuan(4470),
            "reference": attempt.reference,
            "slip": [],
        }
    ]


async def test_it_is_issued_once_whoever_comes_first(till: Till, clock: ManualClock) -> None:
    shopper = await till.order(MILK)
    await till.receipts.start()
    await pay(till, shopper)
    asked = await asyncio.gather(*(till.receipts.of(shopper.order.order_id) for _ in range(5)))
    await till.receipts._follower.catch_up()
    clock.advance(3600)
    assert {*asked, await till.receipts.of(shopper.order.order_id)} == {asked[0]}
    assert len(await till.events("receipt.issued")) == 1


async def test_the_follower_issues_what_nobody_asks_for(till: Till) -> None:
    first, second = await till.order(MILK), await till.order(BOOK)
    await pay(till, first)
    await pay(till, second)
    await till.receipts._follower.catch_up()
    numbers = [data["number"] for _, data in await till.events("receipt.issued")]
    assert numbers == ["R-20260302-000001", "R-20260302-000002"]


async def test_numbers_begin_again_with_the_stores_own_day(till: Till, clock: ManualClock) -> None:
    """Shanghai is eight hours ahead: its day ends at 16:00 UTC."""
    numbers = []
    for at in (datetime(2026, 3, 2, 15, 59, 59, tzinfo=UTC), datetime(2026, 3, 2, 16, 0, 0, tzinfo=UTC)):
        clock.advance((at - clock.now()).total_seconds())
        shopper = await till.order(MILK)
        await pay(till, shopper)
        numbers.append((await shopper.call("GET", f"{shopper.path}/receipt"))["number"])
    assert numbers == ["R-20260302-000001", "R-20260303-000001"]


async def test_only_who_may_see_the_order_sees_its_receipt(till: Till) -> None:
    shopper, other = await till.order(MILK), await till.order(MILK)
    await pay(till, shopper)
    path = f"{shopper.path}/receipt"
    by_order = await shopper.call("GET", path, token=shopper.order_token)
    assert by_order == await shopper.call("GET", path)
    for token in (other.trip_token, other.order_token):
        assert (await other.call("GET", path, token=token, status=404))["code"] == "not_found"
    assert (await till.http.get(path)).status_code == 401


async def test_what_came_too_much_is_no_tender(till: Till) -> None:
    shopper = await till.order(MILK)
    first = await shopper.start_payment()
    await shopper.close(first)
    await pay(till, shopper)
    await till.bank.press(first["action"]["url"], trouble="after_close")
    await till.bank.send()
    receipt = await shopper.call("GET", f"{shopper.path}/receipt")
    assert [tender["amount"] for tender in receipt["tenders"]] == [yuan(1290)]


async def test_a_free_order_has_a_receipt_too(till: Till) -> None:
    shopper = await till.order(GIFT)
    await pay(till, shopper)
    receipt = await shopper.call("GET", f"{shopper.path}/receipt")
    assert (receipt["total"], receipt["tenders"]) == (yuan(0), [])
    assert receipt["taxes"] == [{"rate_bp": 1300, "net": yuan(0), "tax": yuan(0), "gross": yuan(0)}]


async def test_a_receipt_can_not_be_changed(till: Till) -> None:
    from unqueue.server.receipts.store import receipts

    shopper = await till.order(MILK)
    await pay(till, shopper)
    await till.receipts.of(shopper.order.order_id)
    for statement in (receipts.update().values(document="{}"), receipts.delete()):
        with pytest.raises(Exception, match="append-only"):
            await till.database.unit(lambda tx, statement=statement: tx.execute(statement))
