"""The catalogue's tables, and all SQL that touches them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from unqueue.kernel.database import Prepared, Transaction
from unqueue.kernel.schema import metadata
from unqueue.server.catalogue.gtin import shortest
from unqueue.server.catalogue.model import PACKAGINGS, SOLD_BY, STATUSES, TAGS, Product, ProductDetails

T = TypeVar("T")
_IDS_AT_ONCE = 500  # bound values in one statement; SQLite allows 32,766, and planning time grows with them


def _one_of(column: str, words: Sequence[str]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(map(repr, words))})", name=column)


# The columns up to ``recalled_lots`` are the fields of Product, in its order.
products = Table(
    "products",
    metadata,
    Column("product_id", String(64), primary_key=True),
    Column("gtin", String(14), nullable=False, unique=True),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("brand", Text, nullable=False),
    Column("category", String(64), nullable=False),
    Column("unit_price_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("sold_by", String(8), nullable=False),
    Column("quantity_text", Text, nullable=False),
    Column("net_weight_g", Integer),
    Column("packaging", String(8), nullable=False),
    Column("weight_g_expected", Integer, nullable=False),
    Column("weight_g_sd", Float, nullable=False),
    Column("weight_source", String(8), nullable=False),
    Column("tare_g", Integer, nullable=False),
    Column("age_limit", Integer),
    Column("tax_rate_bp", Integer, nullable=False),
    Column("deposit_minor", BigInteger, nullable=False),
    Column("tag", String(8), nullable=False),
    Column("status", String(16), nullable=False),
    Column("recalled_lots", Text, nullable=False),  # one a line
    Column("source", String(16), nullable=False),  # who gave the facts: "store" or "off"
    Column("search_text", Text, nullable=False),
    CheckConstraint("length(gtin) = 14", name="gtin"),
    CheckConstraint("unit_price_minor >= 0 AND deposit_minor >= 0", name="amounts"),
    CheckConstraint("weight_g_expected >= 0 AND weight_g_sd >= 0 AND tare_g >= 0", name="weights"),
    CheckConstraint("tax_rate_bp BETWEEN 0 AND 10000", name="tax_rate_bp"),
    _one_of("sold_by", SOLD_BY),
    _one_of("packaging", PACKAGINGS),
    _one_of("tag", TAGS),
    _one_of("status", STATUSES),
    Index("products_by_category", "category", "gtin"),
)

product_details = Table(
    "product_details",
    metadata,
    Column("product_id", String(64), ForeignKey("products.product_id"), primary_key=True),
    Column("body", Text, nullable=False),  # ProductDetails as JSON
)

# Further codes of a product: an old package's GTIN, a promotional one.
product_codes = Table(
    "product_codes",
    metadata,
    Column("gtin", String(14), primary_key=True),
    Column("product_id", String(64), ForeignKey("products.product_id"), nullable=False, index=True),
)

# One row. It tells every process that its copies of products are out of date.
catalogue_version = Table(
    "catalogue_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
)

_FIELDS = Product.__struct_fields__
_PRODUCT = [products.c[field] for field in _FIELDS]
_FIND = Prepared(select(*_PRODUCT).where(products.c.gtin == bindparam("gtin")), "gtin")
_FIND_BY_OTHER_CODE = Prepared(
    select(*_PRODUCT).join_from(products, product_codes).where(product_codes.c.gtin == bindparam("gtin")), "gtin"
)
_VERSION = Prepared(select(catalogue_version.c.version))
_NO_DETAILS = ProductDetails()


class Record(msgspec.Struct, frozen=True, gc=False):
    """Everything the catalogue keeps of a product. ``other_codes`` are GTIN-14s, sorted."""

    product: Product
    details: ProductDetails
    other_codes: tuple[str, ...]
    source: str


class CategoryCount(msgspec.Struct, frozen=True):
    slug: str
    count: int


def find(connection: Connection, gtin: str) -> Product | None:
    """The product of a GTIN-14, its own or another code of it. At the driver's own speed: this is the hot path."""
    raw: Any = connection.connection.dbapi_connection
    row = raw.execute(_FIND.sql(connection.dialect), (gtin,)).fetchone()
    if row is None:
        row = raw.execute(_FIND_BY_OTHER_CODE.sql(connection.dialect), (gtin,)).fetchone()
    return None if row is None else _product(row)


def version(connection: Connection) -> int:
    """A number that grows with each change of the catalogue; 0 before the first."""
    raw: Any = connection.connection.dbapi_connection
    row = raw.execute(_VERSION.sql(connection.dialect), ()).fetchone()
    return 0 if row is None else int(row[0])


def details(connection: Connection, product_id: str) -> ProductDetails:
    """What is known beyond the hot fields; empty where nothing is."""
    row = connection.execute(select(product_details.c.body).where(product_details.c.product_id == product_id)).first()
    return _NO_DETAILS if row is None else msgspec.json.decode(row.body, type=ProductDetails)


def browse(
    connection: Connection, words: Sequence[str], category: str | None, offset: int, limit: int
) -> list[Product]:
    """Products that can be bought, in which all ``words`` occur, in a fixed order that keeps neighbours together."""
    query = select(*_PRODUCT).where(products.c.status == "active")
    if category is not None:
        query = query.where(products.c.category == category)
    for word in words:
        query = query.where(products.c.search_text.contains(word.casefold(), autoescape=True))
    rows = connection.execute(query.order_by(products.c.category, products.c.gtin).offset(offset).limit(limit))
    return [_product(row) for row in rows]


