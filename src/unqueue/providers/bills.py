"""A provider's bill: what it says it took and gave back in a day, whatever file it came in.

Each provider that gives bills has a ``bill.py`` with a pure reader, from the file's bytes to these rows.
"""

from typing import Literal

import msgspec

from unqueue.kernel.money import Money


class BillRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a bill.

    ``attempt_id`` and ``refund_id`` are the store's own (``refund_id`` is empty for a charge); ``reference`` is the
    provider's number of the charge or of the refund. ``amount`` is never negative: ``kind`` says which way it went.
    ``fee`` is what the provider kept, negative where it gave some back. ``at_us`` is when, in microseconds since 1970
    UTC; ``status`` is the provider's own word.
    """

    kind: Literal["charge", "refund"]
    attempt_id: str
    refund_id: str = ""
    reference: str
    amount: Money
    fee: Money
    at_us: int
    status: str


class BillMalformed(ValueError):
    """The file is not such a bill. ``line`` counts from 1; 0 is the file as a whole."""

    def __init__(self, line: int, problem: str) -> None:
        self.line = line
        self.problem = problem
        super().__init__(f"line {line}: {problem}" if line else problem)
