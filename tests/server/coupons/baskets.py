"""Orders and coupons to test with, and the strategies that make them up."""

from typing import Any

from hypothesis import strategies as st

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.ids import new_id, new_order_number
from unqueue.server.coupons import redeeming, store
from unqueue.server.coupons.keys import own_keys
from unqueue.server.coupons.loader import Loaded
from unqueue.server.coupons.model import Held, Redemptions
from unqueue.server.coupons.rules import AmountOff, Coupon, FreeProduct, Goods, PercentOff, Selection
from unqueue.server.coupons.service import import_coupons
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderLine
from unqueue.server.trips import store as trips_store
from unqueue.server.trips.store import TripRow

CATEGORIES = ("dairy", "drinks", "tobacco")
GTINS = ("06901234567892", "06923450657713", "00614141999996", "00614141888887", "20614141888881", "00000096385074")


def line(number: int, unit_price: int = 500, quantity: int = 1, **fields: Any) -> OrderLine:
    """A line of milk, unless something else is said."""
    weight = fields.get("weight_g")
    subtotal = fields.pop("subtotal", unit_price * quantity)
    off, deposit = fields.pop("off", 0), fields.pop("deposit", 0)
    given: dict[str, Any] = {
        "product_id": "milk", "gtin": GTINS[0], "name_zh": "牛奶", "name_en": "Milk", "category": "dairy",
        "sold_by": "piece" if weight is None else "weight", "weight_g": None, "tax_rate_bp": 900,
        "weight_g_expected": 1000, "weight_g_sd": 5.0, "tag": "none", "age_limit": None, **fields,
    }  # fmt: skip
    return OrderLine(
        line=number,
        quantity=quantity,
        unit_price_minor=unit_price,
        subtotal_minor=subtotal,
        discount_minor=off,
        deposit_minor=deposit,
        total_minor=subtotal - off + deposit,
        **given,
    )


ALL = Goods(everything=True)
MILK = Goods(product_ids=("milk",))
DAIRY = Goods(categories=("dairy",))


def texts(coupon_id: str, **fields: Any) -> dict[str, Any]:
    given = {"id": coupon_id, "zh": f"券{coupon_id}", "en": f"Coupon {coupon_id}", "currency": "CNY"}
    ways = {"serials", "gcn", "offer", "company_prefixes"}
    if not ways & fields.keys():
        given["code"] = "C" + coupon_id.upper().rjust(3, "0")
    return {**given, "stackable": True, **fields}


def amount(coupon_id: str, off: int, on: Goods = ALL, **fields: Any) -> AmountOff:
    return AmountOff(off_minor=off, on=on, **texts(coupon_id, **fields))


def percent(coupon_id: str, off_bp: int, on: Goods = ALL, **fields: Any) -> PercentOff:
    return PercentOff(off_bp=off_bp, on=on, **texts(coupon_id, **fields))


def free(coupon_id: str, on: Goods = MILK, **fields: Any) -> FreeProduct:
    return FreeProduct(on=on, **texts(coupon_id, **fields))


def held(coupon: Coupon, **fields: Any) -> Held:
    """A coupon by its first key."""
    return Held(fields.pop("redemption_id", coupon.id), next(iter(own_keys(coupon)), coupon.id), coupon, **fields)


def open_order(tx: Transaction, lines: list[OrderLine], *, is_member: bool = False, currency: str = "CNY") -> Order:
    """An order that waits for payment."""
    trip_id, order_id = new_id(), new_id()
    trips_store.insert_trip(tx, TripRow(trip_id, trip_id, "shopping", currency, "zh", is_member, tx.at_us, None))
    order = Order(
        order_id=order_id,
        trip_id=trip_id,
        number=new_order_number(),
        token_hash=order_id,
        status="open",
        total_minor=sum(one.total_minor for one in lines),
        currency=currency,
        basket_hash="0" * 64,
        item_count=sum(one.quantity for one in lines),
        basket="{}",
        created_us=tx.at_us,
    )
    orders_store.submit(tx, order, lines)
    return order


