"""Files into the database, on every kind of database."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from unqueue.kernel import journal
from unqueue.kernel.database import Database, Transaction
from unqueue.server.catalogue import importing, store
from unqueue.server.catalogue.importing import ImportReport, import_products
from unqueue.server.catalogue.model import Product
from unqueue.server.catalogue.sources import SourceUnreadable

MILK, SUGAR, PEN = "06901234567892", "00000096385074", "04006381333931"
HEADER = "gtin,product_id,name_zh,quantity,unit_price,other_codes\n"
ROWS = "6901234567892,milk,纯牛奶,1 L,12.90,\n96385074,,糖,500 g,5.00,\n4006381333931,,笔,12 pieces,2.00,\n"


@pytest.fixture
def load(idle_database: Database, tmp_path: Path) -> Any:
    def run(content: str, **options: Any) -> ImportReport:
        path = tmp_path / "products.csv"
        path.write_text(content, encoding="utf-8")
        options.setdefault("rejects", tmp_path / "rejects.csv")
        return import_products(idle_database, path, currency="CNY", actor="test", **options)

    return run


def rejects(tmp_path: Path) -> list[list[str]]:
    path = tmp_path / "rejects.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def find(database: Database, gtin: str) -> Product | None:
    return database.read_now(lambda connection: store.find(connection, gtin))


def events(database: Database) -> list[journal.Event]:
    return database.read_now(journal.read)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.unchanged, report.rejected


def test_products_arrive(load: Any, idle_database: Database) -> None:
    report = load(HEADER + ROWS)
    assert counts(report) == (3, 0, 0, 0)
    assert report.version == 1
    milk = find(idle_database, MILK)
    assert milk is not None
    assert (milk.product_id, milk.unit_price_minor, milk.net_weight_g) == ("milk", 1290, 1000)
    assert find(idle_database, "00000000000000") is None


def test_twice_changes_nothing(load: Any, idle_database: Database) -> None:
    load(HEADER + ROWS)
    before = events(idle_database)
    report = load(HEADER + ROWS)
    assert counts(report) == (0, 0, 3, 0)
    assert report.version == 1
    assert events(idle_database) == before


def test_the_journal_tells_what_changed(load: Any, idle_database: Database) -> None:
    load(HEADER + ROWS)
    load("gtin,unit_price\n96385074,6.00\n6901234567892,12.90\n")
    kinds = [event.kind for event in events(idle_database)]
    assert kinds == ["products.changed", "catalogue.imported"] * 2
    changed, imported = (event.payload() for event in events(idle_database)[2:])
    assert [product["gtin"] for product in changed["products"]] == [SUGAR]
    assert changed["products"][0]["unit_price_minor"] == 600
    assert (imported["version"], imported["added"], imported["changed"], imported["rows"]) == (2, 0, 1, 2)
    assert len(imported["sha256"]) == 64
    assert idle_database.read_now(journal.verify) is None


def test_bad_rows_are_listed_and_the_rest_goes_in(load: Any, idle_database: Database, tmp_path: Path) -> None:
    report = load(
        HEADER + ROWS + "6901234567893,,坏,,1,\n6901234567892,milk,再来,,1,\n9771234567003,,,,1,\n", progress=None
    )
    assert counts(report) == (3, 0, 0, 3)
    assert report.rows == 6
    assert report.unparsed == 1
    listed = rejects(tmp_path)
    assert [row[:3] for row in listed] == [
        ["products.csv", "4", "kept"],
        ["products.csv", "5", "rejected"],
        ["products.csv", "6", "rejected"],
        ["products.csv", "7", "rejected"],
    ]
    assert "check digit" in listed[1][3]
    assert "on line 2 already" in listed[2][3]
    assert listed[0][3:] == ["quantity not understood: 12 pieces", "4006381333931,,笔,12 pieces,2.00,"]
    assert "needs name_zh or name_en" in listed[3][3]
    assert find(idle_database, PEN) is not None


def test_nothing_to_list_makes_no_file(load: Any, tmp_path: Path) -> None:
    load("gtin,name_zh\n6901234567892,牛奶\n")
    assert not (tmp_path / "rejects.csv").exists()


def test_a_gtin_belongs_to_one_product(load: Any, idle_database: Database, tmp_path: Path) -> None:
    load(HEADER + ROWS)
    report = load(HEADER + "6901234567892,other,x,,,\n9771234567003,milk,x,,,\n9771234567003,,x,,,96385074\n")
    assert counts(report) == (0, 0, 0, 3)
    causes = [row[3] for row in rejects(tmp_path)]
    assert causes[0] == f"{MILK} belongs to product milk"
    assert causes[1] == f"product milk has the GTIN {MILK}; add others in other_codes"
    assert causes[2] == "09771234567003 is on line 3 already"
    assert idle_database.read_now(store.version) == 1


def test_other_codes_lead_to_the_product(load: Any, idle_database: Database) -> None:
    load(HEADER + ROWS)
    load("gtin,other_codes\n6901234567892,9771234567003\n")
    milk = find(idle_database, MILK)
    assert find(idle_database, "09771234567003") == milk
    # A row that names the product by its other code changes the product, and its own GTIN stays.
    report = load("gtin,unit_price\n9771234567003,13.90\n")
    assert counts(report) == (0, 1, 0, 0)
    milk = find(idle_database, MILK)
    assert milk is not None
    assert (milk.gtin, milk.unit_price_minor) == (MILK, 1390)
    load("gtin,other_codes\n6901234567892,-\n")
    assert find(idle_database, "09771234567003") is None


def test_a_dry_run_writes_nothing(load: Any, idle_database: Database, tmp_path: Path) -> None:
    report = load(HEADER + ROWS + "abc,,,,,\n", dry_run=True)
    assert counts(report) == (3, 0, 0, 1)
    assert find(idle_database, MILK) is None
    assert events(idle_database) == []
    assert len(rejects(tmp_path)) == 2


def test_details_are_kept_apart(load: Any, idle_database: Database) -> None:
    load("gtin,name_zh,ingredients,fat_g\n6901234567892,牛奶,生牛乳,3.5\n96385074,糖,,\n")

    def read(connection: Connection) -> tuple[Any, Any]:
        return store.details(connection, MILK), store.details(connection, SUGAR)

    milk, sugar = idle_database.read_now(read)
    assert (milk.ingredients, milk.nutrition) == ("生牛乳", {"fat_g": 3.5})
    assert sugar == store.details.__globals__["_NO_DETAILS"]
    load("gtin,ingredients,fat_g\n6901234567892,-,3.6\n")
    milk, _ = idle_database.read_now(read)
    assert (milk.ingredients, milk.nutrition) == ("", {"fat_g": 3.6})


def test_many_products_go_in_as_one_unit(load: Any, idle_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BATCH_ROWS", 10)
    monkeypatch.setattr(importing, "_SPOOL_BYTES_IN_MEMORY", 1000)  # so that the spool goes to disk
    rows = [f"{number:012d}" for number in range(200_000_000_000, 200_000_000_057)]
    content = "store_item,name_zh\n" + "".join(f"{row},商品{row}\n" for row in rows)
    stages: list[tuple[str, int, int]] = []
    report = load(content, progress=lambda *heard: stages.append(heard))
    assert report.added == 57
    assert report.unpriced == 57
    assert stages[-1] == ("write", 57, 57)
    assert stages[0][0] == "read"
    assert len(events(idle_database)) == 7  # six batches of changed products, one summary


def test_a_failure_while_writing_leaves_nothing(
    load: Any, idle_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_tx: Transaction, _value: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(store, "set_version", fail)
    with pytest.raises(OSError, match="no space left"):
        load(HEADER + ROWS)
    monkeypatch.undo()
    assert find(idle_database, MILK) is None
    assert events(idle_database) == []
    assert counts(load(HEADER + ROWS)) == (3, 0, 0, 0)


def test_another_import_in_between_is_compared_again(
    load: Any, idle_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between comparing and writing another process sells the sugar dearer: our file says what it says, on top."""
    load(HEADER + ROWS)
    compare, moved = importing._Comparison.compare, []

    def interrupted(self: Any, connection: Connection, rows: Any) -> Any:
        changes = compare(self, connection, rows)
        if not moved:
            moved.append(True)
            idle_database.write_now(lambda tx: store.set_version(tx, 2))
        return changes

    monkeypatch.setattr(importing._Comparison, "compare", interrupted)
    report = load("gtin,unit_price\n96385074,6.00\n")
    assert report.version == 3
    assert counts(report) == (0, 1, 0, 0)
    sugar = find(idle_database, SUGAR)
    assert sugar is not None
    assert sugar.unit_price_minor == 600


