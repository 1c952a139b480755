"""The weigh check over a store's own logs: what it would have said, order by order, learning as it goes.

Files are CSV with a header, or Parquet (by their name). Catalogue: ``product_id, net_weight_g, packaging
(flexible|rigid|glass|none), kind (packed|labelled|piece), popularity, price_minor``. Orders, a row a line, in time
order: ``order_id, product_id, quantity, label_weight_g?, customer_id?``. Weighings: ``order_id, measured_g,
scale_interval_g, bags?, part?, counted?, lane?`` (``counted``: things that the lane's belt counted). Out, a row an
order: ``order_id, expected_g, sigma_g, residual_g, score, p_value, verdict (pass|check), suspects`` (JSON).
"""

import csv
import itertools
import math
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import msgspec

from unqueue.weighing.design import Line, Order, Weighing
from unqueue.weighing.learner import Learner, Verdict
from unqueue.weighing.priors import Goods, Gross, Kind, Packaging

COLUMNS_OUT = ("order_id", "expected_g", "sigma_g", "residual_g", "score", "p_value", "verdict", "suspects")
_AT_ONCE = 2_000
_UNKNOWN = Gross(500.0, 350.0, 50.0)
"""A product without a net weight, before it was sold: as goods in supermarkets are."""

Row = tuple[int, dict[str, Any]]


class Unreadable(Exception):
    """A file that can't be used. Says which, where, and what to do."""


class Outcome(msgspec.Struct):
    """``skipped``: orders that were not tested, by the reason; ``first``: an example of each."""

    orders: int = 0
    checks: int = 0
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    first: dict[str, str] = {}

    def skip(self, reason: str, example: str) -> None:
        self.skipped[reason] += 1
        self.first.setdefault(reason, example)


def rows_of(path: Path, needed: Iterable[str]) -> Generator[Row, None, None]:
    """The rows of a CSV or Parquet file, with their line or row number. Unreadable."""
    wanted = list(needed)
    if path.stat().st_size == 0:
        raise Unreadable(f"{path}: this file is empty; export it again.")
    if path.suffix.lower() in {".parquet", ".pq"}:
        yield from _parquet_rows(path, wanted)
        return
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            _check_header(path, reader.fieldnames or [], wanted)
            for row in reader:
                yield reader.line_num, row
        except UnicodeDecodeError:
            where = f"after line {reader.line_num}"
            raise Unreadable(f"{path}, {where}: this is not UTF-8; save it as CSV UTF-8 (GBK is not read).") from None
        except csv.Error as error:
            where = f"after line {reader.line_num}"
            raise Unreadable(f"{path}, {where}: {error}; look for a quote that is not closed.") from None


def _parquet_rows(path: Path, needed: list[str]) -> Iterator[Row]:
    try:
        from pyarrow import ArrowInvalid, parquet  # noqa: PLC0415  # only who has Parquet files installs it
    except ImportError:
        raise Unreadable(f"{path}: Parquet needs pyarrow: pip install 'unqueue[parquet]', or export CSV.") from None
    try:
        file = parquet.ParquetFile(path)
    except ArrowInvalid as error:
        raise Unreadable(f"{path}: this is no Parquet file: {error}") from None
    with file:
        _check_header(path, file.schema_arrow.names, needed)
        number = 0
        for batch in file.iter_batches(batch_size=_AT_ONCE):
            for row in batch.to_pylist():
                number += 1
                yield number, row


def _check_header(path: Path, found: Iterable[str], needed: list[str]) -> None:
    names = list(found)
    missing = [name for name in needed if name not in names]
    if missing:
        raise Unreadable(f"{path}: the column {missing[0]!r} is missing; its columns are {', '.join(names) or 'none'}.")


def _number(path: Path, line: int, row: dict[str, Any], name: str, default: float | None = None) -> float:
    """A finite number that is not negative. Unreadable."""
    text = row.get(name)
    if text is None or text == "":
        if default is not None:
            return default
        raise Unreadable(f"{path}, line {line}: {name} is empty; give a number.")
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise Unreadable(f"{path}, line {line}: {name} is {text!r}; give a number.") from None
    if not math.isfinite(value) or value < 0:
        raise Unreadable(f"{path}, line {line}: {name} is {text}; give a number from 0 on.")
    return value


def _count(path: Path, line: int, row: dict[str, Any], name: str, default: int | None = None) -> int:
    """A whole number. Unreadable."""
    value = float(_number(path, line, row, name, default))  # of an int only 3.12 tells whether it is whole
    if not value.is_integer():
        rest = ", and the weight of weighed goods as label_weight_g" if name == "quantity" else ""
        raise Unreadable(f"{path}, line {line}: {name} is {row[name]}; give a whole number{rest}.")
    return int(value)


def read_catalogue(path: Path) -> list[Goods]:
    """The products; the weight of one without a net weight is guessed, and learned as any other. Unreadable: a row that
    can't be understood, or a product that stands twice.
    """
    goods: dict[str, Goods] = {}
    for line, row in rows_of(path, ("product_id", "net_weight_g", "packaging", "kind")):
        product_id = "" if row["product_id"] is None else str(row["product_id"]).strip()
        if not product_id or product_id in goods:
            why = "stands twice" if product_id else "is empty"
            raise Unreadable(f"{path}, line {line}: product_id {product_id!r} {why}.")
        for name, allowed in (("packaging", get_args(Packaging)), ("kind", get_args(Kind))):
            if row[name] not in allowed:
                raise Unreadable(f"{path}, line {line}: {name} is {row[name]!r}; it is one of {', '.join(allowed)}.")
        net_weight_g = _number(path, line, row, "net_weight_g", 0.0)
        goods[product_id] = Goods(
            product_id=product_id,
            net_weight_g=net_weight_g,
            packaging=row["packaging"],
            kind=row["kind"],
            popularity=_number(path, line, row, "popularity", 1.0),
            price_minor=_count(path, line, row, "price_minor", 0),
            gross=_UNKNOWN if not net_weight_g and row["kind"] != "labelled" else None,
        )
    if not goods:
        raise Unreadable(f"{path}: there is no product in it.")
    return list(goods.values())


