"""One order, several tenders: each counts for what it paid, the order is paid once nothing is due, and until then
everything can be had back.
"""

from typing import Any

import pytest
from tests.support.tills import BEER, CARD, MANAGER, METHOD, MILK, Shopper, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.server.coupons.loader import Loaded
from unqueue.server.coupons.rules import AmountOff
from unqueue.server.coupons.service import import_coupons
from unqueue.server.orders import store as orders_store
from unqueue.server.stored_value.service import NewCard

pytestmark = pytest.mark.anyio


async def pay(till: Till, shopper: Shopper, amount_minor: int | None = None) -> dict[str, Any]:
    """A payment that the wallet took and told about."""
    payment = await shopper.start_payment(**({} if amount_minor is None else {"amount_minor": amount_minor}))
    await till.bank.press(payment["action"]["url"])
    await till.bank.send()
    return payment


def offer(till: Till, *, off_minor: int, code: str) -> None:
    """A coupon for one use."""
    coupon = AmountOff(id="off", zh="立减", en="Off", currency="CNY", code=code, off_minor=off_minor, uses_max=1)
    import_coupons(till.database, Loaded((coupon,)), currency="CNY", actor="system")


async def test_two_tenders_pay_one_order(till: Till) -> None:
    shopper = await till.order(MILK, BEER)
    total = shopper.order.total_minor
    await pay(till, shopper, 500)
    order = await shopper.read()
    assert (order["status"], order["paid"]["amount_minor"], order["due"]["amount_minor"]) == ("open", 500, total - 500)
    assert (await till.balances())[f"order:{shopper.order.order_id}"] == -500
    rest = await pay(till, shopper)
    order = await shopper.read()
    assert (order["status"], order["paid"]["amount_minor"], order["due"]["amount_minor"]) == ("paid", total, 0)
    assert (await till.payment(rest["id"])).amount_minor == total - 500
    balances = await till.balances()
    assert balances[f"provider:{METHOD}:clearing"] == total
    assert f"order:{shopper.order.order_id}" not in balances
    receipt = await shopper.call("GET", f"{shopper.path}/receipt")
    assert sorted(tender["amount"]["amount_minor"] for tender in receipt["tenders"]) == [500, total - 500]


@pytest.mark.parametrize("amount_minor", [0, -1, 1291, 10**18])
async def test_an_amount_must_be_due(till: Till, amount_minor: int) -> None:
    shopper = await till.order(MILK)
    response = await till.http.post(
        f"{shopper.path}/payments",
        json={"method": METHOD, "amount_minor": amount_minor},
        headers={"Authorization": f"Bearer {shopper.trip_token}"},
    )
    assert response.status_code in {400, 422}, response.text
    assert await till.attempts(shopper.order.order_id) == []


async def test_the_same_id_with_another_amount_is_another_payment(till: Till) -> None:
    shopper = await till.order(MILK)
    payment_id = "5" * 32
    await shopper.start_payment(id=payment_id, amount_minor=300)
    again = await shopper.start_payment(id=payment_id, amount_minor=300)
    assert again["amount"]["amount_minor"] == 300
    assert (await shopper.start_payment(id=payment_id, amount_minor=301, status=409))["code"] == "payment_conflict"


async def test_what_was_paid_is_given_back_on_request(till: Till) -> None:
    shopper = await till.order(MILK)
    first = await pay(till, shopper, 500)
    assert (await shopper.call("POST", f"/api/trips/{shopper.order.trip_id}/reopen", status=409))["code"] == (
        "order_part_paid"
    )
    waiting = await shopper.start_payment()
    order = await shopper.call("POST", f"{shopper.path}/give-back")
    assert {payment["id"]: payment["status"] for payment in order["payments"]} == {
        first["id"]: "surplus",
        waiting["id"]: "closed",
    }
    assert order["due"]["amount_minor"] == shopper.order.total_minor
    await till.work()
    assert (await till.payment(first["id"])).status == "refunded"
    assert (await till.payment(waiting["id"])).status == "closed"
    assert await till.balances() == {}
    await shopper.call("POST", f"/api/trips/{shopper.order.trip_id}/reopen")


async def test_giving_back_twice_gives_back_once(till: Till) -> None:
    shopper = await till.order(MILK)
    first = await pay(till, shopper, 500)
    for _ in range(2):
        await shopper.call("POST", f"{shopper.path}/give-back")
        await till.work()
    assert [data["payment_id"] for _, data in await till.events("payment.refunded")] == [first["id"]]
    assert await till.balances() == {}


