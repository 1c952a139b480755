"""The basket's lines are kept as they were last shown: what is shown must always be the basket as it is now."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from unqueue.kernel.money import Money
from unqueue.server.catalogue.model import Product
from unqueue.server.promotions.pricing import Applied, Discount, Pricing
from unqueue.server.trips.basket import Basket, LineDiscount, LineView, LineViews, show_basket
from unqueue.server.trips.model import Added, Changed, Trip, fold

texts = st.text(max_size=12)
amounts = st.integers(0, 10**7)


@st.composite
def products(draw: st.DrawFn) -> Product:
    return Product(
        product_id=draw(st.uuids()).hex,
        gtin=f"{draw(st.integers(0, 10**14 - 1)):014d}",
        name_zh=draw(texts),
        name_en=draw(texts),
        brand=draw(texts),
        unit_price_minor=draw(amounts),
        sold_by=draw(st.sampled_from(["piece", "weight"])),
        net_weight_g=draw(st.none() | st.integers(1, 9_999)),
        deposit_minor=draw(st.integers(0, 100)),
        age_limit=draw(st.sampled_from([None, None, 16, 18])),
        tag=draw(st.sampled_from(["none", "EAS"])),
    )


@st.composite
def trips(draw: st.DrawFn) -> Trip:
    on_sale = draw(st.lists(products(), min_size=1, max_size=5, unique_by=lambda product: product.gtin))
    actions = [
        Added(
            line=number,
            gtin=product.gtin,
            quantity=1 if product.is_weighed else draw(st.integers(1, 999)),
            unit_price_minor=product.unit_price_minor,
            code=product.gtin,
            weight_g=draw(st.integers(1, 9_999)) if product.is_weighed else None,
            label_price_minor=draw(st.none() | amounts) if product.is_weighed else None,
        )
        for number, product in enumerate(on_sale, 1)
    ]
    by_gtin = {product.gtin: product for product in on_sale}
    return fold("a" * 32, draw(st.sampled_from(["CNY", "EUR", "JPY"])), actions, by_gtin)


@st.composite
def pricings(draw: st.DrawFn, trip: Trip) -> Pricing:
    applied, discounts = [], []
    for number in range(draw(st.integers(0, 3))):
        lines = draw(st.lists(st.sampled_from(sorted(trip.lines)), min_size=1, unique=True)) if trip.lines else []
        parts = [Discount(f"promotion-{number}", line, draw(st.integers(1, 500))) for line in sorted(lines)]
        total = sum(part.amount_minor for part in parts)
        applied.append(Applied(f"promotion-{number}", draw(texts), draw(texts), total, tuple(sorted(lines))))
        discounts += parts
    return Pricing(sorted(discounts, key=lambda discount: discount.line), applied, True, trip.currency)


def expected(trip: Trip, pricing: Pricing) -> list[LineView]:
    """The lines, each made the plain way."""
    texts_of = {applied.promotion_id: applied for applied in pricing.applied}
    views = []
    for line in trip.lines.values():
        product = line.product
        shown = [
            LineDiscount(
                one.promotion_id,
                texts_of[one.promotion_id].zh,
                texts_of[one.promotion_id].en,
                Money(one.amount_minor, trip.currency),
            )
            for one in pricing.discounts
            if one.line == line.number
        ]
        discount = sum(one.amount.amount_minor for one in shown)
        views.append(
            LineView(
                line=line.number,
                product_id=product.product_id,
                gtin=product.gtin,
                name_zh=product.name_zh,
                name_en=product.name_en,
                brand=product.brand,
                category=product.category,
                sold_by=product.sold_by,
                weight_g=line.weight_g,
                net_weight_g=product.net_weight_g,
                quantity_text=product.quantity_text,
                unit_price=Money(line.unit_price_minor, trip.currency),
                unit="kg" if product.sold_by == "weight" else "piece",
                age_limit=product.age_limit,
                eas=product.tag == "EAS",
                quantity=line.quantity,
                subtotal=Money(line.subtotal_minor, trip.currency),
                discount=Money(discount, trip.currency),
                deposit=Money(line.deposit_minor, trip.currency),
                total=Money(line.subtotal_minor - discount + line.deposit_minor, trip.currency),
                discounts=shown,
            )
        )
    return views


@given(st.data())
def test_what_is_shown_is_the_basket_as_it_is_now(data: st.DataObject) -> None:
    trip, kept = data.draw(trips()), LineViews()
    for _ in range(3):
        pricing = data.draw(pricings(trip))
        views = expected(trip, pricing)
        basket = msgspec.json.decode(msgspec.json.encode(show_basket(trip, pricing, kept)), type=Basket)
        assert basket.lines == views
        for part in ("subtotal", "discount", "deposit", "total"):
            assert getattr(basket, part).amount_minor == sum(getattr(view, part).amount_minor for view in views)
        assert basket.item_count == sum(view.quantity for view in views)
        assert basket.age_limit == max((view.age_limit for view in views if view.age_limit), default=None)
        if trip.lines:
            line = trip.lines[data.draw(st.sampled_from(sorted(trip.lines)))]
            quantity = data.draw(st.integers(0, 1 if line.is_weighed else 999))
            trip.apply(Changed(line.number, quantity), {})
