"""What the rest of the server asks the catalogue."""

import time
from collections.abc import Callable
from datetime import date, datetime

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.kernel.money import Money, divide_half_up
from unqueue.kernel.settings import Settings
from unqueue.server.catalogue import model, store
from unqueue.server.catalogue.allergens import allergen_names
from unqueue.server.catalogue.barcodes import Symbology, draw
from unqueue.server.catalogue.categories import category, rank
from unqueue.server.catalogue.codes import Code, CodeReader
from unqueue.server.catalogue.gtin import gtin_14, shortest
from unqueue.server.catalogue.model import Product, ProductUnknown, Resolved, WeightNeeded
from unqueue.server.catalogue.templates import parse_template

CACHED_MAX = 100_000
VERSION_CHECK_SECONDS = 1.0
PAGE_SIZE = 60
_PAGES_MAX = 1000
_WORDS_MAX = 6


class ProductView(msgspec.Struct, frozen=True):
    """What a shopper may know of a product. ``unit_price`` is for a ``unit``: "piece" or "kg"."""

    product_id: str
    gtin: str
    name_zh: str
    name_en: str
    brand: str
    category: str
    category_zh: str
    category_en: str
    sold_by: model.SoldBy
    unit: str
    unit_price: Money
    deposit: Money
    quantity_text: str
    net_weight_g: int | None
    age_limit: int | None
    origin: str
    producer: str
    ingredients: str
    allergens_zh: str
    allergens_en: str
    nutrition: dict[str, float]


class ShelfProduct(msgspec.Struct, frozen=True):
    """A product on the shelf. ``code`` is what its package carries; None for goods to be weighed first."""

    product_id: str
    gtin: str
    code: str | None
    name_zh: str
    name_en: str
    brand: str
    category: str
    sold_by: model.SoldBy
    unit: str
    unit_price: Money
    deposit: Money
    quantity_text: str
    age_limit: int | None
    eas: bool


class ShelfPage(msgspec.Struct, frozen=True):
    """A page of the shelf; ``next_page`` is None on the last."""

    products: list[ShelfProduct]
    next_page: int | None


class Department(msgspec.Struct, frozen=True):
    """A category that has goods to buy."""

    slug: str
    zh: str
    en: str
    count: int


class WeighedLabel(msgspec.Struct, frozen=True):
    """What the counter's scale prints for weighed goods."""

    code: str
    weight_g: int
    price: Money


