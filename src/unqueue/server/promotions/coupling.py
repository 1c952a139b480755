"""Which lines compete for the same offers: the components of a basket. Pure."""

from collections.abc import Sequence

from unqueue.server.promotions.bids import Part
from unqueue.server.promotions.index import RuleIndex

Wanting = list[tuple[int, Part]]
"""Lines that offers with sets want: position in the basket, and the line as the search sees it."""


def components(wanting: Sequence[tuple[int, Part]], index: RuleIndex) -> list[Wanting]:
    """Split the lines into components, each in ascending order. An offer without enough units wants nothing."""
    alike: dict[tuple[int, ...], Wanting] = {}
    for entry in wanting:
        slots = entry[1][4]
        if slots in alike:
            alike[slots].append(entry)
        else:
            alike[slots] = [entry]
    dead = _dead_slots(alike, index)
    home_of: dict[int, Wanting] = {}
    homes: list[Wanting] = []
    for slots, entries in alike.items():
        wanted = slots if dead.isdisjoint(slots) else tuple([slot for slot in slots if slot not in dead])
        if not wanted:
            continue
        home = entries if wanted is slots else [(position, (*part[:4], wanted)) for position, part in entries]
        offers = {index.slots[slot][0].index for slot in wanted}
        for other in _distinct([home_of[offer] for offer in offers if offer in home_of]):
            home = home + other
            homes.remove(other)
            offers.update([offer for offer, known in home_of.items() if known is other])
        homes.append(home)
        for offer in offers:
            home_of[offer] = home
    for home in homes:
        home.sort()
    return homes


def _dead_slots(alike: dict[tuple[int, ...], Wanting], index: RuleIndex) -> set[int]:
    """The slots of offers that can't make a single set."""
    units: dict[int, int] = {}
    for slots, entries in alike.items():
        count = sum([part[2] for _, part in entries])
        for slot in slots:
            units[slot] = units.get(slot, 0) + count
    dead: set[int] = set()
    for slot, count in units.items():
        offer, group = index.slots[slot]
        if count < offer.sizes[group]:
            dead.update(index.slots_of[offer.index])
        elif len(offer.sizes) > 1:
            slots_of_offer = index.slots_of[offer.index]
            if any(other not in units for other in slots_of_offer):
                dead.update(slots_of_offer)
    return dead


def _distinct(homes: Sequence[Wanting]) -> list[Wanting]:
    found: list[Wanting] = []
    for home in homes:
        if all(home is not known for known in found):
            found.append(home)
    return found
