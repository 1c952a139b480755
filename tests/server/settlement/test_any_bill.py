"""Whatever is dropped, doubled, changed or added in a bill is what the report lists; and the books end the same,
in whatever order and however often the bills come.
"""

from collections import Counter
from datetime import date
from functools import partial
from itertools import count
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.server.coupons.baskets import line, open_order
from tests.server.settlement.bills import bill, biller, charge, refund

from unqueue.kernel.database import Database, Transaction
from unqueue.providers.bills import BillRow
from unqueue.server.ledger import store as ledger
from unqueue.server.payments import books
from unqueue.server.payments import store as payments
from unqueue.server.payments.model import Payment, Refund
from unqueue.server.settlement.model import Finding, key, key_of
from unqueue.server.settlement.service import BillsReport, import_bill, match_again

DAY = date(2026, 3, 2)
FEE = st.integers(-50, 500)
METHODS = count()


class Fact(NamedTuple):
    """An attempt, what became of it, what of it went back and how, and what the bill makes of both."""

    amount: int
    status: str
    fee: int
    in_bill: str
    back: int
    back_by: str
    back_in_bill: str


class Strange(NamedTuple):
    """A row that is about nothing of ours."""

    kind: str
    amount: int
    times: int


CHANGES = st.sampled_from(["kept", "kept", "dropped", "doubled", "changed"])
FACTS = st.lists(
    st.builds(
        Fact,
        st.integers(1, 100_000),
        st.sampled_from(["succeeded", "succeeded", "surplus", "failed", "closed"]),
        FEE,
        CHANGES,
        st.integers(0, 100_000),
        st.sampled_from(["provider", "desk", "nobody yet"]),
        CHANGES,
    ),
    max_size=6,
)
STRANGE = st.lists(st.builds(Strange, st.sampled_from(["charge", "refund"]), st.integers(1, 999), st.integers(1, 2)))


class World:
    """Facts in the books of a method, and the bill of them; ids are short names, so that two worlds can be compared."""

    def __init__(self, database: Database, facts: list[Fact], strange: list[Strange]) -> None:
        self.database = database
        self.method = f"m{next(METHODS)}"
        self.expected: dict[tuple[str, str], str] = {}
        self.groups: list[list[BillRow]] = []
        self.settled: list[BillRow] = []
        self.taken = 0
        for number, fact in enumerate(facts):
            database.write_now(partial(self._happen, number=number, fact=fact))
        for number, one in enumerate(strange):
            name = f"{self.method}-strange-{number}"
            row = charge(name, one.amount) if one.kind == "charge" else refund(name, name, one.amount)
            self.groups.append([row] * one.times)
            self.expected[one.kind, self.plain(name)] = "unknown_here"

    def plain(self, name: str) -> str:
        return name.removeprefix(f"{self.method}-")

    def _happen(self, tx: Transaction, number: int, fact: Fact) -> None:
        order = open_order(tx, [line(1)])
        payment_id = f"{self.method}-p{number}"
        given: dict[str, Any] = {"status": fact.status, "method": self.method, "order_id": order.order_id}
        payment = Payment(
            payment_id=payment_id, trip_id=order.trip_id, amount_minor=fact.amount, currency="CNY", return_to="order",
            created_us=tx.at_us - 1, expires_us=tx.at_us, **given,
        )  # fmt: skip
        payments.insert_payment(tx, payment)
        is_taken = fact.status in {"succeeded", "surplus"}
        if is_taken:
            ledger.post(tx, books.capture(payment))
            self.taken += fact.amount
        self._billed(charge(payment_id, fact.amount, fact.fee), fact.in_bill, "" if is_taken else "not_taken_here")
        back = min(fact.back, fact.amount)
        if not is_taken or not back:
            return
        refund_id = f"{self.method}-r{number}"
        is_done = fact.back_by != "nobody yet"
        made = Refund(
            refund_id=refund_id, payment_id=payment_id, order_id=order.order_id, method=self.method, amount_minor=back,
            currency="CNY", status="succeeded" if is_done else "pending", created_us=tx.at_us - 1,
            due_us=None if is_done else tx.at_us + 10**9, cause="surplus",
        )  # fmt: skip
        payments.insert_refund(tx, made)
        if is_done:
            ledger.post(tx, books.refund(made, books.DESK if fact.back_by == "desk" else None))
        self.taken -= back if fact.back_by == "provider" else 0
        wrong = {"provider": "", "desk": "given_back_twice", "nobody yet": "not_taken_here"}[fact.back_by]
        self._billed(refund(payment_id, refund_id, back, -fact.fee), fact.back_in_bill, wrong)

    def _billed(self, row: BillRow, change: str, wrong: str) -> None:
        """Put a row into the bill, with its change. ``wrong`` is the verdict if the books don't have it."""
        name = (row.kind, self.plain(key(row)[1]))
        if change == "dropped":
            if not wrong:
                self.expected[name] = "missing_in_bill"
            return
        if change == "changed":
            more = row.amount.amount_minor + 1
            row = charge(row.attempt_id, more) if row.kind == "charge" else refund(row.attempt_id, row.refund_id, more)
            self.expected[name] = wrong or "amount_differs"
        elif wrong:
            self.expected[name] = wrong
        else:
            self.settled.append(row)
            if change == "doubled":
                self.expected[name] = "named_twice"
        self.groups.append([row, row] if change == "doubled" else [row])

    def take(self, groups: list[int]) -> BillsReport:
        rows = [row for at in groups for row in self.groups[at]]
        return import_bill(self.database, biller(self.method), bill(*rows), actor="test", day=DAY)

    def listed(self, report: BillsReport) -> dict[tuple[str, str], str]:
        found = [(self._name(one), one.verdict) for one in report.findings]
        assert len(dict(found)) == len(found), "nothing is listed twice"
        return dict(found)

    def _name(self, one: Finding) -> tuple[str, str]:
        if one.bill is not None:
            kind, name = key(one.bill)
        else:
            assert one.ours is not None
            kind, name = key_of(one.ours)
        return kind, self.plain(name)

    def entries(self) -> list[tuple[str, ...]]:
        """What stands in the books about this method, without its name."""
        table = ledger.ledger
        query = select(table.c.entry_id, table.c.account, table.c.amount_minor).where(
            table.c.account.in_([f"bank:{self.method}", f"fees:{self.method}", books.clearing(self.method)])
        )
        rows = self.database.read_now(lambda connection: connection.execute(query).all())
        return sorted(tuple(str(cell).replace(f"{self.method}", "m") for cell in row) for row in rows)

    def balance(self, account: str) -> int:
        return self.database.read_now(lambda connection: ledger.balance(connection, account, "CNY"))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(FACTS, STRANGE, st.data())