class Catalogue:
    """Products by code, from memory where possible.

    Products are kept in memory, the lately used ones, at most ``CACHED_MAX``. Another process may import: once in
    ``VERSION_CHECK_SECONDS`` the catalogue's version is read, and memory is dropped when it changed.
    """

    def __init__(
        self, database: Database, settings: Settings, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._currency = settings.store.currency
        self._templates = [parse_template(entry.template) for entry in settings.catalogue.store_codes]
        self.codes = CodeReader(self._templates, self._currency)
        self._monotonic = monotonic
        self._checked_at = float("-inf")
        self._version = -1
        # Two generations stand in for a queue of uses: a hit is one look-up and moves nothing.
        self._young: dict[str, Product] = {}
        self._old: dict[str, Product] = {}

    async def resolve(self, code: str, symbology: str | None, at: datetime) -> Resolved:
        """The product of a scanned code, fit to be sold at ``at``, the store's local time.

        Raises the refusals of :mod:`unqueue.server.catalogue.model`, each with its own code.
        """
        product, read = await self._read(code, symbology, at.date())
        return model.resolve(product, read, at.date())

    async def recognise(self, code: str, at: datetime) -> model.Recognised:
        """The product of a code that staff scanned at ``at``, the store's local time, fit to be sold or not.
        ProductUnknown, or what the code's reader refuses.
        """
        product, read = await self._read(code, None, at.date())
        try:
            return model.Recognised(product, model.resolve(product, read, at.date()).code)
        except DomainError as refusal:
            return model.Recognised(product, read, refusal)

    async def _read(self, code: str, symbology: str | None, today: date) -> tuple[Product, Code]:
        read = self.codes.read(code, today, symbology)
        product = await self.find(read.gtin)
        if product is None and read.other_gtin is not None:
            product = await self.find(read.other_gtin)
        if product is None:
            raise ProductUnknown(gtin=read.gtin)
        return product, read

    def draw(self, code: str, symbology: Symbology | None) -> str:
        """A product's barcode as SVG: :func:`unqueue.server.catalogue.barcodes.draw`."""
        return draw(code, symbology, self.codes, self._database.clock.now().date())

    async def find(self, gtin: str) -> Product | None:
        """The product that has this GTIN-14, whatever its status."""
        now = self._monotonic()
        if now - self._checked_at >= VERSION_CHECK_SECONDS:
            await self._check_version(now)
        young = self._young
        product = young.get(gtin)
        if product is not None:
            return product
        product = self._old.get(gtin)
        if product is None:
            product = await self._database.read(lambda connection: store.find(connection, gtin))
            if product is None:
                return None
        # Into the generation of the time before the read: if the catalogue changed meanwhile, that one is gone.
        young[gtin] = product
        if len(young) >= CACHED_MAX // 2 and young is self._young:
            self._young, self._old = {}, young
        return product

    async def view(self, product: Product) -> ProductView:
        """All that a shopper may know of a product."""
        details = await self._database.read(lambda connection: store.details(connection, product.product_id))
        department = category(product.category)
        allergens_zh, allergens_en = allergen_names(details.allergens)
        return ProductView(
            product_id=product.product_id,
            gtin=product.gtin,
            name_zh=product.name_zh,
            name_en=product.name_en,
            brand=product.brand,
            category=product.category,
            category_zh=department.zh,
            category_en=department.en,
            sold_by=product.sold_by,
            unit=_unit(product),
            unit_price=product.unit_price,
            deposit=product.deposit,
            quantity_text=product.quantity_text,
            net_weight_g=product.net_weight_g,
            age_limit=product.age_limit,
            origin=details.origin,
            producer=details.producer,
            ingredients=details.ingredients,
            allergens_zh=allergens_zh,
            allergens_en=allergens_en,
            nutrition=details.nutrition,
        )

    async def browse(self, query: str, category_slug: str | None, page: int) -> ShelfPage:
        """A page (the first is 1) of what can be bought and has all words of ``query`` in names, brand or code."""
        words = query.split()[:_WORDS_MAX]
        page = min(max(page, 1), _PAGES_MAX)

        def read(connection: Connection) -> list[Product]:
            offset = (page - 1) * PAGE_SIZE
            return store.browse(connection, words, category_slug, offset=offset, limit=PAGE_SIZE + 1)

        found = await self._database.read_long(read)
        next_page = page + 1 if len(found) > PAGE_SIZE else None
        return ShelfPage([_on_shelf(product) for product in found[:PAGE_SIZE]], next_page)

    async def departments(self) -> list[Department]:
        """The categories that have goods to buy, in the order of the plan of the store."""
        counts = await self._database.read_long(store.count_categories)
        departments = []
        for counted in counts:
            known = category(counted.slug)
            departments.append(Department(counted.slug, known.zh, known.en, counted.count))
        return sorted(departments, key=lambda department: (rank(department.slug), department.slug))

    async def label(self, gtin: str, weight_g: int) -> WeighedLabel:
        """What the counter's scale prints for ``weight_g`` of a product: the first template that can say it."""
        product = await self.find(gtin_14(gtin))
        if product is None or product.status != "active":
            raise NotFound
        price_minor = divide_half_up(product.unit_price_minor * weight_g, 1000)
        for template in self._templates if product.is_weighed else ():
            code = template.compose(product.gtin, self._currency, weight_g=weight_g, price_minor=price_minor)
            if code is not None:
                return WeighedLabel(code, weight_g, Money(price_minor, product.currency))
        raise WeightNeeded(product_id=product.product_id, name_zh=product.name_zh, name_en=product.name_en)

    async def _check_version(self, now: float) -> None:
        self._checked_at = now
        version = await self._database.read(store.version)
        if version != self._version:
            self._version = version
            self._young, self._old = {}, {}


def _unit(product: Product) -> str:
    return "kg" if product.is_weighed else "piece"


def _on_shelf(product: Product) -> ShelfProduct:
    return ShelfProduct(
        product_id=product.product_id,
        gtin=product.gtin,
        code=None if product.is_weighed else shortest(product.gtin),
        name_zh=product.name_zh,
        name_en=product.name_en,
        brand=product.brand,
        category=product.category,
        sold_by=product.sold_by,
        unit=_unit(product),
        unit_price=product.unit_price,
        deposit=product.deposit,
        quantity_text=product.quantity_text,
        age_limit=product.age_limit,
        eas=product.tag == "EAS",
    )
