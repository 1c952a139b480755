"""The messages of nexo Retailer 3.0 as the Terminal API writes them in JSON: the part that the store needs.

Source: nexo Retailer Protocol 3.0 (nexo standards), in the JSON of Adyen's Terminal API; field names are its own.
Decoding keeps only what is named here: card data (``CardData``, ``SensitiveCardData``, masked or not) is passed over by
the decoder and never becomes an object.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal
from urllib.parse import parse_qsl

import msgspec

from unqueue.kernel.money import Money, currency_exponent
from unqueue.providers.nexo_terminal.crypto import SecurityTrailer

PROTOCOL_VERSION = "3.0"
Category = Literal["Payment", "Abort", "TransactionStatus", "Reversal", "Reconciliation", "Diagnosis", "Event"]

_SPELLED = {"id": "ID", "poi": "POI", "ok": "OK"}


def _nexo_name(name: str) -> str:
    """``sale_transaction_id`` → ``SaleTransactionID``; one trailing underscore is dropped."""
    return "".join(_SPELLED.get(word, word.capitalize()) for word in name.strip("_").split("_"))


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=_nexo_name):
    """A part of a message."""


class MessageHeader(_Part, frozen=True, kw_only=True):
    """Who speaks to whom, about what. ``service_id`` pairs answer and question; at most 10 characters."""

    message_class: Literal["Service", "Device", "Event"]
    message_category: str
    message_type: Literal["Request", "Response", "Notification"]
    sale_id: str
    poi_id: str = msgspec.field(name="POIID")
    service_id: str = ""
    protocol_version: str = ""


class TransactionIdentification(_Part, frozen=True, kw_only=True):
    transaction_id: str
    time_stamp: str


class AmountsRequested(_Part, frozen=True, kw_only=True):
    currency: str
    requested_amount: Decimal


class SaleData(_Part, frozen=True, kw_only=True):
    sale_transaction_id: TransactionIdentification | None = None
    sale_reference_id: str = ""
    sale_to_acquirer_data: str = ""


class PaymentTransaction(_Part, frozen=True, kw_only=True):
    amounts_req: AmountsRequested


class PaymentRequest(_Part, frozen=True, kw_only=True):
    sale_data: SaleData
    payment_transaction: PaymentTransaction


class MessageReference(_Part, frozen=True, kw_only=True):
    """Names an earlier message."""

    message_category: str
    service_id: str
    sale_id: str = ""


class AbortRequest(_Part, frozen=True, kw_only=True):
    abort_reason: str
    message_reference: MessageReference


class TransactionStatusRequest(_Part, frozen=True, kw_only=True):
    message_reference: MessageReference
    receipt_reprint_flag: bool = False
    document_qualifier: tuple[str, ...] = ()


class OriginalTransaction(_Part, frozen=True, kw_only=True):
    poi_transaction_id: TransactionIdentification = msgspec.field(name="POITransactionID")


class ReversalRequest(_Part, frozen=True, kw_only=True):
    """Gives a payment back: all of it, or ``reversed_amount``."""

    original_poi_transaction: OriginalTransaction = msgspec.field(name="OriginalPOITransaction")
    reversal_reason: str
    sale_data: SaleData
    reversed_amount: Decimal | None = None


class ReconciliationRequest(_Part, frozen=True, kw_only=True):
    reconciliation_type: str


class DiagnosisRequest(_Part, frozen=True, kw_only=True):
    host_diagnosis_flag: bool


class Response(_Part, frozen=True, kw_only=True):
    """``error_condition`` says why ``result`` is a failure."""

    result: Literal["Success", "Partial", "Failure"]
    error_condition: str = ""
    additional_response: str = ""


class PoiData(_Part, frozen=True, kw_only=True):
    poi_transaction_id: TransactionIdentification | None = msgspec.field(name="POITransactionID", default=None)


class OutputText(_Part, frozen=True, kw_only=True):
    text: str = ""
    end_of_line_flag: bool = True


class OutputContent(_Part, frozen=True, kw_only=True):
    output_format: str = "Text"
    output_text: tuple[OutputText, ...] = ()


class PaymentReceipt(_Part, frozen=True, kw_only=True):
    """A receipt that the terminal wants printed; ``CustomerReceipt`` is the shopper's."""

    document_qualifier: str
    output_content: OutputContent = OutputContent()
    required_signature_flag: bool = False


class AmountsResponded(_Part, frozen=True, kw_only=True):
    authorized_amount: Decimal
    currency: str = ""


class PaymentResult(_Part, frozen=True, kw_only=True):
    amounts_resp: AmountsResponded | None = None


class PaymentResponse(_Part, frozen=True, kw_only=True):
    response: Response
    poi_data: PoiData = msgspec.field(name="POIData", default=PoiData())
    sale_data: SaleData = SaleData()
    payment_result: PaymentResult = PaymentResult()
    payment_receipt: tuple[PaymentReceipt, ...] = ()


