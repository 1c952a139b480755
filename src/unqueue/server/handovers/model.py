"""A basket that a handset handed to a kiosk by itself: what is to be done with it. Pure."""

from typing import Any

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.passes.baskets import HandedBatch, HandedScan
from unqueue.server.trips.model import Trip
from unqueue.server.trips.requests import Batch, BatchAdd, BatchSet, Scan


class LeftOut(msgspec.Struct, frozen=True):
    """Something that the handset handed over and the basket could not take: its code (None for a change), and why."""

    code: str | None
    problem: dict[str, Any]


class PaidMeanwhile(DomainError):
    """The visit is paid, and its handset hands over more than was paid."""

    code = "paid_meanwhile"
    status = 409
    zh = "这次购物已经付清；之后扫的商品，请找店员帮忙"
    en = "This visit is paid already. For what you scanned since then, please ask a member of staff."


def scan_of(handed: HandedScan) -> Scan:
    """The scan as the handset would have sent it, and sends it later: the same body is the same scan."""
    return Scan(handed.id, handed.code, handed.quantity, handed.symbology, handed.at)


def batch_of(handed: HandedBatch, trip: Trip) -> Batch:
    """The batch that a change makes of the trip as it is at its turn; the handset does the same when it sends.

    Lines and coupons that are gone are left alone, and what falls to none is deleted.
    """
    quantities = {entry.line: entry.quantity for entry in handed.set}
    gone = [line for line in handed.delete if line in trip.lines]
    for change in handed.change:
        line = trip.lines.get(change.line)
        if line is not None:
            quantities[change.line] = quantities.get(change.line, line.quantity) + change.by
    gone += [line for line, quantity in quantities.items() if quantity < 1 and line not in gone]
    return Batch(
        id=handed.id,
        add=[BatchAdd(entry.code, entry.quantity, entry.symbology) for entry in handed.add],
        set=[BatchSet(line, quantity) for line, quantity in quantities.items() if line not in gone],
        delete=gone,
        delete_coupons=[number for number in handed.delete_coupons if number in trip.coupons],
    )
