"""What each role may do, at every route that only staff reach."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any, get_args

import pytest
from tests.support.lanes import Bearer, Buy, Clients
from tests.support.stores import MILK

from unqueue.kernel.ids import new_id
from unqueue.server.access import May
from unqueue.server.app import MerchantServer, routed
from unqueue.server.staff.model import MAY, ROLES, WHAT, Role, RoleUnknown, role_of
from unqueue.server.staff.service import create_staff, list_staff

pytestmark = pytest.mark.anyio
PINS: dict[Role, str] = {"attendant": "100001", "supervisor": "200002", "manager": "300003", "it": "400004"}
SomeId = "0" * 32
RETURN = {"id": SomeId, "lines": [{"line": 1, "quantity": 1}]}
CARD: dict[str, Any] = {"id": SomeId, "kind": "gift", "codes": ["2990001234567"]}

DOORS: list[tuple[May, str, str, Any]] = [
    ("floor", "GET", "/api/staff/floor", None),
    ("floor", "GET", "/api/staff/calls", None),
    ("calls", "POST", "/api/staff/calls/{}/answer", {"id": SomeId, "action": "done"}),
    ("calls", "POST", "/api/staff/lanes/{}/gate-openings", {"id": SomeId}),
    ("calls", "POST", "/api/staff/lanes/{}/closed", {"closed": True}),
    ("calls", "POST", "/api/staff/lanes/{}/dead", None),
    ("calls", "POST", "/api/staff/calls/{}/look", None),
    ("calls", "POST", "/api/staff/calls/{}/security", {"reason": "threatens"}),
    ("calls", "POST", "/api/staff/calls/{}/payment", {"items": [{"code": "6901234567892"}]}),
    ("calls", "POST", "/api/staff/goods", {"code": "6901234567892"}),
    ("calls", "GET", "/api/staff/calls/{}/payment", None),
    ("calls", "DELETE", "/api/staff/calls/{}/payment", None),
    ("figures", "GET", "/api/staff/figures?first=2026-03-01&last=2026-03-02", None),
    ("overrides", "GET", "/api/staff/overrides?first=2026-03-01&last=2026-03-02", None),
    ("calls", "GET", "/api/staff/audits/{}", None),
    ("calls", "POST", "/api/staff/audits/{}/look", {"code": "6901234567892", "at_ms": 0}),
    ("calls", "POST", "/api/staff/audits/{}/compare", {"scans": []}),
    ("calls", "POST", "/api/staff/audits/{}/conclude", {"id": SomeId, "comparison_id": "", "scans": []}),
    ("audit_figures", "GET", "/api/audits/figures?first=2026-03-01&last=2026-03-02", None),
    ("look_up", "GET", "/api/desk/orders?number=386669816", None),
    ("look_up", "POST", "/api/desk/orders", {"code": "386669816"}),
    ("take_back", "POST", "/api/orders/{}/returns/quote", {"lines": RETURN["lines"]}),
    ("take_back", "POST", "/api/orders/{}/returns", RETURN),
    ("second", "POST", "/api/returns/{}/accept", None),
    ("take_back", "POST", "/api/returns/{}/reject", None),
    ("look_up", "GET", "/api/desk/returns", None),
    ("look_up", "GET", "/api/desk/refunds", None),
    ("hand_over", "POST", "/api/desk/refunds/{}/by-hand", None),
    ("settle_refunds", "POST", "/api/desk/refunds/{}/release", {"reason": "it is dark"}),
    ("settle_refunds", "POST", "/api/desk/refunds/{}/settle", {"paid_by": "cash", "reason": "a week"}),
    ("look_up", "GET", "/api/desk/refunds/given-twice", None),
    ("settle_refunds", "POST", "/api/desk/refunds/{}/given-twice", {"back_by": "cash", "reason": "came back"}),
    ("look_up", "GET", "/api/desk/payments", None),
    ("decide_payments", "POST", "/api/desk/payments/{}/decide", {"status": "failed", "reason": "dark"}),
    ("reconcile", "GET", "/api/desk/settlement", None),
    ("look_up", "GET", "/api/desk/sms", None),
    ("look_up", "POST", "/api/desk/sms/{}/send", {"id": SomeId}),
    ("look_up", "GET", "/api/desk/printer", None),
    ("look_up", "GET", "/api/desk/debts", None),
    ("take_back", "GET", "/api/desk/returns/{}/slip.html", None),
    ("take_back", "POST", "/api/desk/returns/{}/slip", {}),
    ("hand_over", "GET", "/api/desk/debts/{}/slip.html", None),
    ("hand_over", "POST", "/api/desk/debts/{}/slip", {}),
    ("issue_cards", "POST", "/api/stored-value/cards", CARD),
    ("fill_cards", "POST", "/api/stored-value/cards/{}/top-up", {"id": SomeId, "amount_minor": 100}),
    ("block_cards", "POST", "/api/stored-value/cards/{}/status", {"status": "blocked"}),
    ("unblock_cards", "POST", "/api/stored-value/cards/{}/status", {"status": "active"}),
    ("look_up", "POST", "/api/stored-value/find", {"code": "2990001234567"}),
]
ELSEWHERE: set[May] = {"second", "fill_cards_alone"}
"""What is looked at inside a use case, too."""

Hire = Callable[[Role], Awaitable[Bearer]]


@pytest.fixture
def hire(store: MerchantServer, clients: Clients) -> Hire:
    """Takes somebody in and signs that person in."""

    async def hire_one(role: Role) -> Bearer:
        create_staff(store.database, role, PINS[role], role)
        client = Bearer(await clients())
        session = await client.call("POST", "/api/staff/sessions", {"name": role, "pin": PINS[role]}, status=201)
        assert (session["role"], set(session["may"])) == (role, MAY[role])
        client.http.headers["Authorization"] = f"Bearer {session['token']}"
        return client

    return hire_one


def test_the_table_is_whole() -> None:
    assert set(MAY) == set(ROLES)
    assert set(WHAT) == set(get_args(May))
    assert frozenset().union(*MAY.values()) == set(WHAT)
    assert {needs for needs, *_ in DOORS} | ELSEWHERE == set(WHAT)


def test_each_role_may_what_the_one_below_may() -> None:
    assert MAY["attendant"] < MAY["supervisor"] < MAY["manager"]


def test_machines_need_no_hand_on_money() -> None:
    assert MAY["it"] == {"floor"}


@pytest.mark.parametrize("role", ROLES)
async def test_every_door_asks_for_the_role(hire: Hire, role: Role) -> None:
    member = await hire(role)
    for needs, method, path, body in DOORS:
        response = await member.http.request(method, path.format(SomeId), json=body)
        if needs in MAY[role]:
            assert response.status_code not in {401, 403, 405}, (path, response.text)
        else:
            problem = response.json()
            told = (response.status_code, problem["code"], problem.get("needs"))
            assert told == (403, "not_allowed", needs), (path, response.text)


async def test_no_door_of_the_desk_is_forgotten(store: MerchantServer) -> None:
    """Whoever adds a route for staff adds it to the table above."""
    paths = {path.partition("?")[0].replace("{}", "*") for _, _, path, _ in DOORS}
    desk = {
        "/".join("*" if part.startswith("{") else part for part in route.path.split("/"))
        for route in routed(store).routes
        if route.path.startswith(("/api/desk/", "/api/returns/", "/api/stored-value/", "/api/staff/", "/api/audits/"))
    }
    own = {path for path in desk if path.startswith(("/api/staff/sessions", "/api/staff/passkeys"))}
    assert desk - own - {"/api/staff/sign-in", "/api/stored-value/balance"} <= paths


async def test_orders_are_no_business_of_those_who_mend_machines(hire: Hire, buy: Buy) -> None:
    paid = await buy(MILK)
    path = f"/api/orders/{paid.order['id']}"
    await (await hire("attendant")).call("GET", path, status=200)
    await (await hire("it")).call("GET", path, status=404)


async def test_who_is_signed_in_and_as_what(hire: Hire) -> None:
    member = await hire("supervisor")
    now = await member.call("GET", "/api/staff/sessions/current")
    assert now == {"name": "supervisor", "role": "supervisor", "may": sorted(MAY["supervisor"]), "way": "pin"}


async def test_a_new_role_holds_at_once(store: MerchantServer, hire: Hire) -> None:
    member = await hire("attendant")
    create_staff(store.database, "attendant", PINS["attendant"], "it")
    await member.call("GET", "/api/desk/returns", status=401)
    session = await member.call("POST", "/api/staff/sessions", {"name": "attendant", "pin": PINS["attendant"]})
    assert session["may"] == ["floor"]


async def test_a_new_pin_leaves_the_role(store: MerchantServer) -> None:
    create_staff(store.database, "a", "111111", "supervisor")
    create_staff(store.database, "a", "222222")
    create_staff(store.database, "b", "222222")
    assert [(one.name, one.role) for one in list_staff(store.database)] == [("a", "supervisor"), ("b", "attendant")]


def test_a_role_that_is_none() -> None:
    with pytest.raises(RoleUnknown) as refused:
        role_of("owner")
    assert "attendant, supervisor, manager, it" in refused.value.text_en


def card(amount_minor: int, code: str, **more: Any) -> dict[str, Any]:
    return {**CARD, "id": new_id(), "codes": [code], "amount_minor": amount_minor, **more}


CARDS = "/api/stored-value/cards"
SIGNED = {"second": {"name": "supervisor", "pin": PINS["supervisor"]}}


async def test_value_on_a_card_takes_two_persons(hire: Hire) -> None:
    """An attendant hands out empty cards alone; a supervisor signs for what is to lie on them."""
    attendant, _ = await hire("attendant"), await hire("supervisor")
    empty = await attendant.call("POST", CARDS, card(0, "2990000000001"), status=201)
    refused = await attendant.call("POST", CARDS, card(100, "2990000000002"), status=409)
    assert refused["code"] == "second_signature_needed"
    top_up = {"id": new_id(), "amount_minor": 5000}
    path = f"{CARDS}/{empty['id']}/top-up"
    assert (await attendant.call("POST", path, top_up, status=409))["code"] == "second_signature_needed"
    for _ in range(2):  # an answer may be lost
        filled = await attendant.call("POST", path, top_up | SIGNED)
    assert filled["balance"]["amount_minor"] == 5000
    wanted = card(100_000, "2990000000003", **SIGNED)
    assert (await attendant.call("POST", CARDS, wanted, status=201))["balance"]["amount_minor"] == 100_000


@pytest.mark.parametrize(
    ("name", "pin", "status", "code"),
    [
        ("attendant", PINS["attendant"], 403, "not_allowed"),
        ("it", PINS["it"], 403, "not_allowed"),
        ("supervisor", "999999", 403, "signature_wrong"),
        ("nobody", "999999", 403, "signature_wrong"),
    ],
)
async def test_not_everybody_can_sign(hire: Hire, name: str, pin: str, status: int, code: str) -> None:
    attendant = await hire("attendant")
    await hire("supervisor")
    await hire("it")
    wanted = card(100, "2990000000001", second={"name": name, "pin": pin})
    assert (await attendant.call("POST", CARDS, wanted, status=status))["code"] == code
    assert (await attendant.call("POST", "/api/stored-value/find", {"code": "2990000000001"}, status=404))["code"]


async def test_nobody_is_the_own_second_person(hire: Hire) -> None:
    supervisor = await hire("supervisor")
    refused = await supervisor.call("POST", CARDS, card(100, "2990000000001", **SIGNED), status=409)
    assert refused["code"] == "second_signature_needed"


async def test_signing_is_no_way_to_guess_a_pin(hire: Hire) -> None:
    attendant = await hire("attendant")
    await hire("supervisor")
    wanted = card(100, "2990000000001", second={"name": "supervisor", "pin": "000000"})
    for _ in range(5):
        await attendant.call("POST", CARDS, wanted, status=403)
    assert (await attendant.call("POST", CARDS, wanted | SIGNED, status=429))["code"] == "too_many_attempts"


async def test_a_manager_fills_cards_alone_up_to_the_limit_of_a_day(hire: Hire, clock: Any) -> None:
    """However it is split, and over how many cards: 200 yuan a day."""
    manager = await hire("manager")
    await hire("supervisor")
    await manager.call("POST", CARDS, card(90_000, "2990000000009", **SIGNED), status=201)  # two persons: not alone
    first = await manager.call("POST", CARDS, card(15_000, "2990000000001"), status=201)
    path = f"{CARDS}/{first['id']}/top-up"
    await manager.call("POST", path, {"id": new_id(), "amount_minor": 5000})
    top_up = {"id": new_id(), "amount_minor": 1}
    assert (await manager.call("POST", path, top_up, status=409))["limit"]["amount_minor"] == 20_000
    await manager.call("POST", CARDS, card(1, "2990000000002"), status=409)
    await manager.call("POST", path, top_up | SIGNED)
    clock.advance(24 * 3600)
    session = await manager.call("POST", "/api/staff/sessions", {"name": "manager", "pin": PINS["manager"]})
    manager.http.headers["Authorization"] = f"Bearer {session['token']}"
    await manager.call("POST", path, {"id": new_id(), "amount_minor": 20_000})


async def test_bottles_are_paid_for_alone_up_to_the_limit_of_a_day(hire: Hire) -> None:
    attendant = await hire("attendant")
    for number in range(2):
        await attendant.call("POST", CARDS, card(10_000, f"V-000{number}", kind="voucher"), status=201)
    refused = await attendant.call("POST", CARDS, card(25, "V-0003", kind="voucher"), status=409)
    assert refused["code"] == "second_signature_needed"


async def test_who_signed_stands_in_the_journal(store: MerchantServer, hire: Hire) -> None:
    attendant, _ = await hire("attendant"), await hire("supervisor")
    await attendant.call("POST", CARDS, card(700, "2990000000001", **SIGNED), status=201)
    from unqueue.kernel import journal

    events = await store.database.read(lambda connection: journal.read(connection, limit=1000))
    (event,) = [one for one in events if one.kind == "stored_value.issued"]
    assert event.payload()["amount_minor"] == 700
    assert event.payload()["second"].startswith("staff:")
    assert event.payload()["second"] != event.actor


async def test_a_card_that_is_issued_again_must_be_the_same(hire: Hire) -> None:
    manager = await hire("manager")
    wanted = card(700, "2990000000001", member="m-1")
    for _ in range(2):
        assert (await manager.call("POST", CARDS, wanted, status=201))["balance"]["amount_minor"] == 700
    for other in ({"amount_minor": 900}, {"codes": ["2990000000009"]}, {"member": "m-2"}, {"kind": "member"}):
        refused = await manager.call("POST", CARDS, wanted | other, status=409)
        assert refused["code"] == "move_conflict", other
    top_up = {"id": str(uuid.uuid4()), "amount_minor": 50}
    path = f"{CARDS}/{wanted['id']}/top-up"
    await manager.call("POST", path, top_up)
    assert (await manager.call("POST", CARDS, wanted, status=201))["balance"]["amount_minor"] == 750