def test_the_report_lists_exactly_what_is_wrong(
    idle_database: Database, facts: list[Fact], strange: list[Strange], data: st.DataObject
) -> None:
    worlds = [World(idle_database, facts, strange) for _ in range(2)]
    for world in worlds:
        everything = list(range(len(world.groups)))
        parts = data.draw(st.lists(st.lists(st.sampled_from(everything), unique=True) if everything else st.just([])))
        for part in [*parts, everything]:
            world.take(data.draw(st.permutations(part)))
        report = match_again(idle_database, biller(world.method), actor="test", day=DAY)
        assert world.listed(report) == world.expected
        assert report.problems == len(world.expected)
        sums: Counter[str] = Counter()
        for one in report.sums:
            sums[one.verdict] += one.count
        assert sums == Counter(world.expected.values()) + Counter(matched=sums["matched"])
        assert sums["matched"] + sums["named_twice"] == len(world.settled)
        paid_out, fees = (0, 0)
        for row in world.settled:
            sign = 1 if row.kind == "charge" else -1
            paid_out += sign * row.amount.amount_minor - row.fee.amount_minor
            fees += row.fee.amount_minor
        assert (world.balance(f"bank:{world.method}"), world.balance(f"fees:{world.method}")) == (paid_out, fees)
        assert world.balance(books.clearing(world.method)) == world.taken - paid_out - fees
        before = world.entries()
        again = world.take(everything)
        assert (again.counts.added, again.counts.settled) == (0, 0)
        assert world.entries() == before
    assert worlds[0].entries() == worlds[1].entries()
    assert idle_database.read_now(ledger.out_of_balance) == []


def test_a_time_that_no_bill_covers_is_no_business_of_it(idle_database: Database) -> None:
    world = World(idle_database, [Fact(100, "succeeded", 0, "dropped", 0, "desk", "kept")], [])
    before = import_bill(idle_database, biller(world.method), bill(), actor="test", day=date(2026, 3, 1))
    assert (before.findings, before.problems) == ([], 0)
    nothing = import_bill(idle_database, biller(world.method), bill(), actor="test")
    assert (nothing.from_us, nothing.findings) == (None, [])
