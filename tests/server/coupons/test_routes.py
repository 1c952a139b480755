"""Coupons over HTTP, on a whole store: who may, what the answer is, and who hears of it."""

import asyncio
import uuid
from typing import Any

import httpx
import msgspec
import pytest
from tests.server.coupons.baskets import DAIRY, amount, offer, percent
from tests.support.stores import MILK, TEA, Handset

from unqueue.server.access import Principal
from unqueue.server.app import MerchantServer

pytestmark = pytest.mark.anyio


async def submitted(handset: Handset, store: MerchantServer) -> dict[str, Any]:
    """An order of milk at 12.90 and tea at 4.50 and a deposit of 0.10, and two coupons in the store."""
    offer(store.database, amount("a", 300), percent("b", 1000, DAIRY, funded_by="issuer"))
    await handset.scan(MILK)
    await handset.scan(TEA)
    return await handset.submit()


def path(order: dict[str, Any], redemption_id: str = "") -> str:
    return f"/api/orders/{order['id']}/coupons" + (f"/{redemption_id}" if redemption_id else "")


async def redeem(handset: Handset, order: dict[str, Any], code: str, *, status: int = 200, **more: Any) -> Any:
    return await handset.call("POST", path(order), {"id": str(uuid.uuid4()), "code": code, **more}, status=status)


async def test_a_coupon_on_and_off(handset: Handset, store: MerchantServer) -> None:
    order = await submitted(handset, store)
    answer = await redeem(handset, order, "c-00a")
    assert (answer["total"]["amount_minor"], answer["payable"]["amount_minor"]) == (1750, 1450)
    assert answer["explained"] == {"zh": "“券a”省 ¥3.00。", "en": "“Coupon a” saves you ¥3.00."}
    both = await redeem(handset, order, "C00B")
    assert [(one["coupon_id"], one["amount"]["amount_minor"], one["funded_by"]) for one in both["coupons"]] == [
        ("b", 129, "issuer"),
        ("a", 300, "store"),
    ]
    assert both["coupons"][0]["lines"] == [{"line": 1, "amount": {"amount_minor": 129, "currency": "CNY"}}]
    assert await handset.call("GET", path(order)) == both
    left = await handset.call("DELETE", path(order, answer["coupons"][0]["id"]))
    assert (left["payable"]["amount_minor"], len(left["coupons"])) == (1621, 1)
    none = await handset.call("DELETE", path(order, both["coupons"][0]["id"]))
    assert (none["payable"], none["coupons"], none["explained"]) == (none["total"], [], None)
    again = await handset.call("GET", f"/api/orders/{order['id']}")
    assert (again["total"], again["basket"]) == (order["total"], order["basket"])


async def test_a_resend_is_the_same_redemption(handset: Handset, store: MerchantServer) -> None:
    order = await submitted(handset, store)
    body = {"id": str(uuid.uuid4()), "code": "C00A"}
    answers = await asyncio.gather(*(handset.call("POST", path(order), body) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert [one["id"] for one in answers[0]["coupons"]] == [body["id"].replace("-", "")]


async def test_a_refusal_says_why_in_both_languages(handset: Handset, store: MerchantServer) -> None:
    order = await submitted(handset, store)
    problem = await redeem(handset, order, "NOSUCHCODE", status=404)
    assert (problem["code"], problem["permanent"]) == ("coupon_unknown", True)
    assert problem["zh"] == "这里没有这张优惠券，请核对券码"
    await redeem(handset, order, "C00A", id="no-uuid", status=400)
    await handset.call("DELETE", path(order, str(uuid.uuid4())), status=404)


async def test_only_who_may_see_the_order(handset: Handset, store: MerchantServer, http: httpx.AsyncClient) -> None:
    order = await submitted(handset, store)
    assert (await http.get(path(order))).status_code == 401
    body = {"id": str(uuid.uuid4()), "code": "C00A"}
    assert (await http.post(path(order), json=body)).status_code == 401
    stranger = Handset(http)
    await stranger.start()
    for method, where in (("POST", path(order)), ("GET", path(order)), ("DELETE", path(order, body["id"]))):
        await stranger.call(method, where, body if method == "POST" else None, status=404)
    http.headers["Authorization"] = f"Bearer {order['token']}"
    assert (await http.post(path(order), json=body)).status_code == 200


async def test_a_reopened_basket_gives_its_coupons_back(handset: Handset, store: MerchantServer) -> None:
    offer(store.database, amount("one", 300, uses_max=1))
    order = await submitted(handset, store)
    await redeem(handset, order, "CONE")
    await handset.call("POST", f"/api/trips/{handset.trip}/reopen")
    second = await handset.submit()
    assert (await redeem(handset, second, "CONE"))["payable"]["amount_minor"] == 1450
    assert (await redeem(handset, order, "C00A", status=409))["code"] == "order_closed"


async def test_whoever_may_see_the_order_hears_of_its_coupons(handset: Handset, store: MerchantServer) -> None:
    order = await submitted(handset, store)
    heard = store.hub.stream(Principal("order", order["id"]))
    await anext(heard)
    waiting = asyncio.ensure_future(anext(heard))
    await asyncio.sleep(0)
    await redeem(handset, order, "C00A")
    frame = (await asyncio.wait_for(waiting, 5)).decode()
    assert "event: coupon" in frame
    told = msgspec.json.decode(frame.partition("data: ")[2].encode())
    assert told == {"id": "a", "kind": "coupon.redeemed", "status": "reserved"}
    await heard.aclose()


async def test_a_members_coupon(handset: Handset, store: MerchantServer) -> None:
    offer(store.database, amount("m", 100, members_only=True))
    order = await submitted(handset, store)
    assert (await redeem(handset, order, "C00M", status=409))["code"] == "coupon_member_only"
    await handset.start(member="79927398713")
    await handset.scan(MILK)
    assert (await redeem(handset, await handset.submit(), "C00M"))["payable"]["amount_minor"] == 1190
