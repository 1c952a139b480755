"""What trips need of what stands beside and above them."""

from datetime import datetime
from typing import Protocol

from unqueue.server.catalogue.model import Product, Resolved
from unqueue.server.catalogue.service import ProductView
from unqueue.server.promotions.pricing import Pricing, PricingLine


class MemberFinder(Protocol):
    """What a trip needs to know of members: a stable name for whoever shows a card; None for what is no member's."""

    async def name(self, code: str, asker: str) -> str | None: ...
    async def of_card(self, code: str, visit: str) -> str | None: ...


class ProductFinder(Protocol):
    """What a trip needs of the catalogue."""

    async def resolve(self, code: str, symbology: str | None, at: datetime) -> Resolved: ...
    async def find(self, gtin: str) -> Product | None: ...
    async def view(self, product: Product) -> ProductView: ...


class Pricer(Protocol):
    """What a trip needs of the promotions."""

    def price(self, lines: list[PricingLine], *, at: datetime, member: bool) -> Pricing: ...
