"""The kit's pages where protocols differ: the way back, the brand, and the page that plays a phone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.providers.sandbox_kit.book import Book, Telling
from unqueue.providers.sandbox_kit.cashier import Cashier
from unqueue.providers.sandbox_kit.model import Payment
from unqueue.providers.sandbox_kit.pages import Brand, Merchant, WayBack
from unqueue.providers.sandbox_kit.store import BookStore

pytestmark = pytest.mark.anyio
BRAND = Brand(name_zh="银行（沙盒）", name_en="Bank & Co (sandbox)", colour="#112233")
FIELDS = {"respCode": "00", "signature": 'a"<b>'}


class Bank:
    """A sandbox whose shoppers go home with a form where ``fields`` are set."""

    def __init__(self, directory: Path, clock: ManualClock) -> None:
        self.fields: dict[str, str] = {}
        self.book = Book(BookStore(directory / "book.db"), clock, Telling(lambda _: None, lambda *_: None))
        self.book.public_url = "https://front.example/bank"
        merchants = {"m1": Merchant(merchant_id="m1", name_zh="街角超市", name_en="Corner Store")}
        cashier = Cashier(self.book, BRAND, merchants, lambda payment: WayBack(payment.return_url, self.fields))
        self.browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(Litestar(cashier.routes(), openapi_config=None, logging_config=None)),
            base_url="https://front.example",
        )

    def open(self, **changes: Any) -> str:
        """A new payment's path."""
        plain: dict[str, Any] = {
            "merchant_id": "m1",
            "payment_id": "p1",
            "cashier_token": "token-1",
            "reference": "R1",
            "order_id": "o1",
            "order_number": "104729389",
            "amount": Money(1290, "CNY"),
            "subject_zh": "3 件商品",
            "subject_en": "3 items",
            "return_url": "https://store.example/o/x",
            "notify_url": "",
            "created_us": self.book.now_us,
            "expires_us": self.book.now_us + 600_000_000,
            "code": "bank://code-1",
        }
        return f"/pay/{self.book.open(Payment(**{**plain, **changes}), 'hash').cashier_token}"

    async def pay(self, path: str, **headers: str) -> httpx.Response:
        return await self.browser.post(path, data={"action": "pay", "trouble": "none"}, headers=headers)


@pytest.fixture
async def bank(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Bank]:
    made = Bank(tmp_path, clock)
    yield made
    await made.browser.aclose()
    made.book.store.close()


async def test_a_form_home_is_on_the_page_for_the_shopper_to_send(bank: Bank) -> None:
    bank.fields = FIELDS
    path = bank.open()
    assert (await bank.pay(path)).headers["location"] == "?"
    html = (await bank.browser.get(path)).text
    assert '<form method="post" action="https://store.example/o/x">' in html
    assert 'name="signature" value="a&quot;&lt;b&gt;"' in html
    answer = (await bank.pay(path, accept="application/json")).json()
    assert answer == {"status": "succeeded", "return_url": "https://store.example/o/x", "fields": FIELDS}


async def test_what_stands_on_another_screen_has_no_way_home(bank: Bank) -> None:
    path = bank.open(return_url="")
    assert (await bank.pay(path)).headers["location"] == "?"
    html = (await bank.browser.get(path)).text
    assert "已付款" in html
    assert "回到商家" not in html


async def test_pages_are_the_brands(bank: Bank) -> None:
    html = (await bank.browser.get(bank.open(), headers={"Accept-Language": "en"})).text
    assert "Bank &amp; Co (sandbox)" in html
    assert "No real money moves." in html
    assert b"--brand: #112233;" in (await bank.browser.get("/cashier.css")).content
    assert b'fill="#112233"' in (await bank.browser.get("/cashier.svg")).content


async def test_the_phone_page(bank: Bank) -> None:
    path = bank.open()
    empty = await bank.browser.get("/scan?language=en")
    assert empty.status_code == 200
    assert 'role="alert"' not in empty.text
    wrong = await bank.browser.get("/scan", params={"code": "<script>"})
    assert wrong.status_code == 404
    assert 'role="alert"' in wrong.text
    assert "<script" not in wrong.text
    found = await bank.browser.get("/scan", params={"code": "bank://code-1", "language": "en"})
    assert (found.status_code, found.headers["location"]) == (303, f"{path[1:]}?language=en"), "relative: any prefix"
    as_json = {"accept": "application/json"}
    told = await bank.browser.get("/scan", params={"code": "bank://code-1"}, headers=as_json)
    assert told.json() == {"cashier_url": f"https://front.example/bank{path}"}
    lost = await bank.browser.get("/scan", params={"code": "x"}, headers=as_json)
    assert (lost.status_code, lost.json()["code"]) == (404, "payment_unknown")
