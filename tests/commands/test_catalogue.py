"""``unqueue catalogue`` as someone at the store's server types it."""

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unqueue.commands.catalogue import app

PRODUCTS = "gtin,name_zh,name_en,unit_price,quantity\n6901234567892,纯牛奶,Milk,12.90,1 L\nabc,x,x,1,1 kg\n"
runner = CliRunner()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with settings and a file of products, where the command is run."""
    (tmp_path / "unqueue.toml").write_text(
        '[[catalogue.store_codes]]\nname = "weight"\ntemplate = "22=21 IIIII WW.WWW C"\n', encoding="utf-8"
    )
    (tmp_path / "products.csv").write_text(PRODUCTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNQUEUE_SETTINGS", raising=False)
    return tmp_path


def run(*words: str, status: int = 0) -> str:
    result = runner.invoke(app, [*words])
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


def test_import_lists_what_it_rejects(shop: Path) -> None:
    told = run("import", "products.csv")
    assert "1 added, 0 changed, 0 unchanged" in told
    assert "1 rejected" in told
    with (shop / "products.csv.rejects.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["outcome"]) for row in rows] == [("3", "rejected")]
    assert "1 unchanged" in run("import", "products.csv", "--rejects", str(shop / "again.csv"))
    assert (shop / "again.csv").exists()


def test_a_file_of_which_nothing_is_taken_fails(shop: Path) -> None:
    (shop / "bad.csv").write_text("gtin,name_zh,unit_price\nabc,x,1\n", encoding="utf-8")
    told = run("import", "bad.csv", status=1)
    assert "1 rejected" in told
    assert "✓" not in told


def test_a_dry_run_adds_nothing(shop: Path) -> None:
    assert "1 would be added" in run("import", "--dry-run", str(shop / "products.csv"))
    assert "product_unknown" in run("show", "6901234567892", status=1)


def test_products_without_a_price_are_told(shop: Path) -> None:
    (shop / "off.jsonl").write_text('{"code": "96385074", "product_name": "Sugar"}\n', encoding="utf-8")
    assert "1 have no price yet" in run("import", "off.jsonl")
    assert "price_missing" in run("show", "96385074", status=1)


def test_show(shop: Path) -> None:
    run("import", str(shop / "products.csv"))
    told = run("show", "(01)06901234567892(10)A7")
    for word in ("06901234567892", "A7", "纯牛奶", "1290", "can be bought"):
        assert word in told
    assert "check_digit_wrong" in run("show", "6901234567893", status=1)
    assert "code_malformed" in run("show", "hello", status=1)


@pytest.mark.parametrize(
    ("content", "told"),
    [("gtn,name_zh\n1,x\n", "did you mean gtin?"), ("[]", "one JSON object a line"), ("", "must name the columns")],
)
def test_files_that_are_none(shop: Path, content: str, told: str) -> None:
    (shop / "bad.csv").write_text(content, encoding="utf-8")
    assert told in run("import", "bad.csv", status=1)


def test_one_list_of_rejects_is_for_one_file(shop: Path) -> None:
    (shop / "more.csv").write_text(PRODUCTS, encoding="utf-8")
    assert "one by one" in run("import", "products.csv", "more.csv", "--rejects", "r.csv", status=1)
    run("import", "products.csv", "more.csv")
    assert (shop / "more.csv.rejects.csv").exists()
