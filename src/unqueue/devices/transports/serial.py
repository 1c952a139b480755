"""A serial line that stays: it is opened in the background, and again whenever it breaks, with growing pauses.

Lines are named as serialx names them: `/dev/ttyUSB0` and other device files, pseudo-terminals (or links to them), and
`socket://host:port` for terminal servers. Only a real UART has baud rate and parity. A socket or a pseudo-terminal
hands bytes on as they are; asked for 7 data bits or parity, a Linux pseudo-terminal ignores it, and `tcsetattr` says
so (EINVAL) only when nothing else was to be changed: opening one as 7E1 works once and fails from then on. So these
lines are opened as 8N1 whatever is set.
"""

import asyncio
import contextlib
import errno
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import serialx

from unqueue.devices.transports.backoff import backoff_s
from unqueue.devices.transports.tasks import end, finish

logger = logging.getLogger(__name__)

_PARITY = {"none": serialx.Parity.NONE, "even": serialx.Parity.EVEN, "odd": serialx.Parity.ODD}
_STOP_BITS = {1: serialx.StopBits.ONE, 2: serialx.StopBits.TWO}


class LineSettings(msgspec.Struct, frozen=True):
    """Where the line is and how it is set. `url` is a device file or `socket://host:port`."""

    url: str
    baud_rate: int = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
    retry_s_min: float = 0.1
    retry_s_max: float = 5.0
    connect_timeout_s: float = 3.0


class LineDown(Exception):
    """The line is not connected."""


class _Protocol(asyncio.Protocol):
    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._on_data = on_data

    def data_received(self, data: bytes) -> None:
        self._on_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(describe(exc) if exc else "the other end hung up")


class SerialLine:
    """Calls `on_data` with bytes as they come and `on_state` with True and False as the line comes and goes."""

    def __init__(
        self,
        settings: LineSettings,
        on_data: Callable[[bytes], None],
        on_state: Callable[[bool], None] = lambda _connected: None,
    ) -> None:
        self._settings = settings
        self._on_data = on_data
        self._on_state = on_state
        self._transport: serialx.BaseSerialTransport | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.trouble = "not opened yet"

    @property
    def connected(self) -> bool:
        return self._transport is not None

    def start(self) -> None:
        """Begin to keep the line open."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_open(), name=f"line {self._settings.url}")

    async def stop(self) -> None:
        """Close the line and stop keeping it open."""
        if self._keeper is not None:
            await end(self._keeper)
            self._keeper = None
        self.trouble = "not opened yet"

    def write(self, data: bytes) -> None:
        """Send bytes. LineDown when there is no line; that they arrive is for the answer to tell."""
        if self._transport is None:
            raise LineDown(self.trouble)
        try:
            self._transport.write(data)
        except OSError as error:  # broken, and not yet reported as lost
            self.hang_up(describe(error))
            raise LineDown(self.trouble) from error

    def hang_up(self, reason: str) -> None:
        """Break the connection, so that it is made anew."""
        if self._transport is not None:
            self.trouble = reason
            self._transport.abort()
            self._transport = None

    async def _keep_open(self) -> None:
        failures = 0
        while True:
            protocol = _Protocol(self._on_data)
            try:
                async with asyncio.timeout(self._settings.connect_timeout_s):
                    transport = await open_line(self._settings, protocol)
            except (OSError, TimeoutError) as error:
                self.trouble = describe(error)
                if failures == 0:
                    logger.warning("%s: %s", self._settings.url, self.trouble)
                failures += 1
                await asyncio.sleep(backoff_s(failures, self._settings.retry_s_min, self._settings.retry_s_max))
                continue
            failures = 0
            await self._use(transport, protocol)
            await asyncio.sleep(self._settings.retry_s_min)

    async def _use(self, transport: serialx.BaseSerialTransport, protocol: _Protocol) -> None:
        self._transport = transport
        logger.info("%s: connected", self._settings.url)
        self._on_state(True)
        try:
            lost = await protocol.lost
            if self.connected:  # else we hung up, and know why
                self.trouble = lost
            logger.warning("%s: %s", self._settings.url, self.trouble)
        finally:
            self._transport = None
            self._on_state(False)
            await finish(_close(transport))


async def open_line(settings: LineSettings, protocol: asyncio.Protocol) -> serialx.BaseSerialTransport:
    """Open the line once. OSError when it can't be."""
    as_set: dict[str, Any] = {"byte_size": settings.data_bits, "parity": _PARITY[settings.parity]}
    plain: dict[str, Any] = {"byte_size": 8, "parity": serialx.Parity.NONE}
    has_uart = "://" not in settings.url and not is_pseudo_terminal(settings.url)
    try:
        return await _connect(settings, protocol, as_set if has_uart else plain)
    except OSError as error:
        if error.errno != errno.EINVAL or not has_uart:
            raise
        detail = f"this line can't do {settings.data_bits} data bits with {settings.parity} parity"
        raise OSError(errno.EINVAL, detail) from error


async def _connect(
    settings: LineSettings, protocol: asyncio.Protocol, how: dict[str, Any]
) -> serialx.BaseSerialTransport:
    loop = asyncio.get_running_loop()
    stop_bits = _STOP_BITS[settings.stop_bits]
    connecting = asyncio.ensure_future(
        serialx.create_serial_connection(
            loop, lambda: protocol, settings.url, settings.baud_rate, stopbits=stop_bits, **how
        )
    )
    try:
        transport, _ = await asyncio.shield(connecting)
    except asyncio.CancelledError:
        await finish(_give_up(connecting))
        raise
    return transport


async def _give_up(connecting: "asyncio.Future[tuple[serialx.BaseSerialTransport, asyncio.Protocol]]") -> None:
    """Cancelled once only: serialx closes what it opened while it is cancelled, and a second time would stop that."""
    connecting.cancel()
    with contextlib.suppress(asyncio.CancelledError, OSError, TimeoutError):
        transport, _ = await connecting
        await _close(transport)


async def _close(transport: serialx.BaseSerialTransport) -> None:
    transport.abort()
    with contextlib.suppress(OSError):
        await transport.wait_closed()


def is_pseudo_terminal(path: str) -> bool:
    """Whether the path is, or leads to, a pseudo-terminal."""
    return str(Path(path).resolve()).startswith("/dev/pts/")


def describe(error: BaseException) -> str:
    """An error of the operating system in a few words, for staff."""
    if isinstance(error, TimeoutError) and not error.args:
        return "no connection within the time limit"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
