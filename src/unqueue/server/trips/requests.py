"""What a handset asks of a trip. Pure."""

from typing import Annotated

import msgspec

from unqueue.server.trips.model import COUPONS_MAX, LINES_MAX

BATCH_MAX = 200
CodeText = Annotated[str, msgspec.Meta(max_length=500)]
ShortText = Annotated[str, msgspec.Meta(max_length=64)]


class Scan(msgspec.Struct, frozen=True):
    """A scan as the handset sends it; ``id`` is its UUID, ``at`` its own clock (recorded, never believed)."""

    id: ShortText
    code: CodeText
    quantity: int = 1
    symbology: ShortText | None = None
    at: ShortText | None = None


class BatchAdd(msgspec.Struct, frozen=True):
    code: CodeText
    quantity: int = 1
    symbology: ShortText | None = None


class BatchSet(msgspec.Struct, frozen=True):
    line: int
    quantity: int


class Batch(msgspec.Struct, frozen=True):
    """Many changes in one: add codes, set quantities, delete lines and coupons."""

    id: ShortText
    add: Annotated[list[BatchAdd], msgspec.Meta(max_length=BATCH_MAX)] = []
    set: Annotated[list[BatchSet], msgspec.Meta(max_length=LINES_MAX)] = []
    delete: Annotated[list[int], msgspec.Meta(max_length=LINES_MAX)] = []
    delete_coupons: Annotated[list[int], msgspec.Meta(max_length=COUPONS_MAX)] = []


class OpenedTrip(msgspec.Struct, frozen=True):
    """A new trip. The token is shown once and is all that proves whose trip it is.

    ``basket_key`` (hexadecimal) seals a basket that the handset hands to a kiosk by itself; None where none takes one.
    """

    id: str
    token: str
    basket: msgspec.Raw
    basket_key: str | None = None
