"""Receipts: what stands on the paper, and that no text can command the printer."""

import copy
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.devices.drivers.escpos_receipt import columns, printable, render_receipt


def money(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "CNY"}


def a_line(**fields: Any) -> dict[str, Any]:
    return {
        "line": 1, "product_id": "tea", "gtin": "06901234567892", "name_zh": "西湖龙井茶", "name_en": "Longjing tea",
        "brand": "", "category": "tea", "sold_by": "piece", "quantity": 2, "weight_g": None, "net_weight_g": 250,
        "unit_price": money(1290), "unit": "piece", "subtotal": money(2580), "discount": money(0),
        "deposit": money(0), "total": money(2580), "discounts": [], "tax_rate_bp": 1300, **fields,
    }  # fmt: skip


RECEIPT: dict[str, Any] = {
    "number": "R-20260102-000017",
    "order_number": "104729389",
    "issued_at": "2026-01-02T23:04:05Z",
    "store": {
        "id": "store-1", "name_zh": "不排队超市", "name_en": "Unqueue Store", "address_zh": "上海市南京路1号",
        "address_en": "1 Nanjing Road", "tax_id": "91310000MA1",
    },
    "lines": [
        a_line(
            discounts=[{"promotion_id": "1", "zh": "第二件半价", "en": "Second at half price", "amount": money(645)}],
            discount=money(645), deposit=money(100), total=money(2035),
        ),
        a_line(
            line=2, name_zh="苹果", name_en="Apples", sold_by="weight", quantity=1, weight_g=520, unit="kg",
            unit_price=money(1538), subtotal=money(800), total=money(800),
        ),
    ],
    "subtotal": money(3380), "discount": money(645), "deposit": money(100), "total": money(2835),
    "taxes": [{"rate_bp": 1300, "net": money(2421), "tax": money(314), "gross": money(2735)}],
    "tenders": [
        {"method": "sandbox", "zh": "沙盒钱包", "en": "Sandbox wallet", "amount": money(2835), "reference": "SBX123"}
    ],
}  # fmt: skip

# Commands that a receipt uses, from Epson's ESC/POS reference; everything else must be text.
COMMANDS = re.compile(
    rb"\x1b@|\x1c&|\x1d!.|\x1bE.|\x1ba.|\x1bd.|\x1dV.|\x1d\(k(?P<low>.)(?P<high>.)", re.DOTALL
)  # fmt: skip


def read(data: bytes) -> tuple[list[bytes], list[str]]:
    """A printer's view: the commands, and the rows of text."""
    commands: list[bytes] = []
    text = bytearray()
    at = 0
    while at < len(data):
        if match := COMMANDS.match(data, at):
            end = match.end()
            if match["low"]:
                end += match["low"][0] + 256 * match["high"][0]
            commands.append(data[at:end])
            at = end
        else:
            # A byte of text; of two-byte characters both, so that a second byte is never taken for a command.
            length = 2 if data[at] >= 0x81 else 1
            assert length == 2 or data[at] == 0x0A or 0x20 <= data[at] < 0x7F, f"a control character: {data[at]:#x}"
            text += data[at : at + length]
            at += length
    return commands, text.decode("gb18030").split("\n")


def test_chinese_on_80_mm() -> None:
    commands, rows = read(render_receipt(RECEIPT))

    assert commands[:2] == [b"\x1b@", b"\x1c&"], "Chinese mode is on before any text"
    assert rows[:3] == ["不排队超市", "上海市南京路1号", "税号 91310000MA1"]
    assert "时间                         2026-01-03 07:04:05" in rows, "the store's time, not UTC"
    assert rows[rows.index("西湖龙井茶") :][:5] == [
        "西湖龙井茶",
        "  2 × ￥12.90                           ￥25.80",
        "  第二件半价                             -￥6.45",
        "  押金                                    ￥1.00",
        "苹果",
    ]
    assert "  0.520 kg × ￥15.38/kg                  ￥8.00" in rows
    assert "合计                                     ￥28.35" in rows
    assert rows[rows.index("税率              不含税        税额        含税") + 1] == (
        "13%              ￥24.21      ￥3.14     ￥27.35"
    )
    assert "沙盒钱包                                 ￥28.35" in rows
    assert "谢谢惠顾,欢迎再来" in rows


def test_english_on_58_mm() -> None:
    _, rows = read(render_receipt(RECEIPT, 32, "en"))

    assert rows[0] == "Unqueue Store"
    assert "  Second at half price   -￥6.45" in rows
    assert "Total                    ￥28.35" in rows
    assert "Thank you, see you soon" in rows


@pytest.mark.parametrize("width", [32, 42, 48])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_row_is_wider_than_the_paper(width: int, language: str) -> None:
    receipt = copy.deepcopy(RECEIPT)
    receipt["lines"][0]["name_zh"] = "很长的商品名称" * 10
    receipt["lines"][0]["name_en"] = "A very long name of a product " * 5
    receipt["tenders"][0]["reference"] = "4200001234202601021234567890123456789012345678901234567890"
    _, rows = read(render_receipt(receipt, width, language))
    assert max(columns(row) for row in rows) <= width


def test_the_qr_code_holds_the_number_and_the_paper_is_cut() -> None:
    commands, _ = read(render_receipt(RECEIPT))
    stored = [command for command in commands if command.startswith(b"\x1d(k") and b"1P0" in command]
    assert stored == [b"\x1d(k\x14\x001P0R-20260102-000017"]  # pL = 17 + 3, cn 49, fn 80, m 48 (GS ( k, function 180)
    assert commands[-1].startswith(b"\x1dV")
    assert b"1P0https://store.example/r/1" in render_receipt(RECEIPT, qr="https://store.example/r/1")


def test_a_missing_translation_falls_back() -> None:
    receipt = copy.deepcopy(RECEIPT)
    receipt["lines"][0]["name_en"] = ""
    _, rows = read(render_receipt(receipt, 48, "en"))
    assert "西湖龙井茶" in rows


names = st.text(st.characters(), max_size=60)


@given(names)
def test_no_name_can_command_the_printer(name: str) -> None:
    receipt = copy.deepcopy(RECEIPT)
    plain, _ = read(render_receipt(receipt))
    receipt["lines"][0]["name_zh"] = receipt["store"]["address_zh"] = "x" + name
    commands, rows = read(render_receipt(receipt))
    assert commands == plain
    assert max(columns(row) for row in rows) <= 48


@given(names)
def test_printable_text_has_only_codes_that_printers_know(name: str) -> None:
    for character in printable(name):
        length = len(character.encode("gb18030"))
        assert length < 4 or unicodedata.name(character).startswith("CJK UNIFIED")
