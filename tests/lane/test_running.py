"""The lane at work: server, lane, scale, scanner and I/O module as processes, over HTTP, serial bytes and Modbus."""

import asyncio
import base64
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from tests.support.running_lane import LaneVisit, running_lane
from tests.support.running_store import Processes
from tests.support.stores import BEER, MILK, TEA, WINE

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MILK_G, TEA_G, BEER_G, WINE_G = 1060, 528, 540, 1240


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    directory = tmp_path_factory.mktemp("lane")
    with running_lane(directory, f"sqlite:///{directory}/store.db") as running:
        yield running


@pytest.fixture
async def at_lane(processes: Processes) -> AsyncIterator[LaneVisit]:
    """Someone in front of an idle lane; afterwards it must be idle again by itself."""
    async with LaneVisit(processes) as visit:
        await visit.until("idle")
        yield visit
        await visit.until("idle")
        assert "Traceback" not in processes.log("lane")


async def show(visit: LaneVisit, code: str) -> None:
    """Hold a code to the scanner."""
    await visit.scanner.ask(scan=code)


async def test_an_honest_shopper(at_lane: LaneVisit) -> None:
    order = await at_lane.buy(MILK, TEA)
    mark = await at_lane.gate_mark()
    await show(at_lane, order["pass"])
    shown = await at_lane.until("loading")
    assert shown["order"] == {"number": order["number"], "item_count": 2}
    assert (shown["prompt"]["zh"], shown["voice"]) == ("请把商品放到传送带上", "lay_goods")
    await at_lane.lay(MILK_G)
    await at_lane.until("weighing")
    await at_lane.lay(MILK_G, TEA_G)
    await at_lane.until("open", prompt="thanks")
    await at_lane.walk()
    await at_lane.until("idle")
    assert await at_lane.status_of(order) == "left"
    assert await at_lane.lettings_out(mark) == 1


async def test_more_goods_than_have_room_are_weighed_in_parts(at_lane: LaneVisit) -> None:
    order = await at_lane.buy(MILK, TEA)
    await show(at_lane, order["pass"])
    await at_lane.lay(MILK_G)
    async with asyncio.timeout(10):
        while not (await at_lane.state())["more"]:
            await asyncio.sleep(0.05)
    assert (await at_lane.screen.post("/more")).json()["prompt"]["id"] == "part_off"
    await at_lane.lay()
    await at_lane.until("loading", prompt="lay_rest")
    await at_lane.lay(TEA_G)
    await at_lane.until("open")
    await at_lane.walk()
    await at_lane.until("idle")
    assert await at_lane.status_of(order) == "left"


async def until_learned(visit: LaneVisit) -> None:
    """The server's weigh check opens a moment after the store, with the first order that comes to a lane."""
    who = {"Authorization": f"Bearer {visit.processes.token}"}
    async with asyncio.timeout(30):
        while True:
            exits = (await visit.server.get("/api/lanes/lane-1/exits", headers=who)).json()
            if exits and exits[0]["expected"] is not None:
                return
            await asyncio.sleep(0.1)


async def test_an_item_that_was_not_scanned(at_lane: LaneVisit) -> None:
    order = await at_lane.buy(MILK)
    mark = await at_lane.gate_mark()
    await show(at_lane, order["pass"])
    await until_learned(at_lane)
    await at_lane.lay(MILK_G, TEA_G)
    shown = await at_lane.until("check")
    assert (shown["prompt"]["id"], shown["voice"]) == ("not_scanned", "not_scanned")
    likeliest = shown["suspects"][0]
    assert (likeliest["kind"], likeliest["product_id"], likeliest["probability"] > 0.5) == ("missed", "tea", True)
    assert shown["named"] == {"zh": "绿茶 500 毫升", "en": "Green tea 500 ml"}
    assert (shown["weight"]["measured_g"], shown["weight"]["expected_g"]) == (1590, MILK_G)
    assert await at_lane.lettings_out(mark) == 0
    await at_lane.lay(MILK_G)
    await at_lane.until("open")
    await at_lane.walk()


async def test_staff_let_a_shopper_go_and_the_tag_dies_only_then(at_lane: LaneVisit) -> None:
    order = await at_lane.buy(WINE, BEER)
    await show(at_lane, order["pass"])
    await at_lane.lay(WINE_G, BEER_G, 300)
    await at_lane.until("check")
    assert (await at_lane.io.ask(pulse="tags_deactivated"))["done"] == 0  # the field is off
    call = await at_lane.answer("weight", "let_go", "his own bag")
    assert (call["order"]["number"], call["evidence"]["measured_g"]) == (order["number"], 2080)
    await at_lane.answer("min_age", "let_go", "")
    await at_lane.until("weighing", prompt="weighing")
    while (await at_lane.io.ask(pulse="tags_deactivated"))["done"] == 0:
        await asyncio.sleep(0.05)
    await at_lane.until("open")
    state = await at_lane.io.ask(get=True)
    assert (state["coils"]["deactivator_on"], state["coils"]["belt_run"], state["coils"]["lamp_green"]) == (
        False,
        False,
        True,
    )
    await at_lane.walk()