def ordered(database: Database, *lines: OrderLine, **fields: Any) -> Order:
    return database.write_now(lambda tx: open_order(tx, list(lines) or [line(1, quantity=4)], **fields))


def offer(database: Database, *coupons: Coupon) -> None:
    """Import coupons."""
    import_coupons(database, Loaded(coupons), currency=coupons[0].currency, actor="test")


def put(
    database: Database, at: redeeming.Redeeming, order: Order, code: str, *, member: str | None = None, **fields: Any
) -> Redemptions:
    """Redeem a coupon in a unit of its own."""
    action_id = fields.get("action_id") or new_id()
    return database.write_now(
        lambda tx: at.redeem(tx, order, code, member=member, action_id=action_id, actor=f"order:{order.order_id}")
    )


def counts(database: Database, coupon_id: str) -> tuple[int, int]:
    """How often a coupon is reserved, and was used."""
    row = database.read_now(lambda connection: store.get(connection, coupon_id))
    assert row is not None
    return row.reserved, row.used


@st.composite
def order_lines(draw: st.DrawFn) -> list[OrderLine]:
    made = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        is_weighed = draw(st.booleans())
        quantity = 1 if is_weighed else draw(st.integers(1, 5))
        price = draw(st.integers(0, 3000) | st.integers(0, 7))
        off = draw(st.just(0) | st.integers(0, price * quantity))
        made.append(
            line(
                number, price, quantity, off=off,
                deposit=draw(st.sampled_from((0, 50))),
                product_id=draw(st.sampled_from(("milk", "tea", "cheese"))),
                gtin=draw(st.sampled_from(GTINS)),
                category=draw(st.sampled_from(CATEGORIES)),
                weight_g=draw(st.integers(1, 3000)) if is_weighed else None,
                age_limit=draw(st.sampled_from((None, None, 18))),
            )
        )  # fmt: skip
    return made


goods = st.one_of(
    st.just(ALL),
    st.builds(Goods, everything=st.just(value=True), excluding=st.just(Selection(categories=("tobacco",)))),
    st.builds(Goods, categories=st.lists(st.sampled_from(CATEGORIES), min_size=1, unique=True).map(tuple)),
    st.builds(Goods, product_ids=st.lists(st.sampled_from(("milk", "tea")), min_size=1, unique=True).map(tuple)),
    st.builds(Goods, gtins=st.lists(st.sampled_from(GTINS), min_size=1, unique=True).map(tuple)),
)


@st.composite
def coded(draw: st.DrawFn, number: int) -> Coupon:
    on = draw(goods)
    common: dict[str, Any] = {
        "priority": draw(st.sampled_from((1, 50, 50, 99))),
        "funded_by": draw(st.sampled_from(("store", "issuer"))),
        "minimum_spend_minor": draw(st.sampled_from((0, 0, 500, 5000))),
        "minimum_spend_on": draw(st.sampled_from(("basket", "goods"))),
        "not_with_promotions": draw(st.booleans()),
        "without_age_limited": draw(st.booleans()),
    }
    units = draw(st.none() | st.integers(1, 4)) if on.of_products else None
    kind = draw(st.sampled_from(("amount", "percent", "free") if on.of_products else ("amount", "percent")))
    match kind:
        case "amount":
            return amount(f"c{number}", draw(st.integers(1, 4000)), on, units=units, **common)
        case "percent":
            cap = draw(st.none() | st.integers(1, 1000))
            return percent(f"c{number}", draw(st.integers(1, 10_000)), on, units=units, off_max_minor=cap, **common)
        case _:
            return free(f"c{number}", on, units=units or 1, off_max_minor=draw(st.none() | st.just(300)), **common)


coupon_lists = st.integers(1, 6).flatmap(lambda count: st.tuples(*(coded(number) for number in range(count))).map(list))
