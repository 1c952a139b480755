"""What a terminal's answers mean for an attempt or a refund, without I/O. Texts leave here through the card guard."""

from collections.abc import Sequence

from unqueue.kernel.money import Money
from unqueue.providers.card_guard import mask, mask_lines
from unqueue.providers.nexo_terminal import messages
from unqueue.providers.nexo_terminal.messages import (
    PaymentReceipt,
    PaymentResponse,
    PoiData,
    Response,
    ReversalResponse,
    SaleData,
    TransactionIdentification,
    TransactionStatusResponse,
)
from unqueue.providers.port import ProviderState, ProviderUnavailable, RefundState

NOT_FOUND, IN_PROGRESS, ABORTED, BUSY = "NotFound", "InProgress", "Aborted", "Busy"


def reference_of(poi_data: PoiData) -> str:
    """The terminal's number for a transaction and when it was: a reversal names both.

    >>> reference_of(PoiData(poi_transaction_id=TransactionIdentification(transaction_id="4r7.88", time_stamp="2019")))
    '4r7.88@2019'
    """
    found = poi_data.poi_transaction_id
    return f"{found.transaction_id}@{found.time_stamp}" if found else ""


def transaction_of(reference: str) -> TransactionIdentification:
    """The other way round. ValueError when the text is no reference."""
    transaction_id, _, time_stamp = reference.rpartition("@")
    if not transaction_id or not time_stamp:
        raise ValueError("a reference is NUMBER@TIME")
    return TransactionIdentification(transaction_id=transaction_id, time_stamp=time_stamp)


def payment_state(answer: PaymentResponse | None, attempt_id: str, asked: Money) -> ProviderState:
    """What a payment's answer says. ProviderUnavailable when it is about another one, or says no amount."""
    if answer is None:
        raise ProviderUnavailable("answer_malformed", "no answer to a payment")
    _same_sale(answer.sale_data, attempt_id)
    lines = slip(answer.payment_receipt)
    condition = answer.response.error_condition
    if answer.response.result == "Failure":
        return ProviderState("closed" if condition == ABORTED else "failed", asked, slip=lines)
    taken = answer.payment_result.amounts_resp
    if taken is None:
        raise ProviderUnavailable("answer_malformed", "a payment without its amount")
    try:
        amount = messages.money_of(taken.authorized_amount, taken.currency or asked.currency)
    except ValueError:
        raise ProviderUnavailable("answer_malformed", "an amount that is none") from None
    return ProviderState("succeeded", amount, reference=reference_of(answer.poi_data), slip=lines)


def refund_state(answer: ReversalResponse, refund_id: str, asked: Money) -> RefundState:
    """What a reversal's answer says."""
    _same_sale(answer.sale_data, refund_id)
    if answer.response.result == "Failure":
        return RefundState("failed", asked)
    amount = asked
    if answer.reversed_amount is not None:
        try:
            amount = messages.money_of(answer.reversed_amount, asked.currency)
        except ValueError:
            raise ProviderUnavailable("answer_malformed", "an amount that is none") from None
    return RefundState("succeeded", amount, reference_of(answer.poi_data))


def repeated_payment(status: TransactionStatusResponse) -> PaymentResponse | None:
    """The answer that a status repeats; None when it says that there is none yet (see :func:`condition_of`)."""
    repeated = status.repeated_message_response
    return repeated.repeated_response_message_body.payment_response if repeated else None


def repeated_reversal(status: TransactionStatusResponse) -> ReversalResponse | None:
    repeated = status.repeated_message_response
    return repeated.repeated_response_message_body.reversal_response if repeated else None


def condition_of(response: Response) -> str:
    """Why a question failed; empty when it did not."""
    return response.error_condition if response.result == "Failure" else ""


def refusal(response: Response) -> tuple[str, str]:
    """A code and a detail for developers, of a failure."""
    return f"terminal_{mask(response.error_condition or 'failure').lower()}", mask(response.additional_response)[:200]


def slip(receipts: Sequence[PaymentReceipt]) -> tuple[str, ...]:
    """The shopper's receipt without card numbers and without empty lines at its ends."""
    lines = list(mask_lines(line.replace("\u00a0", " ").rstrip() for line in messages.customer_lines(receipts)))
    while lines and not lines[0]:
        del lines[0]
    while lines and not lines[-1]:
        del lines[-1]
    return tuple(lines)


def _same_sale(sale_data: SaleData, subject_id: str) -> None:
    told = sale_data.sale_transaction_id
    if told is not None and told.transaction_id != subject_id:
        raise ProviderUnavailable("service_id_taken", "the terminal knows another payment by this number")
