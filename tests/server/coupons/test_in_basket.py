"""Coupons that are scanned while shopping, on a whole store: previewed, kept, removed, reserved at the end."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from tests.server.coupons.baskets import DAIRY, amount, counts, offer, percent, texts
from tests.support.applications import application
from tests.support.stores import MILK, TEA, Handset, reopen

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.server.app import MerchantServer
from unqueue.server.coupons import store as coupons_store
from unqueue.server.coupons.rules import Coupon, Goods, NorthAmerican, Offer
from unqueue.server.stored_value.service import NewCard, code_hash
from unqueue.server.stored_value.service import issue as issue_card

pytestmark = pytest.mark.anyio
MEMBER = "79927398713"
Visitor = Callable[..., Awaitable[Handset]]


def gave(basket: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Each coupon of a basket: what it gives, and the code of what is missing."""
    return [
        (one["coupon_id"], one["amount"]["amount_minor"], (one["problem"] or {}).get("code", ""))
        for one in basket["coupons"]
    ]


def reserved(store: MerchantServer) -> int:
    table = coupons_store.coupon_redemptions
    rows = store.database.read_now(lambda connection: connection.execute(select(table.c.redemption_id)).all())
    return len(rows)


@pytest.fixture
def visitor(store: MerchantServer) -> Visitor:
    """Another shopper of the store."""
    transport = httpx.ASGITransport(application(store))

    async def start(**body: Any) -> Handset:
        one = Handset(httpx.AsyncClient(transport=transport, base_url="https://store.example"))
        await one.start(**body)
        return one

    return start


async def test_a_coupon_is_a_line_of_its_own_with_what_it_gives(handset: Handset, store: MerchantServer) -> None:
    offer(store.database, amount("a", 300), percent("b", 1000, DAIRY, funded_by="issuer"))
    first = await handset.scan("c-00a")
    assert (first["line"], first["coupon"]["problem"]["code"]) == (None, "coupon_not_for_these_goods")
    await handset.scan(MILK)
    answer = await handset.scan("C00B", symbology="]Q1")
    assert answer["coupon"] == {
        "coupon": 2, "coupon_id": "b", "zh": "券b", "en": "Coupon b", "funded_by": "issuer",
        "amount": {"amount_minor": 129, "currency": "CNY"},
        "lines": [{"line": 1, "amount": {"amount_minor": 129, "currency": "CNY"}}],
        "problem": None, "note": None,
    }  # fmt: skip
    basket = answer["basket"]
    assert gave(basket) == [("a", 300, ""), ("b", 129, "")]
    assert (basket["total"]["amount_minor"], basket["payable"]["amount_minor"]) == (1290, 861)
    assert reserved(store) == 0


@pytest.mark.parametrize(
    ("coupon", "code"),
    [
        (amount("a", 100), "C00A"),
        (amount("a", 100, gcn="9501101530003"), "(255)9501101530003000042"),
        (amount("a", 100, gcn="9501101530003"), "2559501101530003000042"),
        (amount("a", 100, offer=Offer(funder_id="123456", offer_code="123456")), "(8112)001234561234560654321"),
        (amount("a", 100, serials=("ONLYONE",)), "only-one"),
        (
            NorthAmerican(
                **texts("a", company_prefixes=("0614141",), off_max_minor=100), families={"120": (MILK,)}
            ),
            "]e08110106141416543213150110120",
        ),
    ],
)  # fmt: skip
async def test_every_kind_of_code(handset: Handset, store: MerchantServer, coupon: Coupon, code: str) -> None:
    offer(store.database, coupon)
    await handset.scan(MILK)
    answer = await handset.scan(code)
    if isinstance(coupon, NorthAmerican):  # the goods of its family carry another company's prefix
        assert gave(answer["basket"]) == [("a", 0, "coupon_not_for_these_goods")]
    else:
        assert gave(answer["basket"]) == [("a", 100, "")]
    assert answer["coupon"]["coupon"] == 1


async def test_what_is_missing_is_said_in_words(handset: Handset, store: MerchantServer, clock: ManualClock) -> None:
    today = clock.now().date()
    offer(
        store.database,
        amount("spend", 100, minimum_spend_minor=2000),
        amount("goods", 100, Goods(categories=("alcohol",))),
        amount("later", 100, valid_from=today + timedelta(days=3)),
        amount("member", 100, members_only=True),
        amount("alone", 100, stackable=False),
        amount("good", 100),
    )
    await handset.scan(MILK)
    for code in ("CGOOD", "CSPEND", "CGOODS", "CLATER", "CMEMBER", "CALONE"):
        basket = (await handset.scan(code))["basket"]
    assert gave(basket) == [
        ("good", 100, ""),
        ("spend", 0, "coupon_minimum_spend"),
        ("goods", 0, "coupon_not_for_these_goods"),
        ("later", 0, "coupon_not_yet_valid"),
        ("member", 0, "coupon_member_only"),
        ("alone", 0, "coupon_not_combinable"),
    ]
    told = [(one["problem"]["zh"], one["problem"]["en"]) for one in basket["coupons"][1:]]
    assert told[0] == (
        "满 ¥20.00 可用，还差 ¥7.10",
        "This coupon needs a purchase of ¥20.00; ¥7.10 more and you can use it.",
    )
    assert all(zh and en for zh, en in told)
    assert "Coupon good" in told[-1][1]
    assert gave((await handset.scan(MILK))["basket"])[1] == ("spend", 100, "")


