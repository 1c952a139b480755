"""The use case of a handed basket: prove whose it is, take over what is not known yet, make it the visit's order.

Actions are taken by the ids that their handset gave them. So it does not matter whether a basket comes twice, whether
an older one comes after a newer (it holds nothing that is not known), or whether the handset, once it is back online,
sends the same actions: a basket only ever adds to what is known, and the order is of all of it.
"""

import msgspec

from unqueue.kernel.errors import DomainError, NotFound
from unqueue.passes import baskets
from unqueue.passes.baskets import BasketCodeInvalid, HandedBasket, HandedBatch, HandedScan
from unqueue.server.access import Principal
from unqueue.server.handovers.model import LeftOut, PaidMeanwhile, batch_of, scan_of
from unqueue.server.orders.service import Orders, OrderView
from unqueue.server.trips.live import LiveTrip
from unqueue.server.trips.model import ScanConflict
from unqueue.server.trips.service import Trips, normal_id


class TakenOver(msgspec.Struct, frozen=True):
    """The order that a handed basket became, and what of it could not be taken."""

    order: OrderView
    left_out: list[LeftOut]


class _Refused(msgspec.Struct):
    """What is read of a batch's answer."""

    refused: list[LeftOut]


class Handovers:
    """Baskets that handsets hand to kiosks. ``secret`` makes the keys of all trips."""

    def __init__(self, trips: Trips, orders: Orders, *, secret: bytes) -> None:
        self._trips = trips
        self._orders = orders
        self._secret = secret

    async def take_over(self, kiosk: Principal, content: bytes) -> TakenOver:
        """The order of a basket that a kiosk has collected.

        BasketCodeInvalid; PaidMeanwhile; what the order refuses while it is being paid; BasketEmpty.
        """
        trip_id = baskets.trip_of(content)
        handed = baskets.unseal(content, baskets.key_of(self._secret, trip_id))
        try:
            live = await self._trips.live(trip_id)
        except NotFound as error:
            raise BasketCodeInvalid from error
        left_out = await self._take(live, handed, kiosk)
        view, _ = await self._orders.submit(await self._trips.live(trip_id))
        return TakenOver(view, left_out)

    async def _take(self, live: LiveTrip, handed: HandedBasket, kiosk: Principal) -> list[LeftOut]:
        trip_id = live.row.trip_id
        waiting = [action for action in handed.actions if normal_id(action.id) not in live.ids]
        if not waiting:
            return []
        if live.trip.status in {"paid", "left"}:
            raise PaidMeanwhile
        if live.trip.status == "submitted":
            await self._orders.reopen(live, kiosk.actor)
        left_out: list[LeftOut] = []
        for action in waiting:
            left_out += await self._take_one(await self._trips.live(trip_id), action)
        taken = len(waiting) - len(left_out)
        self._trips.note(live, "trip.handed_over", {"kiosk": kiosk.id, "actions": taken, "left_out": len(left_out)})
        return left_out

    async def _take_one(self, live: LiveTrip, action: HandedScan | HandedBatch) -> list[LeftOut]:
        code = action.code if isinstance(action, HandedScan) else None
        try:
            if isinstance(action, HandedScan):
                await self._trips.scan(live, scan_of(action))
                return []
            answer = await self._trips.batch(live, batch_of(action, live.trip))
        except ScanConflict:  # its handset was faster
            return []
        except DomainError as refusal:
            return [LeftOut(code, refusal.problem())]
        return msgspec.json.decode(answer, type=_Refused).refused
