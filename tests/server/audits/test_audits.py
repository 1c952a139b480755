"""An audit from the draw to the door, on each kind of database."""

import uuid
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.server.audits.conftest import EVERY_VISIT
from tests.support.lanes import ATTENDANT, Buy, Clients, LaneClient, OpenLane, Paid, StaffClient, mark_paid
from tests.support.stores import APPLES_512_G, BEER, CHEESE, MILK, RECALLED, TEA, WINE, Handset, reopen

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock
from unqueue.kernel.settings import Audits
from unqueue.server.app import MerchantServer
from unqueue.server.audits import store as audits_store
from unqueue.server.audits.service import verify_day
from unqueue.server.staff.service import create_staff

pytestmark = pytest.mark.anyio
DAY = "2026-03-02"


async def events(store: MerchantServer, noun: str) -> list[tuple[str, dict[str, Any]]]:
    found = await store.database.read(journal.read)
    return [(event.kind, event.payload()) for event in found if event.kind.startswith(f"{noun}.")]


def scans_of(*codes: str) -> list[dict[str, Any]]:
    return [{"code": code, "at_ms": 5_000 * place} for place, code in enumerate(codes)]


async def rescan(attendant: StaffClient, paid: Paid, *codes: str, status: int = 200) -> Any:
    """Scan these and confirm whatever comes of it."""
    path, scans = f"/api/staff/audits/{paid.order['id']}", scans_of(*codes)
    compared = await attendant.call("POST", f"{path}/compare", {"scans": scans})
    body = {"id": str(uuid.uuid4()), "comparison_id": compared["id"], "scans": scans}
    return await attendant.call("POST", f"{path}/conclude", body, status=status)


async def audit_of(paid: Paid) -> Any:
    return await paid.handset.call("GET", f"/api/orders/{paid.order['id']}/audit")


