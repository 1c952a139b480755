"""Paid orders, lanes and an attendant, as HTTP clients of a started store."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from tests.support.applications import application
from tests.support.stores import Handset

from unqueue.server.app import MerchantServer
from unqueue.server.fleet.service import register_device
from unqueue.server.orders import store as orders_store
from unqueue.server.staff.service import create_staff

ATTENDANT = "小李"
PIN = "482915"


class Bearer:
    """A client that shows one token."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def call(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        """The JSON answer; its status must be ``status``, or any of success."""
        response = await self.http.request(method, path, json=body)
        expected = response.is_success if status is None else response.status_code == status
        assert expected, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None


class LaneClient(Bearer):
    """A lane as the server knows it. Each call makes its own id unless one is given."""

    def __init__(self, http: httpx.AsyncClient, lane: str) -> None:
        super().__init__(http)
        self.lane = lane

    async def claim(self, *, status: int = 201, id: str | None = None, **shown: str) -> Any:  # noqa: A002  # the API's word
        body = {"id": id or str(uuid.uuid4()), **shown}
        return await self.call("POST", f"/api/lanes/{self.lane}/exits", body, status=status)

    async def weigh(self, exit_id: str, *, fits: bool = True, status: int = 200, **more: Any) -> Any:
        body = {
            "id": str(uuid.uuid4()),
            "measured_g": 1060 if fits else 1588,
            "interval_g": 5,
            "expected_g": 1060,
            "sigma_g": 6.7,
            "tolerance_g": 23,
            "verdict": "pass" if fits else "check",
            "suspects": [] if fits else [{"kind": "missed", "zh": "一件商品", "en": "An item"}],
            "tags_deactivated": False,
        }
        return await self.call("POST", f"/api/exits/{exit_id}/weighings", body | more, status=status)

    async def release(self, exit_id: str, passages: int = 7, *, status: int = 200) -> Any:
        return await self.call("POST", f"/api/exits/{exit_id}/release", {"passages": passages}, status=status)

    async def left(self, exit_id: str, passages: int = 8, *, status: int = 200) -> Any:
        return await self.call("POST", f"/api/exits/{exit_id}/left", {"passages": passages}, status=status)

    async def abandon(self, exit_id: str, *, status: int = 200) -> Any:
        return await self.call("POST", f"/api/exits/{exit_id}/abandon", {"reason": "no_goods"}, status=status)

    async def exits(self) -> Any:
        return await self.call("GET", f"/api/lanes/{self.lane}/exits")

    async def alarm(self, kind: str, *, status: int = 200, **more: Any) -> Any:
        body = {"id": str(uuid.uuid4()), "kind": kind, **more}
        return await self.call("POST", f"/api/lanes/{self.lane}/alarms", body, status=status)

    async def heartbeat(self, state: str = "idle", **devices: str) -> None:
        body = {"state": state, "devices": {name: {"status": status} for name, status in devices.items()}}
        await self.call("POST", f"/api/lanes/{self.lane}/heartbeat", body, status=204)


class StaffClient(Bearer):
    """The attendant, signed in."""

    async def open_calls(self) -> Any:
        return await self.call("GET", "/api/staff/calls?status=open")

    async def answer(
        self,
        call_id: str,
        action: str,
        reason: str = "looked at it",
        *,
        status: int = 200,
        answer_id: str | None = None,
        evidence_id: str | None = None,
    ) -> Any:
        """Answer a call as it stands now, unless ``evidence_id`` names how it stood earlier."""
        if evidence_id is None:
            evidence_id = next((call["evidence_id"] for call in await self.open_calls() if call["id"] == call_id), None)
        body = {"id": answer_id or str(uuid.uuid4()), "action": action, "reason": reason, "evidence_id": evidence_id}
        return await self.call("POST", f"/api/staff/calls/{call_id}/answer", body, status=status)


class Paid:
    """A shopper whose order is paid, on the way to a lane."""

    def __init__(self, handset: Handset, order: dict[str, Any]) -> None:
        self.handset = handset
        self.order = order

    async def show_pass(self) -> str:
        path = f"/api/orders/{self.order['id']}/pass"
        return str((await self.handset.call("GET", path))["pass"])


@pytest.fixture
async def clients(store: MerchantServer) -> AsyncIterator[Callable[[], Awaitable[httpx.AsyncClient]]]:
    """Makes HTTP clients of the store."""
    transport = httpx.ASGITransport(application(store))
    async with AsyncExitStack() as stack:

        async def connect() -> httpx.AsyncClient:
            client = httpx.AsyncClient(transport=transport, base_url="https://store.example")
            return await stack.enter_async_context(client)

        yield connect


Clients = Callable[[], Awaitable[httpx.AsyncClient]]
OpenLane = Callable[[str], Awaitable[LaneClient]]
Buy = Callable[..., Awaitable[Paid]]


@pytest.fixture
def open_lane(store: MerchantServer, clients: Clients) -> OpenLane:
    """Puts a lane of that name into the store."""

    async def open_one(lane: str) -> LaneClient:
        http = await clients()
        http.headers["Authorization"] = f"Bearer {register_device(store.database, lane, 'lane', lane)}"
        return LaneClient(http, lane)

    return open_one


@pytest.fixture
async def lane(open_lane: OpenLane) -> LaneClient:
    """The lane ``lane-1``."""
    return await open_lane("lane-1")


@pytest.fixture
def buy(store: MerchantServer, clients: Clients) -> Buy:
    """A visit up to the paid order: scans the codes, takes the line ``remove`` off again, submits, and pays unless told
    otherwise.
    """

    async def visit(*codes: str, pay: bool = True, remove: int | None = None) -> Paid:
        handset = Handset(await clients())
        await handset.start()
        for code in codes:
            await handset.scan(code)
        if remove is not None:
            await handset.call("DELETE", f"/api/trips/{handset.trip}/lines/{remove}")
        order = await handset.submit()
        if pay:
            await mark_paid(store, order["id"])
        return Paid(handset, order)

    return visit


async def mark_paid(store: MerchantServer, order_id: str) -> None:
    """What the payment leads to, without the payment."""

    def write(tx: Any) -> None:
        order = orders_store.get(tx.connection, order_id)
        assert order is not None
        orders_store.mark_paid(tx, order, "test")

    await store.database.unit(write)


@pytest.fixture
async def attendant(store: MerchantServer, clients: Clients) -> StaffClient:
    """An attendant who has signed in."""
    create_staff(store.database, ATTENDANT, PIN)
    client = StaffClient(await clients())
    session = await client.call("POST", "/api/staff/sessions", {"name": ATTENDANT, "pin": PIN}, status=201)
    client.http.headers["Authorization"] = f"Bearer {session['token']}"
    return client
