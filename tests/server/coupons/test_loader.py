"""Files of coupons: each thing that can't be used is told with coupon, field, cause and mend."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.server.coupons.baskets import amount, counts, offer, ordered, percent, put

from unqueue.kernel import journal
from unqueue.kernel.database import Database
from unqueue.server.coupons import store
from unqueue.server.coupons.loader import CouponsInvalid, Loaded, load, read_csv, read_json
from unqueue.server.coupons.redeeming import Redeeming
from unqueue.server.coupons.rules import AmountOff, Goods, NorthAmerican, PercentOff
from unqueue.server.coupons.service import ImportReport, import_coupons

GOOD: dict[str, Any] = {
    "kind": "amount_off", "id": "good", "zh": "券", "en": "Coupon", "currency": "CNY", "code": "GOOD10",
    "off_minor": 1000,
}  # fmt: skip


def problems(*entries: Any) -> list[tuple[str, str]]:
    with pytest.raises(CouponsInvalid) as refused:
        read_json(json.dumps(entries).encode())
    assert refused.value.code == "coupons_invalid"
    found = refused.value.details["problems"]
    assert all(problem["what"] and problem["mend"] for problem in found)
    return [(problem["rule"], problem["field"]) for problem in found]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"off_minor": 0}, "off_minor"),
        ({"off_minor": "10"}, "off_minor"),
        ({"offminor": 10}, "offminor"),
        ({"kind": "amountoff"}, "kind"),
        ({"code": "abc"}, "code"),
        ({"currency": "yuan"}, "currency"),
        ({"valid_until": "tomorrow"}, "valid_until"),
        ({"valid_from": "2026-02-01", "valid_until": "2026-01-31"}, "valid_until"),
        ({"on": {}}, "on"),
        ({"on": {"everything": True, "categories": ["dairy"]}}, "on"),
        ({"on": {"gtins": ["123"]}}, "on"),
        ({"on": {"categories": [7]}}, "on.categories[0]"),
        ({"units": 2}, "units"),
        ({"serials": ["AAAA"]}, "code"),
        ({"code": None, "gcn": "9501101530004"}, "gcn"),
        ({"code": None, "serials": ["AAAA", "AAAA"]}, "serials"),
        ({"excludes": ["welcome"]}, "excludes"),
        ({"uses_max": 0}, "uses_max"),
        ({"funded_by": "nobody"}, "funded_by"),
        ({"priority": 100}, "priority"),
    ],
)
def test_a_problem_is_told_with_its_coupon_and_field(change: dict[str, Any], field: str) -> None:
    assert problems({**GOOD, **change}) == [("good", field)]


def test_missing_fields_and_all_problems_are_told_at_once() -> None:
    assert problems({"kind": "free_product", "id": "few"}, 7, {**GOOD, "zh": ""}) == [
        ("few", "zh"), ("few", "en"), ("few", "currency"), ("#2", ""), ("good", "zh"),
    ]  # fmt: skip
    assert problems(GOOD, GOOD) == [("good", "id")]
    assert problems({**GOOD, "kind": "free_product", "off_minor": 1}) == [("good", "off_minor")]


def test_how_to_mend_it() -> None:
    with pytest.raises(CouponsInvalid) as refused:
        read_json(json.dumps([{**GOOD, "offminor": 1}, {**GOOD, "off_minor": 0}, {**GOOD, "members_only": 3}]).encode())
    text = refused.value.text_en
    assert "good, offminor: there is no such field. Perhaps off_minor is meant." in text
    assert "Write minor units of the currency, at least 1, as in 500." in text
    assert "true or false" in text
    assert "没有导入" in refused.value.text_zh


@pytest.mark.parametrize("data", [b"{}", b"[", b"", b"[\xff]"])
def test_what_is_no_list_of_coupons(data: bytes) -> None:
    with pytest.raises(CouponsInvalid):
        read_json(data)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CouponsInvalid, match=r"coupons\.json"):
        load(tmp_path / "coupons.json")


def test_csv_says_the_same_as_json(tmp_path: Path) -> None:
    file = tmp_path / "coupons.CSV"
    file.write_text(
        "kind,id,zh,en,currency,code,off_minor,off_bp,gtins,categories,funder_id,offer_code,stackable,valid_until,"
        "serials\n"
        "amount_off,good,券,Coupon,CNY,GOOD10,1000,,6901234567892 6923450657713,,,,true,2026-06-30,\n"
        "percent_off,off,券,Coupon,CNY,,,1000,,dairy drinks,0614141,654321,,,\n"
        "amount_off,many,券,Coupon,CNY,,5,,,,,,false,,AAAA BBBB\n",
        encoding="utf-8-sig",
    )
    good, off, many = load(file).coupons
    assert isinstance(good, AmountOff)
    assert isinstance(off, PercentOff)
    assert isinstance(many, AmountOff)
    assert (good.off_minor, good.stackable, str(good.valid_until)) == (1000, True, "2026-06-30")
    assert good.on == Goods(gtins=("6901234567892", "6923450657713"))
    assert off.on == Goods(categories=("dairy", "drinks"))
    assert off.offer is not None
    assert (off.offer.funder_id, many.serials) == ("0614141", ("AAAA", "BBBB"))
    with pytest.raises(CouponsInvalid, match="off_minor"):
        read_csv(b"kind,id,zh,en,currency,code,off_minor\namount_off,a,x,y,CNY,AAAA,ten\n")
    with pytest.raises(CouponsInvalid):
        read_csv(b"\xff\xfe")


def test_serials_in_csv() -> None:
    assert read_csv(b"id,serial\na,AAAA\nb,BBBB\na,CCCC\n") == Loaded(serials={"a": ("AAAA", "CCCC"), "b": ("BBBB",)})
    with pytest.raises(CouponsInvalid, match="line 3"):
        read_csv(b"id,serial\na,AAAA\na,aa\n")


def test_north_american_agreements() -> None:
    entry = {
        "kind": "north_american", "id": "na", "zh": "厂家券", "en": "Manufacturer's coupon", "currency": "USD",
        "company_prefixes": ["0614141"], "families": {"120": ["614141999996"]}, "off_max_minor": 500,
    }  # fmt: skip
    (coupon,) = read_json(json.dumps([entry]).encode())
    assert isinstance(coupon, NorthAmerican)
    assert coupon.funded_by == "issuer"
    assert problems({**entry, "currency": "JPY"}) == [("na", "currency")]
    assert problems({**entry, "company_prefixes": []}) == [("na", "company_prefixes")]
    assert problems({**entry, "families": {"120": ["1"]}}) == [("na", "families")]


def bring(database: Database, *loaded: Any, serials: dict[str, tuple[str, ...]] | None = None) -> ImportReport:
    return import_coupons(database, Loaded(loaded, serials or {}), currency="CNY", actor="staff:anna")


def test_importing_twice_changes_nothing(idle_database: Database) -> None:
    coupons = [amount("a", 100), amount("b", 100, serials=("BBB1", "BBB2"))]
    assert bring(idle_database, *coupons) == ImportReport(2, 0, 0, 2)
    before = idle_database.read_now(journal.read)
    assert bring(idle_database, *coupons) == ImportReport(0, 0, 2, 0)
    assert idle_database.read_now(journal.read) == before
    assert bring(idle_database, amount("a", 200), amount("b", 100, serials=("BBB2", "BBB3"))) == ImportReport(
        0, 1, 1, 1
    )
    assert bring(idle_database, serials={"b": ("BBB3", "BBB4", "BBB4")}) == ImportReport(0, 0, 0, 1)
    kinds = [event.kind for event in idle_database.read_now(journal.read)]
    assert kinds == ["coupon.added", "coupon.added", "coupons.imported", "coupon.changed", *["coupons.imported"] * 2]
    assert "BBB1" not in "".join(event.data for event in idle_database.read_now(journal.read))
    owners = idle_database.read_now(lambda connection: store.owners(connection, ["C00A", "BBB1", "BBB4", "none"]))
    assert owners == {"C00A": "a", "BBB1": "b", "BBB4": "b"}


def test_imports_that_do_not_fit_are_refused_whole(idle_database: Database) -> None:
    bring(idle_database, amount("a", 100, uses_max=5), amount("s", 100, serials=("SSSS",)))
    at = Redeeming(time_zone="Asia/Shanghai")
    for _ in range(2):
        put(idle_database, at, ordered(idle_database), "C00A")
    refused: list[tuple[list[Any], dict[str, tuple[str, ...]]]] = [
        ([amount("e", 1, currency="EUR")], {}),
        ([amount("new", 1), percent("x", 1, code="C00A")], {}),
        ([amount("new", 1), amount("x", 1, serials=("SSSS",))], {}),
        ([amount("a", 1, code="OTHER")], {}),
        ([amount("a", 1, serials=("C00A",))], {}),
        ([amount("a", 1, uses_max=1)], {}),
        ([], {"none": ("AAAA",)}),
        ([], {"a": ("AAAA",)}),
        ([], {"s": ("C00A",)}),
    ]
    before = idle_database.read_now(store.all_coupons)
    for coupons, serials in refused:
        with pytest.raises(CouponsInvalid):
            bring(idle_database, *coupons, serials=serials)
        assert idle_database.read_now(store.all_coupons) == before
    bring(idle_database, amount("a", 1, uses_max=2))
    assert counts(idle_database, "a") == (2, 0)


def test_many_serials(idle_database: Database) -> None:
    serials = tuple(f"S{number:06}" for number in range(20_000))
    assert bring(idle_database, amount("a", 100, serials=serials)).serials == 20_000
    assert bring(idle_database, amount("a", 100, serials=serials)).serials == 0
    offer(idle_database, amount("b", 100))
    at = Redeeming(time_zone="Asia/Shanghai")
    assert put(idle_database, at, ordered(idle_database), "s-019999").saved_minor == 100


def test_the_guides_examples_can_be_imported() -> None:
    guide = (Path(__file__).parents[3] / "docs/guides/coupons.md").read_text(encoding="utf-8")
    examples = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    kinds = {coupon.__struct_config__.tag for coupon in read_json(f"[{','.join(examples)}]".encode())}
    assert kinds == {"amount_off", "percent_off", "free_product", "north_american"}
    (table,) = re.findall(r"```\n(kind,.*?)```", guide, re.DOTALL)
    assert [coupon.id for coupon in read_csv(table.encode()).coupons] == ["soup"]
