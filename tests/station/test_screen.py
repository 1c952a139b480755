"""A station's screen: numbered changes, watchers who are told each, and sleepers who get the newest."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from litestar import Litestar, get
from litestar.testing import TestClient

from unqueue.kernel.errors import NotFound
from unqueue.kiosk.screen import KioskState
from unqueue.lane.screen import LaneState
from unqueue.station import web
from unqueue.station.screen import LiveScreen
from unqueue.station.words import ScreenState

pytestmark = pytest.mark.anyio


class Lamp(ScreenState, frozen=True):
    color: str


class Shop:
    def __init__(self) -> None:
        self.color = "green"
        self.screen: LiveScreen[Lamp] = LiveScreen(lambda seq: Lamp(seq, self.color))

    def turn(self, color: str) -> None:
        self.color = color
        self.screen.redraw()


async def test_only_changes_are_numbered_and_told() -> None:
    shop = Shop()
    watching = shop.screen.watch()
    assert await anext(watching) == Lamp(0, "green")
    shop.turn("green")
    shop.turn("red")
    shop.turn("red")
    shop.turn("green")
    assert [await anext(watching), await anext(watching)] == [Lamp(1, "red"), Lamp(2, "green")]
    assert shop.screen.shown == Lamp(2, "green")
    await watching.aclose()


async def test_a_screen_that_slept_gets_the_newest() -> None:
    shop = Shop()
    watching = shop.screen.watch()
    await anext(watching)
    for number in range(1000):
        shop.turn(str(number))
    seen = []
    while not seen or seen[-1].color != "999":
        seen.append(await anext(watching))
    assert len(seen) <= 102
    await watching.aclose()


async def _frame(stream: AsyncIterator[bytes]) -> bytes:
    async with asyncio.timeout(5):
        return await anext(stream)


async def test_the_stream_tells_each_change_and_keeps_alive() -> None:
    shop = Shop()
    stream = web.event_stream(shop.screen, keep_alive_s=0.05)
    assert await _frame(stream) == b"retry: 1000\n\n"
    assert await _frame(stream) == b'id: 0\nevent: state\ndata: {"seq":0,"color":"green"}\n\n'
    assert await _frame(stream) == b": keep-alive\n\n"
    shop.turn("red")
    frame = await _frame(stream)
    assert frame.startswith(b"id: 1\nevent: state\ndata: ")
    assert json.loads(frame.splitlines()[2].removeprefix(b"data: ")) == {"seq": 1, "color": "red"}
    await stream.aclose()
    shop.turn("green")  # nobody is told any more


class TestPage:
    @pytest.fixture
    def page(self, tmp_path: Path) -> Iterator[TestClient[Litestar]]:
        for folder, name, content in (("pages", "index.html", "<h1>"), ("voice/zh", "welcome.wav", "RIFF")):
            (tmp_path / folder).mkdir(parents=True)
            (tmp_path / folder / name).write_text(content)
        (tmp_path / "voice" / "zh" / "secret.wav").write_text("RIFF")

        @get("/refused", sync_to_thread=False)
        def refuse() -> None:
            raise NotFound

        shown = web.showing(Shop().screen, tmp_path / "voice", ("welcome",))
        with TestClient(web.application([*shown, refuse], tmp_path / "pages")) as client:
            yield client

    def test_state_pages_and_recordings_are_there(self, page: TestClient[Litestar]) -> None:
        assert page.get("/state").json() == {"seq": 0, "color": "green"}
        assert page.get("/").text == "<h1>"
        recording = page.get("/voice/zh/welcome.wav")
        assert (recording.text, recording.headers["content-type"]) == ("RIFF", "audio/wav")

    @pytest.mark.parametrize("path", ["zh/secret.wav", "en/../zh/secret.wav", "fr/welcome.wav", "zh/nothing.wav"])
    def test_only_recordings_of_prompts_are_given_out(self, page: TestClient[Litestar], path: str) -> None:
        assert page.get(f"/voice/{path}").status_code == 404

    def test_a_refusal_is_a_problem_document(self, page: TestClient[Litestar]) -> None:
        answer = page.get("/refused")
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert {"code", "zh", "en"} <= set(answer.json())


@pytest.mark.parametrize("state", [LaneState, KioskState])
def test_both_stations_number_their_screens(state: type[ScreenState]) -> None:
    assert issubclass(state, ScreenState)
    assert state.__struct_fields__.count("seq") == 1
