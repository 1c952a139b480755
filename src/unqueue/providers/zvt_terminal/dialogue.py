"""One conversation with a ZVT terminal over TCP: register, give a command, acknowledge what it tells, hear the end."""

import asyncio

import msgspec

from unqueue.providers.card_guard import mask_lines
from unqueue.providers.port import ProviderUnavailable
from unqueue.providers.zvt_terminal import wire
from unqueue.providers.zvt_terminal.wire import Apdu, StatusInformation


class NotReached(ProviderUnavailable):
    """The terminal could not be connected to, or did not let us register: it was given no command."""


class Refused(Exception):
    """The terminal will not do it now; ``code`` is of PA00P015's error messages."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"{code:02X}")


class Patience(msgspec.Struct, frozen=True):
    """How long, in seconds, to wait for: a connection and an acknowledgement (T3 of PA00P016); the next message of a
    transaction (T4); the payment that is asked about, should it end this moment; its end once it is aborted.
    ``settle_s`` is how long a command that was cut off may still be on its way.
    """

    answer_s: float = 5.0
    step_s: float = 180.0
    glance_s: float = 0.2
    ending_s: float = 10.0
    settle_s: float = 5.0


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Where the terminal is, and how it is set up."""

    host: str
    port: int
    password: str
    currency: str
    encoding: str = wire.ENCODING

    def __repr__(self) -> str:
        return f"Line({self.host}:{self.port})"  # the password stays out of logs


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended: completed, or aborted with a result code. ``status`` is what was told on the way."""

    completed: bool
    code: int = wire.OK
    status: StatusInformation | None = None
    slip: tuple[str, ...] = ()


class Dialogue:
    """A registered connection. Made by :func:`open_dialogue`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, encoding: str, patience: Patience
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._encoding = encoding
        self._patience = patience
        self._decoder = wire.ApduDecoder()
        self._heard: list[Apdu] = []
        self._asked_again = False

    async def run(self, command: Apdu, stop: asyncio.Event | None = None) -> Ending:
        """Give a command and see it through; ``stop`` aborts it.

        Refused when the terminal does not take it; ProviderUnavailable when the line breaks: it may have been done.
        """
        self._send(command)
        async with _in_time(self._patience.answer_s):
            answer = await self._next()
        if wire.refused_with(answer):
            raise Refused(wire.refused_with(answer))
        if not wire.is_acknowledgement(answer):
            self._heard.insert(0, answer)  # some terminals go straight on
        status: StatusInformation | None = None
        slips = _Slips()
        while True:
            told = await self._step(stop)
            if told is None:
                self._send(Apdu(wire.ABORT_BY_STORE))
                stop = None
            elif told.control == wire.STATUS_INFORMATION:
                status = self._status(told) or status
            elif told.control == wire.COMPLETION:
                self._send(wire.acknowledgement())
                return Ending(completed=True, status=status, slip=slips.customer())
            elif told.control == wire.ABORT:
                self._send(wire.acknowledgement())
                code = told.data[0] if told.data else wire.NOT_POSSIBLE
                return Ending(completed=False, code=code, status=status, slip=slips.customer())
            elif not wire.is_acknowledgement(told):
                self._send(
                    wire.acknowledgement() if self._noted(told, slips) else wire.acknowledgement(wire.NOT_POSSIBLE)
                )

    async def close(self) -> None:
        self._writer.close()
        try:
            async with asyncio.timeout(self._patience.answer_s):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()

    async def _step(self, stop: asyncio.Event | None) -> Apdu | None:
        """The next message; None when ``stop`` was set before one came."""
        if stop is None:
            async with _in_time(self._patience.step_s):
                return await self._next()
        hearing, stopping = asyncio.ensure_future(self._next()), asyncio.ensure_future(stop.wait())
        try:
            async with _in_time(self._patience.step_s):
                await asyncio.wait({hearing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return hearing.result() if hearing.done() else None
        finally:
            for one in (hearing, stopping):
                one.cancel()
            await asyncio.gather(hearing, stopping, return_exceptions=True)

    def _status(self, told: Apdu) -> StatusInformation | None:
        try:
            status = wire.parse_status(told.data, self._encoding)
        except wire.Malformed:
            # Spoiled on the way: 84 9C asks for it once more; twice spoiled, it is acknowledged, and the last
            # transaction asked about afterwards.
            self._send(wire.acknowledgement(wire.OK if self._asked_again else wire.PLEASE_WAIT))
            self._asked_again = True
            return None
        self._send(wire.acknowledgement())
        return status

    def _noted(self, told: Apdu, slips: "_Slips") -> bool:
        try:
            if told.control == wire.PRINT_LINE:
                slips.line(*wire.parse_print_line(told.data, self._encoding))
            elif told.control == wire.PRINT_TEXT_BLOCK:
                slips.block(wire.parse_text_block(told.data, self._encoding))
        except wire.Malformed:
            return True  # a receipt that can't be read is no reason to have the payment reversed
        return told.control in {wire.PRINT_LINE, wire.PRINT_TEXT_BLOCK, wire.INTERMEDIATE_STATUS}

    def _send(self, apdu: Apdu) -> None:
        self._writer.write(wire.encode(apdu))

    async def _next(self) -> Apdu:
        while not self._heard:
            try:
                data = await self._reader.read(65536)
            except OSError as error:
                raise ProviderUnavailable("no_answer", type(error).__name__) from None
            if not data:
                raise ProviderUnavailable("no_answer", "the terminal hung up")
            self._heard += self._decoder.feed(data)
        return self._heard.pop(0)


class _Slips:
    """The receipts of a transaction, as they come."""

    def __init__(self) -> None:
        self._blocks: list[wire.TextBlock] = []
        self._lines: list[str] = []

    def line(self, text: str, last: bool) -> None:
        self._lines.append(text)
        if last:  # line by line comes the merchant's receipt, then the shopper's
            self._blocks.append(wire.TextBlock(wire.CUSTOMER_RECEIPT, tuple(self._lines)))
            self._lines = []

    def block(self, block: wire.TextBlock) -> None:
        self._blocks.append(block)

    def customer(self) -> tuple[str, ...]:
        """The shopper's receipt without card numbers and without empty lines at its ends."""
        blocks = [block.lines for block in self._blocks if block.kind == wire.CUSTOMER_RECEIPT]
        lines = list(mask_lines(line.rstrip() for line in (blocks[-1] if blocks else self._lines)))
        while lines and not lines[0]:
            del lines[0]
        while lines and not lines[-1]:
            del lines[-1]
        return tuple(lines)


async def open_dialogue(line: Line, patience: Patience) -> Dialogue:
    """Connect and register. NotReached."""
    try:
        async with asyncio.timeout(patience.answer_s):
            reader, writer = await asyncio.open_connection(line.host, line.port)
    except (OSError, TimeoutError) as error:
        raise NotReached("not_reached", type(error).__name__) from None
    dialogue = Dialogue(reader, writer, line.encoding, patience)
    try:
        ending = await dialogue.run(wire.registration(line.password, line.currency))
    except (ProviderUnavailable, Refused) as error:
        await dialogue.close()
        detail = f"refused with {error.code:02X}" if isinstance(error, Refused) else error.code
        raise NotReached("not_registered", detail) from None
    except BaseException:
        await dialogue.close()
        raise
    if not ending.completed:
        await dialogue.close()
        raise NotReached("not_registered", f"aborted with {ending.code:02X}")
    return dialogue


async def abort_from_outside(line: Line, patience: Patience) -> None:
    """Have a terminal give up a dialogue that we lost. It changes nothing when there is none; NotReached."""
    try:
        async with asyncio.timeout(patience.answer_s):
            reader, writer = await asyncio.open_connection(line.host, line.port)
            try:
                writer.write(wire.encode(Apdu(wire.ABORT_BY_STORE)))
                await reader.read(wire.LONG)
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, TimeoutError) as error:
        raise NotReached("not_reached", type(error).__name__) from None


class _in_time:  # noqa: N801  # read as a verb: async with _in_time(5)
    """asyncio.timeout whose end is a ProviderUnavailable."""

    def __init__(self, seconds: float) -> None:
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *raised: object) -> None:
        try:
            await self._timeout.__aexit__(*raised)  # type: ignore[arg-type]  # handed on as they came
        except TimeoutError:
            raise ProviderUnavailable("no_answer", "the terminal fell silent") from None