async def test_a_live_tag_at_the_gate(at_lane: LaneVisit) -> None:
    order = await at_lane.buy(TEA)
    await show(at_lane, order["pass"])
    await at_lane.lay(TEA_G)
    await at_lane.until("open")
    await at_lane.walk(live_tags=1)  # 5 ms: far shorter than the lane's looks at the module
    shown = await at_lane.until("alarm")
    assert shown["prompt"]["id"] == "bell_call"
    for _ in range(100):
        if (await at_lane.io.ask(get=True))["coils"]["lamp_red"]:
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("no red lamp")
    call = await at_lane.answer("live_tag", "done", "took the tag off")
    assert call["order"]["number"] == order["number"]
    await at_lane.until("idle")
    assert await at_lane.status_of(order) == "left"


async def test_codes_that_lead_nowhere(at_lane: LaneVisit) -> None:
    order = await at_lane.buy(TEA)
    typed = order["number"][:4] + " " + order["number"][4:]
    answer = await at_lane.screen.post("/code", json={"code": typed[:-1] + str((int(typed[-1]) + 1) % 10)})
    assert (answer.status_code, answer.json()["zh"]) == (409, "没有这个订单号，请再看一下")
    answer = await at_lane.screen.post("/code", json={"code": "UQ2.x.y"})
    assert answer.json()["prompt"] == "pass_invalid"
    answer = await at_lane.screen.post("/code", json={"code": typed})
    assert (answer.status_code, answer.json()["state"]) == (200, "loading")
    answer = await at_lane.screen.post("/code", json={"code": "104729389"})
    assert (answer.status_code, answer.json()["prompt"]) == (409, "wait_turn")
    await at_lane.lay(TEA_G)
    await at_lane.until("open")
    await at_lane.walk()
    await at_lane.until("idle")
    await show(at_lane, order["pass"])
    await at_lane.until("idle", prompt="pass_used")


async def test_help(at_lane: LaneVisit) -> None:
    assert (await at_lane.screen.post("/help")).json()["prompt"]["id"] == "staff_coming"
    call = await at_lane.answer("help", "done")
    assert (call["lane"], call["order"]) == ("lane-1", None)


async def test_the_receipt_is_printed_for_the_order_at_the_lane_and_no_other(at_lane: LaneVisit) -> None:
    order = await at_lane.buy(TEA)
    await show(at_lane, order["pass"])
    await at_lane.lay(TEA_G)
    await at_lane.until("open")
    assert (await at_lane.screen.post("/receipt")).status_code == 204
    for _ in range(100):
        printed = base64.b64decode((await at_lane.printer.ask(get=True))["last_job"])
        if printed:
            break
        await asyncio.sleep(0.02)
    assert "绿茶".encode("gb18030") in printed
    await at_lane.printer.ask(fault="paper_out")
    answer = await at_lane.screen.post("/receipt")
    assert (answer.status_code, answer.json()["code"]) == (503, "device_failed")
    await at_lane.printer.ask(fault=None)
    await at_lane.walk()
    await at_lane.until("idle")
    answer = await at_lane.screen.post("/receipt")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_receipt")


async def test_the_voice_and_the_screens_events(at_lane: LaneVisit) -> None:
    recording = await at_lane.screen.get("/voice/zh/welcome.wav")
    assert (recording.status_code, recording.headers["content-type"], recording.content[:4]) == (
        200,
        "audio/wav",
        b"RIFF",
    )
    for path in ("/voice/zh/weighing.wav", "/voice/fr/welcome.wav", "/voice/zh/..%2Fapp.py", "/voice/zh/none.wav"):
        assert (await at_lane.screen.get(path)).status_code == 404
    seen: list[dict[str, Any]] = []
    async with at_lane.screen.stream("GET", "/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        await at_lane.screen.post("/help")
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line[6:]))
                if seen[-1]["prompt"]["id"] == "staff_coming":
                    break
    assert [state["seq"] for state in seen] == sorted({state["seq"] for state in seen})
    await at_lane.answer("help", "done")


async def test_a_scale_that_is_unplugged_under_goods(at_lane: LaneVisit) -> None:
    order = await at_lane.buy(MILK)
    await show(at_lane, order["pass"])
    await at_lane.until("loading")
    await at_lane.scale.ask(fault="unplugged")
    shown = await at_lane.until("staff", prompt="device_wait")
    assert shown["devices"]["scale"] == "failed"
    await at_lane.scale.ask(fault=None)
    await at_lane.lay(MILK_G)
    await at_lane.until("open")
    await at_lane.walk()


async def test_staff_send_a_shopper_on_whose_lane_broke(at_lane: LaneVisit) -> None:
    """The lane hears of the answer while it waits for goods, and the order is free."""
    order = await at_lane.buy(MILK)
    await show(at_lane, order["pass"])
    await at_lane.until("loading")
    await at_lane.scale.ask(fault="unplugged")
    await at_lane.until("staff", prompt="device_wait")
    call = await at_lane.answer("device", "refuse", "to the next lane")
    assert call["order"]["number"] == order["number"]
    await at_lane.until("out_of_service", prompt="out_of_service")
    await at_lane.answer("device", "done")  # called again: it is still broken
    await at_lane.scale.ask(fault=None)
    await at_lane.until("idle", prompt="welcome")
    await show(at_lane, order["pass"])
    await at_lane.lay(MILK_G)
    await at_lane.until("open")
    await at_lane.walk()


