"""The receipt as a file to keep: it says what the receipt says, fetches nothing, and lets no name be markup."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.texting import texting_till
from tests.support.tills import BEER, BOOK, MILK, Shopper, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.providers.fiscal import FiscalField, FiscalSignature
from unqueue.server.promotions.words import Words
from unqueue.server.receipts.model import CouponView, ReceiptLine, ReceiptView, StoreView, TaxView, TenderView
from unqueue.server.receipts.page import receipt_page


def yuan(amount_minor: int) -> Money:
    return Money(amount_minor, "CNY")


def a_receipt(**changes: Any) -> ReceiptView:
    line = {
        "line": 1, "product_id": "tea", "gtin": "06901234567892", "name_zh": "西湖龙井茶", "name_en": "Longjing tea",
        "brand": "", "category": "tea", "sold_by": "weight", "quantity": 1, "weight_g": 520, "net_weight_g": 0,
        "quantity_text": "",
        "unit_price": yuan(1538), "unit": "kg", "subtotal": yuan(800), "discount": yuan(0), "deposit": yuan(0),
        "total": yuan(800), "discounts": [], "age_limit": None, "eas": False, "tax_rate_bp": 1300,
    }  # fmt: skip
    made = ReceiptView(
        number="R-20260302-000017",
        order_number="104729389",
        issued_at="2026-03-02T01:00:00+00:00",
        store=StoreView("s", "街角超市", "Corner Store", "", "", "91310000TEST"),
        lines=[msgspec.convert(msgspec.to_builtins(line), ReceiptLine)],
        subtotal=yuan(800),
        discount=yuan(0),
        deposit=yuan(0),
        total=yuan(800),
        coupons=[CouponView("厂家券", "Maker’s coupon", yuan(300), "issuer")],
        payable=yuan(500),
        explained=Words("先促销，后用券", "Promotions first, then coupons"),
        taxes=[TaxView(1300, net=yuan(708), tax=yuan(92), gross=yuan(800))],
        tenders=[TenderView("card", "银行卡", "Card", yuan(500), "42000", ["VISA **** 1234"])],
        fiscal=FiscalSignature((FiscalField("签名", "Signature", "abc"),), "fiscal-code"),
        url="https://store.example/o/o_x",
        invoice_url="https://invoice.example/?n=1&s=2",
    )
    return msgspec.structs.replace(made, **changes)


class Read(HTMLParser):
    """The text and the tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name == "src" or (tag == "link" and name == "href")]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "zh",
            ["街角超市", "西湖龙井茶", "0.520 kg × ¥15.38/kg", "厂家券", "由发券方承担", "-¥3.00", "实付", "银行卡"],
        ),
        ("en", ["Corner Store", "Longjing tea", "Maker’s coupon", "Paid by its issuer", "To pay", "Card", "Gross"]),
    ],
)
def test_it_says_what_the_receipt_says(language: Any, expected: list[str]) -> None:
    page = Read(receipt_page(a_receipt(), language, "Asia/Shanghai"))
    shown = " ".join(page.words)
    for word in [
        *expected,
        "R-20260302-000017",
        "104 729 389",
        "2026-03-02 09:00:00",
        "13%",
        "¥7.08",
        "VISA **** 1234",
    ]:
        assert word in shown
    assert page.fetched == []
    assert page.tags.count("svg") == 3, "for the invoice, for the receipt, and the law's own"


def test_what_is_not_there_leaves_no_trace() -> None:
    bare = a_receipt(coupons=[], explained=None, taxes=[], tenders=[], fiscal=FiscalSignature(), url="", invoice_url="")
    page = Read(receipt_page(bare, "zh", "Asia/Shanghai"))
    assert "svg" not in page.tags
    assert not {"实付", "流水号", "税率", "税务签名"} & set(page.words)


@given(st.text(max_size=40))
def test_no_name_is_markup(name: str) -> None:
    plain = Read(receipt_page(a_receipt(), "zh", "Asia/Shanghai")).tags
    receipt = a_receipt(
        store=StoreView("s", f"x{name}", name, f"y{name}", name, name + "1"),
        tenders=[TenderView("card", name, name, yuan(500), f"r{name}", [name])],
    )
    tags = Read(receipt_page(receipt, "zh", "Asia/Shanghai")).tags
    assert [tag for tag in tags if tag != "p"] == [tag for tag in plain if tag != "p"]


@pytest.mark.anyio
async def test_it_is_downloaded_under_its_number(till: Till, tmp_path: Path, clock: ManualClock) -> None:
    async with texting_till(till, tmp_path, clock, "") as store:
        shopper = await till.order(MILK, BEER, BOOK)
        await store.call(shopper, "GET", "/receipt.html", status=409)
        await _pay(till, shopper)
        headers = {"Authorization": f"Bearer {shopper.order_token}"}
        answer = await store.http.get(f"{shopper.path}/receipt.html?language=en", headers=headers)
        receipt = await store.call(shopper, "GET", "/receipt")
        assert answer.headers["content-disposition"] == f'attachment; filename="{receipt["number"]}.html"'
        assert answer.headers["content-type"].startswith("text/html")
        assert re.search(r'<html lang="en">', answer.text)
        assert (await store.http.get(f"{shopper.path}/receipt.html")).status_code == 401
        bad = await store.http.get(f"{shopper.path}/receipt.html?language=fr", headers=headers)
        assert bad.status_code == 400


async def _pay(till: Till, shopper: Shopper) -> None:
    payment = await shopper.start_payment()
    await till.bank.press(payment["action"]["url"])
    await till.bank.send()
