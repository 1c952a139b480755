"""The simulated terminal's TCP: one store at a time, each message acknowledged, connections cut on purpose."""

import asyncio
import contextlib
from typing import Any

from unqueue.kernel.clock import SystemClock
from unqueue.providers.card_terminal_sandbox.books import Books
from unqueue.providers.card_terminal_sandbox.process import Options, serve
from unqueue.providers.card_terminal_sandbox.reader import Reader
from unqueue.providers.zvt_terminal import wire
from unqueue.providers.zvt_terminal.sandbox.terminal import Connection, Terminal
from unqueue.providers.zvt_terminal.wire import Apdu

_ANSWER_S = 5.0
_MOMENT_S = 0.2
POWER_CUT = "6C"
"""What became of a transaction that the power ended: aborted."""


async def run(options: Options, password: str) -> None:
    """Be a terminal until told to stop."""
    books = Books(options.data_dir / "books.jsonl", POWER_CUT)
    reader = Reader(books, options.card_number, options.thinking_s, options.timeout_s)
    terminal = Terminal(books, reader, SystemClock(), password)
    await serve("zvt", Server(options, terminal, reader), reader, options)
    books.close()


class Server:
    def __init__(self, options: Options, terminal: Terminal, reader: Reader) -> None:
        self._options = options
        self._terminal = terminal
        self._reader = reader
        self._server: asyncio.Server | None = None

    async def start(self) -> dict[str, Any]:
        self._server = await asyncio.start_server(self._serve, self._options.host, self._options.port)
        return {"host": self._options.host, "port": self._server.sockets[0].getsockname()[1]}

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wired = Wired(writer, self._reader)
        work: asyncio.Task[None] | None = None
        decoder = wire.ApduDecoder()
        try:
            while data := await reader.read(65536):
                for apdu in decoder.feed(data):
                    if wire.is_acknowledgement(apdu):
                        wired.heard(apdu)
                    elif apdu.control == wire.ABORT_BY_STORE:
                        wired.put(wire.acknowledgement())
                        self._terminal.abort()
                    elif self._reader.strikes("lose_request") and apdu.control != wire.REGISTRATION:
                        wired.cut()
                    elif not await _is_done(work):
                        wired.put(wire.acknowledgement(wire.NOT_READY))
                    else:
                        work = asyncio.create_task(self._terminal.obey(apdu, wired))
        except ConnectionError:
            pass  # the store hung up
        finally:
            wired.gone()
            if work is not None:  # the shopper goes on, whoever still listens
                await asyncio.gather(work, return_exceptions=True)
            with contextlib.suppress(OSError):
                writer.close()


async def _is_done(work: "asyncio.Task[None] | None") -> bool:
    """Whether the last command is over; one whose end was just acknowledged gets a moment to be so."""
    if work is not None:
        await asyncio.wait({work}, timeout=_MOMENT_S)
    return work is None or work.done()


class Wired(Connection):
    """A store's connection."""

    def __init__(self, writer: asyncio.StreamWriter, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader
        self._open = True
        self._answer: asyncio.Future[Apdu] | None = None
        self._sent = 0

    def begin(self) -> None:
        """Count the messages of a transaction from here on."""
        self._sent = 0

    def put(self, apdu: Apdu) -> bool:
        """Send; False when nobody hears it."""
        if self._open and self._sent_is_struck():
            self.cut()
        self._sent += 1
        if self._open:
            self._writer.write(wire.encode(apdu))
        return self._open

    async def tell(self, apdu: Apdu) -> Apdu | None:
        """Send, and wait for the acknowledgement; None when none came."""
        self._answer = asyncio.get_running_loop().create_future()
        if not self.put(apdu):
            return None
        try:
            async with asyncio.timeout(_ANSWER_S):
                return await self._answer
        except (TimeoutError, asyncio.CancelledError):
            return None

    def heard(self, apdu: Apdu) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(apdu)

    def cut(self) -> None:
        self._open = False
        self._writer.transport.abort()

    def gone(self) -> None:
        self._open = False
        if self._answer is not None and not self._answer.done():
            self._answer.cancel()

    def _sent_is_struck(self) -> bool:
        if self._reader.strikes("cut_and_reverse", self._sent):
            self.reverses_unheard = True
            return True
        return self._reader.strikes("cut", self._sent)
