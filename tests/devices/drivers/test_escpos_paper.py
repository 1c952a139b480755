"""What comes out of the printer, drawn dot by dot. UNQUEUE_PAPER_DIRECTORY names a folder to keep the images in."""

import copy
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from tests.support.escpos_page import FONT, Printed, print_on

from unqueue.devices.drivers.escpos_paper import Paper, columns
from unqueue.devices.drivers.escpos_receipt import render_debt, render_receipt, render_return

needs_font = pytest.mark.skipif(not FONT.exists(), reason="the package fonts-noto-cjk is not installed")
pytestmark = needs_font


def money(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "CNY"}


def a_line(name_zh: str, name_en: str, **fields: Any) -> dict[str, Any]:
    return {
        "name_zh": name_zh, "name_en": name_en, "sold_by": "piece", "quantity": 2, "weight_g": None,
        "unit_price": money(1290), "subtotal": money(2580), "deposit": money(0), "discounts": [], **fields,
    }  # fmt: skip


STORE = {
    "id": "store-1", "name_zh": "不排队超市", "name_en": "Unqueue Store", "address_zh": "上海市南京路1号",
    "address_en": "1 Nanjing Road", "tax_id": "91310000MA1",
}  # fmt: skip
URL = "https://store.example/o/o_u3bKq0aZk1xT9dVh2mW7sLr4cYf6pNj8eQg5iRt0oBv"
INVOICE_URL = f"https://invoice.example/apply?n=R-20260102-000017&a=20.35&s={'0a' * 32}"
RECEIPT: dict[str, Any] = {
    "number": "R-20260102-000017", "order_number": "104729389", "issued_at": "2026-01-02T23:04:05Z", "store": STORE,
    "lines": [
        a_line("西湖龙井茶", "Longjing tea", deposit=money(100), discounts=[
            {"promotion_id": "1", "zh": "第二件半价", "en": "Second at half price", "amount": money(645)},
        ]),
        a_line("苹果", "Apples", sold_by="weight", weight_g=520, unit_price=money(1538), subtotal=money(800)),
    ],
    "subtotal": money(3380), "discount": money(645), "deposit": money(100), "total": money(2835),
    "coupons": [
        {"zh": "满20减5元券", "en": "5 off from 20", "amount": money(500), "funded_by": "store"},
        {"zh": "龙井茶厂家券", "en": "Longjing maker's coupon", "amount": money(300), "funded_by": "issuer"},
    ],
    "payable": money(2035),
    "explained": {"zh": "先算促销，再用券。", "en": "Promotions come first, then coupons."},
    "taxes": [
        {"rate_bp": 1300, "net": money(1978), "tax": money(257), "gross": money(2235)},
        {"rate_bp": 0, "net": money(100), "tax": money(0), "gross": money(100)},
    ],
    "tenders": [
        {
            "method": "card", "zh": "银行卡", "en": "Card", "amount": money(1035), "reference": "4200001234202601",
            "slip": ["     CARD PAYMENT", "VISA  **** **** **** 1234", "APPROVED     AUTH 123456"],
        },
        {"method": "cash", "zh": "现金", "en": "Cash", "amount": money(1000), "reference": "", "slip": []},
    ],
    "fiscal": {"fields": [{"zh": "签名计数", "en": "Signature counter", "value": "1024"}], "qr": ""},
    "url": URL, "invoice_url": INVOICE_URL,
}  # fmt: skip


def keep(name: str, printed: Printed) -> Printed:
    """Leave the images where someone wants to look at them."""
    if directory := os.environ.get("UNQUEUE_PAPER_DIRECTORY"):
        Path(directory).mkdir(parents=True, exist_ok=True)
        for number, page in enumerate(printed.pages, 1):
            page.save(Path(directory) / f"{name}-{number}.png")
    return printed


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    picture = Image.new("RGBA", (900, 300), (0, 0, 0, 0))
    ImageDraw.Draw(picture).rounded_rectangle((20, 20, 280, 280), 60, fill=(11, 107, 67, 255))
    picture.save(tmp_path / "logo.png")
    return tmp_path / "logo.png"


