"""What a row of a file makes of what is known. Pure, and the same row twice makes no difference."""

from typing import Any

import msgspec

from unqueue.server.catalogue.given import Given, RowRefused
from unqueue.server.catalogue.model import Product, ProductDetails
from unqueue.server.catalogue.quantity import Quantity, parse_quantity
from unqueue.server.catalogue.store import Record
from unqueue.server.catalogue.weights import net_weight, piece_weight

_FACTS = frozenset({"name_zh", "name_en", "brand", "category", "quantity_text", "net_weight_g", "packaging"})
_STATED_STATUSES = frozenset({"withdrawn", "recalled"})


def merge(known: Record | None, given: Given, product_id: str, currency: str) -> Record:
    """The record after ``given``: what it states is taken, what it leaves open stays.

    A row of Open Food Facts fills the gaps of a product that the store described itself, and overwrites nothing there.
    Raises RowRefused where a new product lacks its name.
    """
    gaps_only = known is not None and known.source == "store" and given.source == "off"
    fields: dict[str, Any] = {} if known is None else msgspec.structs.asdict(known.product)
    stated = {name: value for name, value in given.fields.items() if not (gaps_only and fields.get(name))}
    if known is None:
        fields = {"product_id": product_id, "gtin": given.gtin, "currency": currency}
        names = [stated[name] for name in ("name_zh", "name_en") if stated.get(name)]
        if not names:
            raise RowRefused("a new product needs name_zh or name_en")
        fields.update(name_zh=names[0], name_en=names[-1])
    fields.update(stated)
    _set_status(fields, stated)
    _set_weight(known, fields, stated)
    details: dict[str, Any] = {} if known is None else msgspec.structs.asdict(known.details)
    details.update({name: value for name, value in given.details.items() if not (gaps_only and details.get(name))})
    other_codes = given.other_codes
    if other_codes is None:
        other_codes = known.other_codes if known is not None else ()
    is_described_by_store = given.source == "store" and not _FACTS.isdisjoint(stated)
    source = "store" if is_described_by_store or known is None else known.source
    return Record(
        Product(**fields),
        ProductDetails(**details),
        tuple(code for code in other_codes if code != fields["gtin"]),
        given.source if known is None else source,
    )


def _set_status(fields: dict[str, Any], stated: dict[str, Any]) -> None:
    """A product without a price is "unpriced" until it has one; a price of zero counts where a row states it."""
    if fields.get("status") in _STATED_STATUSES and "status" not in stated:
        return
    if stated.get("status") in _STATED_STATUSES:
        return
    was_active = fields.get("status") == "active" and "status" not in stated
    has_price = "unit_price_minor" in stated or fields.get("unit_price_minor", 0) > 0 or was_active
    fields["status"] = "active" if has_price else "unpriced"


def _set_weight(known: Record | None, fields: dict[str, Any], stated: dict[str, Any]) -> None:
    """Net weight from the quantity's text, and the gross weight that follows where the store did not weigh it."""
    text = fields.get("quantity_text", "")
    quantity = parse_quantity(text) if text else None
    slug = fields.get("category", "other")
    if "net_weight_g" not in stated and (known is None or "quantity_text" in stated):
        fields["net_weight_g"] = None if quantity is None else net_weight(quantity, slug)
    if fields.get("sold_by") == "weight":
        fields.update(weight_g_expected=0, weight_g_sd=0.0, weight_source="given")
        return
    if quantity is not None and not _agrees(quantity, slug, fields["net_weight_g"]):
        quantity = None
    derived, basis = piece_weight(quantity, fields["net_weight_g"], fields.get("packaging", "flexible"), slug)
    if "weight_g_expected" in stated:
        fields["weight_source"] = "given"
        fields["weight_g_sd"] = stated.get("weight_g_sd", derived.sd_g)
    elif not _was_weighed(known, fields):
        fields.update(weight_g_expected=derived.mean_g, weight_g_sd=derived.sd_g, weight_source=basis)


def _agrees(quantity: Quantity, slug: str, net_weight_g: int | None) -> bool:
    """Whether a net weight that was stated on its own is still that of the text."""
    return net_weight_g is not None and abs(net_weight(quantity, slug) - net_weight_g) <= 0.05 * net_weight_g


def _was_weighed(known: Record | None, fields: dict[str, Any]) -> bool:
    """Whether the store weighed this very package: another net content is another package."""
    if known is None or known.product.weight_source != "given" or known.product.is_weighed:
        return False
    return bool(known.product.net_weight_g == fields["net_weight_g"])
