"""A member's card that is scanned while shopping: from there on the visit is the member's."""

import uuid
from datetime import timedelta

import pytest
from tests.server.coupons.baskets import amount, offer
from tests.support.stores import MILK, Handset, reopen

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock, micros
from unqueue.kernel.money import Money
from unqueue.server.app import MerchantServer
from unqueue.server.catalogue.gtin import check_digit
from unqueue.server.members import SCANNED_MAX
from unqueue.server.promotions.rules import MemberPrice, Target
from unqueue.server.promotions.service import import_rules
from unqueue.server.stored_value.service import NewCard
from unqueue.server.stored_value.service import issue as issue_card

pytestmark = pytest.mark.anyio
CARD = "M-0001-7777"


async def give_card(
    store: MerchantServer, code: str = CARD, kind: str = "member", expires_us: int | None = None
) -> None:
    wanted = NewCard([code], kind, Money(0, "CNY"), "m-1" if kind == "member" else None, expires_us)
    await store.database.unit(lambda tx: issue_card(tx, wanted, uuid.uuid4().hex, "test"))


@pytest.fixture(autouse=True)
async def member_prices(store: MerchantServer) -> None:
    on = Target(gtins=(f"0{MILK}",))
    rule = MemberPrice(id="milk-members", zh="会员价", en="Members", currency="CNY", on=on, price_minor=1000)
    import_rules(store.database, [rule], actor="test")
    await store.promotions.reload()


async def test_a_scanned_card_brings_members_prices_and_coupons(handset: Handset, store: MerchantServer) -> None:
    await give_card(store)
    offer(store.database, amount("regular", 100, members_only=True))
    await handset.scan(MILK)
    basket = (await handset.scan("CREGULAR"))["basket"]
    assert (basket["member"], basket["total"]["amount_minor"], basket["payable"]["amount_minor"]) == (False, 1290, 1290)
    answer = await handset.scan(CARD)
    basket = answer["basket"]
    assert (answer["line"], answer["coupon"], basket["member"]) == (None, None, True)
    assert (basket["total"]["amount_minor"], basket["payable"]["amount_minor"]) == (1000, 900)
    order = await handset.submit()
    assert order["due"]["amount_minor"] == 900


async def test_the_card_holds_after_a_restart_and_its_number_is_nowhere(
    handset: Handset, store: MerchantServer
) -> None:
    await give_card(store)
    await handset.scan(MILK)
    scan_id = str(uuid.uuid4())
    body = {"id": scan_id, "code": CARD}
    first = await handset.call("POST", f"/api/trips/{handset.trip}/scans", body)
    async with reopen(store) as (http, other):
        http.headers["Authorization"] = handset.http.headers["Authorization"]
        again = Handset(http)
        again.trip = handset.trip
        assert (await again.basket())["total"]["amount_minor"] == 1000
        assert await again.call("POST", f"/api/trips/{handset.trip}/scans", body) == first
        live = await other.trips.live(handset.trip)
        assert live.trip.member == await store.members.name(CARD)
    told = store.database.read_now(lambda connection: journal.read(connection, 0, 1000))
    assert [event.kind for event in told if event.stream == f"trip:{handset.trip}"].count("trip.member_shown") == 1
    assert not any(CARD in str(event.payload()) for event in told)


async def test_what_is_no_members_card_stays_an_unknown_code(
    handset: Handset, store: MerchantServer, clock: ManualClock
) -> None:
    await give_card(store, "G-0001-7777", kind="gift")
    for code in ("G-0001-7777", "X-1"):
        assert (await handset.scan(code, status=422))["code"] == "code_malformed"
    await give_card(store, CARD, expires_us=micros(clock.now() + timedelta(minutes=1)))
    clock.advance(120)
    assert (await handset.scan(CARD, status=409))["code"] == "card_expired"
    assert not (await handset.basket())["member"]


async def test_cards_that_look_like_barcodes_cannot_be_found_by_trying(handset: Handset, store: MerchantServer) -> None:
    numbers = [f"2990001{number:06}" for number in range(20 * SCANNED_MAX)]
    *tried, card = [number for number in numbers if check_digit(number[:-1]) == number[-1]][: SCANNED_MAX + 1]
    await give_card(store, card)
    for number in tried:
        await handset.scan(number, status=404)
    assert (await handset.scan(card, status=404))["code"] == "product_unknown"
    assert not (await handset.basket())["member"]
