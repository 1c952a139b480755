"""What is on the order against what was scanned again: differences in both directions. Pure.

The attendant's own slips must not become the shopper's. A code that is read again within half a second is the same
item: no hand is that fast. One that is read again within three seconds, and would be one more than the order has, is
asked about: another one, or the same?
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Literal

import msgspec

from unqueue.kernel.money import divide_half_up
from unqueue.server.orders.model import OrderLine

SAME_TRIGGER_MS = 500
DOUBLE_SCAN_MS = 3_000

Said = Literal["another", "same"]
DifferenceKind = Literal["not_on_order", "more", "fewer"]


class Article(msgspec.Struct, frozen=True):
    """What an order has of one product; of goods with a label each weight is an article. ``worth_minor`` is what all
    ``quantity`` of it were paid with, deposit and all.
    """

    key: str
    product_id: str
    gtin: str
    name_zh: str
    name_en: str
    weight_g: int | None
    quantity: int
    worth_minor: int


class Seen(msgspec.Struct, frozen=True):
    """One scan of the attendant's, and the product that it names. ``at_ms`` is a clock of the console's that only goes
    forward; ``by_hand`` was tapped rather than scanned; ``worth_minor`` is what one costs today.
    """

    product_id: str
    name_zh: str
    name_en: str
    weight_g: int | None
    worth_minor: int
    at_ms: int
    said: Said | None = None
    by_hand: bool = False


class Tally(msgspec.Struct, frozen=True):
    """How many there are of each article. ``keys`` names the article of each scan, in order; ``dropped`` and
    ``doubtful`` are places in the list: scans that do not count, and scans that count only if someone says so.
    """

    counts: dict[str, int]
    keys: tuple[str, ...]
    dropped: tuple[int, ...]
    doubtful: tuple[int, ...]


class Difference(msgspec.Struct, frozen=True):
    """``not_on_order`` and ``more`` were not paid, ``fewer`` was paid and is not there. ``beside``: found by the way,
    not among what the audit was to count.
    """

    key: str
    product_id: str
    name_zh: str
    name_en: str
    kind: DifferenceKind
    quantity: int
    ordered: int
    counted: int
    worth_minor: int
    beside: bool = False

    @property
    def is_unpaid(self) -> bool:
        return self.kind != "fewer"


def key_of(product_id: str, weight_g: int | None) -> str:
    """How an article is called.

    >>> key_of("milk", None), key_of("apples", 512)
    ('milk', 'apples@512')
    """
    return product_id if weight_g is None else f"{product_id}@{weight_g}"


def articles_of(lines: Sequence[OrderLine]) -> list[Article]:
    """The articles of an order, in the order of its lines."""
    found: dict[str, Article] = {}
    for line in lines:
        key = key_of(line.product_id, line.weight_g)
        before = found.get(key)
        found[key] = Article(
            key=key,
            product_id=line.product_id,
            gtin=line.gtin,
            name_zh=line.name_zh,
            name_en=line.name_en,
            weight_g=line.weight_g,
            quantity=line.quantity + (before.quantity if before is not None else 0),
            worth_minor=line.total_minor + (before.worth_minor if before is not None else 0),
        )
    return list(found.values())


def tally(articles: Sequence[Article], scans: Sequence[Seen]) -> Tally:
    """Count the scans. A doubtful one counts as nothing until it is said to be another."""
    ordered = {article.key: article.quantity for article in articles}
    counts: Counter[str] = Counter()
    last_ms: dict[str, int] = {}
    keys, dropped, doubtful = [], [], []
    for place, scan in enumerate(scans):
        key = _article_of(articles, counts, scan)
        keys.append(key)
        since_ms = scan.at_ms - last_ms[key] if key in last_ms and not scan.by_hand else None
        last_ms[key] = scan.at_ms
        same_trigger = since_ms is not None and 0 <= since_ms < SAME_TRIGGER_MS
        soon = since_ms is not None and 0 <= since_ms < DOUBLE_SCAN_MS and counts[key] >= ordered.get(key, 0)
        if scan.said == "same" or (same_trigger and scan.said != "another"):
            dropped.append(place)
        elif soon and scan.said is None:
            doubtful.append(place)
        else:
            counts[key] += 1
    return Tally(dict(counts), tuple(keys), tuple(dropped), tuple(doubtful))


def _article_of(articles: Sequence[Article], counts: Counter[str], scan: Seen) -> str:
    """The article of a scan. A code without a weight may be of any article of that product that still lacks one."""
    if scan.weight_g is None:
        of_product = [article for article in articles if article.product_id == scan.product_id]
        lacking = [article for article in of_product if counts[article.key] < article.quantity]
        for article in (*lacking, *of_product):
            return article.key
    return key_of(scan.product_id, scan.weight_g)


def compare(
    articles: Sequence[Article], scans: Sequence[Seen], found: Tally, chosen: Collection[str] | None = None
) -> list[Difference]:
    """Both directions: what is there and was not paid, and what was paid and is not there.

    ``chosen`` are the articles that a partial audit counts, None for all: of the others nobody can say that they are
    not there, and what is found of them is beside the audit.
    """
    by_key = {article.key: article for article in articles}
    differences = []
    for article in articles:
        counted = found.counts.get(article.key, 0)
        beside = chosen is not None and article.key not in chosen
        off = counted - article.quantity
        if off > 0 or (off < 0 and not beside):
            differences.append(
                Difference(
                    key=article.key,
                    product_id=article.product_id,
                    name_zh=article.name_zh,
                    name_en=article.name_en,
                    kind="more" if off > 0 else "fewer",
                    quantity=abs(off),
                    ordered=article.quantity,
                    counted=counted,
                    worth_minor=divide_half_up(abs(off) * article.worth_minor, article.quantity),
                    beside=beside,
                )
            )
    seen = {key: scan for key, scan in zip(found.keys, scans, strict=True) if key not in by_key}
    for key, scan in seen.items():
        count = found.counts.get(key, 0)
        if count:
            differences.append(
                Difference(
                    key=key,
                    product_id=scan.product_id,
                    name_zh=scan.name_zh,
                    name_en=scan.name_en,
                    kind="not_on_order",
                    quantity=count,
                    ordered=0,
                    counted=count,
                    worth_minor=count * scan.worth_minor,
                    beside=chosen is not None,
                )
            )
    return differences


class Sums(msgspec.Struct, frozen=True):
    """What an audit found, in minor units: unpaid goods that are on the order in a smaller number, unpaid goods that
    are not on it at all, goods that were paid and are not there; each without what was found beside it. ``is_wrong``:
    whether there is any difference among what was to be counted. ``unpaid_minor`` is all that was not paid.
    """

    listed_unpaid_minor: int
    unlisted_unpaid_minor: int
    overpaid_minor: int
    is_wrong: bool
    unpaid_minor: int


def sums_of(differences: Sequence[Difference]) -> Sums:
    def sum_of(kind: DifferenceKind) -> int:
        return sum(one.worth_minor for one in differences if one.kind == kind and not one.beside)

    return Sums(
        listed_unpaid_minor=sum_of("more"),
        unlisted_unpaid_minor=sum_of("not_on_order"),
        overpaid_minor=sum_of("fewer"),
        is_wrong=any(not one.beside for one in differences),
        unpaid_minor=sum(one.worth_minor for one in differences if one.is_unpaid),
    )
