"""What a visit says of itself: whose it is, and which goods were looked at or taken off again."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from unqueue.server.trips import store as trips_store
from unqueue.server.trips.model import Action, Added, Batched, Changed, MemberShown

REMOVED, VIEWED = 0.3, 0.1
"""How much of what a shopper leaves unscanned is something they had taken off, or had looked at."""


def likelier(actions: Iterable[Action], viewed: Collection[str], on_order: Collection[str]) -> dict[str, float]:
    """The share of each product, by GTIN, that was taken off or looked at and is not among ``on_order``.

    >>> tea = [Added(1, "tea", 1, 450, ""), Changed(1, 0)]
    >>> likelier(tea, {"beer", "tea"}, {"milk"})
    {'tea': 0.3, 'beer': 0.1}
    """
    removed = taken_off(actions) - set(on_order)
    looked_at = set(viewed) - removed - set(on_order)
    found = {gtin: REMOVED / len(removed) for gtin in removed}
    return found | {gtin: VIEWED / len(looked_at) for gtin in looked_at}


def taken_off(actions: Iterable[Action]) -> set[str]:
    """The GTINs that were taken off the list and did not come back."""
    lines: dict[int, str] = {}
    removed = set[str]()
    for action in actions:
        for change in action.changes if isinstance(action, Batched) else (action,):
            if isinstance(change, Added):
                lines[change.line] = change.gtin
                removed.discard(change.gtin)
            elif isinstance(change, Changed) and change.quantity == 0:
                removed.add(lines.pop(change.line))
    return removed


def member_of(connection: Connection, trip_id: str) -> str | None:
    """The stable name of the member whose visit it was, None for others: by the last card that was shown."""
    trip = trips_store.get(connection, trip_id)
    member = trip.member if trip is not None else None
    for row in trips_store.actions(connection, trip_id):
        for change in row.action.changes if isinstance(row.action, Batched) else (row.action,):
            if isinstance(change, MemberShown):
                member = change.member
    return member
