"""What the rest of the server asks the catalogue, on every kind of database."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.kernel.money import Money
from unqueue.kernel.settings import Catalogue as CatalogueSettings
from unqueue.kernel.settings import Settings, StoreCode
from unqueue.server.catalogue import service
from unqueue.server.catalogue.codes import Code
from unqueue.server.catalogue.gtin import check_digit
from unqueue.server.catalogue.importing import import_products
from unqueue.server.catalogue.service import Catalogue

pytestmark = pytest.mark.anyio

MILK, APPLES = "06901234567892", "02110001000003"
PRODUCTS = """\
gtin,store_item,name_zh,name_en,brand,category,unit_price,sold_by,quantity,tare_g,age_limit,deposit,tag,status,ingredients,allergens
6901234567892,,纯牛奶,Pure Milk,牧场 Meadow,dairy,12.90,piece,1 L,,,,none,active,生牛乳,"milk, wine"
4006381333931,,红葡萄酒,Red Wine,Château,alcohol,89.00,piece,750 ml,,18,0.50,EAS,active,,
9771234567003,,白葡萄酒,White Wine,Château,alcohol,79.00,piece,750 ml,,18,0.50,EAS,active,,
5000112546415,,停售的糖,Old Sweets,,sweets,5.00,piece,100 g,,,,none,withdrawn,,
8410128800093,,没有定价,Unpriced,,sweets,,piece,100 g,,,,none,,,
,21 10001,红富士苹果,Fuji Apples,,produce,13.96,weight,,4,,,none,active,,
"""
TEMPLATES = ["21 IIIII PPP.PP C", "22=21 IIIII WW.WWW C", "28=21 IIIII WW.WWW PPP.PP C"]
SETTINGS = Settings(
    catalogue=CatalogueSettings(
        store_codes=[StoreCode(name=str(at), template=text) for at, text in enumerate(TEMPLATES)]
    )
)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


class Seconds:
    """A monotonic clock that moves when told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def load(database: Database, tmp_path: Path) -> Callable[[str], Any]:
    def run(content: str) -> Any:
        path = tmp_path / "products.csv"
        path.write_text(content, encoding="utf-8")
        return import_products(database, path, currency="CNY", actor="test")

    return run


@pytest.fixture
async def catalogue(database: Database, load: Callable[[str], Any], seconds: Seconds) -> Catalogue:
    load(PRODUCTS)
    return Catalogue(database, SETTINGS, monotonic=seconds)


def closed(body: str) -> str:
    return body + check_digit(body)


async def test_plain_codes(catalogue: Catalogue) -> None:
    for code in ("6901234567892", "]E06901234567892", f"(01){MILK}", f"https://example.com/01/{MILK}"):
        found = await catalogue.resolve(code, None, NOON)
        assert found.product.name_en == "Pure Milk"
        assert found.code == Code(MILK)


@pytest.mark.parametrize(
    ("body", "weight_g", "price_minor"),
    [("221000100512", 512, None), ("211000100715", 512, 715), ("28100010051200715", 512, 715)],
)
async def test_weighed_goods(catalogue: Catalogue, body: str, weight_g: int, price_minor: int | None) -> None:
    found = await catalogue.resolve(closed(body), "ean_13", NOON)
    assert (found.product.gtin, found.code.weight_g, found.code.price_minor) == (APPLES, weight_g, price_minor)


@pytest.mark.parametrize(
    ("code", "refusal", "status"),
    [
        ("hello", "code_malformed", 422),
        ("6901234567893", "check_digit_wrong", 422),
        ("96385074", "product_unknown", 404),
        ("5000112546415", "product_withdrawn", 409),
        ("8410128800093", "price_missing", 409),
        (f"(01){MILK}(17)260301", "product_expired", 409),
        ("2110001000003", "weight_needed", 422),
    ],
)
async def test_refusals(catalogue: Catalogue, code: str, refusal: str, status: int) -> None:
    with pytest.raises(DomainError) as caught:
        await catalogue.resolve(code, None, NOON)
    assert (caught.value.code, caught.value.status) == (refusal, status)


