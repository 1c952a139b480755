"""What the simulated ZVT terminal does at each command."""

import asyncio

import msgspec

from unqueue.kernel.clock import Clock, from_micros, micros
from unqueue.providers.card_terminal_sandbox.books import Books, Transaction
from unqueue.providers.card_terminal_sandbox.reader import Ending, Reader
from unqueue.providers.zvt_terminal import wire
from unqueue.providers.zvt_terminal.wire import Apdu, StatusInformation

_CODES: dict[Ending, int] = {
    "decline": 0x05, "wrong_pin": 0x75, "removed": 0x6C, "stopped": 0x6C, "aborted": 0x6C, "timed_out": 0x6C,
}  # fmt: skip
_CURRENCIES = {number: letters for letters, number in wire.CURRENCIES.items()}
_INSERT_CARD, _PROTOCOL_ERROR = 0x0A, 0x9A
_TERMINAL_ID = "28004869"
_LATE_S = 0.7


class Connection:
    """The store at the other end, if it still is."""

    reverses_unheard = False

    def begin(self) -> None: ...

    def put(self, apdu: Apdu) -> bool:
        raise NotImplementedError

    async def tell(self, apdu: Apdu) -> Apdu | None:
        raise NotImplementedError


class Terminal:
    """One terminal: it serves one shopper at a time, and remembers everything."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, password: str) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._password = wire.bcd(int(password), 3)
        self._registered = False
        self._aborting: asyncio.Task[None] | None = None

    def abort(self) -> None:
        """The store does not want to wait any longer."""
        self._aborting = asyncio.create_task(self._abort())

    async def obey(self, command: Apdu, store: Connection) -> None:
        """Do what the store asks for, and tell it."""
        store.begin()
        if (error := self._error_of(command)) != wire.OK:
            store.put(wire.acknowledgement(error))
            return
        store.put(wire.acknowledgement())
        match command.control:
            case wire.REGISTRATION:
                self._registered = True
                await store.tell(Apdu(wire.COMPLETION, b"\x19\x00\x29" + bytes.fromhex(_TERMINAL_ID) + b"\x49\x09\x78"))
            case wire.AUTHORISATION:
                await self._with_card("payment", command.data, store)
            case wire.REFUND:
                await self._with_card("refund", command.data[3:], store)
            case wire.REVERSAL:
                await self._reverse(wire.unbcd(command.data[4:6]), store)
            case wire.REPEAT_RECEIPT:
                await self._repeat(store)
            case wire.END_OF_DAY:
                await self._end_day(store)
            case _:
                await store.tell(Apdu(wire.COMPLETION))

    def _error_of(self, command: Apdu) -> int:
        known = {
            wire.REGISTRATION, wire.AUTHORISATION, wire.REFUND, wire.REVERSAL, wire.REPEAT_RECEIPT, wire.END_OF_DAY,
            wire.STATUS_ENQUIRY, wire.LOG_OFF,
        }  # fmt: skip
        if command.control not in known:
            return wire.NOT_POSSIBLE
        if self._books.last("in_progress") is not None:
            return wire.NOT_READY
        if command.control != wire.REGISTRATION and not self._registered:
            return wire.NOT_REGISTERED
        free = {wire.AUTHORISATION, wire.LOG_OFF}
        wrong = command.control not in free and command.data[:3] != self._password
        return _PROTOCOL_ERROR if wrong else wire.OK

    async def _with_card(self, kind: str, data: bytes, store: Connection) -> None:
        fields = dict(wire.bitmaps(data))
        one = self._books.put(
            Transaction(
                number=self._books.next_number,
                kind="payment" if kind == "payment" else "refund",
                amount_minor=wire.unbcd(fields[0x04]),
                currency=_CURRENCIES[wire.unbcd(fields[0x49])],
                at_us=micros(self._clock.now()),
            )
        )
        text = wire.tlv(0x24, wire.tlv(0x07, "Karte vorhalten\neinstecken/durchziehen".encode(wire.ENCODING)))
        await store.tell(Apdu(wire.INTERMEDIATE_STATUS, bytes([_INSERT_CARD, 0x01]) + wire.tlv(0x06, text)))
        ending, entry = await self._reader.read()
        if self._reader.strikes("power_cut_before_booking"):
            self._reader.power_cut()
        if ending == "approve":
            taken = one.amount_minor // 2 if self._reader.strikes("wrong_amount") else one.amount_minor
            one = msgspec.structs.replace(one, status="approved", entry=entry, amount_minor=taken)
        else:
            one = msgspec.structs.replace(one, status="failed", entry=entry, reason=f"{_CODES[ending]:02X}")
        self._books.put(one)
        if self._reader.strikes("power_cut_after_booking"):
            self._reader.power_cut()
        await self._conclude(one, store)

    async def _conclude(self, one: Transaction, store: Connection) -> None:
        """Tell how a transaction ended: its result, its receipts, the end."""
        if self._reader.strikes("full_card_number"):
            self._reader.shows_number = True
        if self._reader.strikes("late_reply"):
            await asyncio.sleep(_LATE_S)
        told = wire.status_information(self._status(one), self._shown())
        if self._reader.strikes("spoiled_status"):
            answer = await store.tell(Apdu(wire.STATUS_INFORMATION, told.data[:-1] + b"\xff\xff"))
            if answer is None or answer.control != (0x84, wire.PLEASE_WAIT):
                return
        heard = await store.tell(told)
        if heard is None and store.reverses_unheard and one.kind == "payment" and one.status == "approved":
            self._book_reversal(one)
            return
        if one.status == "approved":
            for kind in (1, wire.CUSTOMER_RECEIPT):
                await store.tell(wire.text_block(wire.TextBlock(kind, self._receipt(one, kind))))
            await store.tell(Apdu(wire.COMPLETION))
        else:
            await store.tell(Apdu(wire.ABORT, bytes.fromhex(one.reason)))

    async def _reverse(self, receipt: int, store: Connection) -> None:
        paid = next((one for one in reversed(self._books.all) if one.number % 10_000 == receipt), None)
        if paid is None or paid.kind != "payment" or paid.status != "approved" or paid.batch:
            await store.tell(Apdu(wire.ABORT, bytes([wire.NO_REVERSAL])))
        elif self._books.left_minor(paid) < paid.amount_minor:
            await store.tell(Apdu(wire.ABORT, bytes([wire.ALREADY_REVERSED])))
        else:
            await self._conclude(self._book_reversal(paid), store)

    def _book_reversal(self, paid: Transaction) -> Transaction:
        return self._books.put(
            Transaction(
                number=self._books.next_number, kind="reversal", amount_minor=paid.amount_minor,
                currency=paid.currency, at_us=micros(self._clock.now()), original=paid.number, status="approved",
            )
        )  # fmt: skip

    async def _repeat(self, store: Connection) -> None:
        last = self._books.last("approved", "failed")
        if last is None:
            await store.tell(Apdu(wire.ABORT, bytes([wire.NOT_POSSIBLE])))
            return
        await store.tell(wire.status_information(self._status(last), self._shown()))
        await store.tell(Apdu(wire.COMPLETION))

    async def _end_day(self, store: Connection) -> None:
        open_ones = [one for one in self._books.all if one.status == "approved" and not one.batch]
        batch = 1 + max((one.batch for one in self._books.all), default=0)
        for one in open_ones:
            self._books.put(msgspec.structs.replace(one, batch=batch))
        sum_minor = sum(one.amount_minor * (1 if one.kind == "payment" else -1) for one in open_ones)
        await store.tell(wire.status_information(StatusInformation(result=wire.OK, amount_minor=max(0, sum_minor))))
        for line in ("** KASSENSCHNITT **", f"Anzahl {len(open_ones)}"):
            await store.tell(wire.print_line(line, last=line.startswith("Anzahl")))
        await store.tell(Apdu(wire.COMPLETION))

    async def _abort(self) -> None:
        while self._books.last("in_progress") is not None and not self._reader.end("aborted"):  # noqa: ASYNC110  # polls
            await asyncio.sleep(0.01)

    def _status(self, one: Transaction) -> StatusInformation:
        status = _status(one)
        gossip = f"{status.text} {self._reader.card_number}"
        return msgspec.structs.replace(status, text=gossip) if self._reader.shows_number else status

    def _shown(self) -> str:
        number = self._reader.card_number
        return number if self._reader.shows_number else "*" * (len(number) - 4) + number[-4:]

    def _receipt(self, one: Transaction, kind: int) -> tuple[str, ...]:
        number = self._shown()
        groups = " ".join(number[start : start + 4] for start in range(0, len(number), 4))
        return (
            "",
            "** HÄNDLERBELEG **" if kind == 1 else "** KUNDENBELEG **",
            f"Beleg-Nr: {one.number % 10_000:04d}",
            "AID: A0000000041010",
            f"Nr: {groups}",
            f"BETRAG: {one.currency} {one.amount_minor}",
            "",
        )


def _status(one: Transaction) -> StatusInformation:
    when = from_micros(one.at_us)
    approved = one.status == "approved"
    return StatusInformation(
        result=wire.OK if approved else int(one.reason, 16),
        amount_minor=one.amount_minor,
        currency=wire.CURRENCIES[one.currency],
        receipt=one.number % 10_000,
        trace=one.number,
        original_trace=one.original if one.kind == "reversal" else None,
        terminal_id=_TERMINAL_ID,
        date=f"{when:%m%d}",
        time=f"{when:%H%M%S}",
        entry=one.entry,
        text="GEN.NR.:715691" if approved else "Abgelehnt",
    )