def test_open_food_facts_and_then_prices(idle_database: Database, tmp_path: Path) -> None:
    facts = tmp_path / "off.jsonl"
    rows = [
        {"code": "3017620422003", "product_name": "Nutella", "quantity": "400 g"},
        {"code": "1", "product_name": "x"},
    ]
    facts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = import_products(idle_database, facts, currency="CNY", actor="test")
    assert (report.format, report.added, report.rejected, report.unpriced) == ("off-jsonl", 1, 1, 1)
    prices = tmp_path / "prices.csv"
    prices.write_text("gtin,unit_price\n3017620422003,34.90\n")
    import_products(idle_database, prices, currency="CNY", actor="test")
    product = find(idle_database, "03017620422003")
    assert product is not None
    assert (product.status, product.unit_price_minor, product.net_weight_g) == ("active", 3490, 400)
    again = import_products(idle_database, facts, currency="CNY", actor="test")
    assert (again.changed, again.unchanged) == (0, 1)


def test_a_damaged_file_imports_nothing(idle_database: Database, tmp_path: Path) -> None:
    path = tmp_path / "p.csv.gz"
    path.write_bytes(b"\x1f\x8b broken")
    with pytest.raises(SourceUnreadable):
        import_products(idle_database, path, currency="CNY", actor="test")
