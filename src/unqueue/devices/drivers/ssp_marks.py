"""What the driver of a note recycler must remember beyond a power cut, as the text of a mark. Pure.

The device counts notes for good, and repeats a credit until it is acknowledged. A mark therefore holds how many notes
were accounted for, and which note lay in escrow. After a restart, a credit is a new one if a note was in escrow or the
device has counted one more than the mark; else it is the one that was heard already.
"""

import itertools
from collections.abc import Mapping

import msgspec

from unqueue.devices.ports import Payout
from unqueue.devices.wire.ssp_messages import Amount, Counters
from unqueue.kernel.cash import Denomination, parse_denomination

_WRAP = 1 << 32
UNKNOWN_NOTE = "?"


class Memory(msgspec.Struct, frozen=True, tag="ssp-in", array_like=True):
    """What is accounted for up to and including the event that bears this as its mark."""

    serial: int
    number: int
    """Of the event, so that no two marks are equal."""
    notes_in: int
    """Notes that went from shoppers to cashbox and store, as the device counts them."""
    stored: int
    """Those of them that went to the store."""
    escrow: str | None = None
    """The note that was announced, and has not yet been credited or given back."""
    jammed: bool = False
    """There was a jam since that note was announced."""

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()

    def arrivals(self, counters: Counters) -> int:
        """Notes that came in and are not accounted for; negative when the device has yet to count some."""
        return _difference(counters.stacked + counters.stored, self.notes_in)

    def stored_arrivals(self, counters: Counters) -> int:
        return _difference(counters.stored, self.stored)


def decode_memory(mark: str) -> Memory:
    """The mark of an event. ValueError when it is none of ours."""
    return msgspec.json.decode(mark, type=Memory)


class PayoutMark(msgspec.Struct, frozen=True, tag="ssp-out", array_like=True):
    """What the device counted before a payout."""

    serial: int
    nonce: str
    stored: int
    dispensed: int
    transferred: int
    levels: dict[str, int]

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()

    def was_used(self, counters: Counters, levels: Mapping[Denomination, int]) -> bool:
        """Whether the store has given anything away since."""
        moved = (counters.dispensed, counters.transferred) != (self.dispensed, self.transferred)
        return moved or bool(_left(self.levels, levels))

    def outcome(
        self,
        counters: Counters,
        levels: Mapping[Denomination, int],
        told_minor: Mapping[str, int] | None,
        *,
        done: bool,
    ) -> Payout:
        """What has been paid. `told_minor`: the value per currency that the device's last event spoke of, if any.

        Levels tell which notes left the store, counters how many of them went to the shopper. If all of them did, that
        is the answer. If some are stuck, or went to the cashbox after a power cut, the value decides which, if it can.
        """
        left = _left(self.levels, levels)
        dispensed = _difference(counters.dispensed, self.dispensed)
        transferred = _difference(counters.transferred, self.transferred)
        inside = sum(left.values()) - dispensed - transferred  # on their way, or stuck
        certain = counters.stored == self.stored and inside >= 0
        if certain and inside == transferred == 0:
            return Payout(left, done)
        candidates = _choices(left, dispensed)
        if told_minor is not None:
            told = {currency: value for currency, value in told_minor.items() if value}
            candidates = [choice for choice in candidates if _values(choice) == told] or candidates
        paid = candidates[0] if candidates else left
        return Payout(paid, done, exact=not done or (certain and len(candidates) == 1))


def decode_payout_mark(mark: str) -> PayoutMark:
    """The mark of a payout. ValueError when it is none of ours."""
    return msgspec.json.decode(mark, type=PayoutMark)


def _difference(later: int, earlier: int) -> int:
    """Counters have 32 bits and wrap."""
    difference = (later - earlier) % _WRAP
    return difference - _WRAP if difference >= _WRAP // 2 else difference


def _left(before: Mapping[str, int], now: Mapping[Denomination, int]) -> dict[Denomination, int]:
    counts = {parse_denomination(text): count for text, count in before.items()}
    left = {denomination: count - now.get(denomination, 0) for denomination, count in counts.items()}
    return {denomination: count for denomination, count in left.items() if count > 0}


def _choices(left: Mapping[Denomination, int], count: int) -> list[dict[Denomination, int]]:
    """The ways to take `count` notes from those that left; few, since few notes are on their way to the cashbox."""
    missing = sum(left.values()) - count
    ranges = [range(max(0, most - max(0, missing)), most + 1) for most in left.values()]
    found = (taken for taken in itertools.product(*ranges) if sum(taken) == count)
    return [
        {denomination: number for denomination, number in zip(left, taken, strict=True) if number}
        for taken in itertools.islice(found, 1000)
    ]


def _values(counts: Mapping[Denomination, int]) -> dict[str, int]:
    values: dict[str, int] = {}
    for denomination, count in counts.items():
        values[denomination.currency] = values.get(denomination.currency, 0) + denomination.value_minor * count
    return values


def note_of(amount: Amount) -> Denomination:
    """The note that the device means."""
    return Denomination(amount.currency, amount.value_minor, "note")


def amount_of(denomination: Denomination) -> Amount:
    """How the device names a note."""
    return Amount(denomination.value_minor, denomination.currency)
