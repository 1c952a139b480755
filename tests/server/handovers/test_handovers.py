"""A basket that was handed to a kiosk: the order is of all that was scanned, once, whatever comes first or twice."""

import random
import uuid
from typing import Any

import httpx
import pytest
from tests.support.stores import BEER, MILK, TEA, Handset

from unqueue.passes import baskets
from unqueue.server.app import MerchantServer, application
from unqueue.server.fleet.service import register_device

pytestmark = pytest.mark.anyio


def scan(code: str, **more: Any) -> dict[str, Any]:
    return {"kind": "scan", "id": str(uuid.uuid4()), "code": code, "quantity": 1, "at": "2026-05-04T10:00:00Z", **more}


class Phone:
    """A handset whose network may be away: what it does waits, and can be shown or sent."""

    def __init__(self, handset: Handset, key: str) -> None:
        self.handset, self.key = handset, bytes.fromhex(key)
        self.waiting: list[dict[str, Any]] = []

    def content(self, actions: list[dict[str, Any]] | None = None) -> bytes:
        body = {"version": 1, "actions": self.waiting if actions is None else actions}
        return baskets.seal(self.handset.trip, body, self.key)

    async def send(self, action: dict[str, Any], status: int = 200) -> dict[str, Any]:
        kind = "scans" if action["kind"] == "scan" else "lines:batch"
        body = {name: value for name, value in action.items() if name not in {"kind", "change"}}
        return await self.handset.call("POST", f"/api/trips/{self.handset.trip}/{kind}", body, status=status)


@pytest.fixture
async def phone(http: httpx.AsyncClient) -> Phone:
    handset = Handset(http)
    opened = await handset.start()
    return Phone(handset, opened["basket_key"])


