"""Lines that come, go and come back."""

import asyncio
import errno
import fcntl
import os
import platform
import pty
import termios
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from unqueue.devices.simulators.line import PtyLine, TcpLine
from unqueue.devices.transports.serial import LineDown, LineSettings, SerialLine, describe, is_pseudo_terminal


async def until(condition: Callable[[], bool], timeout_s: float = 3.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # what happens outside raises no event here
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", ["pty", "tcp"])
def test_a_line_comes_back_by_itself_as_often_as_it_breaks(kind: str) -> None:
    async def scene() -> None:
        sent, got = bytearray(), bytearray()
        states: list[bool] = []
        device = PtyLine(sent.extend) if kind == "pty" else TcpLine(sent.extend, 0)
        await device.plug()
        settings = LineSettings(
            device.announced()["url"], data_bits=7, parity="even", retry_s_min=0.02, retry_s_max=0.1
        )
        line = SerialLine(settings, got.extend, states.append)
        with pytest.raises(LineDown):
            line.write(b"x")
        line.start()
        for turn in range(3):
            await until(lambda: line.connected)
            line.write(b"ask")
            await until(lambda: sent.endswith(b"ask"))
            device.write(b"answer")
            await until(lambda: got.endswith(b"answer"))
            sent.clear()
            got.clear()
            await device.unplug()
            await until(lambda: not line.connected)
            with pytest.raises(LineDown, match=r".+"):
                line.write(b"x")
            await asyncio.sleep(0.05 * turn)
            await device.plug()
        await until(lambda: line.connected)
        line.hang_up("because")
        assert not line.connected
        await until(lambda: line.connected)
        await line.stop()
        assert not line.connected
        assert states == [True, False] * 5
        await device.close()

    asyncio.run(scene())


def test_a_line_that_is_not_there_says_why() -> None:
    async def scene() -> None:
        line = SerialLine(LineSettings("/dev/there-is-no-such-line"), lambda _: None)
        line.start()
        await until(lambda: "No such file" in line.trouble)
        await line.stop()

        refused = SerialLine(LineSettings("socket://127.0.0.1:1"), lambda _: None)
        refused.start()
        await until(lambda: "refused" in refused.trouble or "Connect call failed" in refused.trouble)
        await refused.stop()
        await refused.stop()

    asyncio.run(scene())


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tells what Linux with glibc does")
def test_a_pseudo_terminal_has_no_parity() -> None:
    """Why lines to a pseudo-terminal are opened as 8N1 whatever is set: 7E1 is ignored once and refused after that."""
    master, slave = pty.openpty()
    try:
        settings = termios.tcgetattr(slave)
        settings[2] = settings[2] & ~termios.CSIZE | termios.CS7 | termios.PARENB
        settings[3] = 0
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        assert termios.tcgetattr(slave)[2] & (termios.CSIZE | termios.PARENB) == termios.CS8
        with pytest.raises(termios.error) as refusal:
            termios.tcsetattr(slave, termios.TCSANOW, settings)
        assert refusal.value.args[0] == errno.EINVAL
    finally:
        os.close(master)
        os.close(slave)


def test_a_line_set_to_7e1_opens_a_pseudo_terminal_again_and_again() -> None:
    async def scene() -> None:
        device = PtyLine(lambda _: None)
        await device.plug()
        assert is_pseudo_terminal(device.announced()["url"])
        for _ in range(3):
            line = SerialLine(LineSettings(device.announced()["url"], data_bits=7, parity="even"), lambda _: None)
            line.start()
            await until(partial(getattr, line, "connected"))
            await line.stop()
        await device.close()

    asyncio.run(scene())


def test_a_line_that_is_let_go_is_free_for_the_next_however_busy_the_machine() -> None:
    """A busy machine closes files late, and what waits for it may be cancelled again meanwhile."""

    async def scene(url: str) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        line = SerialLine(LineSettings(url), lambda _: None)
        line.start()
        await until(lambda: line.connected)
        loop.run_in_executor(None, time.sleep, 0.5)
        stopping = asyncio.create_task(line.stop())
        await asyncio.sleep(0.2)
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)

    master, slave = pty.openpty()
    try:
        asyncio.run(scene(os.ttyname(slave)))
        fcntl.flock(slave, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "no connection within the time limit"),
        (OSError(errno.EIO, "gone"), "gone"),
        (ValueError("odd"), "odd"),
        (ValueError(), "ValueError"),
    ],
)
def test_errors_in_words(error: BaseException, words: str) -> None:
    assert describe(error) == words
