"""What a station tells: its heartbeat, its calls for staff, how its devices are."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any, NamedTuple

import pytest

from unqueue.devices.ports import DeviceStatus, Scan
from unqueue.station.calls import StaffCalls
from unqueue.station.devices import attend, for_heartbeat, log_change
from unqueue.station.heartbeat import Heartbeat
from unqueue.station.link import ServerAway, ServerBusy, ServerRefused
from unqueue.station.words import Status

pytestmark = pytest.mark.anyio


class Seen(NamedTuple):
    name: str
    status: Status
    detail: str = ""


@contextlib.asynccontextmanager
async def going_on(job: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(job)
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.001)


class TestHeartbeat:
    @pytest.mark.parametrize(
        ("trouble", "seen"),
        [
            (None, Seen("server", "ready")),
            (ServerAway("gone"), Seen("server", "failed", "gone")),
            (ServerBusy("busy"), Seen("server", "failed", "busy")),
            (
                ServerRefused({"code": "not_authenticated"}),
                Seen("server", "failed", "the server does not take this lane's token (not_authenticated)"),
            ),
        ],
    )
    async def test_how_it_went_is_how_the_server_is(self, trouble: Exception | None, seen: Seen) -> None:
        noticed: list[Seen] = []

        async def send() -> None:
            if trouble is not None:
                raise trouble

        heart = Heartbeat(send, lambda *told: noticed.append(Seen(*told)), kind="lane", every_s=60, while_away_s=60)
        async with going_on(heart.run()):
            await until(lambda: bool(noticed))
        assert noticed == [seen]

    @pytest.mark.parametrize(("is_away", "beats_at_least"), [(False, 1), (True, 5)])
    async def test_it_is_quicker_while_the_server_is_away(self, is_away: bool, beats_at_least: int) -> None:
        beats = count()

        async def send() -> None:
            next(beats)
            if is_away:
                raise ServerAway

        heart = Heartbeat(send, lambda *_: None, kind="lane", every_s=60, while_away_s=0.01)
        async with going_on(heart.run()):
            await asyncio.sleep(0.3)
        assert next(beats) >= beats_at_least

    async def test_it_comes_at_once_when_there_is_a_hurry(self) -> None:
        beats: list[int] = []

        async def send() -> None:
            beats.append(1)
            if len(beats) == 1:
                heart.hurry()  # something changes while one is on its way: the next tells it

        heart = Heartbeat(send, lambda *_: None, kind="lane", every_s=60)
        async with going_on(heart.run()):
            await until(lambda: len(beats) == 2)
            heart.hurry()
            await until(lambda: len(beats) == 3)

    async def test_what_changes_in_quick_succession_is_told_once(self) -> None:
        beats: list[int] = []

        async def send() -> None:
            beats.append(1)

        heart = Heartbeat(send, lambda *_: None, kind="lane", every_s=60, gather_s=0.2)
        async with going_on(heart.run()):
            await until(lambda: len(beats) == 1)
            for _ in range(3):
                heart.hurry()
                await asyncio.sleep(0.02)
            await until(lambda: len(beats) == 2)
            await asyncio.sleep(0.3)
        assert len(beats) <= 3  # the last hurry may have come after the second was on its way


class TestCalls:
    async def test_a_call_keeps_its_id_until_the_server_takes_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("unqueue.station.link.RETRY_S_FIRST", 0.001)
        ids: list[str] = []
        heard: list[tuple[int, str]] = []

        async def send(alarm: str, alarm_id: str) -> str:
            ids.append(alarm_id)
            if len(ids) < 3:
                raise ServerAway if len(ids) == 1 else ServerBusy
            return f"{alarm} is open"

        def hear(key: int, standing: str) -> bool:
            heard.append((key, standing))
            return len(heard) < 2

        calls = StaffCalls(send, hear)
        await calls.begin(7, "help")
        assert (len(ids), len(set(ids)), heard) == (3, 1, [(7, "help is open")])
        await calls.ask(7)  # still followed: asked again, with the same id
        assert (len(ids), len(set(ids)), len(heard)) == (4, 1, 2)
        await calls.ask(7)  # over: nothing is asked
        assert len(ids) == 4

    async def test_each_call_has_an_id_of_its_own(self) -> None:
        ids: list[str] = []

        async def send(_: str, alarm_id: str) -> None:
            ids.append(alarm_id)

        calls = StaffCalls(send, lambda *_: True)
        await calls.begin(1, "help")
        await calls.begin(2, "help")
        assert len(set(ids)) == 2

    async def test_a_call_that_is_refused_is_over(self) -> None:
        tries = count()

        async def send(_: str, __: str) -> None:
            next(tries)
            raise ServerRefused({"code": "unknown"})

        refused: list[int] = []
        calls = StaffCalls(send, lambda *_: True, refused.append)
        await calls.begin(1, "help")
        await calls.ask(1)
        assert (next(tries), refused) == (1, [1])

    async def test_what_a_call_was_about_is_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("unqueue.station.link.RETRY_S_FIRST", 0.001)
        sent: list[str] = []
        ended: list[str] = []

        async def send(_: str, alarm_id: str) -> None:
            sent.append(alarm_id)

        async def over(alarm_id: str) -> None:
            ended.append(alarm_id)
            if len(ended) == 1:
                raise ServerAway
            raise ServerRefused({"code": "not_found"})  # a server that lost it has nothing to end

        calls = StaffCalls(send, lambda *_: True, over=over)
        await calls.begin(1, "help")
        await calls.end(1)
        assert ended == sent * 2
        await calls.end(1)
        await calls.ask(1)
        assert (len(sent), len(ended)) == (1, 2)


class TestDevices:
    async def test_scanner_and_printer_are_attended_as_far_as_they_are_there(self) -> None:
        class Peripheral:
            async def status(self) -> DeviceStatus:
                return DeviceStatus("failed", "no paper")

            async def scans(self) -> AsyncIterator[Scan]:
                yield Scan("code-1")
                yield Scan("code-2")

        device: Any = Peripheral()
        codes: list[str] = []
        seen: list[Seen] = []

        def jobs(scanner: Any, printer: Any) -> list[Any]:
            notice = lambda *told: seen.append(Seen(*told))  # noqa: E731  # stands for a method
            return list(attend(scanner, printer, take_code=codes.append, notice=notice, every_s=0.001))

        assert jobs(None, None) == []
        async with contextlib.AsyncExitStack() as stack:
            for job in jobs(device, device):
                await stack.enter_async_context(going_on(job))
            await until(lambda: len(codes) == 2 and len(seen) >= 6)
        assert codes == ["code-1", "code-2"]
        assert set(seen) == {Seen("scanner", "failed", "no paper"), Seen("printer", "failed", "no paper")}

    @pytest.mark.parametrize(
        ("known", "seen", "line"),
        [
            (None, Seen("scale", "ready"), "INFO scale is ready"),
            (Seen("scale", "ready"), Seen("scale", "failed", "no answer"), "WARNING scale is failed: no answer"),
            (Seen("scale", "failed", "no answer"), Seen("scale", "failed", "no cable"), None),
        ],
    )
    def test_the_log_says_what_changed(
        self, caplog: pytest.LogCaptureFixture, known: Seen | None, seen: Seen, line: str | None
    ) -> None:
        with caplog.at_level(logging.INFO):
            assert log_change(logging.getLogger("station"), known, seen) is (line is not None)
        assert [f"{record.levelname} {record.message}" for record in caplog.records] == ([line] if line else [])

    def test_the_server_is_not_told_how_it_is_itself(self) -> None:
        devices = {name: Seen(name, "failed", "why") for name in ("server", "scale")}
        assert for_heartbeat(devices) == {"scale": {"status": "failed", "detail": "why"}}
