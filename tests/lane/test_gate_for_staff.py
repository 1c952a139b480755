"""One touch of a person opens a gate, whatever does not answer at first."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from unqueue.devices.ports import DeviceFailed
from unqueue.lane.runner import LaneRunner, Pace
from unqueue.station.link import ServerAway, ServerRefused

pytestmark = pytest.mark.anyio
NEVER_S = 3600.0
"""What is only looked at so seldom does not help anybody in a test."""


class Store:
    """Somebody wants the gate open. ``first`` is what comes of the first times that it is asked, or told."""

    def __init__(self, **first: list[Exception]) -> None:
        self.first = first
        self.told: list[str] = []

    async def alarm(self, *_: object) -> None:
        raise AssertionError("nobody is called")

    async def alarm_over(self, *_: object) -> None:
        raise AssertionError("nobody was called")

    async def surplus(self, *_: object) -> None:
        raise AssertionError("no reader hears anything")

    async def gate_openings(self) -> list[str]:
        self._stumble("read")
        return ["wish"] if not self.told else []

    async def gate_opened(self, opening_id: str) -> None:
        self._stumble("tell")
        self.told.append(opening_id)

    def _stumble(self, what: str) -> None:
        if self.first.get(what):
            raise self.first[what].pop()


class Gate:
    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.openings = 0

    async def open(self) -> None:
        if self.failures:
            self.failures -= 1
            raise DeviceFailed(device="io module", detail="the I/O module does not answer")
        self.openings += 1


@pytest.mark.parametrize(
    ("first", "gate_failures"),
    [
        ({}, 0),
        ({"read": [ServerAway("busy"), ServerAway("busy")]}, 0),
        ({}, 3),
        ({"tell": [ServerAway("busy")]}, 0),
        ({"read": [ServerAway("busy")], "tell": [ServerAway("busy")]}, 2),
    ],
)
async def test_what_does_not_answer_at_first_is_asked_again(
    first: dict[str, list[Exception]], gate_failures: int
) -> None:
    store, gate = Store(**first), Gate(gate_failures)
    await _until_told(store, gate)
    assert (store.told, gate.openings) == (["wish"], 1)


async def test_that_it_opened_is_told_also_when_nobody_waits_for_it_any_more() -> None:
    """The wish has grown old while the server could not be told."""

    class Impatient(Store):
        async def gate_openings(self) -> list[str]:
            wanted = await super().gate_openings()
            return wanted if not self.asked() else []

        def asked(self) -> bool:
            return len(self.first["tell"]) < 2

    store, gate = Impatient(tell=[ServerAway("busy"), ServerAway("busy")]), Gate(0)
    await _until_told(store, gate)
    assert (store.told, gate.openings) == (["wish"], 1)


async def test_a_server_that_says_no_is_asked_again_when_something_happens(caplog: pytest.LogCaptureFixture) -> None:
    store, gate = Store(read=[ServerRefused({"code": "not_authenticated"})]), Gate(0)
    await _until_told(store, gate, rings=True)
    assert gate.openings == 1
    assert "not_authenticated" in caplog.text


async def _until_told(store: Any, gate: Gate, *, rings: bool = False) -> None:
    pace = Pace(io_s=0.001, unread_s=0.001, heartbeat_s=NEVER_S)
    runner = LaneRunner("lane-1", "1", SimpleNamespace(rfid=None, gate=gate), store, pace=pace)  # type: ignore[arg-type]  # only what opens a gate
    task = asyncio.create_task(runner._open_for_staff())  # the one job of the lane that this is about
    async with asyncio.timeout(5):
        while not store.told:
            await asyncio.sleep(0.001)
            if rings:
                runner._opening_due.ring()  # as an event of the server does
    task.cancel()
