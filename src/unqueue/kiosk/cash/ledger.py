"""Where cash is: movements of pieces between places, and what lies where. Pure.

A movement takes `count` pieces of one denomination from one place to another. Nothing is ever changed in place: what a
place holds is the sum of its movements. Places outside the machine (`shopper`, `staff`) are negative by what they gave.

- `dispenser:<device>` what a device can give; `cashbox:<device>` what it only keeps.
- `suspense:<place>` pieces of which the machine is not sure: those of a payout whose end is not known, and a coin that
  may have been pulled out again. Physically they are in that place or with a shopper.
- `removed:<device>` a cashbox that was taken out and that nobody has put their name to yet.
- `difference` what a count found missing (positive: missing) or too many (negative).
"""

from collections.abc import Iterable, Mapping

import msgspec

from unqueue.kernel.cash import Denomination

SHOPPER = "shopper"
STAFF = "staff"
DIFFERENCE = "difference"

Contents = dict[str, dict[Denomination, int]]


class Movement(msgspec.Struct, frozen=True):
    """`count` (above zero) pieces go from `source` to `target`."""

    denomination: Denomination
    count: int
    source: str
    target: str

    def __post_init__(self) -> None:
        assert self.count > 0, self
        assert self.source != self.target, self


def dispenser(device: str) -> str:
    return f"dispenser:{device}"


def cashbox(device: str) -> str:
    return f"cashbox:{device}"


def suspense(place: str) -> str:
    return f"suspense:{place}"


def removed(device: str) -> str:
    return f"removed:{device}"


def moved(pieces: Mapping[Denomination, int], source: str, target: str) -> list[Movement]:
    """Movements of all those pieces."""
    return [Movement(denomination, count, source, target) for denomination, count in sorted(pieces.items()) if count]


def apply(contents: Contents, movements: Iterable[Movement]) -> None:
    """Add movements to what lies where. Replaying all of them gives the contents.

    >>> yuan, contents = Denomination("CNY", 100, "coin"), {}
    >>> apply(contents, [Movement(yuan, 3, "staff", "dispenser:h1"), Movement(yuan, 1, "dispenser:h1", "shopper")])
    >>> contents["dispenser:h1"][yuan], contents["staff"][yuan]
    (2, -3)
    """
    for movement in movements:
        for place, change in ((movement.source, -movement.count), (movement.target, movement.count)):
            pieces = contents.setdefault(place, {})
            pieces[movement.denomination] = pieces.get(movement.denomination, 0) + change


def held(contents: Contents, place: str) -> dict[Denomination, int]:
    """What a place holds, without zeros."""
    return {denomination: count for denomination, count in sorted(contents.get(place, {}).items()) if count}


def recounted(contents: Contents, place: str, counted: Mapping[Denomination, int]) -> list[Movement]:
    """What makes the books agree with a count of a dispenser or cashbox: its suspense returns to it, then missing
    pieces go to `difference` and surplus ones come from there.
    """
    doubtful = held(contents, suspense(place))
    movements = moved(doubtful, suspense(place), place)
    booked = held(contents, place)
    for denomination in sorted({*booked, *doubtful, *counted}):
        book = booked.get(denomination, 0) + doubtful.get(denomination, 0)
        over = counted.get(denomination, 0) - book
        if over > 0:
            movements.append(Movement(denomination, over, DIFFERENCE, place))
        elif over < 0:
            movements.append(Movement(denomination, -over, place, DIFFERENCE))
    return movements


def value_minor(pieces: Mapping[Denomination, int], currency: str) -> int:
    """What pieces of a currency are worth at their face."""
    return sum(piece.value_minor * count for piece, count in pieces.items() if piece.currency == currency)