async def test_a_clean_audit_lets_the_order_go_with_thanks(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    paid = await buy(MILK, MILK, TEA)
    await store.audits.catch_up()
    told = await audit_of(paid)  # before the lane
    assert (told["status"], "随机抽查" in told["text"]["zh"], "random" in told["text"]["en"].lower()) == (
        "due",
        True,
        True,
    )
    claimed = await lane.claim(order_number=paid.order["number"])
    assert claimed["checks"] == ["audit"]
    assert (await lane.weigh(claimed["id"]))["status"] == "claimed"
    assert (await lane.release(claimed["id"], status=409))["code"] == "exit_not_accepted"
    (call,) = await attendant.open_calls()
    assert (call["kind"], call["evidence"]) == ("audit", {"audit": "full", "result_id": None, "outcome": None})
    seen = await attendant.call("GET", f"/api/staff/audits/{paid.order['id']}")
    assert [(one["key"], one["quantity"], one["chosen"]) for one in seen["articles"]] == [
        ("milk", 2, True),
        ("tea", 1, True),
    ]
    done = await rescan(attendant, paid, TEA, MILK, MILK)
    assert (done["status"], done["result"]["differences"], done["result"]["by"]) == ("clean", [], ATTENDANT)
    assert await attendant.open_calls() == []
    (one,) = await lane.exits()
    assert (one["status"], one["checks"], one["call"]["evidence"]["outcome"]) == ("accepted", [], "clean")
    assert one["call"]["answered_by"] == ATTENDANT
    thanks = await audit_of(paid)
    assert (thanks["status"], "谢谢" in thanks["text"]["zh"]) == ("clean", True)
    await lane.release(claimed["id"])
    assert await store.database.read(journal.verify) is None


async def test_differences_hold_the_order_until_a_person_answers_for_them(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    paid = await buy(MILK, TEA)
    claimed = await lane.claim(order_number=paid.order["number"])
    await lane.weigh(claimed["id"])
    (before,) = await attendant.open_calls()
    done = await rescan(attendant, paid, MILK, CHEESE, RECALLED)
    assert done["status"] == "differences"
    assert [(one["kind"], one["key"], one["worth"]["amount_minor"]) for one in done["result"]["differences"]] == [
        ("fewer", "tea", 460),
        ("not_on_order", "cheese", 2500),
        ("not_on_order", "recalled", 500),
    ]
    assert (done["result"]["unpaid"]["amount_minor"], done["result"]["overpaid"]["amount_minor"]) == (3000, 460)
    (call,) = await attendant.open_calls()
    assert call["evidence"]["outcome"] == "differences"
    stale = await attendant.answer(call["id"], "let_go", evidence_id=before["evidence_id"], status=409)
    assert stale["code"] == "call_changed"  # who lets go has seen what was found
    assert (await attendant.answer(call["id"], "let_go", "", status=422))["code"] == "reason_needed"
    await attendant.answer(call["id"], "let_go", "taken off")
    assert (await lane.exits())[0]["status"] == "accepted"
    await store.audits.catch_up()
    assert (await audit_of(paid))["status"] == "over"
    (concluded,) = [told for kind, told in await events(store, "audit") if kind == "audit.concluded"]
    assert (concluded["by"], concluded["status"], len(concluded["differences"])) == (ATTENDANT, "differences", 3)


async def test_a_refused_order_is_held_again_and_a_recount_takes_the_place_of_the_count(
    store: MerchantServer, lane: LaneClient, open_lane: OpenLane, attendant: StaffClient, buy: Buy
) -> None:
    paid = await buy(MILK)
    await lane.claim(order_number=paid.order["number"])
    await rescan(attendant, paid, MILK, TEA)
    (call,) = await attendant.open_calls()
    await attendant.answer(call["id"], "refuse", "pays at the service desk")
    assert await lane.exits() == []
    other = await open_lane("lane-2")
    claimed = await other.claim(order_number=paid.order["number"])
    assert (claimed["checks"], claimed["call"]["evidence"]["outcome"]) == (["audit"], "differences")
    assert (await rescan(attendant, paid, MILK))["status"] == "clean"
    assert (await other.weigh(claimed["id"]))["status"] == "accepted"
    drawn = await store.database.read(lambda connection: audits_store.get(connection, paid.order["id"]))
    assert drawn is not None
    assert drawn.status == "clean"


async def test_an_order_may_be_let_go_without_a_rescan_by_name(
    store: MerchantServer, lane: LaneClient, open_lane: OpenLane, attendant: StaffClient, buy: Buy
) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(order_number=paid.order["number"])
    (call,) = await attendant.open_calls()
    await attendant.answer(call["id"], "let_go", "the fire brigade is here")
    await store.audits.catch_up()
    assert (await audit_of(paid))["status"] == "over"
    await lane.abandon(claimed["id"])
    assert (await (await open_lane("lane-2")).claim(order_number=paid.order["number"]))["checks"] == []


async def test_an_audit_can_be_made_before_the_lane(
    lane: LaneClient, attendant: StaffClient, buy: Buy, store: MerchantServer
) -> None:
    paid = await buy(MILK)
    await store.audits.catch_up()
    await rescan(attendant, paid, MILK)
    assert (await lane.claim(order_number=paid.order["number"]))["checks"] == []


async def test_an_audit_and_an_age_check_are_two_matters(lane: LaneClient, attendant: StaffClient, buy: Buy) -> None:
    paid = await buy(BEER)
    claimed = await lane.claim(order_number=paid.order["number"])
    assert claimed["checks"] == ["min_age", "audit"]
    await lane.weigh(claimed["id"])
    await rescan(attendant, paid, BEER)
    (call,) = await attendant.open_calls()
    assert call["kind"] == "min_age"
    await attendant.answer(call["id"], "let_go", "")
    assert (await lane.exits())[0]["status"] == "accepted"


async def test_doubtful_scans_are_answered_before_anything_is_written(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    paid = await buy(MILK)
    await lane.claim(order_number=paid.order["number"])
    path = f"/api/staff/audits/{paid.order['id']}"
    scans = [{"code": MILK, "at_ms": 0}, {"code": MILK, "at_ms": 1_500}]
    compared = await attendant.call("POST", f"{path}/compare", {"scans": scans})
    assert (compared["doubtful"], compared["differences"]) == ([1], [])
    body = {"id": str(uuid.uuid4()), "comparison_id": compared["id"], "scans": scans}
    refused = await attendant.call("POST", f"{path}/conclude", body, status=409)
    assert (refused["code"], refused["doubtful"]) == ("audit_doubtful", [1])
    scans[1]["said"] = "another"
    changed = await attendant.call("POST", f"{path}/conclude", {**body, "scans": scans}, status=409)
    assert changed["code"] == "audit_changed"  # that result was never shown
    assert not [kind for kind, _ in await events(store, "audit") if kind == "audit.concluded"]
    scans[1]["said"] = "same"
    done = await attendant.call("POST", f"{path}/conclude", {**body, "scans": scans})
    assert done["status"] == "clean"
    assert await attendant.call("POST", f"{path}/conclude", {**body, "scans": scans}) == done  # the reply was lost
    other = {**body, "scans": scans[:1]}
    assert (await attendant.call("POST", f"{path}/conclude", other, status=409))["code"] == "audit_changed"


async def test_codes_are_read_as_at_the_shelf(lane: LaneClient, attendant: StaffClient, buy: Buy) -> None:
    paid = await buy(APPLES_512_G, WINE)
    await lane.claim(order_number=paid.order["number"])
    path = f"/api/staff/audits/{paid.order['id']}"
    apples = await attendant.call("POST", f"{path}/look", {"code": APPLES_512_G, "at_ms": 0})
    assert (apples["key"], apples["ordered"], apples["weight_g"]) == ("apples@512", 1, 512)
    milk = await attendant.call("POST", f"{path}/look", {"code": MILK, "at_ms": 0})
    assert (milk["key"], milk["ordered"]) == ("milk", 0)
    assert (await attendant.call("POST", f"{path}/look", {"code": "4012345678901", "at_ms": 0}, status=404))[
        "code"
    ] == ("product_unknown")
    assert (await attendant.call("POST", f"{path}/look", {"at_ms": 0}, status=400))["code"] == "invalid_request"
    tapped = [{"article": "wine", "at_ms": 0}, {"code": APPLES_512_G, "at_ms": 100}]
    assert (await attendant.call("POST", f"{path}/compare", {"scans": tapped}))["differences"] == []


async def test_nobody_else_hears_of_an_audit(clients: Clients, buy: Buy, attendant: StaffClient) -> None:
    paid = await buy(MILK)
    other = Handset(await clients())
    await other.start()
    await other.call("GET", f"/api/orders/{paid.order['id']}/audit", status=404)
    await attendant.call("GET", f"/api/orders/{paid.order['id']}/audit", status=404)
    await paid.handset.call("GET", f"/api/staff/audits/{paid.order['id']}", status=404)


class TestTheRules:
    @pytest.fixture
    def audits(self) -> Audits:
        return Audits(rate=0.5, rate_max=1.0, new_shopper_visits=1, labelled_factor=1.6, month_max=2)

    async def probability_of(self, store: MerchantServer, order_id: str) -> float:
        await store.audits.catch_up()
        drawn = await store.database.read(lambda connection: audits_store.get(connection, order_id))
        assert drawn is not None
        return drawn.probability

    async def visit(self, store: MerchantServer, clients: Clients, code: str, member: str | None) -> str:
        handset = Handset(await clients())
        await handset.start(**({"member": member} if member is not None else {}))
        await handset.scan(code)
        order = await handset.submit()
        await mark_paid(store, order["id"])
        return str(order["id"])

    async def test_a_members_past_counts_and_nobody_elses(self, store: MerchantServer, clients: Clients) -> None:
        card, other = "79927398713", "79927398705"
        assert await self.probability_of(store, await self.visit(store, clients, MILK, card)) == 1.0  # new: twice
        assert (await self.set_result(store, "clean")) == 1
        assert await self.probability_of(store, await self.visit(store, clients, MILK, card)) == 0.25
        assert await self.probability_of(store, await self.visit(store, clients, MILK, other)) == 1.0
        assert await self.probability_of(store, await self.visit(store, clients, MILK, None)) == 0.5
        assert await self.probability_of(store, await self.visit(store, clients, APPLES_512_G, None)) == 0.8

    async def set_result(self, store: MerchantServer, outcome: str) -> int:
        """What a rescan of every due order of a member's would lead to."""
        from sqlalchemy import update

        from unqueue.server.audits.store import audit_draws

        def write(tx: Any) -> int:
            due = audit_draws.c.status == "due"
            return int(tx.execute(update(audit_draws).where(due).values(status=outcome)).rowcount)

        return await store.database.unit(write)

    async def test_the_cap_holds_for_the_month(
        self, store: MerchantServer, clients: Clients, clock: ManualClock
    ) -> None:
        card, drawn = "79927398713", 0
        for _ in range(40):
            order_id = await self.visit(store, clients, MILK, card)
            probability = await self.probability_of(store, order_id)
            found = await store.database.read(
                lambda connection, order_id=order_id: audits_store.get(connection, order_id)
            )
            assert found is not None
            assert (probability == 0.0) == (drawn == 2)
            drawn += found.kind is not None
        assert drawn == 2
        clock.advance(31 * 86_400)
        assert await self.probability_of(store, await self.visit(store, clients, MILK, card)) > 0


class TestTheDay:
    async def test_its_draws_can_be_checked_afterwards(
        self, store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy, clock: ManualClock
    ) -> None:
        paid = [await buy(MILK), await buy(TEA)]
        await store.audits.catch_up()
        claimed = await lane.claim(order_number=paid[0].order["number"])
        await lane.weigh(claimed["id"])
        await rescan(attendant, paid[0], MILK)
        await lane.release(claimed["id"])
        today = await store.database.read(lambda connection: verify_day(connection, DAY))
        assert (today.draws, today.drawn, today.seed_known, today.wrong) == (2, 2, False, ())
        clock.advance(86_400)
        await store.audits.turn_days()
        await store.audits.turn_days()
        over = await store.database.read(lambda connection: verify_day(connection, DAY))
        assert (over.seed_known, over.wrong) == (True, ())
        told = await events(store, "audit")
        assert [kind for kind, _ in told].count("audit.revealed") == 1
        assert [data["day"] for kind, data in told if kind == "audit.committed"] == [DAY, "2026-03-03"]
        seeds = [data["seed"] for kind, data in told if kind == "audit.revealed"]
        assert not any(seeds[0] in str(data) for kind, data in told if kind != "audit.revealed")

    async def test_a_clock_that_was_set_back_draws_with_no_seed_that_is_known(
        self, store: MerchantServer, buy: Buy, clock: ManualClock
    ) -> None:
        clock.advance(86_400)
        await store.audits.turn_days()
        clock.advance(-86_400)
        paid = await buy(MILK)
        await store.audits.catch_up()
        drawn = await store.database.read(lambda connection: audits_store.get(connection, paid.order["id"]))
        assert drawn is not None
        assert drawn.day == "2026-03-03"

    async def test_a_server_that_starts_anew_goes_on_with_the_days_seed(self, store: MerchantServer, buy: Buy) -> None:
        before = await buy(MILK)
        async with reopen(store) as (_, other):
            after = await buy(MILK)
            await other.audits.catch_up()
            days = [
                (await other.database.read(lambda connection, one=one: audits_store.get(connection, one.order["id"])))
                for one in (before, after)
            ]
        assert [one.day for one in days if one is not None] == [DAY, DAY]
        assert [kind for kind, _ in await events(store, "audit")].count("audit.committed") == 1


async def test_figures_are_for_managers(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, clients: Clients, buy: Buy
) -> None:
    for codes in ((MILK,), (MILK, TEA)):
        paid = await buy(MILK)
        claimed = await lane.claim(order_number=paid.order["number"])
        await lane.weigh(claimed["id"])
        await rescan(attendant, paid, *codes)
        for call in await attendant.open_calls():
            await attendant.answer(call["id"], "let_go", "taken off")
        await lane.release(claimed["id"])
        await lane.left(claimed["id"])
    path = f"/api/audits/figures?first={DAY}&last={DAY}"
    assert (await attendant.call("GET", path, status=403))["needs"] == "audit_figures"
    create_staff(store.database, "王经理", "300003", "manager")
    manager = StaffClient(await clients())
    session = await manager.call("POST", "/api/staff/sessions", {"name": "王经理", "pin": "300003"}, status=201)
    manager.http.headers["Authorization"] = f"Bearer {session['token']}"
    figures = (await manager.call("GET", path))["figures"]
    assert (figures["orders"], figures["full"], figures["total_minor"]) == (2, 2, 2580)
    wrong = figures["orders_wrong"]
    assert (wrong["value"], wrong["audits"], wrong["few"], figures["full_wrong"]) == (0.5, 2, True, 1)
    assert wrong["high"] - wrong["low"] > 0.8  # every order was looked at, but they were two
    assert (figures["unpaid_minor"], figures["unpaid"]["value"]) == (460, pytest.approx(460 / 2580))
    for wrong in (
        f"first={DAY}&last=2026-03-01",
        "first=2024-01-01&last=2025-01-01",
        "first=0001-01-01&last=9999-12-31",
    ):
        assert (await manager.call("GET", f"/api/audits/figures?{wrong}", status=400))["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("codes", "checks"), [((MILK, TEA), "unpaid"), ((MILK,), "nothing"), ((TEA,), "unpaid"), ((), "nothing")]
)
async def test_what_a_rescan_found_is_what_the_weight_was_about(  # noqa: PLR0917  # who takes part
    store: MerchantServer,
    clock: ManualClock,
    clients: Clients,
    lane: LaneClient,
    attendant: StaffClient,
    buy: Buy,
    codes: tuple[str, ...],
    checks: str,
) -> None:
    """The alarm was right, whatever is tapped at it afterwards; and its value counts once."""
    paid = await buy(MILK)
    claimed = await lane.claim(order_number=paid.order["number"])
    call = (await lane.weigh(claimed["id"], fits=False))["call"]
    await rescan(attendant, paid, MILK, BEER)
    await rescan(attendant, paid, *codes)  # a recount
    weight = next(one for one in await attendant.open_calls() if one["kind"] == "weight")
    body = {"id": str(uuid.uuid4()), "action": "let_go", "reason": "looked", "evidence_id": weight["evidence_id"]}
    await attendant.call("POST", f"/api/staff/calls/{weight['id']}/answer", body | {"finding": "nothing"})
    assert call["kind"] in {"weight", "audit"}
    create_staff(store.database, "王主管", "739164", "supervisor")
    supervisor = StaffClient(await clients())
    session = await supervisor.call("POST", "/api/staff/sessions", {"name": "王主管", "pin": "739164"}, status=201)
    supervisor.http.headers["Authorization"] = f"Bearer {session['token']}"
    day = (clock.now() + timedelta(hours=8)).date()
    told = (await supervisor.call("GET", f"/api/staff/figures?first={day}&last={day}"))["total"]
    assert (told["checks"]["count"], told["unsaid"]) == (1, 0)
    assert (told["false_alarms"]["count"], told["unpaid_exits"]) == ((0, 1) if checks == "unpaid" else (1, 0))
    worth = 460 if checks == "unpaid" else 0
    assert (told["unpaid_minor"], told["unpaid_unpriced"], told["audit_unpaid_minor"]) == (0, 0, worth)


class TestOff:
    @pytest.fixture
    def audits(self) -> Audits:
        return Audits()

    async def test_nothing_is_drawn_by_default(self, store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
        paid = await buy(MILK)
        assert (await lane.claim(order_number=paid.order["number"]))["checks"] == []
        assert (await audit_of(paid)) == {"status": "none", "text": None}
        assert await events(store, "audit") == []

    async def test_an_order_that_was_let_out_is_not_drawn_when_audits_come_on(
        self, store: MerchantServer, lane: LaneClient, buy: Buy
    ) -> None:
        """Paid and let out while audits were off; the server starts anew with them on before it has left."""
        paid, other = await buy(MILK), await buy(TEA)
        claimed = await lane.claim(order_number=paid.order["number"])
        await lane.weigh(claimed["id"])
        await lane.release(claimed["id"])
        store.settings = msgspec.structs.replace(store.settings, audits=EVERY_VISIT)
        async with reopen(store) as (_, again):
            await again.audits.catch_up()
            drawn = {
                order: await again.database.read(
                    lambda connection, order=order: audits_store.get(connection, order)  # type: ignore[misc]
                )
                for order in (paid.order["id"], other.order["id"])
            }
        assert [one is not None for one in drawn.values()] == [False, True]


class TestPartial:
    @pytest.fixture
    def audits(self) -> Audits:
        return Audits(
            **{
                **{f: getattr(EVERY_VISIT, f) for f in EVERY_VISIT.__struct_fields__},
                "full_share": 0.0,
                "partial_articles": 1,
            }
        )

    async def test_only_what_the_lot_chose_is_counted(self, lane: LaneClient, attendant: StaffClient, buy: Buy) -> None:
        paid = await buy(MILK, TEA, CHEESE)
        await lane.claim(order_number=paid.order["number"])
        seen = await attendant.call("GET", f"/api/staff/audits/{paid.order['id']}")
        (chosen,) = [one for one in seen["articles"] if one["chosen"]]
        assert seen["kind"] == "partial"
        assert (await rescan(attendant, paid, chosen["gtin"]))["status"] == "clean"