async def test_a_payment_that_came_while_it_was_given_up_makes_it_paid(till: Till) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await till.bank.press(payment["action"]["url"], trouble="never")
    assert (await shopper.call("POST", f"{shopper.path}/give-back", status=409))["code"] == "order_paid"
    assert (await shopper.read())["status"] == "paid"


async def test_an_abandoned_part_payment_goes_back(till: Till, clock: ManualClock) -> None:
    shopper = await till.order(MILK)
    first = await pay(till, shopper, 500)
    clock.advance(31 * 60)
    assert await till.orders.expire() == 1
    await till.work()
    order = await till.database.read(lambda connection: orders_store.get(connection, shopper.order.order_id))
    assert order is not None
    assert order.status == "closed"
    assert (await till.payment(first["id"])).status == "refunded"
    assert await till.balances() == {}


async def test_a_late_surplus_beside_a_part_payment_goes_back_alone(till: Till) -> None:
    shopper = await till.order(MILK, BEER)
    late = await shopper.start_payment()
    await shopper.close(late)
    await pay(till, shopper, 500)
    await till.bank.press(late["action"]["url"], trouble="after_close")
    await till.bank.send()
    assert (await till.payment(late["id"])).status == "surplus"
    await till.work()
    assert (await till.payment(late["id"])).status == "refunded"
    order = await shopper.read()
    assert order["paid"]["amount_minor"] == 500
    await pay(till, shopper)
    assert (await shopper.read())["status"] == "paid"
    assert sum((await till.balances()).values()) == 0


async def test_coupon_card_and_wallet_pay_one_order(till: Till) -> None:
    offer(till, off_minor=500, code="FIVEOFF")
    await till.cards.issue(NewCard(["2990001234567"], "gift", Money(300, "CNY")), "c" * 32, MANAGER)
    shopper = await till.order(MILK, BEER)
    total = shopper.order.total_minor
    redeemed = await shopper.call("POST", f"{shopper.path}/coupons", {"code": "FIVEOFF", "id": "1" * 32})
    assert redeemed["payable"]["amount_minor"] == total - 500
    card = {"method": CARD, "instrument": "2990001234567", "channel": "page", "amount_minor": 300}
    assert (await shopper.start_payment(**card))["status"] == "succeeded"
    refused = await shopper.call("DELETE", f"{shopper.path}/coupons/{'1' * 32}", status=409)
    assert refused["code"] == "order_part_paid"
    await pay(till, shopper)
    order = await shopper.read()
    assert (order["status"], order["paid"]["amount_minor"]) == ("paid", total - 500)
    balances = await till.balances()
    assert balances[f"provider:{METHOD}:clearing"] == total - 800
    receipt = await shopper.call("GET", f"{shopper.path}/receipt")
    assert sum(tender["amount"]["amount_minor"] for tender in receipt["tenders"]) == total - 500
    assert sum(row["gross"]["amount_minor"] for row in receipt["taxes"]) == total - 500
    sold = balances["sales"] + sum(amount for account, amount in balances.items() if account.startswith("tax:"))
    assert sold + balances["deposit"] == -(total - 500)
    assert [kind for kind, _ in await till.events("coupon.used", "order.paid")] == ["coupon.used", "order.paid"]


async def test_an_order_that_is_given_up_lets_its_coupon_go(till: Till) -> None:
    offer(till, off_minor=500, code="FIVEOFF")
    first, second = await till.order(MILK), await till.order(MILK)
    await first.call("POST", f"{first.path}/coupons", {"code": "FIVEOFF", "id": "1" * 32})
    taken = await second.call("POST", f"{second.path}/coupons", {"code": "FIVEOFF", "id": "2" * 32}, status=409)
    assert taken["code"] == "coupon_used_up"
    await first.call("POST", f"/api/trips/{first.order.trip_id}/reopen")
    await second.call("POST", f"{second.path}/coupons", {"code": "FIVEOFF", "id": "3" * 32})


async def test_an_order_that_a_coupon_pays_needs_no_provider(till: Till) -> None:
    offer(till, off_minor=100_000, code="ALLOFF")
    shopper = await till.order(MILK)
    redeemed = await shopper.call("POST", f"{shopper.path}/coupons", {"code": "ALLOFF", "id": "1" * 32})
    assert redeemed["payable"]["amount_minor"] == 0
    assert (await shopper.start_payment())["status"] == "succeeded"
    assert (await shopper.read())["status"] == "paid"
    assert await till.balances() == {}
