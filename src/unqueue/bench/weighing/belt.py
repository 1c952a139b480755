"""What a belt's light barrier adds to the weight: one missed item found by weight alone, and by weight and count.

The barrier is made here, apart from the estimator: things lie on the belt with gaps of their own, and two that touch
break the beam once; some are held back and laid again; some shoppers lay whole bags.
"""

import argparse
import sys

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from unqueue.bench.weighing.figures import goods_of, weighed
from unqueue.bench.weighing.store import FEWER, MISSED, MORE, Floats, Integers, Sales, Store
from unqueue.weighing.design import Order, Weighing
from unqueue.weighing.learner import Learner, Verdict

LIGHT_G = 60
_AT_ONCE, _LANE = 1000, "lane-1"


class Barrier(msgspec.Struct, frozen=True):
    """Gaps between things on the belt are gamma distributed around ``gap_cm``; nearer than ``touch_cm`` they are one.
    ``again``: how many of a hundred things are laid twice; ``bagged``: how many of a hundred shoppers lay bags.
    """

    gap_cm: float = 14.0
    touch_cm: float = 2.0
    again: float = 0.5
    bagged: float = 4.0

    def count(self, chance: np.random.Generator, things: Integers) -> Integers:
        """What it counts of so many things, order by order."""
        found = np.zeros(len(things), dtype=np.int64)
        bagged = chance.random(len(things)) < self.bagged / 100
        for number, many in enumerate(things):
            laid = int(many) + int((chance.random(int(many)) < self.again / 100).sum())
            if bagged[number]:
                laid = -(-laid // 6)
            gaps = chance.gamma(4.0, self.gap_cm / 4.0, max(laid - 1, 0))
            found[number] = min(laid, 1) + int((gaps >= self.touch_cm).sum())
        return found


class Found(msgspec.Struct, frozen=True):
    """Shares of orders: checked though right, one missed item found, and the same of items lighter than LIGHT_G."""

    false: float
    found: float
    light: float


def counted(sales: Sales, measured_g: Floats, counts: Integers, begun: int = 0) -> list[tuple[Order, Weighing]]:
    """Orders as a lane tells of them whose belt counts."""
    return [
        (order, msgspec.structs.replace(weighing, counted=int(count), lane=_LANE))
        for (order, weighing), count in zip(weighed(sales, measured_g, begun), counts, strict=True)
    ]


def things(sales: Sales) -> Integers:
    """How many things lie there, with what is wrong."""
    more = np.isin(sales.fault, (MISSED, MORE)).astype(np.int64) - (sales.fault == FEWER)
    found: Integers = sales.items.astype(np.int64) + more
    return found


def taught(store: Store, barrier: Barrier, orders: int, wrong: float, *, counts: bool) -> Learner:
    """A learner that has seen so many orders."""
    learner = Learner(goods_of(store))
    while learner.seen < orders:
        sales = store.sell(min(_AT_ONCE, orders - learner.seen), wrong)
        seen = barrier.count(store.chance, things(sales))
        rows = counted(sales, sales.measured_g, seen, learner.seen)
        learner.take(rows if counts else weighed(sales, sales.measured_g, learner.seen))
    return learner


def look(learner: Learner, store: Store, barrier: Barrier, orders: int) -> tuple[Found, Found]:
    """What is found by weight alone, and with the count."""
    sales = store.sell(orders, 0.0)
    product, missed_g = store.missed(orders)
    more_g = store.weigh(sales.measured_g + missed_g)
    right = counted(sales, sales.measured_g, barrier.count(store.chance, sales.items.astype(np.int64)))
    wrong = counted(sales, more_g, barrier.count(store.chance, sales.items.astype(np.int64) + 1))
    light = (store.true_g[product] < LIGHT_G) & (store.kind[product] != 1)

    def found(rows: list[tuple[Order, Weighing]], *, counts: bool) -> Floats:
        if not counts:
            rows = [(order, msgspec.structs.replace(one, counted=None)) for order, one in rows]
        verdicts: list[Verdict] = learner.test(rows)
        return np.array([not one.passes for one in verdicts], dtype=float)

    def both(*, counts: bool) -> Found:
        of_wrong = found(wrong, counts=counts)
        return Found(float(found(right, counts=counts).mean()), float(of_wrong.mean()), float(of_wrong[light].mean()))

    return both(counts=False), both(counts=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--wrong", type=float, default=0.03)
    given = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    table = Table(title=f"one missed item, after {given.orders:,} orders, seed {given.seed}", title_justify="left")
    for name in ("the belt", "false alarms", "found", f"found, under {LIGHT_G} g"):
        table.add_column(name, justify="left" if name == "the belt" else "right")
    for name, barrier in (("good", Barrier()), ("crowded", Barrier(gap_cm=5.0)), ("broken", Barrier(touch_cm=1e9))):
        store = Store(given.seed)
        learner = taught(store, barrier, given.orders, given.wrong, counts=True)
        alone, together = look(learner, store, barrier, 10_000)
        for words, one in ((f"{name}: by weight alone", alone), (f"{name}: with its count", together)):
            table.add_row(words, f"{one.false:.2%}", f"{one.found:.2%}", f"{one.light:.1%}")
        model = learner.count_models[_LANE]
        console.print(f"{name}: hidden {model.hidden:.2%}, double {model.double:.2%}, useless {model.useless:.2%}")
    console.print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
