"""Trolleys that are weighed with their goods: what each weighs is learned from the orders that pass."""

import random

import pytest
from tests.support.lanes import Buy, LaneClient, clients
from tests.support.stores import MILK

from unqueue.server.app import MerchantServer
from unqueue.server.exits import trolleys
from unqueue.server.exits.trolleys import Trolley

__all__ = ["clients"]
pytestmark = pytest.mark.anyio

CODE = "9521141123454A17"
EXPECTED_G, USUAL_G = 1060, 21_500


async def leave(lane: LaneClient, buy: Buy, **weighed: object) -> None:
    """An order goes out in a trolley, by its weight or because a person says so."""
    paid = await buy(MILK)
    one = await lane.claim(**{"pass": await paid.show_pass()})
    usual = {"tare_g": USUAL_G, "tare_g_sd": 150.0, "sigma_g": 150.2, "tolerance_g": 495, "trolley": CODE}
    await lane.weigh(one["id"], **{**usual, **weighed})
    await lane.release(one["id"])
    await lane.left(one["id"])


async def test_one_that_nobody_knows(lane: LaneClient) -> None:
    assert (await lane.call("GET", f"/api/lanes/{lane.lane}/trolleys/{CODE}", status=404))["code"] == "not_found"


async def test_an_order_that_passes_tells_of_its_trolley(lane: LaneClient, buy: Buy) -> None:
    await leave(lane, buy, measured_g=EXPECTED_G + 270)
    known = await lane.call("GET", f"/api/lanes/{lane.lane}/trolleys/{CODE}")
    assert abs(known["tare_g"] - USUAL_G - 270) < 2
    assert known["tare_g_sd"] < 10
    assert known["orders"] == 1


@pytest.mark.parametrize("weighed", [{"trolley": None}, {"verdict": "pass", "overweight": True}])
async def test_others_tell_nothing(
    store: MerchantServer, lane: LaneClient, buy: Buy, weighed: dict[str, object]
) -> None:
    await leave(lane, buy, measured_g=EXPECTED_G, **weighed)
    assert await store.database.read(trolleys.read_all) == []


async def test_what_a_person_typed_in_is_known(store: MerchantServer, lane: LaneClient) -> None:
    await store.database.unit(lambda tx: trolleys.save(tx, Trolley(CODE, 21_480, 10)))
    await store.database.unit(lambda tx: trolleys.save(tx, Trolley(CODE, 21_460, 10)))
    known = await lane.call("GET", f"/api/lanes/{lane.lane}/trolleys/{CODE}")
    assert (known["tare_g"], known["orders"]) == (21_460, 0)


def test_many_orders_tell_it_well_and_a_changed_wheel_is_followed() -> None:
    chance, trolley = random.Random(3), Trolley(CODE, USUAL_G, 150)
    true_g = 21_730.0
    for number in range(300):
        if number == 150:
            true_g += 60
        sd_g = chance.uniform(8, 40)
        trolley = trolley.after(true_g + chance.gauss(0, sd_g), sd_g)
        if number in {30, 149, 299}:
            assert abs(trolley.tare_g - true_g) < 4 * trolley.tare_g_sd
            assert trolley.tare_g_sd < 12
