"""The short way of a scan answers as the route of the same address does, whatever the request looks like."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.support.stores import MILK, Handset

from unqueue.server.app import MerchantServer, routed
from unqueue.server.trips.door import ScanDoor
from unqueue.server.trips.service import Trips

pytestmark = pytest.mark.anyio


class Front:
    """What lies behind the door: counts what it let pass."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.passed = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.passed += 1
        await self.app(scope, receive, send)


@pytest.fixture
def front(store: MerchantServer) -> Front:
    return Front(routed(store))


@pytest.fixture
async def door(store: MerchantServer, front: Front, handset: Handset) -> AsyncIterator[httpx.AsyncClient]:
    """The same shopper's client, before the door."""
    transport = httpx.ASGITransport(ScanDoor(front, store.trips))
    headers = {"Authorization": handset.http.headers["Authorization"]}
    async with httpx.AsyncClient(transport=transport, base_url="https://store.example", headers=headers) as client:
        yield client


def scan(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "code": MILK, **more}


async def test_a_plain_scan_takes_the_short_way_and_is_answered_as_by_the_route(
    door: httpx.AsyncClient, front: Front, handset: Handset
) -> None:
    path, body = f"/api/trips/{handset.trip}/scans", scan(quantity=2)
    short = await door.post(path, json=body)
    assert front.passed == 0
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(front), base_url="https://store.example", headers=door.headers
    ) as route:
        by_route = await route.post(path, json=body)
    assert short.status_code == by_route.status_code == 200
    assert short.content == by_route.content
    assert short.headers["content-type"] == by_route.headers["content-type"]


async def test_a_body_in_pieces_is_put_together(door: httpx.AsyncClient, front: Front, handset: Handset) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"id":"' + str(uuid.uuid4()).encode()
        yield b'","code":"' + MILK.encode() + b'"}'

    answer = await door.post(
        f"/api/trips/{handset.trip}/scans", content=pieces(), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, front.passed) == (200, 0)
    assert (await handset.basket())["item_count"] == 1


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"content": b"{"}, (400, "invalid_request")),
        ({"content": b""}, (400, "invalid_request")),
        ({"content": b'{"id": "\xff", "code": "1"}'}, (400, "invalid_request")),
        ({"content": b'{"x":' + b"[" * 4_000 + b"]" * 4_000 + b"}"}, (400, "invalid_request")),
        ({"json": scan(code="1" * 20_000)}, (400, "invalid_request")),
        ({"json": scan(at="1" * 100)}, (400, "invalid_request")),
        ({"json": {"code": MILK}}, (400, "invalid_request")),
        ({"json": {"id": "1", "code": MILK}}, (400, "invalid_request")),
        ({"json": {"id": str(uuid.uuid4()), "code": "6901234567891"}}, (422, "check_digit_wrong")),
        ({"json": scan(), "headers": {"Authorization": ""}}, (401, "not_authenticated")),
        ({"json": scan(), "headers": {"Authorization": "Basic eDp5"}}, (401, "not_authenticated")),
        ({"json": scan(), "headers": {"Authorization": "Bearer t_" + "x" * 43}}, (404, "not_found")),
    ],
)
async def test_what_the_short_way_refuses_the_route_refuses_alike(
    door: httpx.AsyncClient, front: Front, handset: Handset, changes: dict[str, Any], refusal: tuple[int, str]
) -> None:
    path = f"/api/trips/{handset.trip}/scans"
    short = await door.post(path, **changes)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(front), base_url="https://store.example", headers=door.headers
    ) as route:
        assert short.content == (await route.post(path, **changes)).content
    assert (short.status_code, short.json()["code"]) == refusal
    assert short.headers["content-type"].startswith("application/problem+json")
    assert (await handset.basket())["item_count"] == 0


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/trips/x/scans"), ("POST", "/api/trips")])
async def test_everything_else_is_let_through(door: httpx.AsyncClient, front: Front, method: str, path: str) -> None:
    await door.request(method, path, json={})
    assert front.passed == 1


async def test_a_fault_of_ours_is_told_as_a_problem_that_may_pass(
    door: httpx.AsyncClient, handset: Handset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: Any) -> bytes:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(Trips, "scan", fail)
    answer = await door.post(f"/api/trips/{handset.trip}/scans", json=scan())
    assert (answer.status_code, answer.json()["code"], answer.json()["permanent"]) == (500, "internal_error", False)
    assert "a fault of ours" in caplog.text
