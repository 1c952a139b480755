"""What a station does at the same time, and how it ends."""

import asyncio
from collections.abc import Callable

import pytest

from unqueue.station.jobs import Bell, Jobs, Pursuit

pytestmark = pytest.mark.anyio


class Broken(Exception):
    pass


async def lasting() -> None:
    await asyncio.Event().wait()


async def fails() -> None:
    raise Broken


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)


@pytest.mark.parametrize("is_on_the_side", [False, True])
async def test_one_that_fails_ends_them_all(is_on_the_side: bool) -> None:
    jobs = Jobs()
    other = jobs.start(lasting())
    if is_on_the_side:
        jobs.start(fails())
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.timeout(5):
            await jobs.run(*([lasting()] if is_on_the_side else [lasting(), fails()]))
    assert caught.group_contains(Broken)
    await until(other.done)
    assert other.cancelled()


async def test_one_on_the_side_that_ends_or_is_cancelled_ends_nothing() -> None:
    jobs = Jobs()
    jobs.start(asyncio.sleep(0))
    jobs.start(lasting()).cancel()
    working = asyncio.create_task(jobs.run(lasting()))
    await asyncio.sleep(0.02)
    assert not working.done()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_a_pursuit_gives_up_what_is_no_longer_wanted() -> None:
    begun: list[str] = []
    ended: list[str] = []

    async def job(subject: str) -> None:
        begun.append(subject)
        try:
            await lasting()
        finally:
            ended.append(subject)

    pursuit = Pursuit(Jobs(), job)
    assert not pursuit.turn_to(None)
    for subject in ("a", "b"):
        assert pursuit.turn_to(subject)
        assert not pursuit.turn_to(subject)
        await until(lambda subject=subject: subject in begun)
    assert ended == ["a"]
    assert pursuit.turn_to(None)
    await until(lambda: len(ended) == 2)
    assert (begun, ended) == (["a", "b"], ["a", "b"])


async def test_a_job_that_brings_the_next_about_comes_to_its_own_end() -> None:
    ended: list[str] = []

    async def job(subject: str) -> None:
        pursuit.turn_to("b" if subject == "a" else None)
        await asyncio.sleep(0)
        ended.append(subject)

    pursuit = Pursuit(Jobs(), job)
    pursuit.turn_to("a")
    await until(lambda: len(ended) == 2)


async def test_a_bell_wakes_and_is_then_silent() -> None:
    bell = Bell()
    bell.ring()  # while nobody waits: it is heard all the same, once
    async with asyncio.timeout(5):
        await bell.wait(60.0)
    begun_s = asyncio.get_running_loop().time()
    await bell.wait(0.02)
    assert asyncio.get_running_loop().time() - begun_s >= 0.019
