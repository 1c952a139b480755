"""The terminal's own memory: every transaction, one line of JSON at each change, on disk before anyone is told."""

import os
from pathlib import Path
from typing import Literal

import msgspec

Status = Literal["in_progress", "approved", "failed"]


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """``number`` counts a terminal's transactions from 1; ``name`` is what the store called it, where the protocol has
    such names; ``original`` is the number of the payment that a reversal or refund gives back; ``reason`` says in the
    protocol's own words why it failed; ``batch`` counts the reconciliations, 0 is before the next one.
    """

    number: int
    kind: Literal["payment", "reversal", "refund"]
    amount_minor: int
    currency: str
    at_us: int
    status: Status = "in_progress"
    name: str = ""
    subject_id: str = ""
    original: int | None = None
    reason: str = ""
    entry: str = ""
    batch: int = 0


class Books:
    """All transactions, by number. What was in progress when the power went was not booked: it has failed since."""

    def __init__(self, path: Path, power_cut_reason: str) -> None:
        self._path = path
        self._transactions: dict[int, Transaction] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            for line in path.read_bytes().splitlines():
                try:
                    one = msgspec.json.decode(line, type=Transaction)
                except msgspec.DecodeError:
                    continue  # the power went while this line was written: nobody was told of it
                self._transactions[one.number] = one
        self._file = path.open("ab")
        if self._path.stat().st_size:
            self._file.write(b"\n")
        for one in list(self._transactions.values()):
            if one.status == "in_progress":
                self.put(msgspec.structs.replace(one, status="failed", reason=power_cut_reason))

    @property
    def all(self) -> list[Transaction]:
        return list(self._transactions.values())

    @property
    def next_number(self) -> int:
        return max(self._transactions, default=0) + 1

    def get(self, number: int) -> Transaction | None:
        return self._transactions.get(number)

    def named(self, name: str) -> Transaction | None:
        """The latest transaction that the store called so."""
        return next((one for one in reversed(self.all) if one.name == name), None)

    def last(self, *statuses: Status) -> Transaction | None:
        """The latest transaction in one of these states."""
        return next((one for one in reversed(self.all) if one.status in statuses), None)

    def left_minor(self, payment: Transaction) -> int:
        """How much of a payment was not given back."""
        back = (one for one in self.all if one.original == payment.number and one.status != "failed")
        return payment.amount_minor - sum(one.amount_minor for one in back)

    def put(self, transaction: Transaction) -> Transaction:
        """Keep the transaction as it is now. Durable when it returns."""
        self._file.write(msgspec.json.encode(transaction) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._transactions[transaction.number] = transaction
        return transaction

    def close(self) -> None:
        self._file.close()
