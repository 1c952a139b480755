"""What the simulated terminal answers to each message of the Terminal API."""

import asyncio
from datetime import datetime
from decimal import Decimal

import msgspec

from unqueue.kernel.clock import Clock, from_micros, micros
from unqueue.kernel.money import Money
from unqueue.providers.card_terminal_sandbox.books import Books, Transaction
from unqueue.providers.card_terminal_sandbox.reader import Ending, Reader
from unqueue.providers.nexo_terminal import messages as nexo
from unqueue.providers.nexo_terminal.messages import Message

_CONDITIONS: dict[Ending, str] = {
    "decline": "Refusal", "wrong_pin": "WrongPIN", "removed": "Cancel", "stopped": "Cancel", "aborted": "Aborted",
    "timed_out": "Cancel",
}  # fmt: skip


class Terminal:
    """One terminal: it serves one shopper at a time, and remembers everything."""

    def __init__(self, books: Books, reader: Reader, clock: Clock) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock

    async def answer(self, asked: Message) -> Message | None:  # noqa: PLR0911  # one for each kind of message
        """The answer; None for what is only acknowledged."""
        header = asked.message_header
        told = msgspec.structs.replace(header, message_type="Response", protocol_version=nexo.PROTOCOL_VERSION)
        name = _name(header.sale_id, header.service_id)
        reply = Message(message_header=told)
        if asked.payment_request is not None:
            body = await self._pay(asked.payment_request, name)
            return msgspec.structs.replace(reply, payment_response=body)
        if asked.reversal_request is not None:
            return msgspec.structs.replace(reply, reversal_response=self._reverse(asked.reversal_request, name))
        if asked.transaction_status_request is not None:
            status = self._status(asked.transaction_status_request, header.sale_id)
            return msgspec.structs.replace(reply, transaction_status_response=status)
        if asked.abort_request is not None:
            reference = asked.abort_request.message_reference
            running = self._books.last("in_progress")
            if running is not None and running.name == _name(reference.sale_id or header.sale_id, reference.service_id):
                self._reader.end("aborted")
            return None
        if asked.reconciliation_request is not None:
            return msgspec.structs.replace(reply, reconciliation_response=self._reconcile())
        if asked.diagnosis_request is not None:
            status_word = "Busy" if self._books.last("in_progress") else "OK"
            diagnosis = nexo.DiagnosisResponse(response=_SUCCESS, poi_status=nexo.PoiStatus(global_status=status_word))
            return msgspec.structs.replace(reply, diagnosis_response=diagnosis)
        return None

    async def _pay(self, asked: nexo.PaymentRequest, name: str) -> nexo.PaymentResponse:
        amounts, sale = asked.payment_transaction.amounts_req, asked.sale_data
        if self._books.named(name) is not None:
            return nexo.PaymentResponse(response=_failure("NotAllowed", "ServiceID used within 48 hours"))
        if self._books.last("in_progress") is not None:
            return nexo.PaymentResponse(response=_failure("Busy"), sale_data=sale)
        money = nexo.money_of(amounts.requested_amount, amounts.currency)
        subject = sale.sale_transaction_id.transaction_id if sale.sale_transaction_id else ""
        one = self._books.put(
            Transaction(
                number=self._books.next_number, kind="payment", amount_minor=money.amount_minor,
                currency=money.currency, at_us=micros(self._clock.now()), name=name, subject_id=subject,
            )
        )  # fmt: skip
        ending, entry = await self._reader.read()
        if self._reader.strikes("power_cut_before_booking"):
            self._reader.power_cut()
        if ending == "approve":
            taken_minor = money.amount_minor // 2 if self._reader.strikes("wrong_amount") else money.amount_minor
            one = msgspec.structs.replace(one, status="approved", entry=entry, amount_minor=taken_minor)
        else:
            one = msgspec.structs.replace(one, status="failed", entry=entry, reason=_CONDITIONS[ending])
        self._books.put(one)
        if self._reader.strikes("power_cut_after_booking"):
            self._reader.power_cut()
        if self._reader.strikes("late_reply"):
            await asyncio.sleep(_LATE_S)
        return self._told_payment(one)

    def _told_payment(self, one: Transaction) -> nexo.PaymentResponse:
        money = Money(one.amount_minor, one.currency)
        result = nexo.PaymentResult()
        response = _failure(one.reason)
        if one.status == "approved":
            amounts = nexo.AmountsResponded(authorized_amount=nexo.amount_of(money), currency=one.currency)
            result, response = nexo.PaymentResult(amounts_resp=amounts), _SUCCESS
        return nexo.PaymentResponse(
            response=msgspec.structs.replace(response, additional_response=self._small_talk(one)),
            poi_data=nexo.PoiData(poi_transaction_id=_poi_transaction(one)),
            sale_data=_sale_data(one),
            payment_result=result,
            payment_receipt=self._receipts(one),
        )

    def _reverse(self, asked: nexo.ReversalRequest, name: str) -> nexo.ReversalResponse:
        sale, wanted = asked.sale_data, asked.original_poi_transaction.poi_transaction_id
        if self._books.named(name) is not None:
            return nexo.ReversalResponse(response=_failure("NotAllowed", "ServiceID used within 48 hours"))
        if self._books.last("in_progress") is not None:
            return nexo.ReversalResponse(response=_failure("Busy"), sale_data=sale)
        paid = next((one for one in self._books.all if _poi_transaction(one) == wanted), None)
        if paid is None or paid.kind != "payment" or paid.status != "approved":
            return nexo.ReversalResponse(response=_failure("NotFound"), sale_data=sale)
        left_minor, amount_minor = self._books.left_minor(paid), paid.amount_minor
        if asked.reversed_amount is not None:
            amount_minor = nexo.money_of(asked.reversed_amount, paid.currency).amount_minor
        allowed = 0 < amount_minor <= left_minor
        subject = sale.sale_transaction_id.transaction_id if sale.sale_transaction_id else ""
        one = self._books.put(
            Transaction(
                number=self._books.next_number, kind="reversal", amount_minor=amount_minor, currency=paid.currency,
                at_us=micros(self._clock.now()), name=name, subject_id=subject, original=paid.number,
                status="approved" if allowed else "failed", reason="" if allowed else "NotAllowed",
            )
        )  # fmt: skip
        return self._told_reversal(one)

    def _told_reversal(self, one: Transaction) -> nexo.ReversalResponse:
        return nexo.ReversalResponse(
            response=_SUCCESS if one.status == "approved" else _failure(one.reason),
            poi_data=nexo.PoiData(poi_transaction_id=_poi_transaction(one)),
            sale_data=_sale_data(one),
            reversed_amount=nexo.amount_of(Money(one.amount_minor, one.currency)),
            payment_receipt=self._receipts(one),
        )

    def _status(self, asked: nexo.TransactionStatusRequest, sale_id: str) -> nexo.TransactionStatusResponse:
        reference = asked.message_reference
        one = self._books.named(_name(reference.sale_id or sale_id, reference.service_id))
        if one is None:
            return nexo.TransactionStatusResponse(response=_failure("NotFound"), message_reference=reference)
        if one.status == "in_progress":
            return nexo.TransactionStatusResponse(response=_failure("InProgress"), message_reference=reference)
        if one.kind == "payment":
            body = nexo.RepeatedBody(payment_response=self._told_payment(one))
        else:
            body = nexo.RepeatedBody(reversal_response=self._told_reversal(one))
        repeated = nexo.RepeatedMessage(repeated_response_message_body=body)
        return nexo.TransactionStatusResponse(
            response=_SUCCESS, message_reference=reference, repeated_message_response=repeated
        )

    def _reconcile(self) -> nexo.ReconciliationResponse:
        batch = 1 + max((one.batch for one in self._books.all), default=0)
        booked = [one for one in self._books.all if one.status == "approved" and not one.batch]
        totals = []
        for currency in sorted({one.currency for one in booked}):
            sums = []
            for word, kinds in (("Debit", {"payment"}), ("Credit", {"reversal", "refund"})):
                found = [one for one in booked if one.currency == currency and one.kind in kinds]
                amount = sum((nexo.amount_of(Money(one.amount_minor, currency)) for one in found), Decimal(0))
                sums.append(
                    nexo.PaymentTotals(transaction_type=word, transaction_count=len(found), transaction_amount=amount)
                )
            totals.append(
                nexo.TransactionTotals(
                    payment_instrument_type="Card", payment_currency=currency, payment_totals=tuple(sums)
                )
            )
        for one in booked:
            self._books.put(msgspec.structs.replace(one, batch=batch))
        return nexo.ReconciliationResponse(
            response=_SUCCESS, reconciliation_type="SaleReconciliation", poi_reconciliation_id=str(999 + batch),
            transaction_totals=tuple(totals),
        )  # fmt: skip

    def _receipts(self, one: Transaction) -> tuple[nexo.PaymentReceipt, ...]:
        number = self._reader.card_number
        if self._reader.strikes("full_card_number"):
            self._reader.shows_number = True
        shown = number if self._reader.shows_number else _masked(number)
        amount = nexo.amount_of(Money(one.amount_minor, one.currency))
        when: datetime = from_micros(one.at_us)
        rows = [
            ("header1", "", ""), ("cardholderHeader", "CARDHOLDER COPY", ""), ("filler", "", ""),
            ("txdate", "Date", f"{when:%d/%m/%y}"), ("txtime", "Time", f"{when:%H:%M:%S}"),
            ("pan", "Card", shown), ("posEntryMode", "Entry mode", one.entry), ("aid", "AID", "A0000000041010"),
            ("totalAmount", "TOTAL", f"{one.currency}\u00a0{amount}"),
            ("approved", "APPROVED" if one.status == "approved" else "NOT APPROVED", ""),
        ]  # fmt: skip
        lines = tuple(nexo.OutputText(text=_line(*row)) for row in rows)
        return tuple(
            nexo.PaymentReceipt(document_qualifier=kind, output_content=nexo.OutputContent(output_text=lines))
            for kind in ("CashierReceipt", "CustomerReceipt")
        )

    def _small_talk(self, one: Transaction) -> str:
        number = self._reader.card_number
        tail = f"&cardNumber={number}" if self._reader.shows_number else ""
        return f"tid={one.number}&cardSummary={number[-4:]}{tail}"


