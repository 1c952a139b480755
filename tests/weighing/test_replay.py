"""``unqueue weighing replay``: a store's own files in, a verdict for each order out."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet
from typer.testing import CliRunner

from unqueue.__main__ import app
from unqueue.bench.weighing import figures
from unqueue.bench.weighing.store import KINDS, PACKAGINGS, Store
from unqueue.weighing.replay import COLUMNS_OUT, Unreadable, read_catalogue, read_orders, read_weighings

CATALOGUE = "product_id,net_weight_g,packaging,kind,popularity,price_minor\n"


class Files:
    """The logs of a small store, as files."""

    def __init__(self, directory: Path, orders: int = 700) -> None:
        self.directory = directory
        store = Store(4, 80)
        sales = store.sell(orders, 0.05)
        self.write("catalogue", CATALOGUE.strip().split(","), [
            [one, f"{store.net_g[one]:g}", PACKAGINGS[store.packaging[one]], KINDS[store.kind[one]],
             f"{store.popularity[one]:.6g}", store.price_minor[one]]
            for one in range(store.products)
        ])  # fmt: skip
        lines = [
            [f"o{order.order_id}", line.product_id, line.quantity, f"{line.label_weight_g:g}", "c1"]
            for order in figures.orders_of(sales)
            for line in order.lines
        ]
        self.write("orders", ["order_id", "product_id", "quantity", "label_weight_g", "customer_id"], lines)
        weighings = [[f"o{number}", f"{grams:g}", 5, 0] for number, grams in enumerate(sales.measured_g)]
        self.write("weighings", ["order_id", "measured_g", "scale_interval_g", "bags"], weighings)

    def write(self, name: str, header: list[str], rows: list[list[Any]]) -> None:
        with (self.directory / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    def to_parquet(self) -> None:
        for name in ("catalogue", "orders", "weighings"):
            table = arrow_csv.read_csv(self.directory / f"{name}.csv")
            parquet.write_table(table, self.directory / f"{name}.parquet")

    def replay(self, out: str, *more: str, ending: str = "csv") -> Any:
        words = ["weighing", "replay"]
        for name in ("catalogue", "orders", "weighings"):
            words += [f"--{name}", str(self.directory / f"{name}.{ending}")]
        return CliRunner().invoke(app, [*words, "--out", str(self.directory / out), *more])

    def verdicts(self, out: str) -> list[dict[str, str]]:
        with (self.directory / out).open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("logs"))


def test_each_order_gets_a_verdict(files: Files) -> None:
    answer = files.replay("out.csv")
    assert answer.exit_code == 0, answer.output
    assert "orders tested" in answer.output
    rows = files.verdicts("out.csv")
    assert tuple(rows[0]) == COLUMNS_OUT
    assert [row["order_id"] for row in rows] == [f"o{number}" for number in range(700)]
    for row in rows:
        assert row["verdict"] == ("check" if float(row["p_value"]) < 0.01 else "pass")
        suspects = json.loads(row["suspects"])
        assert suspects == [] or row["verdict"] == "check"
        assert sum(one["probability"] for one in suspects) <= 1.001
    assert 0 < sum(row["verdict"] == "check" for row in rows) < 150


def test_parquet_says_the_same(files: Files) -> None:
    files.to_parquet()
    assert files.replay("a.csv").exit_code == 0
    answer = files.replay("b.csv", ending="parquet")
    assert answer.exit_code == 0, answer.output
    assert files.verdicts("a.csv") == files.verdicts("b.csv")


def test_a_verdict_knows_nothing_of_what_comes_later(files: Files, tmp_path: Path) -> None:
    whole, part = files.replay("whole.csv"), Files(tmp_path)
    assert whole.exit_code == 0
    orders = (files.directory / "orders.csv").read_text().splitlines(keepends=True)
    cut = next(number for number, line in enumerate(orders) if line.startswith("o400,"))
    (part.directory / "orders.csv").write_text("".join(orders[:cut]))
    assert part.replay("part.csv").exit_code == 0
    assert part.verdicts("part.csv") == files.verdicts("whole.csv")[:400]


def test_more_false_alarms_check_more(files: Files) -> None:
    assert files.replay("few.csv", "--false-alarm", "0.001").exit_code == 0
    assert files.replay("many.csv", "--false-alarm", "0.1").exit_code == 0
    few, many = ([row["verdict"] for row in files.verdicts(out)].count("check") for out in ("few.csv", "many.csv"))
    assert few < many


def test_what_was_learned_is_kept(files: Files, tmp_path: Path) -> None:
    assert files.replay("first.csv", "--state", str(tmp_path / "state")).exit_code == 0
    assert files.replay("second.csv", "--state", str(tmp_path / "state")).exit_code == 0
    first, second = (
        [float(row["sigma_g"]) for row in files.verdicts(out)[:100]] for out in ("first.csv", "second.csv")
    )
    assert sum(second) < 0.6 * sum(first)  # it knows the goods by now
    (tmp_path / "state" / "learned.npz").write_bytes(b"no archive")
    answer = files.replay("third.csv", "--state", str(tmp_path / "state"))
    assert answer.exit_code == 1
    assert "learned.npz" in answer.output.replace("\n", "")


def test_what_can_not_be_tested_is_told(tmp_path: Path) -> None:
    files = Files(tmp_path, 40)
    with (tmp_path / "orders.csv").open("a") as file:
        file.write("strange,nobody-knows,1,0,\nunweighed,1,1,0,\n")
    with (tmp_path / "weighings.csv").open("a") as file:
        file.write("strange,500,5,0\nnever-ordered,500,5,0\n")
    answer = files.replay("out.csv")
    assert answer.exit_code == 0, answer.output
    for words in ("product not in the catalogue", "not weighed", "no such order"):
        assert words in answer.output
    assert len(files.verdicts("out.csv")) == 40


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1,abc,rigid,packed,1,1", "net_weight_g is 'abc'"),
        ("1,-5,rigid,packed,1,1", "give a number from 0 on"),
        ("1,nan,rigid,packed,1,1", "give a number from 0 on"),
        ("1,5,paper,packed,1,1", "flexible, rigid, glass, none"),
        ("1,5,rigid,boxed,1,1", "packed, labelled, piece"),
        (",5,rigid,packed,1,1", "is empty"),
        ("1,5,rigid,packed,1,1\n1,6,rigid,packed,1,1", "stands twice"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, words: str) -> None:
    file = tmp_path / "catalogue.csv"
    file.write_text(f"{CATALOGUE}{row}\n")
    with pytest.raises(Unreadable, match=r"catalogue\.csv, line [23]: ") as refused:
        read_catalogue(file)
    assert words in str(refused.value)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    file = tmp_path / "weighings.csv"
    file.write_text("order_id,grams\n1,500\n")
    with pytest.raises(Unreadable, match="'measured_g' is missing"):
        read_weighings(file)
    file.with_suffix(".parquet").write_bytes(b"PK not parquet")
    with pytest.raises(Unreadable, match="no Parquet file"):
        read_weighings(file.with_suffix(".parquet"))


def test_half_a_package_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("order_id,product_id,quantity\na,1,1\nb,1,1.5\n")
    with pytest.raises(Unreadable, match=r"line 3: quantity is 1\.5; give a whole number"):
        list(read_orders(file))


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.csv"
    file.write_bytes(f"{CATALOGUE}牛奶,5,rigid,packed,1,1\n".encode("gbk"))
    with pytest.raises(Unreadable, match="this is not UTF-8"):
        read_catalogue(file)


def test_a_directory_that_is_not_there_is_told(files: Files) -> None:
    answer = files.replay("nowhere/out.csv")
    assert answer.exit_code == 1
    assert "there is no directory" in " ".join(answer.output.split())
    assert "Traceback" not in answer.output


def test_lines_of_one_order_stand_together(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("order_id,product_id,quantity\na,1,1\nb,1,1\na,2,1\n")
    with pytest.raises(Unreadable, match="line 4: order 'a' began further up"):
        list(read_orders(file))


def test_parts_of_an_order_add_up(tmp_path: Path) -> None:
    file = tmp_path / "weighings.csv"
    file.write_text("order_id,measured_g,scale_interval_g,bags,part\na,500,5,1,1\nb,100,5,0,\na,250,5,1,2\n")
    found = read_weighings(file)
    assert (found["a"].measured_g, found["a"].bags, found["a"].parts) == (750, 2, 2)
    assert found["b"].parts == 1


def test_bags_and_prices_may_be_left_out(tmp_path: Path) -> None:
    weighings, catalogue = tmp_path / "weighings.csv", tmp_path / "catalogue.csv"
    weighings.write_text("order_id,measured_g,scale_interval_g\na,500,5\n")
    assert read_weighings(weighings)["a"].bags == 0
    catalogue.write_text("product_id,net_weight_g,packaging,kind\n1,500,rigid,packed\n")
    assert len(read_catalogue(catalogue)) == 1


def test_a_product_without_a_net_weight_is_learned(tmp_path: Path) -> None:
    files = Files(tmp_path)
    before = files.replay("with.csv")
    rows = [line.split(",") for line in (tmp_path / "catalogue.csv").read_text().splitlines()]
    packed = [row for row in rows if row[3] == "packed"]
    for row, unknown in zip(packed[:8], "0 " * 4, strict=True):
        row[1] = unknown.strip()
    (tmp_path / "catalogue.csv").write_text("\n".join(",".join(row) for row in rows))
    answer = files.replay("without.csv")
    assert answer.exit_code == before.exit_code == 0, answer.output
    assert "guessed at first 8" in " ".join(answer.output.split())
    checks = [
        sum(row["verdict"] == "check" for row in files.verdicts(name)[300:]) for name in ("with.csv", "without.csv")
    ]
    assert checks[1] < 1.5 * checks[0]


def test_a_quote_that_is_not_closed_is_told(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    before = csv.field_size_limit(131_072)  # as Python begins; some libraries raise it for the whole process
    request.addfinalizer(lambda: csv.field_size_limit(before))
    file = tmp_path / "catalogue.csv"
    file.write_text(f'{CATALOGUE}"1,5,rigid,packed,1,1\n' + "2,5,rigid,packed,1,1\n" * 20_000)
    with pytest.raises(Unreadable, match=r"catalogue\.csv, after line .*a quote that is not closed"):
        read_catalogue(file)


@pytest.mark.parametrize("name", ["orders.csv", "weighings.csv", "catalogue.csv", "kept/learned.npz"])
def test_what_is_found_is_not_written_over_what_is_read(tmp_path: Path, name: str) -> None:
    files = Files(tmp_path, 20)
    state = ("--state", str(tmp_path / "kept"))
    assert files.replay("out.csv", *state).exit_code == 0
    before = (tmp_path / name).read_bytes()
    answer = files.replay(name, *state)
    assert (answer.exit_code, (tmp_path / name).read_bytes()) == (1, before)
    assert "this file is read" in " ".join(answer.output.split())


def test_not_even_for_a_while(tmp_path: Path) -> None:
    files = Files(tmp_path, 20)
    (tmp_path / "out.csv.part").hardlink_to(tmp_path / "catalogue.csv")
    before = (tmp_path / "catalogue.csv").read_bytes()
    answer = files.replay("out.csv")
    assert (answer.exit_code, (tmp_path / "catalogue.csv").read_bytes()) == (1, before)


@pytest.mark.parametrize("name", ["orders", "weighings", "catalogue"])
@pytest.mark.parametrize("keeps_header", [True, False])
def test_an_empty_file_is_named(tmp_path: Path, name: str, *, keeps_header: bool) -> None:
    files = Files(tmp_path, 20)
    file = tmp_path / f"{name}.csv"
    file.write_text(file.read_text().splitlines(keepends=True)[0] if keeps_header else "")
    answer = files.replay("out.csv")
    said = " ".join(answer.output.split())
    assert answer.exit_code == 1
    assert ("there is no" if keeps_header else "this file is empty") in said


def test_where_no_order_was_tested_nothing_is_estimated(tmp_path: Path) -> None:
    files = Files(tmp_path, 20)
    files.write("weighings", ["order_id", "measured_g", "scale_interval_g"], [["other", 500, 5]])
    answer = files.replay("out.csv")
    assert answer.exit_code == 0
    assert "estimated" not in answer.output
    assert "left out: not weighed" in answer.output


def test_half_a_thing_counted_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "weighings.csv"
    file.write_text("order_id,measured_g,scale_interval_g,counted\n1,500,5,2.5\n")
    with pytest.raises(Unreadable, match=r"line 2: counted is 2\.5; give a whole number\.$"):
        read_weighings(file)


def test_the_last_run_s_verdicts_stay_until_there_are_new_ones(tmp_path: Path) -> None:
    files = Files(tmp_path, 20)
    assert files.replay("out.csv").exit_code == 0
    before = files.verdicts("out.csv")
    with (tmp_path / "orders.csv").open("a") as file:
        file.write("zz,1,many,,\n")
    assert files.replay("out.csv").exit_code == 1
    assert files.verdicts("out.csv") == before