@pytest.mark.parametrize(
    ("code", "status", "problem"),
    [
        ("COVER", 409, "coupon_expired"),
        ("(255)9501101530003", 404, "coupon_unknown"),
        ("(255)9501101530004", 422, "coupon_malformed"),
        ("NOSUCHCODE", 422, "code_malformed"),
        ("6901234567899", 422, "check_digit_wrong"),
        ("4006381333948", 404, "product_unknown"),
    ],
)
async def test_what_can_never_be_used_is_refused_at_once(
    handset: Handset, store: MerchantServer, code: str, status: int, problem: str
) -> None:
    offer(store.database, amount("over", 100, valid_until=datetime(2020, 1, 1, tzinfo=UTC).date()))
    assert (await handset.scan(code, status=status))["code"] == problem
    assert (await handset.basket())["coupons"] == []


async def test_the_same_paper_is_in_the_bag_once(handset: Handset, store: MerchantServer) -> None:
    offer(store.database, amount("a", 100), amount("s", 100, serials=("FIRST", "SECOND")))
    await handset.scan("C00A")
    assert (await handset.scan("c00a", status=409))["code"] == "coupon_in_basket"
    await handset.scan("FIRST")
    assert [one["coupon_id"] for one in (await handset.scan("SECOND"))["basket"]["coupons"]] == ["a", "s", "s"]


async def test_a_resend_is_the_same_scan_before_and_after_a_restart(handset: Handset, store: MerchantServer) -> None:
    offer(store.database, amount("a", 100, serials=("FIRST",)))
    await handset.scan(MILK)
    body = {"id": str(uuid.uuid4()), "code": "FIRST"}
    path = f"/api/trips/{handset.trip}/scans"
    answer = await handset.call("POST", path, body)
    await handset.scan(TEA)
    assert await handset.call("POST", path, body) == answer
    assert (await handset.call("POST", path, {**body, "code": MILK}, status=409))["code"] == "scan_conflict"
    before = await handset.basket()
    async with reopen(store) as (http, _):
        http.headers.update(handset.http.headers)
        assert (await http.post(path, json=body)).json() == answer
        assert (await http.get(f"/api/trips/{handset.trip}")).json() == before


async def test_the_journal_has_the_coupon_but_not_its_code(handset: Handset, store: MerchantServer) -> None:
    offer(store.database, amount("a", 100, serials=("TOPSECRET1",)))
    start = len(store.database.read_now(journal.read))
    await handset.scan("TOPSECRET1")
    await handset.call("DELETE", f"/api/trips/{handset.trip}/coupons/1")
    events = store.database.read_now(journal.read)[start:]
    told = [event for event in events if event.kind.startswith("trip.coupon")]
    assert [event.kind for event in told] == ["trip.coupon_added", "trip.coupon_removed"]
    assert told[0].payload()["coupon_id"] == "a"
    assert not any("TOPSECRET1" in event.data for event in events)


async def test_removed_and_put_back(handset: Handset, store: MerchantServer) -> None:
    offer(store.database, amount("a", 100))
    await handset.scan(MILK)
    await handset.scan("C00A")
    path = f"/api/trips/{handset.trip}/lines:batch"
    body = {"id": str(uuid.uuid4()), "delete_coupons": [1]}
    gone = await handset.call("POST", path, body)
    assert (gone["basket"]["coupons"], gone["basket"]["payable"]) == ([], gone["basket"]["total"])
    assert await handset.call("POST", path, body) == gone
    back = await handset.call("POST", path, {"id": str(uuid.uuid4()), "add": [{"code": "C00A"}]})
    assert [(one["coupon"], one["amount"]["amount_minor"]) for one in back["basket"]["coupons"]] == [(2, 100)]
    await handset.call("DELETE", f"/api/trips/{handset.trip}/coupons/2")
    await handset.call("DELETE", f"/api/trips/{handset.trip}/coupons/2", status=404)
    assert (await handset.submit())["coupons"] == []


async def test_submitting_reserves_what_was_shown(handset: Handset, store: MerchantServer) -> None:
    offer(store.database, amount("a", 300, uses_max=1), amount("no", 100, minimum_spend_minor=9900))
    await handset.scan(MILK)
    await handset.scan("C00A")
    shown = (await handset.scan("C0NO"))["basket"]
    order = await handset.submit()
    assert order["basket"]["coupons"] == shown["coupons"]
    assert (order["payable"], [one["coupon_id"] for one in order["coupons"]]) == (shown["payable"], ["a"])
    assert counts(store.database, "a") == (1, 0)
    events = store.database.read_now(journal.read)
    left_out = [event.payload() for event in events if event.kind == "coupon.left_out"]
    assert [(one["coupon_id"], one["reason"]) for one in left_out] == [("no", "coupon_minimum_spend")]
    again = await handset.call("POST", f"/api/trips/{handset.trip}/order", status=200)
    assert again["coupons"] == order["coupons"]
    assert counts(store.database, "a") == (1, 0)