class Kiosk:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def take(self, content: bytes, status: int = 200) -> dict[str, Any]:
        body = {"basket": baskets.to_text(content)}
        answer = await self.http.post("/api/kiosks/kiosk-1/baskets", json=body)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def kiosk(store: MerchantServer) -> Kiosk:
    token = register_device(store.database, "kiosk-1", "kiosk", "1")
    headers = {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(application(store))
    return Kiosk(httpx.AsyncClient(transport=transport, base_url="https://store.example", headers=headers))


def quantities(order: dict[str, Any]) -> dict[str, int]:
    return {line["gtin"].lstrip("0"): line["quantity"] for line in order["basket"]["lines"]}


async def test_what_the_phone_could_not_send_becomes_the_order(phone: Phone, kiosk: Kiosk) -> None:
    await phone.handset.scan(MILK)
    phone.waiting = [scan(MILK), scan(TEA, quantity=2)]
    taken = await kiosk.take(phone.content())
    assert quantities(taken["order"]) == {MILK: 2, TEA: 2}
    assert (taken["order"]["status"], taken["left_out"]) == ("open", [])


async def test_a_basket_that_is_all_at_the_server_is_handed_over_too(phone: Phone, kiosk: Kiosk) -> None:
    await phone.handset.scan(MILK)
    assert quantities((await kiosk.take(phone.content()))["order"]) == {MILK: 1}


async def test_the_phone_sends_the_same_later_and_nothing_is_doubled(phone: Phone, kiosk: Kiosk) -> None:
    await phone.handset.scan(MILK)
    more = {"kind": "batch", "id": str(uuid.uuid4()), "change": [{"line": 1, "by": 1}]}
    phone.waiting = [scan(MILK), more, scan(TEA)]
    taken = await kiosk.take(phone.content())
    assert quantities(taken["order"]) == {MILK: 3, TEA: 1}
    await phone.send(phone.waiting[0])
    # What the handset makes of "one more" of the basket that it knows is another body: it is told that the id is taken.
    settled = {"kind": "batch", "id": more["id"], "set": [{"line": 1, "quantity": 2}]}
    assert (await phone.send(settled, status=409))["code"] == "scan_conflict"
    await phone.send(phone.waiting[2])
    assert quantities({"basket": await phone.handset.basket()}) == {MILK: 3, TEA: 1}
    assert await phone.handset.submit(status=200) == taken["order"]


async def test_a_basket_shown_again_or_an_older_one_is_the_same_order(phone: Phone, kiosk: Kiosk) -> None:
    phone.waiting = [scan(MILK), scan(TEA)]
    older = phone.content(phone.waiting[:1])
    first = await kiosk.take(phone.content())
    assert await kiosk.take(phone.content()) == first
    assert (await kiosk.take(older))["order"] == first["order"]


async def test_what_was_scanned_since_makes_a_new_order(phone: Phone, kiosk: Kiosk) -> None:
    phone.waiting = [scan(MILK)]
    first = await kiosk.take(phone.content())
    phone.waiting.append(scan(TEA))
    second = await kiosk.take(phone.content())
    assert second["order"]["number"] != first["order"]["number"]
    assert quantities(second["order"]) == {MILK: 1, TEA: 1}


async def test_a_paid_visit_takes_no_more_goods(phone: Phone, kiosk: Kiosk, store: MerchantServer) -> None:
    phone.waiting = [scan(MILK)]
    order = (await kiosk.take(phone.content()))["order"]
    trip = (await store.trips.live(phone.handset.trip)).trip
    trip.status = "paid"
    assert (await kiosk.take(phone.content()))["order"]["id"] == order["id"]
    phone.waiting.append(scan(TEA))
    assert (await kiosk.take(phone.content(), status=409))["code"] == "paid_meanwhile"


async def test_what_the_store_does_not_know_is_left_out_and_told(phone: Phone, kiosk: Kiosk) -> None:
    phone.waiting = [scan(MILK), scan("4012345678901")]
    taken = await kiosk.take(phone.content())
    assert quantities(taken["order"]) == {MILK: 1}
    [left] = taken["left_out"]
    assert (left["code"], left["problem"]["code"]) == ("4012345678901", "product_unknown")


async def test_prices_are_the_stores(phone: Phone, kiosk: Kiosk) -> None:
    phone.waiting = [scan(MILK, unit_price={"amount_minor": 1, "currency": "CNY"})]
    [line] = (await kiosk.take(phone.content()))["order"]["basket"]["lines"]
    assert line["unit_price"]["amount_minor"] > 1


async def test_an_empty_basket_is_no_order(phone: Phone, kiosk: Kiosk) -> None:
    assert (await kiosk.take(phone.content(), status=409))["code"] == "basket_empty"


async def test_only_what_the_trips_own_handset_sealed_is_taken(phone: Phone, kiosk: Kiosk) -> None:
    content = phone.content([scan(MILK)])
    others = bytes.fromhex(uuid.uuid4().hex) + content[16:]
    foreign = baskets.seal(phone.handset.trip, {"actions": [scan(MILK)]}, b"k" * 32)
    for forged in (others, foreign, content[:-1], content[:20]):
        assert (await kiosk.take(forged, status=422))["code"] == "basket_code_invalid"
    assert (await phone.handset.basket())["lines"] == []


async def test_a_basket_is_for_the_stores_kiosks_only(phone: Phone, http: httpx.AsyncClient, kiosk: Kiosk) -> None:
    body = {"basket": baskets.to_text(phone.content([scan(MILK)]))}
    assert (await http.post("/api/kiosks/kiosk-1/baskets", json=body)).status_code == 404  # the shopper's own token
    assert (await kiosk.http.post("/api/kiosks/kiosk-2/baskets", json=body)).status_code == 404


@pytest.mark.parametrize("seed", range(6))
async def test_phone_and_kiosk_in_any_interleaving(phone: Phone, kiosk: Kiosk, seed: int) -> None:
    chance = random.Random(seed)
    phone.waiting = [scan(chance.choice([MILK, TEA, BEER])) for _ in range(8)]
    expected: dict[str, int] = {}
    for action in phone.waiting:
        expected[action["code"]] = expected.get(action["code"], 0) + 1
    sent = 0
    for _ in range(6):
        if chance.random() < 0.5:
            await kiosk.take(phone.content(phone.waiting[: chance.randint(1, 8)]))
        elif sent < len(phone.waiting):
            action = phone.waiting[sent]
            answer = await phone.handset.http.post(f"/api/trips/{phone.handset.trip}/scans", json=plain(action))
            sent += answer.is_success
    taken = await kiosk.take(phone.content())
    assert quantities(taken["order"]) == expected


def plain(action: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in action.items() if name != "kind"}