@pytest.mark.parametrize("width", [32, 48])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_whole_receipt(width: int, language: str, logo: Path) -> None:
    data = render_receipt(RECEIPT, width, language, logo_file=logo)
    printed = keep(f"receipt-{language}-{width}", print_on(width, data))
    (page,) = printed.pages
    assert printed.codes == [URL, INVOICE_URL]
    assert printed.pictures == 1
    assert any("CARD PAYMENT" in row for row in printed.text)
    rows = [" ".join(row.split()) for row in printed.text]
    payable = {"zh": "实付 ￥20.35", "en": "To pay ￥20.35"}[language]
    assert payable in rows
    assert {"zh": "满20减5元券 -￥5.00", "en": "5 off from 20 -￥5.00"}[language] in rows
    assert {"zh": "先算促销，再用券。", "en": "Promotions come first, then coupons."}[language] in " ".join(rows)
    assert "13% ￥19.78 ￥2.57 ￥22.35" in rows
    assert page.width == width * 12 + 32
    black = sum(page.histogram()[:128]) / (page.width * page.height)
    assert 0.04 < black < 0.4, "ink all over, and paper between it"
    assert not any("副本" in row for row in printed.text)


@pytest.mark.parametrize("width", [32, 48])
def test_a_copy_says_so_at_both_ends(width: int) -> None:
    printed = keep(f"copy-{width}", print_on(width, render_receipt(RECEIPT, width, "zh", copy=True)))
    assert (printed.text[0], printed.text.count("副本 COPY")) == ("副本 COPY", 2)
    original = print_on(width, render_receipt(RECEIPT, width, "zh"))
    rest = [row for row in printed.text if row != "副本 COPY"]
    assert rest == original.text, "apart from that it is the same receipt"


def test_chinese_is_garbage_without_its_mode() -> None:
    """That the renderer is no better than a printer: without `FS &` it shows the code page's characters."""
    data = render_receipt(RECEIPT).replace(b"\x1c&", b"")
    assert not any("超市" in row for row in print_on(96, data).text)


def test_a_credit_note() -> None:
    made = {
        "order_number": "104729389", "at": "2026-01-02T23:04:05Z", "decided_at": None, "by": "王芳",
        "reason": "茶叶受潮", "amount": money(1290),
        "lines": [{"line": 1, "quantity": 1, "name_zh": "西湖龙井茶", "name_en": "", "refund": money(1290)}],
        "taxes": [{"rate_bp": 1300, "tax": money(148)}],
        "shares": [{"method": "wallet", "amount": money(1290), "status": "pending", "by_hand": False}],
    }  # fmt: skip
    printed = keep("return", print_on(32, render_return(made, STORE, 32)))
    rows = [" ".join(row.split()) for row in printed.text]
    assert {"退货单", "退款合计 -￥12.90", "退回 wallet -￥12.90", "税额 13% -￥1.48", "顾客签名:"} <= {*rows}


def test_a_slip_for_what_a_kiosk_owes() -> None:
    debt = {
        "store_zh": "不排队超市", "store_en": "Unqueue Store", "number": "D-20260102-0003", "amount": money(735),
        "at": "2026-01-02T23:04:05Z", "order_number": "104729389",
    }  # fmt: skip
    printed = keep("debt", print_on(32, render_debt(debt, 32, "en")))
    assert printed.codes == ["D-20260102-0003"]
    rows = [" ".join(row.split()) for row in printed.text]
    assert {"We owe you", "Amount ￥7.35", "Slip D-20260102-0003"} <= {*rows}
    assert "Please bring this slip to the" in rows, "words are not broken"


def test_large_amounts_leave_the_tax_table_readable() -> None:
    receipt = copy.deepcopy(RECEIPT)
    receipt["taxes"] = [{"rate_bp": 1300, "net": money(123456789), "tax": money(16049383), "gross": money(139506172)}]
    rows = [" ".join(row.split()) for row in print_on(32, render_receipt(receipt, 32)).text]
    at = rows.index("税率 13%")
    assert rows[at + 1 : at + 4] == ["不含税 ￥1,234,567.89", "税额 ￥160,493.83", "含税 ￥1,395,061.72"]


@pytest.mark.parametrize("length", [10, 80, 200, 360])
@pytest.mark.parametrize("width", [32, 48])
def test_every_code_fits_the_paper_and_can_be_scanned(width: int, length: int) -> None:
    import zxingcpp

    paper = Paper(width)
    paper.qr("https://e.example/" + "a" * length)
    (page,) = print_on(width, paper.cut()).pages
    found = zxingcpp.read_barcodes(page)
    assert [one.text for one in found] == ["https://e.example/" + "a" * length]


@given(st.text(alphabet=st.characters(codec="gb18030"), max_size=120), st.sampled_from([32, 48]))
def test_any_slip_row_fits(row: str, width: int) -> None:
    paper = Paper(width)
    paper.preformatted(row)
    paper.text(row)
    printed = print_on(width, paper.cut())
    assert max(columns(text) for text in printed.text) <= width


def test_a_logo_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_text("no picture")
    with pytest.raises(OSError, match="cannot identify"):
        render_receipt(RECEIPT, logo_file=tmp_path / "logo.png")