class ReversalResponse(_Part, frozen=True, kw_only=True):
    response: Response
    poi_data: PoiData = msgspec.field(name="POIData", default=PoiData())
    sale_data: SaleData = SaleData()
    reversed_amount: Decimal | None = None
    payment_receipt: tuple[PaymentReceipt, ...] = ()


class RepeatedBody(_Part, frozen=True, kw_only=True):
    payment_response: PaymentResponse | None = None
    reversal_response: ReversalResponse | None = None


class RepeatedMessage(_Part, frozen=True, kw_only=True):
    repeated_response_message_body: RepeatedBody


class TransactionStatusResponse(_Part, frozen=True, kw_only=True):
    response: Response
    message_reference: MessageReference | None = None
    repeated_message_response: RepeatedMessage | None = None


class PaymentTotals(_Part, frozen=True, kw_only=True):
    """How often, and how much, since the last reconciliation. Refunds are ``Credit``."""

    transaction_type: str
    transaction_count: int = 0
    transaction_amount: Decimal = Decimal(0)


class TransactionTotals(_Part, frozen=True, kw_only=True):
    payment_instrument_type: str
    payment_currency: str = ""
    payment_totals: tuple[PaymentTotals, ...] = ()


class ReconciliationResponse(_Part, frozen=True, kw_only=True):
    response: Response
    reconciliation_type: str = ""
    poi_reconciliation_id: str = msgspec.field(name="POIReconciliationID", default="")
    transaction_totals: tuple[TransactionTotals, ...] = ()


class PoiStatus(_Part, frozen=True, kw_only=True):
    global_status: str = ""
    communication_ok_flag: bool = True


class DiagnosisResponse(_Part, frozen=True, kw_only=True):
    response: Response
    poi_status: PoiStatus = msgspec.field(name="POIStatus", default=PoiStatus())


class Message(_Part, frozen=True, kw_only=True):
    """A header and one body."""

    message_header: MessageHeader
    payment_request: PaymentRequest | None = None
    abort_request: AbortRequest | None = None
    transaction_status_request: TransactionStatusRequest | None = None
    reversal_request: ReversalRequest | None = None
    reconciliation_request: ReconciliationRequest | None = None
    diagnosis_request: DiagnosisRequest | None = None
    payment_response: PaymentResponse | None = None
    transaction_status_response: TransactionStatusResponse | None = None
    reversal_response: ReversalResponse | None = None
    reconciliation_response: ReconciliationResponse | None = None
    diagnosis_response: DiagnosisResponse | None = None


class Request(_Part, frozen=True, kw_only=True):
    sale_to_poi_request: Message = msgspec.field(name="SaleToPOIRequest")


class Answer(_Part, frozen=True, kw_only=True):
    sale_to_poi_response: Message = msgspec.field(name="SaleToPOIResponse")


class SealedMessage(_Part, frozen=True, kw_only=True):
    """A message on the way: readable header, encrypted rest."""

    message_header: MessageHeader
    nexo_blob: str
    security_trailer: SecurityTrailer


class SealedRequest(_Part, frozen=True, kw_only=True):
    sale_to_poi_request: SealedMessage = msgspec.field(name="SaleToPOIRequest")


class SealedAnswer(_Part, frozen=True, kw_only=True):
    sale_to_poi_response: SealedMessage = msgspec.field(name="SaleToPOIResponse")


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encode(message: msgspec.Struct) -> bytes:
    """The JSON of a message; amounts are numbers."""
    return _ENCODER.encode(message)


def amount_of(money: Money) -> Decimal:
    """The amount in whole units.

    >>> str(amount_of(Money(1290, "CNY"))), str(amount_of(Money(500, "JPY")))
    ('12.90', '500')
    """
    return Decimal(money.amount_minor).scaleb(-currency_exponent(money.currency))


def money_of(amount: Decimal, currency: str) -> Money:
    """The money of an amount in whole units; ValueError for a fraction of a minor unit.

    >>> money_of(Decimal("10.99"), "EUR"), money_of(Decimal(79), "EUR")
    (Money(amount_minor=1099, currency='EUR'), Money(amount_minor=7900, currency='EUR'))
    """
    minor = amount.scaleb(currency_exponent(currency))
    if minor != minor.to_integral_value():
        raise ValueError(f"{currency} has no such fraction")
    return Money(int(minor), currency)


def customer_lines(receipts: Sequence[PaymentReceipt]) -> list[str]:
    """The lines of the shopper's receipt, as a printer prints them.

    A line is plain text or, in the Terminal API, ``name=Card&value=%2a0010&key=pan``: the name, then the value.
    """
    lines, line = [], ""
    for receipt in receipts:
        if receipt.document_qualifier == "CustomerReceipt":
            for text in receipt.output_content.output_text:
                line += _readable(text.text)
                if text.end_of_line_flag:
                    lines.append(line)
                    line = ""
    return lines + ([line] if line else [])


def _readable(text: str) -> str:
    if "key=" not in text and "name=" not in text:
        return text
    fields = dict(parse_qsl(text, keep_blank_values=True))
    return " ".join(filter(None, (fields.get("name", ""), fields.get("value", "").strip())))
