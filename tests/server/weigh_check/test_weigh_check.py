"""The store's weigh check: it tells a lane what goods should weigh, names what may be wrong, and learns."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.server.weigh_check.conftest import expected
from tests.support.lanes import Buy, LaneClient, StaffClient
from tests.support.stores import APPLES_512_G, BEER, CHEESE, MILK, TEA, reopen

from unqueue.server.app import MerchantServer
from unqueue.server.catalogue.importing import import_products
from unqueue.server.exits.weights import Brought
from unqueue.server.exits.weights import Weighing as LaneWeighing
from unqueue.server.weigh_check.learning import Learning, goods_of, measured
from unqueue.weighing import priors
from unqueue.weighing.counting import CountModel

pytestmark = pytest.mark.anyio


async def test_a_lane_hears_between_which_weights_an_order_passes(lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK, TEA)
    claimed = await lane.claim(order_number=paid.order["number"])
    told = await expected(lane)
    assert told["expected_g"] == 1060 + 528
    assert told["low_g"] < 1588 - 10 < 1588 + 10 < told["high_g"] < 1588 + 100
    assert 6 < told["sigma_g"] < 15
    assert (await lane.call("GET", f"/api/exits/{claimed['id']}"))["expected"] == told
    left = await lane.weigh(claimed["id"], measured_g=1590, low_g=told["low_g"], high_g=told["high_g"])
    assert (left["status"], left["weighing"]["high_g"]) == ("accepted", told["high_g"])
    assert (await lane.release(claimed["id"]))["expected"] is None


async def test_a_label_says_what_weighed_goods_weigh(lane: LaneClient, buy: Buy) -> None:
    paid = await buy(APPLES_512_G)
    await lane.claim(order_number=paid.order["number"])
    told = await expected(lane)
    assert (told["expected_g"], told["sigma_g"] < 6) == (517, True)  # with 5 g of bag


async def checked(lane: LaneClient, exit_id: str, measured_g: int) -> list[dict[str, Any]]:
    """What the server suspects of goods that do not fit."""
    told = await lane.weigh(exit_id, fits=False, measured_g=measured_g)
    return [one for one in told["weighing"]["suspects"] if one.get("probability")]


@pytest.mark.parametrize(
    ("over_g", "cause"),
    [
        (210, ("missed", "cheese")),
        (-528, ("extra", "tea")),
        (1060, ("more", "milk")),
        (1240 - 528, ("swapped", "tea")),  # wine, with the code of the tea
    ],
)
async def test_what_may_be_wrong_is_named_with_its_probability(
    lane: LaneClient, buy: Buy, attendant: StaffClient, over_g: int, cause: tuple[str, str]
) -> None:
    paid = await buy(MILK, TEA)
    claimed = await lane.claim(order_number=paid.order["number"])
    await expected(lane)
    found = await checked(lane, claimed["id"], 1588 + over_g)
    assert cause in {(one["kind"], one["product_id"]) for one in found}
    assert (found[0]["kind"], found[0]["product_id"]) == cause  # one milk more is one thing, missed or miscounted
    assert found[0]["probability"] > 0.5
    assert ("missed", "milk") not in {(one["kind"], one["product_id"]) for one in found}
    assert sum(one["probability"] for one in found) <= 1.01
    [call] = await attendant.open_calls()
    assert call["evidence"]["suspects"][: len(found)] == found
    assert call["evidence"]["sigma_g"] == 6.7


async def test_what_was_taken_off_the_list_is_likelier(lane: LaneClient, buy: Buy) -> None:
    """Tea and beer weigh nearly the same: what the visit itself says decides."""
    probabilities = {}
    for taken_off in (TEA, BEER):
        paid = await buy(MILK, taken_off, remove=2)
        claimed = await lane.claim(order_number=paid.order["number"])
        await expected(lane)
        found = await checked(lane, claimed["id"], 1060 + 534)
        probabilities[taken_off] = {one["product_id"]: one["probability"] for one in found}
        await lane.abandon(claimed["id"])
    assert probabilities[TEA]["tea"] > probabilities[BEER]["tea"]
    assert probabilities[BEER]["beer"] > probabilities[TEA]["beer"]


async def test_what_is_too_heavy_for_the_scale_stays_said_as_the_lane_said_it(
    store: MerchantServer, lane: LaneClient, buy: Buy, attendant: StaffClient
) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(order_number=paid.order["number"])
    await expected(lane)
    said = [{"kind": "unknown", "zh": "超过秤的最大称量", "en": "More than the scale can weigh"}]
    told = await lane.weigh(claimed["id"], fits=False, measured_g=0, overweight=True, suspects=said)
    assert told["weighing"]["suspects"] == said
    assert told["weighing"]["overweight"]
    [call] = await attendant.open_calls()
    await attendant.answer(call["id"], "let_go")
    await lane.release(claimed["id"])
    await lane.left(claimed["id"])
    await sell(lane, buy, [210])
    assert (await learned(store, 1)).orders == 1  # no weight, nothing to learn


async def test_the_same_weighing_again_is_the_same(lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(order_number=paid.order["number"])
    await expected(lane)
    body = {"id": "5f0c0a44-8a8e-4d4e-9c58-0c3a4f6f7f01", "measured_g": 1588}
    first = await lane.weigh(claimed["id"], fits=False, **body)
    assert await lane.weigh(claimed["id"], fits=False, **body) == first
    await lane.weigh(claimed["id"], fits=False, status=409, **body | {"measured_g": 1589})


async def sell(lane: LaneClient, buy: Buy, weights_g: list[int]) -> None:
    """So many single packs of cheese leave."""
    for weight_g in weights_g:
        paid = await buy(CHEESE)
        claimed = await lane.claim(order_number=paid.order["number"])
        await lane.weigh(claimed["id"], measured_g=weight_g)
        await lane.release(claimed["id"])
        await lane.left(claimed["id"])


async def learned(store: MerchantServer, orders: int) -> Learning:
    for _ in range(1_000):
        learning = store.weigh_check.learning
        if learning is not None and learning.orders >= orders:
            return learning
        await asyncio.sleep(0.01)
    raise AssertionError(f"{orders} orders left, and the weigh check did not learn from them")


async def test_it_learns_from_orders_that_left_and_goes_on_after_a_restart(
    store: MerchantServer, lane: LaneClient, buy: Buy
) -> None:
    """The catalogue says 210 g; the packs weigh 214."""
    weights = np.random.default_rng(1).normal(214, 1.5, 110).round().astype(int).tolist()
    await sell(lane, buy, weights)
    learning = await learned(store, 110)
    paid = await buy(CHEESE)
    await lane.claim(order_number=paid.order["number"])
    told = await expected(lane)
    assert 213 <= told["expected_g"] <= 215
    assert learning.orders == 110
    await store.weigh_check.stop()
    async with reopen(store) as (_, other):
        again = await learned(other, 110)
        assert again.orders == 110  # none is counted twice
        assert again.examiner.parameters.unit_variance == pytest.approx(learning.examiner.parameters.unit_variance)


async def test_what_a_lane_s_belt_counts_sharpens_the_test(
    store: MerchantServer, lane: LaneClient, buy: Buy, attendant: StaffClient
) -> None:
    paid = await buy(MILK, TEA)
    await lane.claim(order_number=paid.order["number"])
    assert (await expected(lane))["by_count"] == [], "nobody knows yet what a count is worth here"
    learning = store.weigh_check.learning
    assert learning is not None
    learning.examiner = msgspec.structs.replace(learning.examiner, counts={lane.lane: CountModel(0.01, 0.005, 0.01)})
    another = await buy(MILK, TEA)
    (claimed,) = await lane.exits()
    await lane.weigh(claimed["id"], fits=False, counted=1)
    assert (await attendant.open_calls())[0]["evidence"]["counted"] is None, "it would only mislead"
    await lane.abandon(claimed["id"])
    claimed = await lane.claim(order_number=another.order["number"])
    told = await expected(lane)
    by_count = {one["more"]: (one["low_g"], one["high_g"]) for one in told["by_count"]}
    wide, right, one_more = ((high - low) for low, high in ((told["low_g"], told["high_g"]), by_count[0], by_count[1]))
    assert one_more < wide < right
    await lane.weigh(claimed["id"], counted=-1, status=400)
    checked = await lane.weigh(claimed["id"], fits=False, measured_g=1588 + 210, counted=3)
    assert checked["weighing"]["counted"] == 3
    assert checked["weighing"]["suspects"][0]["kind"] == "missed"
    (call,) = await attendant.open_calls()
    assert call["evidence"]["counted"] == 3


async def test_what_is_counted_of_orders_that_left_is_learned_by_lane(
    store: MerchantServer, lane: LaneClient, buy: Buy, tmp_path: Path
) -> None:
    learning = Learning(store.database, tmp_path / "counts", false_alarm=0.01)
    for counted in (2, None, 1):
        paid = await buy(MILK, TEA)
        claimed = await lane.claim(order_number=paid.order["number"])
        told = {} if counted is None else {"counted": counted}
        await lane.weigh(claimed["id"], measured_g=1590, expected_g=1588, **told)
        await lane.release(claimed["id"])
        await lane.left(claimed["id"])
    await asyncio.to_thread(learning.catch_up)
    await asyncio.to_thread(learning.save)
    kept = Learning(store.database, tmp_path / "counts", false_alarm=0.01)
    for one in (learning, kept):
        assert {name: tally.counts for name, tally in one.tallies.items()} == {lane.lane: {2: {2: 1.0, 1: 1.0}}}


async def test_what_can_t_be_read_is_set_aside(store: MerchantServer, tmp_path: Path) -> None:
    directory = tmp_path / "learned"
    directory.mkdir()
    (directory / "learned.npz").write_bytes(b"no arrays")
    learning = Learning(store.database, directory, false_alarm=0.01)
    assert learning.orders == 0
    assert (directory / "learned.unusable").read_bytes() == b"no arrays"


async def test_a_product_that_is_new_is_known_once_it_was_sold(
    store: MerchantServer, lane: LaneClient, buy: Buy, tmp_path: Path
) -> None:
    await learned(store, 0)
    file = tmp_path / "new.csv"
    file.write_text(
        "gtin,product_id,name_en,unit_price,sold_by,net_weight_g,packaging\n"
        "5449000000996,cola,Cola,3.00,piece,330,rigid\n"
    )
    import_products(store.database, file, currency="CNY", actor="test")
    store.catalogue._checked_at = float("-inf")
    paid = await buy("5449000000996")
    claimed = await lane.claim(order_number=paid.order["number"])
    assert claimed["expected"] is None  # the lane's own rule decides
    await lane.weigh(claimed["id"], measured_g=355)
    await lane.release(claimed["id"])
    await lane.left(claimed["id"])
    await learned(store, 1)
    paid = await buy("5449000000996")
    assert (await lane.claim(order_number=paid.order["number"]))["expected"] is not None


async def test_first_beliefs_follow_what_the_catalogue_knows(store: MerchantServer) -> None:
    known = {code: (await store.catalogue.find(f"0{code}")) for code in (MILK, TEA)}
    milk = known[MILK]
    assert milk is not None
    given = priors.prior_of([goods_of(milk)])
    assert (given.mean_g[0], given.spread_g[0], given.unit_sd_g[0]) == (1060, 3, 6)
    guessed = msgspec.structs.replace(milk, weight_source="guessed", weight_g_sd=530.0, net_weight_g=None)
    assert priors.prior_of([goods_of(guessed)]).spread_g[0] == 530
    derived = priors.prior_of([goods_of(msgspec.structs.replace(milk, weight_source="derived"))])
    assert 20 < derived.spread_g[0] < 100


async def test_bags_that_were_declared_are_expected(lane: LaneClient, buy: Buy) -> None:
    told = {}
    for bags in (0, 2):
        paid = await buy(MILK, TEA)
        await paid.handset.call("PUT", f"/api/orders/{paid.order['id']}/bags", {"count": bags})
        claimed = await lane.claim(order_number=paid.order["number"])
        told[bags] = await expected(lane)
        await lane.abandon(claimed["id"])
    assert told[2]["expected_g"] - told[0]["expected_g"] == 2 * priors.BAG_G
    assert told[2]["sigma_g"] > 40 > told[0]["sigma_g"]
    assert told[2]["high_g"] - told[0]["high_g"] > 2 * priors.BAG_G


async def test_a_container_that_is_known_is_expected_as_sharply_as_goods(
    store: MerchantServer, lane: LaneClient, buy: Buy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.bags, "_containers", ("cheese",))
    told = {}
    for containers in ({}, {"cheese": 1}):
        paid = await buy(MILK, TEA)
        said = {"count": 0, "containers": containers}
        await paid.handset.call("PUT", f"/api/orders/{paid.order['id']}/bags", said)
        claimed = await lane.claim(order_number=paid.order["number"])
        told[len(containers)] = await expected(lane)
        await lane.abandon(claimed["id"])
    assert told[1]["expected_g"] - told[0]["expected_g"] == 210
    assert told[1]["sigma_g"] < 20


async def test_what_was_weighed_in_parts(lane: LaneClient, buy: Buy, attendant: StaffClient) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(order_number=paid.order["number"])
    await lane.weigh(claimed["id"], fits=False, measured_g=1588, parts=0, status=400)
    await lane.weigh(claimed["id"], fits=False, measured_g=1588, parts=3)
    (call,) = await attendant.open_calls()
    assert call["evidence"]["parts"] == 3
    told = measured(LaneWeighing("id", 3000, 1, 3000, 5.0, 20, "pass", parts=3), Brought(1))
    assert (told.measured_g, told.parts, told.bags) == (3000, 3, 1)
