"""The catalogue over HTTP, as a browser and a picker see it."""

import httpx
import pytest
from litestar import Litestar

from unqueue.kernel.database import Database
from unqueue.kernel.settings import Settings
from unqueue.server.catalogue.routes import routes
from unqueue.server.catalogue.service import Catalogue

pytestmark = pytest.mark.anyio


async def test_the_shelf(http: httpx.AsyncClient) -> None:
    answer = (await http.get("/api/catalogue/products", params={"query": "牛奶"})).json()
    assert answer["next_page"] is None
    assert answer["products"] == [
        {
            "product_id": "milk",
            "gtin": "06901234567892",
            "code": "6901234567892",
            "name_zh": "纯牛奶 1 升",
            "name_en": "Milk 1 l",
            "brand": "Meadow",
            "category": "dairy",
            "sold_by": "piece",
            "unit": "piece",
            "unit_price": {"amount_minor": 1290, "currency": "CNY"},
            "deposit": {"amount_minor": 0, "currency": "CNY"},
            "quantity_text": "",
            "age_limit": None,
            "eas": False,
        }
    ]


async def test_a_department(http: httpx.AsyncClient) -> None:
    answer = (await http.get("/api/catalogue/products", params={"category": "alcohol"})).json()
    assert {product["product_id"] for product in answer["products"]} == {"beer", "wine"}
    departments = (await http.get("/api/catalogue/categories")).json()
    assert {"slug": "alcohol", "zh": "酒类", "en": "Beer, wine and spirits", "count": 2} in departments


@pytest.mark.parametrize("query", ["page=0", "page=1001", "page=x", f"query={'x' * 101}", f"category={'x' * 65}"])
async def test_bounds(http: httpx.AsyncClient, query: str) -> None:
    answer = await http.get(f"/api/catalogue/products?{query}")
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] == "invalid_request"


async def test_a_label(http: httpx.AsyncClient) -> None:
    apples = (await http.get("/api/catalogue/products", params={"query": "苹果"})).json()["products"][0]
    assert apples["code"] is None
    label = (await http.get(f"/api/catalogue/products/{apples['gtin']}/label", params={"weight_g": 512})).json()
    assert label == {"code": "2200001005129", "weight_g": 512, "price": {"amount_minor": 511, "currency": "CNY"}}
    milk = await http.get("/api/catalogue/products/06901234567892/label", params={"weight_g": 512})
    assert (milk.status_code, milk.json()["code"]) == (422, "weight_needed")
    assert (await http.get("/api/catalogue/products/1/label", params={"weight_g": 512})).status_code == 404
    assert (await http.get("/api/catalogue/products/06901234567892/label?weight_g=0")).status_code in {400, 422}


@pytest.mark.parametrize(
    "path",
    ["6901234567892.svg", "6901234567892", "6901234567892.svg?symbology=qr", "(01)06901234567892(17)260331.svg"],
)
async def test_a_barcode(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(f"/api/catalogue/barcodes/{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "max-age" in answer.headers["cache-control"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.text.startswith("<svg ")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("hello.svg", "code_malformed"),
        ("6901234567893.svg", "check_digit_wrong"),
        ("6901234567892.svg?symbology=morse", "invalid_request"),
    ],
)
async def test_no_barcode(http: httpx.AsyncClient, path: str, code: str) -> None:
    answer = await http.get(f"/api/catalogue/barcodes/{path}")
    assert answer.json()["code"] == code
    assert answer.status_code in {400, 422}


def test_openapi_knows_the_forms(idle_database: Database) -> None:
    app = Litestar(routes(Catalogue(idle_database, Settings())))
    document = app.openapi_schema.to_schema()
    found = {path: operations["get"]["responses"]["200"]["content"] for path, operations in document["paths"].items()}
    shelf = found["/api/catalogue/products"]["application/json"]["schema"]
    assert shelf["$ref"].endswith("ShelfPage")
    assert found["/api/catalogue/categories"]["application/json"]["schema"]["items"]["$ref"].endswith("Department")
    assert set(document["components"]["schemas"]) >= {"ShelfProduct", "WeighedLabel", "Money"}
