"""Goods that turn up at a call and were not paid: what a scanned code names, and what they are worth."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.database import Database
from unqueue.kernel.money import Money
from unqueue.server.catalogue import store as catalogue_store
from unqueue.server.catalogue.codes import Code
from unqueue.server.catalogue.model import Recognised
from unqueue.server.catalogue.service import Catalogue
from unqueue.server.trips.requests import CodeText

ITEMS_MAX = 50
QUANTITY_MAX = 99


class UnpaidGood(msgspec.Struct, frozen=True):
    """Goods that were there and not paid: by the product, or by its scanned code."""

    product_id: str | None = None
    code: CodeText | None = None
    quantity: Annotated[int, msgspec.Meta(ge=1, le=QUANTITY_MAX)] = 1


class GoodsView(msgspec.Struct, frozen=True):
    """What a scanned code names. ``price`` is what one of it costs with its deposit, before promotions, None where
    nobody can tell; ``weight_g`` that of goods sold by weight. ``refusal``: the problem by which it can't be sold.
    """

    product_id: str
    name_zh: str
    name_en: str
    weight_g: int | None
    price: Money | None
    refusal: dict[str, Any] | None


class Goods:
    """What staff have in their hands at a call."""

    def __init__(self, database: Database, catalogue: Catalogue, *, time_zone: str) -> None:
        self._database = database
        self._catalogue = catalogue
        self._zone = ZoneInfo(time_zone)

    async def look(self, code: str) -> GoodsView:
        """What a scanned code names, fit to be sold or not. ProductUnknown, or what the code's reader refuses."""
        found = await self._recognise(code)
        product, value_minor = found.product, found.value_minor
        return GoodsView(
            product.product_id,
            product.name_zh or product.name_en,
            product.name_en or product.name_zh,
            found.code.weight_g,
            Money(value_minor, product.currency) if value_minor is not None else None,
            found.refusal.problem() if found.refusal is not None else None,
        )

    async def values_minor(self, goods: Sequence[UnpaidGood]) -> dict[str, int | None]:
        """What one costs of each code among the goods, as :func:`worth_minor` takes it; refusals as of :meth:`look`."""
        codes = {one.code for one in goods if one.code is not None and one.product_id is None}
        return {code: (await self._recognise(code)).value_minor for code in codes}

    async def _recognise(self, code: str) -> Recognised:
        return await self._catalogue.recognise(code, self._database.clock.now().astimezone(self._zone))


def worth_minor(
    connection: Connection, found: Sequence[UnpaidGood], of_codes: Mapping[str, int | None] | None = None
) -> int | None:
    """What goods cost by the catalogue as it is now, with deposits; ``of_codes`` is what one costs of each code.
    None where nobody can tell of one of them, or there are none.
    """
    ids = [one.product_id for one in found if one.product_id is not None]
    known = catalogue_store.records(connection, ids) if ids else {}
    total_minor = 0
    for one in found:
        if one.product_id is None:
            value_minor = (of_codes or {}).get(one.code or "")
        elif one.product_id in known:
            product = known[one.product_id].product
            value_minor = Recognised(product, Code(product.gtin)).value_minor
        else:
            value_minor = None
        if value_minor is None:
            return None
        total_minor += value_minor * one.quantity
    return total_minor if found else None