def read_weighings(path: Path) -> dict[str, Weighing]:
    """The weighing of each order; several rows of one order are parts, which add up. Unreadable."""
    found: dict[str, Weighing] = {}
    for line, row in rows_of(path, ("order_id", "measured_g", "scale_interval_g")):
        order_id = str(row["order_id"])
        interval = _number(path, line, row, "scale_interval_g")
        if interval <= 0:
            raise Unreadable(f"{path}, line {line}: scale_interval_g is 0; give the scale's step in grams, such as 5.")
        measured, bags = _number(path, line, row, "measured_g"), _count(path, line, row, "bags", 0)
        known = found.get(order_id)
        counted = _count(path, line, row, "counted") if row.get("counted") not in {None, ""} else None
        lane = str(row.get("lane") or "")
        if known is None:
            found[order_id] = Weighing(measured, interval, bags, 1, counted, lane)
        else:
            parts, step = known.parts + 1, max(known.scale_interval_g, interval)
            together = None if counted is None or known.counted is None else known.counted + counted
            found[order_id] = Weighing(
                known.measured_g + measured, step, known.bags + bags, parts, together, lane or known.lane
            )
    if not found:
        raise Unreadable(f"{path}: there is no weighing in it.")
    return found


def read_orders(path: Path) -> Iterator[tuple[int, Order]]:
    """The orders in the file's order, with the line of their first row. Unreadable: an order in two places."""
    done: set[str] = set()
    with closing(rows_of(path, ("order_id", "product_id", "quantity"))) as rows:  # also where a row is refused
        for order_id, group in itertools.groupby(rows, key=lambda row: str(row[1]["order_id"])):
            lines, first, customer = [], 0, ""
            for number, row in group:
                first = first or number
                quantity = _count(path, number, row, "quantity")
                if quantity:
                    label = _number(path, number, row, "label_weight_g", 0.0)
                    lines.append(Line(str(row["product_id"]), quantity, label))
                customer = str(row.get("customer_id") or "") or customer
            if order_id in done:
                raise Unreadable(f"{path}, line {first}: order {order_id!r} began further up; sort the lines by order.")
            done.add(order_id)
            yield first, Order(order_id, tuple(lines), customer)
    if not done:
        raise Unreadable(f"{path}: there is no order in it.")


def _usable(
    orders: Iterable[tuple[int, Order]], weighings: dict[str, Weighing], known: "set[str]", outcome: Outcome
) -> Iterator[tuple[Order, Weighing]]:
    for line, order in orders:
        weighing = weighings.pop(order.order_id, None)
        unknown = next((one.product_id for one in order.lines if one.product_id not in known), None)
        if weighing is None:
            outcome.skip("not weighed", f"{order.order_id}, line {line}")
        elif unknown is not None:
            outcome.skip("product not in the catalogue", f"{unknown} in {order.order_id}, line {line}")
        elif not order.lines:
            outcome.skip("no goods", f"{order.order_id}, line {line}")
        else:
            yield order, weighing


def run(
    learner: Learner,
    orders: Path,
    weighings: Path,
    out: Path,
    tell: Callable[[int], None] = lambda _: None,
    *,
    also_read: Iterable[Path] = (),
) -> Outcome:
    """Test every order of the files and write what was found. ``tell`` hears how many orders were tested, from time to
    time. Unreadable: what was tested until then stands in ``.part`` beside ``out``, which is as it was before. None of
    the files that are read, ``also_read`` among them, may be written to.
    """
    if not out.parent.is_dir():
        raise Unreadable(f"{out}: there is no directory {out.parent}; make it, or write elsewhere.")
    unfinished = out.with_name(f"{out.name}.part")
    read = [one for one in (orders, weighings, *also_read) if one.exists()]
    for written in (out, unfinished):
        if written.exists() and any(written.samefile(one) for one in read):
            raise Unreadable(f"{written}: this file is read; give another one for what is found.")
    outcome = Outcome()
    weighed = read_weighings(weighings)
    usable = _usable(read_orders(orders), weighed, set(learner.columns), outcome)
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS_OUT)
        while some := list(itertools.islice(usable, min(learner.until_fit, _AT_ONCE))):
            for verdict in learner.take(some):
                outcome.orders += 1
                outcome.checks += not verdict.passes
                writer.writerow(_row(verdict))
            tell(outcome.orders)
    unfinished.replace(out)
    for order_id in weighed:
        outcome.skip("weighed, and no such order", order_id)
    return outcome


def _row(verdict: Verdict) -> list[str]:
    suspects = msgspec.json.encode(verdict.suspects).decode()
    return [
        verdict.order_id,
        f"{verdict.expected_g:.1f}",
        f"{verdict.sigma_g:.2f}",
        f"{verdict.residual_g:.1f}",
        f"{verdict.score:.4f}",
        f"{verdict.p_value:.6g}",
        "pass" if verdict.passes else "check",
        suspects,
    ]