async def test_going_back_to_the_shelf_frees_it_and_keeps_it_in_the_bag(
    handset: Handset, store: MerchantServer
) -> None:
    offer(store.database, amount("a", 300, uses_max=1))
    await handset.scan(MILK)
    await handset.scan("C00A")
    await handset.submit()
    basket = await handset.call("POST", f"/api/trips/{handset.trip}/reopen")
    assert (gave(basket), counts(store.database, "a")) == ([("a", 300, "")], (0, 0))
    assert (await handset.submit())["payable"]["amount_minor"] == 990


async def test_what_no_longer_holds_is_left_out_with_the_reason(
    handset: Handset, store: MerchantServer, visitor: Visitor
) -> None:
    offer(store.database, amount("one", 300, uses_max=1), amount("b", 100))
    await handset.scan(MILK)
    await handset.scan("CONE")
    await handset.scan("C00B")
    other = await visitor()
    await other.scan(TEA)
    await other.scan("CONE")
    assert (await other.submit())["payable"]["amount_minor"] == 160
    order = await handset.submit()
    assert gave(order["basket"]) == [("one", 0, "coupon_used_up"), ("b", 100, "")]
    assert order["payable"]["amount_minor"] == 1190
    third = await visitor()
    assert (await third.scan("CONE", status=409))["code"] == "coupon_used_up"


async def test_200_handsets_look_and_exactly_n_get_it(store: MerchantServer, visitor: Visitor) -> None:
    limit, shoppers = 3, 200
    offer(store.database, amount("a", 100, uses_max=limit))
    handsets = await asyncio.gather(*(visitor() for _ in range(shoppers)))
    await asyncio.gather(*(one.scan(MILK) for one in handsets))
    seen = await asyncio.gather(*(one.scan("C00A") for one in handsets))
    assert all(gave(answer["basket"]) == [("a", 100, "")] for answer in seen)
    assert counts(store.database, "a") == (0, 0)
    orders = await asyncio.gather(*(one.submit() for one in handsets))
    assert sum(len(order["coupons"]) for order in orders) == limit
    assert counts(store.database, "a") == (limit, 0)
    reasons = [gave(order["basket"])[0][2] for order in orders if not order["coupons"]]
    assert reasons == ["coupon_used_up"] * (shoppers - limit)


async def test_a_members_limit_holds_over_all_visits(store: MerchantServer, visitor: Visitor) -> None:
    offer(store.database, amount("a", 100, uses_max_per_member=1))
    first = await visitor(member=MEMBER)
    await first.scan(MILK)
    note = (await first.scan("C00A"))["coupon"]["note"]
    assert note == {"zh": "每位会员限用 1 次", "en": "For each member once, over all visits."}
    await first.submit()
    second = await visitor(member=MEMBER)
    assert (await second.scan("C00A", status=409))["code"] == "coupon_member_used_up"
    other = await visitor(member="4539578763621486")
    await other.scan(MILK)
    await other.scan("C00A")
    assert (await other.submit())["payable"]["amount_minor"] == 1190


async def test_without_a_members_card_the_limit_is_for_the_visit(store: MerchantServer, visitor: Visitor) -> None:
    offer(store.database, amount("a", 100, uses_max_per_member=1, serials=("FIRST", "SECOND")))
    for _ in range(2):
        handset = await visitor()
        await handset.scan(MILK)
        answer = await handset.scan("FIRST" if _ else "SECOND")
        assert answer["coupon"]["note"] == {
            "zh": "没有出示会员卡，每次购物限用 1 次",
            "en": "Without a member's card: once in one visit.",
        }
        assert (await handset.submit())["payable"]["amount_minor"] == 1190


async def test_two_papers_of_one_coupon_within_a_limit_of_one(handset: Handset, store: MerchantServer) -> None:
    offer(store.database, amount("a", 100, uses_max_per_member=1, serials=("FIRST", "SECOND")))
    await handset.scan(MILK)
    await handset.scan("FIRST")
    await handset.scan("SECOND")
    order = await handset.submit()
    assert gave(order["basket"]) == [("a", 100, ""), ("a", 0, "coupon_visit_used_up")]


async def test_all_cards_of_one_member_are_the_same_member(store: MerchantServer, visitor: Visitor) -> None:
    staff_cards = [("2990001234567", "m-1"), ("2990001234574", "m-1"), ("2990001234581", "m-2")]
    for code, member in staff_cards:
        await issue(store, code, member)
    names = [await store.members.name(code) for code, _ in staff_cards]
    assert names[0] == names[1] != names[2]
    assert await store.members.name("2990009999999") is None
    assert all(name and code_hash(code) != name for name, (code, _) in zip(names, staff_cards, strict=True))
    await visitor(member="2990001234567")


async def issue(store: MerchantServer, code: str, member: str) -> None:
    wanted = NewCard([code], "member", Money(0, "CNY"), member)
    await store.database.unit(lambda tx: issue_card(tx, wanted, uuid.uuid4().hex, "test"))