async def test_expiry_is_a_matter_of_the_store_s_own_day(catalogue: Catalogue) -> None:
    """At one in the morning in Shanghai it is still yesterday in Greenwich."""
    early = datetime(2026, 3, 2, 1, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert early.astimezone(ZoneInfo("UTC")).date() == date(2026, 3, 1)
    with pytest.raises(DomainError, match="product_expired"):
        await catalogue.resolve(f"(01){MILK}(17)260301", None, early)
    assert (await catalogue.resolve(f"(01){MILK}(17)260302", None, early)).code.expires == date(2026, 3, 2)


async def test_eight_digits_find_whichever_product_is_there(catalogue: Catalogue, load: Callable[[str], Any]) -> None:
    both = Code("00042100005264", other_gtin="00000004252614")
    catalogue.codes.read = lambda *_: both  # type: ignore[method-assign]  # a code that can be read both ways
    with pytest.raises(DomainError, match="product_unknown"):
        await catalogue.resolve("04252614", None, NOON)
    digits = closed("0425261").zfill(14)
    catalogue.codes.read = lambda *_: Code(both.gtin, other_gtin=digits)  # type: ignore[method-assign]  # as above
    load(f"gtin,name_zh,unit_price\n{digits},口香糖,3\n")
    assert (await catalogue.resolve("04252614", None, NOON)).product.name_zh == "口香糖"


async def test_memory_is_dropped_when_someone_imports(
    catalogue: Catalogue, load: Callable[[str], Any], seconds: Seconds
) -> None:
    assert (await catalogue.resolve("6901234567892", None, NOON)).product.unit_price_minor == 1290
    load("gtin,unit_price\n6901234567892,13.90\n")
    seconds.now += service.VERSION_CHECK_SECONDS / 2
    assert (await catalogue.resolve("6901234567892", None, NOON)).product.unit_price_minor == 1290
    seconds.now += service.VERSION_CHECK_SECONDS / 2
    assert (await catalogue.resolve("6901234567892", None, NOON)).product.unit_price_minor == 1390


async def test_a_hit_asks_the_database_nothing(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await catalogue.find(MILK)

    async def refuse(*_: object) -> None:
        pytest.fail("the database was asked")

    monkeypatch.setattr(catalogue._database, "read", refuse)
    assert await catalogue.find(MILK) is first


async def test_memory_is_bounded_and_keeps_what_is_used(
    catalogue: Catalogue, load: Callable[[str], Any], seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CACHED_MAX", 8)
    bodies = [f"20000000{number:04d}" for number in range(40)]
    load("gtin,name_zh,unit_price\n" + "".join(f"{closed(body)},商品,1\n" for body in bodies))
    seconds.now += 10
    for body in bodies:
        assert await catalogue.find("0" + closed(body)) is not None
        assert await catalogue.find(MILK) is not None
        assert len(catalogue._young) + len(catalogue._old) <= 8
    assert MILK in catalogue._young or MILK in catalogue._old


async def test_a_read_that_was_overtaken_by_an_import_is_not_kept(
    catalogue: Catalogue, load: Callable[[str], Any], seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = catalogue._database.read
    await catalogue.find(APPLES)

    async def slow(function: Any) -> Any:
        found = await read(function)
        monkeypatch.undo()
        load("gtin,unit_price\n6901234567892,13.90\n")
        seconds.now += 10
        await catalogue.find(APPLES)  # someone else notices the new version meanwhile
        return found

    monkeypatch.setattr(catalogue._database, "read", slow)
    assert (await catalogue.find(MILK)).unit_price_minor == 1290  # type: ignore[union-attr]  # it is there
    assert (await catalogue.find(MILK)).unit_price_minor == 1390  # type: ignore[union-attr]  # as above


async def test_what_a_shopper_may_know(catalogue: Catalogue) -> None:
    found = await catalogue.resolve("6901234567892", None, NOON)
    view = await catalogue.view(found.product)
    assert (view.category_zh, view.unit, view.unit_price, view.ingredients) == (
        "乳品和蛋",
        "piece",
        Money(1290, "CNY"),
        "生牛乳",
    )
    assert (view.allergens_zh, view.allergens_en) == ("乳、wine", "milk, wine")
    apples = await catalogue.find(APPLES)
    assert apples is not None
    assert (await catalogue.view(apples)).unit == "kg"


@pytest.mark.parametrize(
    ("query", "category", "names"),
    [
        ("", None, ["Red Wine", "White Wine", "Pure Milk", "Fuji Apples"]),
        ("", "alcohol", ["Red Wine", "White Wine"]),
        ("葡萄酒", None, ["Red Wine", "White Wine"]),
        ("wine RED", None, ["Red Wine"]),
        ("château 白", None, ["White Wine"]),
        ("6901234567892", None, ["Pure Milk"]),
        ("meadow", "alcohol", []),
        ("%", None, []),
        ("sweets", None, []),  # withdrawn, and unpriced
        ("x' OR 1=1 --", None, []),
    ],
)
async def test_browsing(catalogue: Catalogue, query: str, category: str | None, names: list[str]) -> None:
    page = await catalogue.browse(query, category, 1)
    assert [product.name_en for product in page.products] == names
    assert page.next_page is None


async def test_pages(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PAGE_SIZE", 3)
    first = await catalogue.browse("", None, 1)
    assert (len(first.products), first.next_page) == (3, 2)
    second = await catalogue.browse("", None, 2)
    assert ([product.name_en for product in second.products], second.next_page) == (["Fuji Apples"], None)
    assert (await catalogue.browse("", None, 99)).products == []


async def test_the_shelf(catalogue: Catalogue) -> None:
    wine = (await catalogue.browse("红葡萄酒", None, 1)).products[0]
    assert (wine.code, wine.eas, wine.age_limit, wine.deposit) == ("4006381333931", True, 18, Money(50, "CNY"))
    apples = (await catalogue.browse("苹果", None, 1)).products[0]
    assert (apples.code, apples.unit) == (None, "kg")


async def test_departments_follow_the_plan_of_the_store(catalogue: Catalogue, load: Callable[[str], Any]) -> None:
    load("gtin,name_zh,category,unit_price\n96385074,电池,electronics,9\n")
    departments = await catalogue.departments()
    assert [(one.slug, one.count) for one in departments] == [
        ("produce", 1),
        ("dairy", 1),
        ("alcohol", 2),
        ("electronics", 1),
    ]
    assert departments[0].zh == "蔬菜水果"


async def test_a_scale_s_label_can_be_scanned(catalogue: Catalogue) -> None:
    label = await catalogue.label(APPLES, 512)
    assert label.price == Money(715, "CNY")
    found = await catalogue.resolve(label.code, None, NOON)
    assert (found.product.gtin, found.code.weight_g) == (APPLES, 512)
    with pytest.raises(DomainError, match="weight_needed"):
        await catalogue.label(MILK, 512)
    with pytest.raises(NotFound):
        await catalogue.label("96385074", 512)
