"""A trip in memory."""

import asyncio

from unqueue.server.catalogue.model import Product
from unqueue.server.trips import store
from unqueue.server.trips.basket import LineViews
from unqueue.server.trips.coupons import Found
from unqueue.server.trips.model import Action, Trip


class LiveTrip:
    """A trip in memory: its state, its actions, its lines as they were shown. ``lock`` keeps its actions in order.

    ``coupons`` are all that were ever put into the basket, by their numbers there; ``viewed`` are the GTINs that were
    looked at since it is in memory.
    """

    __slots__ = ("actions", "coupons", "ids", "lock", "products", "row", "trip", "viewed", "views")

    def __init__(self, row: store.TripRow, trip: Trip) -> None:
        self.row = row
        self.trip = trip
        self.lock = asyncio.Lock()
        self.views = LineViews()
        self.actions: list[Action] = []
        self.ids: dict[str, tuple[bytes, int]] = {}
        self.products: dict[str, Product] = {}
        self.coupons: dict[int, Found] = {}
        self.viewed: set[str] = set()

    @property
    def actor(self) -> str:
        return f"trip:{self.row.trip_id}"

    def took(self, action_id: str, body_hash: bytes, action: Action) -> None:
        self.actions.append(action)
        self.ids[action_id] = (body_hash, len(self.actions))
