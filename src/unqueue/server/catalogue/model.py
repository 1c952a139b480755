"""Products, and when a product may be put into a basket. Pure."""

from datetime import date
from typing import Any, Literal, get_args

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.kernel.money import Money, divide_half_up
from unqueue.server.catalogue.codes import Code

SoldBy = Literal["piece", "weight"]
Packaging = Literal["flexible", "rigid", "glass", "none"]
Tag = Literal["none", "EAS"]
Status = Literal["active", "unpriced", "withdrawn", "recalled"]
WeightSource = Literal["given", "derived", "guessed"]

SOLD_BY: tuple[SoldBy, ...] = get_args(SoldBy)
PACKAGINGS: tuple[Packaging, ...] = get_args(Packaging)
TAGS: tuple[Tag, ...] = get_args(Tag)
STATUSES: tuple[Status, ...] = get_args(Status)


class Product(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the store sells, as the hot path needs it.

    ``gtin`` has 14 digits. ``unit_price_minor`` is for a piece, or for a kilogram where ``sold_by`` is "weight".
    ``net_weight_g`` is what the package says it holds, millilitres weighed by the category's density; None if unknown.
    ``weight_g_expected`` and ``weight_g_sd`` are the gross weight of one piece on a scale and its standard deviation;
    ``weight_source`` says where they come from: "given" (weighed by the store), "derived" (from net weight and
    packaging) or "guessed" (nothing is known). ``tare_g`` is the wrapping of weighed goods. ``tax_rate_bp`` is in
    hundredths of a percent, contained in the price. ``recalled_lots`` narrows or adds a recall, as
    :func:`refuse_unsellable` says.
    """

    product_id: str
    gtin: str
    name_zh: str
    name_en: str
    brand: str = ""
    category: str = "other"
    unit_price_minor: int = 0
    currency: str = "CNY"
    sold_by: SoldBy = "piece"
    quantity_text: str = ""
    net_weight_g: int | None = None
    packaging: Packaging = "flexible"
    weight_g_expected: int = 0
    weight_g_sd: float = 0.0
    weight_source: WeightSource = "guessed"
    tare_g: int = 0
    age_limit: int | None = None
    tax_rate_bp: int = 0
    deposit_minor: int = 0
    tag: Tag = "none"
    status: Status = "active"
    recalled_lots: tuple[str, ...] = ()

    @property
    def unit_price(self) -> Money:
        return Money(self.unit_price_minor, self.currency)

    @property
    def deposit(self) -> Money:
        return Money(self.deposit_minor, self.currency)

    @property
    def is_weighed(self) -> bool:
        return self.sold_by == "weight"


class ProductDetails(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a shopper may want to read: stored apart, so that the hot path stays small.

    ``nutrition`` is per 100 g or 100 ml: ``energy_kj``, ``fat_g``, ``saturated_fat_g``, ``carbohydrates_g``,
    ``sugars_g``, ``fiber_g``, ``proteins_g``, ``salt_g``, ``alcohol_percent``. Absent is unknown, never zero.
    """

    origin: str = ""
    producer: str = ""
    ingredients: str = ""
    allergens: str = ""
    nutrition: dict[str, float] = {}


LABEL_ROUNDING_MINOR = 10
"""A label may be so much cheaper than weight times price: scales round, some of them to the tenth."""


class Resolved(msgspec.Struct, frozen=True):
    """A scanned code and the product it names, fit to be sold.

    For goods sold by weight ``code.weight_g`` is set: from the code, or worked back from the price on its label, and
    ``code.price_minor`` is what the label asks for, where that is charged. For goods sold by the piece both are None,
    whatever the code says: the server alone prices them.
    """

    product: Product
    code: Code


class Recognised(msgspec.Struct, frozen=True):
    """A product and the code that names it, fit to be sold or not: ``refusal`` is why it is not."""

    product: Product
    code: Code
    refusal: DomainError | None = None

    @property
    def value_minor(self) -> int | None:
        """What one of it costs, with its deposit; None where that goes by a weight that the code does not tell."""
        price_minor: int | None = self.product.unit_price_minor
        if self.product.is_weighed:
            price_minor = self.code.price_minor
            if price_minor is None and self.code.weight_g is not None:
                price_minor = divide_half_up(self.product.unit_price_minor * self.code.weight_g, 1000)
        return price_minor + self.product.deposit_minor if price_minor is not None else None


class ProductUnknown(DomainError):
    """Details: ``gtin``."""

    code = "product_unknown"
    status = 404
    zh = "本店还没有这件商品的资料，请交给店员看一下"
    en = "We do not know this product yet. Please show it to our staff."


class ProductRecalled(DomainError):
    """Details: ``product_id``, ``name_zh``, ``name_en``."""

    code = "product_recalled"
    status = 409
    zh = "“{name_zh}”正在召回，请不要食用，交给店员即可"
    en = "{name_en} is being recalled. Please do not use it; hand it to our staff."


class ProductExpired(DomainError):
    """Details: ``product_id``, ``name_zh``, ``name_en``, ``expired_on`` (the last good day, ISO 8601)."""

    code = "product_expired"
    status = 409
    zh = "这件“{name_zh}”已过期（{expired_on}），请换一件"
    en = "This {name_en} is past its date ({expired_on}). Please take another one."


class ProductWithdrawn(DomainError):
    """Details: ``product_id``, ``name_zh``, ``name_en``."""

    code = "product_withdrawn"
    status = 409
    zh = "“{name_zh}”已停售，请换一件"
    en = "{name_en} is no longer sold. Please choose another product."


class PriceMissing(DomainError):
    """The product is known but nobody has priced it. Details: ``product_id``, ``name_zh``, ``name_en``."""

    code = "price_missing"
    status = 409
    permanent = False
    zh = "“{name_zh}”还没有定价，请找店员"
    en = "{name_en} has no price yet. Please ask our staff."


class LabelPriceDiffers(DomainError):
    """Details: ``product_id``, ``name_zh``, ``name_en``."""

    code = "label_price_differs"
    status = 409
    zh = "“{name_zh}”标签上的价格不是今天的，请到称重台重新打印标签"
    en = "The price on the label of “{name_en}” is not today's. Please have it weighed and labelled again."


class WeightNeeded(DomainError):
    """Details: ``product_id``, ``name_zh``, ``name_en``."""

    code = "weight_needed"
    status = 422
    zh = "“{name_zh}”按重量卖，请先称重，再扫秤上打印的标签"
    en = "{name_en} is sold by weight. Please weigh it and scan the label from the scale."


def resolve(product: Product, code: Code, today: date) -> Resolved:
    """Decide whether ``product`` may be sold under ``code`` on ``today``, the store's local date.

    Raises, in this order: :class:`ProductRecalled`, :class:`ProductExpired`, :class:`ProductWithdrawn`,
    :class:`PriceMissing`, :class:`WeightNeeded`, :class:`LabelPriceDiffers`.
    """
    refuse_unsellable(product, code, today)
    weight_g = price_minor = None
    if product.is_weighed:
        weight_g, price_minor = _measured(product, code)
    if weight_g != code.weight_g or price_minor != code.price_minor:
        code = msgspec.structs.replace(code, weight_g=weight_g, price_minor=price_minor)
    return Resolved(product, code)


def _measured(product: Product, code: Code) -> tuple[int, int | None]:
    """The weight of weighed goods, and what their label asks for where that is to be charged.

    Anyone can type a code, so no price is believed for itself: beside a weight it may differ by the label's rounding,
    and alone it is what the weight follows from, which the lane then holds against the goods.
    """
    weight_g, price_minor = code.weight_g, code.price_minor
    if weight_g is None and price_minor is not None and product.unit_price_minor > 0:
        weight_g = divide_half_up(price_minor * 1000, product.unit_price_minor)
        if weight_g:
            return weight_g, price_minor
    if not weight_g:
        raise WeightNeeded(**_names(product))
    if price_minor is None:
        return weight_g, None
    due_minor = divide_half_up(product.unit_price_minor * weight_g, 1000)
    if due_minor - price_minor > max(LABEL_ROUNDING_MINOR, due_minor // 100):
        raise LabelPriceDiffers(**_names(product))
    return weight_g, min(price_minor, due_minor)


def refuse_unsellable(product: Product, code: Code, today: date) -> None:
    """Raise the reason why nobody may buy this, if there is one.

    A product that is "recalled" with lots named is recalled in those lots, and also where the code names no lot, for
    then nobody can tell; one that is "active" with lots named is recalled in those lots only. A package is good
    through the day that AI 17 (use by), 15 (best before) or 16 (sell by) names, whichever comes first.
    """
    if product.recalled_lots or product.status == "recalled":
        named = code.lot in product.recalled_lots
        if named or (product.status == "recalled" and (code.lot is None or not product.recalled_lots)):
            raise ProductRecalled(**_names(product))
    for last_good in sorted(day for day in (code.expires, code.best_before, code.sell_by) if day is not None):
        if last_good < today:
            raise ProductExpired(**_names(product), expired_on=last_good.isoformat())
    if product.status == "withdrawn":
        raise ProductWithdrawn(**_names(product))
    if product.status == "unpriced":
        raise PriceMissing(**_names(product))


def _names(product: Product) -> dict[str, Any]:
    return {"product_id": product.product_id, "name_zh": product.name_zh, "name_en": product.name_en}