def count_categories(connection: Connection) -> list[CategoryCount]:
    """How many products can be bought in each category."""
    query = select(products.c.category, func.count()).where(products.c.status == "active").group_by(products.c.category)
    return [CategoryCount(slug, count) for slug, count in connection.execute(query)]


def records(connection: Connection, product_ids: Sequence[str]) -> dict[str, Record]:
    """What is kept of these products, by product id."""
    query = (
        select(*_PRODUCT, products.c.source, product_details.c.body)
        .join_from(products, product_details, isouter=True)
        .where(products.c.product_id.in_(bindparam("product_ids", expanding=True)))
    )
    codes_query = select(product_codes.c.product_id, product_codes.c.gtin).where(
        product_codes.c.product_id.in_(bindparam("product_ids", expanding=True))
    )
    found: dict[str, Record] = {}
    for chunk in chunks(product_ids, _IDS_AT_ONCE):
        codes: dict[str, list[str]] = {}
        for product_id, gtin in connection.execute(codes_query, {"product_ids": chunk}):
            codes.setdefault(product_id, []).append(gtin)
        for row in connection.execute(query, {"product_ids": chunk}):
            product = _product(row[: len(_FIELDS)])
            known = _NO_DETAILS if row.body is None else msgspec.json.decode(row.body, type=ProductDetails)
            others = tuple(sorted(codes.get(product.product_id, ())))
            found[product.product_id] = Record(product, known, others, row.source)
    return found


def owners(connection: Connection, gtins: Sequence[str]) -> dict[str, str]:
    """Which product has each of these GTIN-14s already, as its own or another code: GTIN → product id."""
    found: dict[str, str] = {}
    for table in (products, product_codes):
        query = select(table.c.gtin, table.c.product_id).where(table.c.gtin.in_(bindparam("gtins", expanding=True)))
        for chunk in chunks(gtins, _IDS_AT_ONCE):
            found.update((gtin, product_id) for gtin, product_id in connection.execute(query, {"gtins": chunk}))
    return found


def insert_records(tx: Transaction, new: Sequence[Record]) -> None:
    """Put in products that are not there yet."""
    _many(tx, _INSERT, [_values(record) for record in new])
    _put_apart(tx, new)


def update_records(tx: Transaction, changed: Sequence[Record]) -> None:
    """Overwrite products that are there; their ids and GTINs stay."""
    _many(tx, _UPDATE, [(*_values(record)[2:], record.product.product_id) for record in changed])
    ids = [record.product.product_id for record in changed]
    for table in (product_details, product_codes):
        statement = delete(table).where(table.c.product_id.in_(bindparam("product_ids", expanding=True)))
        for chunk in chunks(ids, _IDS_AT_ONCE):
            tx.execute(statement, {"product_ids": chunk})
    _put_apart(tx, changed)


def set_version(tx: Transaction, value: int) -> None:
    """Say that the catalogue changed."""
    changed = tx.execute(update(catalogue_version).values(version=value, changed_us=tx.at_us))
    if changed.rowcount == 0:
        tx.execute(insert(catalogue_version).values(id=1, version=value, changed_us=tx.at_us))


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """``items`` in pieces of at most ``size``."""
    return (items[start : start + size] for start in range(0, len(items), size))


def search_text(product: Product, other_codes: Iterable[str]) -> str:
    """What a search looks through: names, brand and codes, folded to one case."""
    codes = " ".join(shortest(gtin) for gtin in (product.gtin, *other_codes))
    return f"{product.name_zh} {product.name_en} {product.brand} {codes}".casefold()


def _put_apart(tx: Transaction, kept: Sequence[Record]) -> None:
    bodies = [
        (record.product.product_id, msgspec.json.encode(record.details).decode())
        for record in kept
        if record.details != _NO_DETAILS
    ]
    _many(tx, _INSERT_DETAILS, bodies)
    _many(tx, _INSERT_CODE, [(gtin, record.product.product_id) for record in kept for gtin in record.other_codes])


def _many(tx: Transaction, prepared: Prepared, rows: list[tuple[Any, ...]]) -> None:
    """Execute for each row, at the driver's speed: Core's own executemany takes four times as long on SQLite."""
    if rows:
        tx.connection.exec_driver_sql(prepared.sql(tx.connection.dialect), rows)


def _values(record: Record) -> tuple[Any, ...]:
    product = record.product
    fields = msgspec.structs.astuple(product)
    return (
        *fields[:-1],
        "\n".join(product.recalled_lots),
        record.source,
        search_text(product, record.other_codes),
    )


def _product(row: Sequence[Any]) -> Product:
    fields: Any = list(row)
    lots = fields[-1]
    fields[-1] = tuple(lots.split("\n")) if lots else ()
    return Product(*fields)


_INSERT = Prepared(insert(products), *products.columns.keys())
_CHANGING = products.columns.keys()[2:]
_UPDATE = Prepared(
    update(products)
    .where(products.c.product_id == bindparam("which"))
    .values({name: bindparam(name) for name in _CHANGING}),
    *_CHANGING,
    "which",
)
_INSERT_DETAILS = Prepared(insert(product_details), *product_details.columns.keys())
_INSERT_CODE = Prepared(insert(product_codes), *product_codes.columns.keys())
