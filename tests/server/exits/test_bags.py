"""Bags of a shopper's own: said by whom the order belongs to, until a lane weighs; expected on its scale."""

from typing import Any

import pytest
from tests.support.lanes import Buy, LaneClient
from tests.support.stores import MILK, TEA

from unqueue.passes import signed
from unqueue.server.app import MerchantServer
from unqueue.server.exits.bags import Bags
from unqueue.server.exits.weights import BAG_G, BAG_SD_G
from unqueue.weighing import priors

pytestmark = pytest.mark.anyio


async def say(paid: Any, count: int, status: int = 200) -> dict[str, Any]:
    found: dict[str, Any] = await paid.handset.call(
        "PUT", f"/api/orders/{paid.order['id']}/bags", {"count": count}, status=status
    )
    return found


async def test_bags_are_weighed_like_goods(lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    assert await say(paid, 2) == {"count": 2, "count_max": 2, "containers": []}
    claimed = await lane.claim(order_number=paid.order["number"])
    *goods, bags = claimed["lines"]
    assert len(goods) == 1
    assert (bags["quantity"], bags["weight_g_expected"], bags["name_zh"]) == (2, 120, "自带袋子")
    assert bags["weight_g_sd"] == pytest.approx(45 * 2**0.5)
    assert claimed["order"]["item_count"] == 1


@pytest.fixture
def known_box(store: MerchantServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shoppers often bring a box that the catalogue calls cheese; and one that nobody knows is not offered."""
    named = Bags(store.database, bags_max=2, containers=("cheese", "nothing", "cheese"))
    monkeypatch.setattr(store.bags, "_containers", named._containers)  # as settings that name one twice


@pytest.mark.usefixtures("known_box")
async def test_a_container_that_the_store_knows_weighs_what_it_weighs(
    store: MerchantServer, lane: LaneClient, buy: Buy
) -> None:
    paid = await buy(MILK)
    path = f"/api/orders/{paid.order['id']}/bags"
    offered = await paid.handset.call("GET", path)
    assert [(one["product_id"], one["count"]) for one in offered["containers"]] == [("cheese", 0)]
    before = await weight_in_pass(store, paid)
    said = await paid.handset.call("PUT", path, {"count": 1, "containers": {"cheese": 1}})
    assert (said["count"], said["containers"][0]["count"]) == (1, 1)
    assert (await weight_in_pass(store, paid))[0] - before[0] == 60 + 210
    claimed = await lane.claim(order_number=paid.order["number"])
    _, bags, box = claimed["lines"]
    assert (bags["product_id"], box["product_id"], box["quantity"]) == ("bag", "cheese", 1)
    assert (box["weight_g_expected"], len({line["line"] for line in claimed["lines"]})) == (210, 3)
    assert claimed["order"]["item_count"] == 1
    await lane.abandon(claimed["id"])
    assert (await paid.handset.call("PUT", path, {"count": 0}))["containers"][0]["count"] == 0


@pytest.mark.usefixtures("known_box")
@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"count": 1, "containers": {"cheese": 2}}, "too_many_bags"),
        ({"count": 3, "containers": {"cheese": -1}}, "too_many_bags"),
        ({"count": 0, "containers": {"nothing": 1}}, "container_unknown"),
        ({"count": 0, "containers": {"tea": 1}}, "container_unknown"),
    ],
)
async def test_other_containers_are_refused(buy: Buy, said: dict[str, Any], code: str) -> None:
    paid = await buy(MILK)
    told = await paid.handset.call("PUT", f"/api/orders/{paid.order['id']}/bags", said, status=422)
    assert told["code"] == code


async def test_without_bags_nothing_changes(lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    await say(paid, 2)
    await say(paid, 0)
    assert len((await lane.claim(order_number=paid.order["number"]))["lines"]) == 1


async def test_what_was_said_stays_while_a_lane_weighs(lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(order_number=paid.order["number"])
    assert (await say(paid, 1, status=409))["code"] == "bags_at_lane"
    await lane.abandon(claimed["id"])
    assert (await say(paid, 1))["count"] == 1


@pytest.mark.parametrize("count", [-1, 3, 1000])
async def test_a_store_takes_the_word_for_a_few_bags_only(buy: Buy, count: int) -> None:
    paid = await buy(MILK)
    assert (await say(paid, count, status=422))["code"] == "too_many_bags"


async def test_nobody_speaks_for_another_order(buy: Buy) -> None:
    mine, other = await buy(MILK), await buy(TEA)
    await mine.handset.call("PUT", f"/api/orders/{other.order['id']}/bags", {"count": 1}, status=404)
    await mine.handset.call("GET", f"/api/orders/{other.order['id']}/bags", status=404)


async def test_a_lane_that_is_cut_off_reads_it_in_the_pass(store: MerchantServer, buy: Buy) -> None:
    paid = await buy(MILK)
    before = await weight_in_pass(store, paid)
    await say(paid, 1)
    after = await weight_in_pass(store, paid)
    assert (after[0] - before[0], after[1] > before[1]) == (60, True)


async def weight_in_pass(store: MerchantServer, paid: Any) -> tuple[int, float]:
    shown = await paid.handset.call("GET", f"/api/orders/{paid.order['id']}/pass")
    claims = store.exits.passes.authentic(shown["pass"])
    assert isinstance(claims, signed.PassClaims)
    return claims.expected_g, claims.sigma_g


def test_both_floors_believe_the_same_of_a_bag() -> None:
    assert (priors.BAG_G, priors.BAG_SD_G) == (BAG_G, BAG_SD_G)