_LATE_S = 0.7
_SUCCESS = nexo.Response(result="Success")


def _failure(condition: str, why: str = "") -> nexo.Response:
    return nexo.Response(result="Failure", error_condition=condition, additional_response=why and f"message={why}")


def _name(sale_id: str, service_id: str) -> str:
    return f"{sale_id}/{service_id}"


def _masked(number: str) -> str:
    return "*" * (len(number) - 4) + number[-4:]


def _line(key: str, name: str, value: str) -> str:
    return "&".join(
        filter(
            None, (f"name={_quoted(name)}" if name else "", f"value={_quoted(value)}" if value else "", f"key={key}")
        )
    )


def _quoted(text: str) -> str:
    return "".join(
        one if one.isascii() and one.isalnum() else "".join(f"%{b:02x}" for b in one.encode()) for one in text
    )


def _stamp(one: Transaction) -> str:
    return from_micros(one.at_us).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _poi_transaction(one: Transaction) -> nexo.TransactionIdentification:
    return nexo.TransactionIdentification(
        transaction_id=f"sim{one.number:03d}{one.at_us}.{one.number:016d}", time_stamp=_stamp(one)
    )


def _sale_data(one: Transaction) -> nexo.SaleData:
    return nexo.SaleData(
        sale_transaction_id=nexo.TransactionIdentification(transaction_id=one.subject_id, time_stamp=_stamp(one))
    )