async def test_staff_open_the_gate_again_and_a_newer_pass_does_too(at_lane: LaneVisit, processes: Processes) -> None:
    order = await at_lane.buy(MILK)
    await show(at_lane, order["pass"])
    await at_lane.lay(MILK_G)
    await at_lane.until("open")
    await kill(processes, "lane")
    processes.start("lane")
    await at_lane.until("open")
    fresh = (await at_lane.server.get(f"/api/orders/{order['id']}/pass", headers=order["who"])).json()["pass"]
    assert fresh != order["pass"]
    answer = await at_lane.screen.post("/code", json={"code": fresh})
    assert answer.status_code == 200, answer.text
    await at_lane.screen.post("/help")
    openings = await at_lane.gate_openings()
    await at_lane.answer("help", "open_again", "")
    while await at_lane.gate_openings() == openings:
        await asyncio.sleep(0.05)
    await at_lane.until("open")
    await at_lane.walk()
    await at_lane.until("idle")
    assert await at_lane.status_of(order) == "left"


async def test_an_io_module_that_was_away_loses_no_passage(at_lane: LaneVisit) -> None:
    """The network to the module breaks while somebody walks through: its counter tells afterwards."""
    order = await at_lane.buy(MILK)
    mark = await at_lane.gate_mark()
    await show(at_lane, order["pass"])
    await at_lane.lay(MILK_G)
    await at_lane.until("open")
    await at_lane.io.ask(fault="unplugged")
    await at_lane.walk()
    await asyncio.sleep(0.3)
    await at_lane.io.ask(fault=None)
    await at_lane.until("idle")
    assert await at_lane.status_of(order) == "left"
    assert await at_lane.lettings_out(mark) == 1


async def test_a_fire_opens_the_gate(at_lane: LaneVisit) -> None:
    openings = await at_lane.gate_openings()
    await at_lane.io.ask(set={"fire_alarm": True})
    await at_lane.until("alarm", prompt="fire")
    await asyncio.sleep(2.5)
    assert (await at_lane.io.ask(get=True))["gate"] == "open"
    assert await at_lane.gate_openings() > openings
    await at_lane.io.ask(set={"fire_alarm": False})
    await at_lane.answer("device", "done")


async def kill(processes: Processes, name: str) -> None:
    await asyncio.to_thread(processes.kill, name)


@pytest.mark.parametrize("moment", ["loading", "check", "open", "passed"])
async def test_a_lane_that_is_killed_goes_on_where_it_was(
    at_lane: LaneVisit, processes: Processes, moment: str
) -> None:
    order = await at_lane.buy(MILK)
    mark = await at_lane.gate_mark()
    await show(at_lane, order["pass"])
    await at_lane.until("loading")
    if moment == "check":
        await at_lane.lay(MILK_G, TEA_G)
        await at_lane.until("check")
    elif moment != "loading":
        await at_lane.lay(MILK_G)
        await at_lane.until("open")
    await kill(processes, "lane")
    if moment == "passed":
        await at_lane.walk()
    processes.start("lane")
    if moment == "check":
        await at_lane.until("check", "staff")
        await at_lane.answer("weight", "let_go", "looked through it")
    elif moment == "loading":
        await at_lane.until("loading")
        await at_lane.lay(MILK_G)
    if moment != "passed":
        await at_lane.until("open")
        await at_lane.walk()
    await at_lane.until("idle")
    assert await at_lane.status_of(order) == "left"
    assert await at_lane.lettings_out(mark) == 1


async def test_a_server_that_is_killed_under_goods(at_lane: LaneVisit, processes: Processes) -> None:
    order = await at_lane.buy(MILK)
    await show(at_lane, order["pass"])
    await at_lane.until("loading")
    await kill(processes, "server")
    await at_lane.lay(MILK_G)
    shown = await at_lane.until("weighing", prompt="server_away")
    assert shown["devices"]["server"] == "failed"
    processes.start("server")
    await at_lane.until("open")
    await at_lane.walk()
    await at_lane.until("idle")
    with contextlib.suppress(httpx.TransportError):
        assert await at_lane.status_of(order) == "left"


async def test_without_the_server_an_idle_lane_says_so(at_lane: LaneVisit, processes: Processes) -> None:
    order = await at_lane.buy(TEA)
    await kill(processes, "server")
    await at_lane.until("out_of_service", prompt="server_away")
    await show(at_lane, order["pass"])
    processes.start("server")
    await at_lane.until("idle", prompt="welcome")
    heartbeat = {"state": "idle", "devices": {}}
    who = {"Authorization": f"Bearer d_{uuid.uuid4().hex}"}
    answer = await at_lane.server.post("/api/lanes/lane-1/heartbeat", json=heartbeat, headers=who)
    assert answer.status_code == 401
