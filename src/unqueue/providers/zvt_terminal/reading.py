"""What a terminal's word means for what we began there, without I/O.

After a broken dialogue only the terminal's last transaction can be asked for. It is ours if it is newer than the last
one before ours and fits in amount and kind; it never happened if there is no newer one. Anything else (another amount,
no memory, someone at the terminal's own menu) is *unclear*: a person has to look, and nothing is begun again.
"""

import msgspec

from unqueue.kernel.money import Money
from unqueue.providers.port import ProviderState, ProviderUnavailable, RefundState
from unqueue.providers.zvt_terminal import wire
from unqueue.providers.zvt_terminal.dialogue import Ending
from unqueue.providers.zvt_terminal.journal import Entry, Status
from unqueue.providers.zvt_terminal.wire import StatusInformation

NOTHING = "none"


def name_of(last: StatusInformation | None) -> str:
    """How a transaction is told from the one before it.

    >>> name_of(None), name_of(StatusInformation(result=0, receipt=470, trace=470, date="1006", time="223953"))
    ('none', '470/470/1006/223953')
    """
    if last is None:
        return NOTHING
    return "/".join(str(part) for part in (last.receipt, last.trace, last.date, last.time))


def reference_of(status: StatusInformation) -> str:
    """The terminal's numbers of a payment, enough to reverse it: receipt, trace, terminal.

    >>> reference_of(StatusInformation(result=0, receipt=470, trace=471, terminal_id="28004869"))
    '0470/000471/28004869'
    """
    return f"{status.receipt or 0:04d}/{status.trace or 0:06d}/{status.terminal_id}"


def receipt_of(reference: str) -> int:
    """The receipt number in a reference. ValueError when it is none."""
    receipt, _, rest = reference.partition("/")
    if not rest or not receipt.isascii() or not receipt.isdigit() or not int(receipt):
        raise ValueError("a reference is RECEIPT/TRACE/TERMINAL")
    return int(receipt)


def after_dialogue(entry: Entry, ending: Ending, *, stopped: bool) -> Entry:
    """What became of an entry whose dialogue was heard to its end; still ``begun`` when that did not tell."""
    status = ending.status
    if ending.completed and status is not None and status.result == wire.OK:
        if not _fits(entry, status):
            return msgspec.structs.replace(entry, status="unclear", reference=reference_of(status), slip=ending.slip)
        return msgspec.structs.replace(entry, status="succeeded", reference=reference_of(status), slip=ending.slip)
    if not ending.completed and (status is None or status.result != wire.OK):
        aborted = stopped and wire.ABORTED in {ending.code, status.result if status else wire.ABORTED}
        return msgspec.structs.replace(entry, status="closed" if aborted else "failed", slip=ending.slip)
    return entry


def after_break(entry: Entry, last: StatusInformation | None) -> Entry:
    """What became of an entry whose dialogue broke, from the terminal's last transaction."""
    status = _status_after_break(entry, last)
    reference = reference_of(last) if last is not None and status == "succeeded" else entry.reference
    return msgspec.structs.replace(entry, status=status, reference=reference)


def _status_after_break(entry: Entry, last: StatusInformation | None) -> Status:
    if last is None:
        return "unclear"
    if name_of(last) == entry.before:
        return "failed"
    if last.result != wire.OK:
        return "failed" if _fits(entry, last, silent=True) else "unclear"
    if not _fits(entry, last):
        return "unclear"
    gives_back = last.original_trace is not None
    if entry.kind == "payment" and gives_back:
        # Unacknowledged, the terminal took it back by itself (PA00P015 §2.2.8), unless it gave back an older one.
        return "failed" if (last.original_trace or 0) > _trace_of(entry.before) else "unclear"
    return "succeeded" if (entry.kind == "reversal") == gives_back else "unclear"


def attempt_state(entry: Entry) -> ProviderState:
    """An entry as the store hears of it. ProviderUnavailable when a person has to look."""
    amount = Money(entry.amount_minor, entry.currency)
    match entry.status:
        case "begun":
            return ProviderState("pending", amount)
        case "unclear":
            raise unclear(entry)
        case status:
            return ProviderState(status, amount, reference=entry.reference, slip=entry.slip)


def refund_state(entry: Entry) -> RefundState:
    """A refund's entry as the store hears of it. ProviderUnavailable when a person has to look."""
    amount = Money(entry.amount_minor, entry.currency)
    match entry.status:
        case "begun":
            return RefundState("pending", amount)
        case "unclear":
            raise unclear(entry)
        case "succeeded":
            return RefundState("succeeded", amount, entry.reference)
        case _:
            return RefundState("failed", amount)


def unclear(entry: Entry) -> ProviderUnavailable:
    """Neither paid nor unpaid can be proven: the terminal's own journal has to be looked at."""
    return ProviderUnavailable("outcome_unclear", f"{entry.kind} of {entry.amount_minor} {entry.currency}")


def _trace_of(name: str) -> int:
    trace = name.split("/")[1] if name.count("/") else ""
    return int(trace) if trace.isdecimal() else 0


def _fits(entry: Entry, status: StatusInformation, *, silent: bool = False) -> bool:
    """Whether amount and currency are the entry's; a status that names none fits only where ``silent`` allows it."""
    if status.amount_minor is None:
        return silent
    same_currency = status.currency in {None, wire.CURRENCIES[entry.currency]}
    return status.amount_minor == entry.amount_minor and same_currency
