"""Fixtures for journeys: a running demo store, and the system's Chromium."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from unqueue.twin.ports import free_port

START_S_MAX = 120.0
# Chromium looks for updates and accounts at its start; none of that belongs into a test.
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

expect.set_options(timeout=20_000)  # what comes by itself may come late on a busy machine; a promise's limit is named


class Shop:
    """The demo store of this session: where its front door is, and where its server keeps its database."""

    def __init__(self, url: str, database_url: str) -> None:
        self.url = url
        self.database_url = database_url
        self.http = httpx.Client(base_url=url, timeout=20.0, trust_env=False)

    def lane(self, path: str = "", body: object = None, method: str = "POST") -> dict[str, object]:
        """Do something in the physical world of lane 1, or look at it."""
        path = f"/demo/api/lanes/lane-1{path}"
        answer = self.http.request(method, path, json=body) if body is not None or path else self.http.get(path)
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
        return found

    def walk(self, *pocketed: dict[str, Any]) -> dict[str, Any]:
        """Walk through lane 1's gate with what was on the belt and more, as soon as it is open; what the plan shows."""
        goods = [{"gtin": one["gtin"], "quantity": 1} for one in pocketed]
        end = time.monotonic() + 30
        while not (walked := self.lane("/walk", {"goods": goods}))["through"]:
            assert time.monotonic() < end, "the gate stays shut"
            time.sleep(0.1)
        return walked

    def lane_state(self) -> str:
        return str(self.http.get("/lanes/lane-1/state").json()["state"])

    def wait_for_lane(self, *states: str, seconds: float = 40.0) -> str:
        """Wait until the lane's screen shows one of ``states``."""
        end = time.monotonic() + seconds
        while (state := self.lane_state()) not in states:
            assert time.monotonic() < end, f"the lane shows {state}, not {' or '.join(states)}"
            time.sleep(0.1)
        return state


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A whole store, opened as a visitor opens it: ``unqueue demo``."""
    with open_shop(tmp_path_factory.mktemp("demo")) as one:
        yield one


@contextlib.contextmanager
def open_shop(directory: Path, *options: str, **settings: str) -> Iterator[Shop]:
    """A demo store of its own, in ``directory``, with more options of ``unqueue demo``, and with ``settings`` named as
    the environment names them: ``AUDITS__RATE``.
    """
    port = free_port()
    environment = os.environ | {f"UNQUEUE_{name}": value for name, value in settings.items()}
    where = ["--port", str(port), "--directory", str(directory / "store")]
    command = [sys.executable, "-m", "unqueue", "demo", *where, *options]
    with (directory / "demo.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    database = directory / "store" / "store" / "data" / "unqueue.db"
    one = Shop(f"http://localhost:{port}", f"sqlite:///{database}")
    try:
        end = time.monotonic() + START_S_MAX
        while True:
            with contextlib.suppress(httpx.HTTPError, KeyError):  # the front door is open before the parts are
                if one.http.get("/api/health").is_success and one.lane_state() == "idle":
                    break
            assert process.poll() is None, (directory / "demo.log").read_text()
            assert time.monotonic() < end, "the demo store did not open"
            time.sleep(0.2)
        yield one
    finally:
        one.http.close()
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's Chromium, or the one of the PATH."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        message = "Chromium is not installed: apt-get install chromium (make test does it for root)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


# Not for the session: the loop that Playwright keeps running would be in the way of later tests that start their own.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as one:
        yield one


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    one = playwright.chromium.launch(executable_path=chromium, args=QUIET)
    yield one
    one.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A small phone in Chinese: 360 × 740."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, locale="zh-CN", has_touch=True, reduced_motion="reduce"
    )
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def open_camera(playwright: Playwright, chromium: str, tmp_path: Path) -> Iterator[Callable[[str], Page]]:
    """A phone whose camera sees the barcode of a code, drawn by another implementation than the one that reads it."""
    browsers: list[Browser] = []

    def start(code: str) -> Page:
        clip = tmp_path / f"{code}.y4m"
        write_clip(clip, code)
        fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        one = playwright.chromium.launch(
            executable_path=chromium, args=[*QUIET, *fake, f"--use-file-for-fake-video-capture={clip}"]
        )
        browsers.append(one)
        context = one.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN", permissions=["camera"])
        context.set_default_timeout(30_000)
        return context.new_page()

    yield start
    for one in browsers:
        one.close()


def write_clip(path: Path, code: str, size: tuple[int, int] = (640, 480), frames: int = 12) -> None:
    """A YUV4MPEG2 film of a barcode held before the camera, slightly moving."""
    drawn = zxingcpp.create_barcode(code, zxingcpp.BarcodeFormat.EAN13).to_image(scale=4)
    symbol = Image.fromarray(drawn).convert("L").resize((380, 160), Image.Resampling.NEAREST)
    width, height = size
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n" % size)
        for number in range(frames):
            frame = Image.new("L", size, 235)
            frame.paste(symbol, ((width - 380) // 2 + number % 5, (height - 160) // 2 + number % 3))
            file.write(b"FRAME\n" + frame.tobytes() + b"\x80" * (width * height // 2))
