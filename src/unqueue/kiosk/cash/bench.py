"""How long the cash core's decisions take, for the measurements of `unqueue bench`."""

import time

import msgspec

from unqueue.kernel.cash import Denomination
from unqueue.kiosk.cash.acceptance import Candidate, Position, Taken, judge
from unqueue.kiosk.cash.change import Stock, choose
from unqueue.kiosk.cash.currencies import CURRENCIES


class CashFigures(msgspec.Struct, frozen=True):
    """The slowest of `runs` decisions each, in milliseconds, and the most steps that a choice took."""

    runs: int
    choose_ms_max: float
    steps_max: int
    judge_ms_max: float


def full_machine(pieces: int = 3000) -> list[Stock]:
    """20 stocks of CNY: the 14 denominations, six of them in a second device, full, with a float and an overflow."""
    denominations = sorted(CURRENCIES["CNY"].denominations())
    stocks = [Stock("one", piece, pieces + 7 * at, pieces // 10, pieces) for at, piece in enumerate(denominations)]
    return stocks + [Stock("two", piece, pieces - 11 * at, pieces // 10) for at, piece in enumerate(denominations[:6])]


def measure_cash(runs: int = 50) -> CashFigures:
    """20 stocks of some 3000 pieces, amounts of some 5000 yuan, in fen."""
    stocks = full_machine()
    choose_ms = judge_ms = 0.0
    steps = 0
    note = Denomination("CNY", 10000, "note")
    candidates = [Candidate(stock.denomination, stock.denomination.value_minor) for stock in stocks]
    for run in range(runs):
        began = time.perf_counter()
        change = choose(499_999 - 37 * run, stocks)
        choose_ms = max(choose_ms, (time.perf_counter() - began) * 1000)
        assert change is not None, "a full machine pays everything"
        steps = max(steps, change.steps)
        position = Position("CNY", 499_999 - 37 * run, [Taken(note, 10000)] * 40, stocks)
        began = time.perf_counter()
        judge(position, candidates)
        judge_ms = max(judge_ms, (time.perf_counter() - began) * 1000)
    return CashFigures(runs, round(choose_ms, 2), steps, round(judge_ms, 2))
