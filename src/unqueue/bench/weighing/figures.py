"""``make bench-weighing``: the weigh check beside an oracle and beside fixed bands, and its curves.

Each probe makes fresh orders that nobody learns from: the same orders once as they are and once with one thing more
that nobody scanned.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from unqueue.bench.weighing import oracle
from unqueue.bench.weighing.store import INTERVAL_G, KINDS, PACKAGINGS, Floats, Sales, Store
from unqueue.weighing import deciding
from unqueue.weighing.design import Line, Order, Weighing, batch_of
from unqueue.weighing.learner import Learner
from unqueue.weighing.priors import Goods

BANDS = ((1, 5), (6, 10), (11, 20), (21, 99))
_AT_ONCE = 1_000
_LOOK, _LAST_LOOK = 6_000, 40_000
"""Orders of a probe: the last one tells the rates of small and large baskets to a tenth of a per cent."""
_CURVE = np.geomspace(0.0005, 0.2, 40)


class Probe(NamedTuple):
    """What a moment's look found. ``found`` and ``false`` of ours; ``best`` of the oracle, heavier only; ``curve`` is
    the share found at each false-alarm rate of ``_CURVE``, ours and the oracle's. ``named`` is how often the likeliest
    product is the right one, of wrong orders that were found: ours and the oracle's; ``at_bands`` what both find at the
    false-alarm rate of each fixed band.
    """

    orders: int
    found: float
    false: float
    by_size: tuple[float, ...]
    best: float
    wrong: float
    named: tuple[float, float]
    changes: int
    decide_ms: float
    bands: dict[str, tuple[float, float]]
    at_bands: dict[str, tuple[float, float]]
    curve: tuple[Floats, Floats]


def goods_of(store: Store) -> list[Goods]:
    return [
        Goods(
            str(product),
            float(store.net_g[product]),
            PACKAGINGS[store.packaging[product]],  # type: ignore[arg-type]
            KINDS[store.kind[product]],  # type: ignore[arg-type]
            float(store.popularity[product]),
            int(store.price_minor[product]),
        )
        for product in range(store.products)
    ]


def orders_of(sales: Sales, begun: int = 0) -> list[Order]:
    """The orders as the learner takes them."""
    starts = np.searchsorted(sales.order, np.arange(sales.count + 1))
    return [
        Order(
            str(begun + number),
            tuple(
                Line(str(sales.product[line]), int(sales.quantity[line]), float(sales.label_g[line]))
                for line in range(starts[number], starts[number + 1])
            ),
        )
        for number in range(sales.count)
    ]


def weighed(sales: Sales, measured_g: Floats, begun: int = 0) -> list[tuple[Order, Weighing]]:
    return [
        (order, Weighing(float(grams), INTERVAL_G))
        for order, grams in zip(orders_of(sales, begun), measured_g, strict=True)
    ]


def probe(learner: Learner, store: Store, count: int) -> Probe:
    """Look at what the learner would find now, by so many orders."""
    sales = store.sell(count, 0.0)
    more_g = store.weigh(sales.measured_g + store.missed(count)[1])
    right, wrong = (_examine(learner, sales, grams) for grams in (sales.measured_g, more_g))
    begun = time.perf_counter()
    few = weighed(sales, sales.measured_g)[:200]
    for one in few:
        batch = batch_of([one], learner.columns, learner.bag, len(learner.product_of))
        deciding.examine(batch, learner.parameters, learner.prior, learner.missed, learner.false_alarm)
    decide_ms = (time.perf_counter() - begun) / len(few) * 1000
    true_right, true_wrong = (oracle.errors_sd(store, sales, grams) for grams in (sales.measured_g, more_g))
    bands = oracle.fixed_bands(right.expected_g, right.error_g, wrong.error_g)
    return Probe(
        orders=learner.seen,
        found=float((wrong.p_value < learner.false_alarm).mean()),
        false=float((right.p_value < learner.false_alarm).mean()),
        by_size=tuple(
            float((right.p_value[(sales.items >= low) & (sales.items <= high)] < learner.false_alarm).mean())
            for low, high in BANDS
        ),
        best=oracle.found(true_right, true_wrong, learner.false_alarm),
        wrong=learner.parameters.wrong,
        named=_named(learner, store),
        changes=len(learner.changes),
        decide_ms=decide_ms,
        bands=bands,
        at_bands={
            name: (
                float((wrong.p_value < np.quantile(right.p_value, false)).mean()),
                oracle.found(true_right, true_wrong, false),
            )
            for name, (false, _) in bands.items()
        },
        curve=(
            np.array([(wrong.p_value < np.quantile(right.p_value, rate)).mean() for rate in _CURVE]),
            np.array([oracle.found(true_right, true_wrong, rate) for rate in _CURVE]),
        ),
    )


def _named(learner: Learner, store: Store, count: int = 2_000) -> tuple[float, float]:
    sales = store.sell(count, 1.0)
    rows = weighed(sales, sales.measured_g)
    test = _examine(learner, sales, sales.measured_g)
    error_g, sd_g = oracle.errors(store, sales, sales.measured_g)
    ours = best = 0
    found = np.flatnonzero(test.p_value < learner.false_alarm)
    for number in found:
        row = batch_of([rows[number]], learner.columns, learner.bag, len(learner.product_of))
        suspects = deciding.suspects(row, learner.parameters, learner.prior, learner.missed, learner.popularity)
        culprit = int(sales.culprit[number])
        ours += bool(suspects) and learner.product_of[suspects[0].column] == str(culprit)
        best += oracle.named(store, sales, int(number), float(error_g[number]), float(sd_g[number])) == culprit
    return ours / len(found), best / len(found)


def _examine(learner: Learner, sales: Sales, measured_g: Floats) -> deciding.Test:
    batch = batch_of(weighed(sales, measured_g), learner.columns, learner.bag, len(learner.product_of))
    return deciding.examine(batch, learner.parameters, learner.prior, learner.missed, learner.false_alarm)


def run(
    console: Console, *, seed: int, wrong: float, marks: Sequence[int], repack_at: int = 0, products: int = 1500
) -> list[Probe]:
    """Let a store sell, and look at the learner at each mark."""
    store = Store(seed, products)
    learner, probes = Learner(goods_of(store)), []
    for mark in marks:
        while learner.seen < mark:
            if repack_at and learner.seen == repack_at:
                console.print(f"  {len(store.repack(0.05))} products get new packaging")
            count = min(_AT_ONCE, mark - learner.seen)
            if learner.seen < repack_at:
                count = min(count, repack_at - learner.seen)
            sales = store.sell(count, wrong)
            learner.take(weighed(sales, sales.measured_g, learner.seen))
        probes.append(probe(learner, store, _LAST_LOOK if mark == marks[-1] else _LOOK))
        console.print(_words(probes[-1]))
    return probes


def _words(one: Probe) -> str:
    sizes = " ".join(f"{rate:.2%}" for rate in one.by_size)
    return (
        f"  {one.orders:>8,} orders: found {one.found:.2%}, oracle {one.best:.2%}, false alarms {one.false:.2%} "
        f"({sizes}), wrong {one.wrong:.2%}, named {one.named[0]:.1%} "
        f"(oracle {one.named[1]:.1%}), {one.changes} changes, {one.decide_ms:.1f} ms"
    )


def table_of(title: str, probes: Sequence[Probe]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in (
        "orders",
        "found",
        "oracle",
        "behind",
        "false alarms",
        "1–5",
        "6–10",
        "11–20",
        "21–",
        "wrong",
        "named",
        "oracle",
        "ms",
    ):
        table.add_column(name, justify="right")
    for one in probes:
        table.add_row(
            f"{one.orders:,}",
            f"{one.found:.2%}",
            f"{one.best:.2%}",
            f"{(one.best - one.found) * 100:+.1f}",
            f"{one.false:.2%}",
            *(f"{rate:.2%}" for rate in one.by_size),
            f"{one.wrong:.2%}",
            *(f"{rate:.1%}" for rate in one.named),
            f"{one.decide_ms:.1f}",
        )
    return table


def _draw(path: Path, named: dict[str, Probe]) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415  # only this measurement draws

    figure, axes = plt.subplots(figsize=(7, 5))
    for name, one in named.items():
        ours, best = one.curve
        (line,) = axes.plot(_CURVE * 100, ours * 100, label=f"{name}")
        axes.plot(_CURVE * 100, best * 100, linestyle=":", color=line.get_color(), label=f"{name}: oracle")
        for band, (false, found) in one.bands.items():
            axes.plot(false * 100, found * 100, "x", color="grey")
            axes.annotate(band, (false * 100, found * 100), fontsize=8, color="grey")
    axes.set(xscale="log", xlabel="false alarms, %", ylabel="one missed item found, %", title="The weigh check")
    axes.legend()
    axes.grid(visible=True, alpha=0.3)
    figure.tight_layout()
    figure.savefig(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--wrong", type=float, nargs="*", default=[0.03, 0.25])
    parser.add_argument(
        "--repack-at", type=int, default=0, help="new packaging for 5 %% of the goods after so many orders"
    )
    parser.add_argument("--out", type=Path, help="where the curves go, as PNG or SVG")
    given = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140)
    marks = sorted({mark for mark in (1_000, 3_000, 10_000, 30_000, 100_000) if mark < given.orders} | {given.orders})
    if given.repack_at:
        marks = sorted({*marks, given.repack_at, given.repack_at + 5_000})
    last = {}
    for wrong in given.wrong:
        name = f"{wrong:.0%} wrong"
        begun = time.perf_counter()
        console.print(name)
        probes = run(console, seed=given.seed, wrong=wrong, marks=marks, repack_at=given.repack_at)
        console.print(table_of(f"{name}, {time.perf_counter() - begun:.0f} s", probes))
        for band, (false, found) in probes[-1].bands.items():
            ours, best = probes[-1].at_bands[band]
            console.print(
                f"  {band}: false alarms {false:.1%}, found {found:.1%}; "
                f"at that rate ours {ours:.1%}, oracle {best:.1%}"
            )
        last[name] = probes[-1]
    if given.out:
        _draw(given.out, last)
        console.print(f"curves: {given.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
