"""A receipt as ESC/POS bytes, in Chinese or English; and the slips beside it: for a return, for what a kiosk owes."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from unqueue.devices.drivers.escpos_paper import Paper, columns, printable
from unqueue.kernel.money import format_minor

__all__ = ["columns", "printable", "render_debt", "render_receipt", "render_return"]

_WORDS = {
    "zh": {
        "tax_id": "税号",
        "number": "小票号",
        "order": "订单号",
        "time": "时间",
        "each": "×",
        "deposit": "押金",
        "subtotal": "小计",
        "discount": "优惠",
        "total": "合计",
        "payable": "实付",
        "issuer": "由发券方承担",
        "tax_rate": "税率",
        "net": "不含税",
        "tax": "税额",
        "gross": "含税",
        "reference": "流水号",
        "online": "扫码看电子小票",
        "invoice": "扫码开发票",
        "fiscal": "税务签名",
        "copy": "副本 COPY",
        "thanks": "谢谢惠顾,欢迎再来",
        "return": "退货单",
        "returned": "退款合计",
        "return_of": "原订单",
        "by": "经办",
        "reason": "原因",
        "to": "退回",
        "by_hand": "现金",
        "by_bank": "银行转账",
        "signature": "顾客签名",
        "debt": "欠款凭条",
        "debt_number": "凭条号",
        "owed": "应退还您",
        "debt_hint": "请凭此单到服务台领取。给您添麻烦了。",
    },
    "en": {
        "tax_id": "Tax ID",
        "number": "Receipt",
        "order": "Order",
        "time": "Time",
        "each": "x",
        "deposit": "Deposit",
        "subtotal": "Subtotal",
        "discount": "You saved",
        "total": "Total",
        "payable": "To pay",
        "issuer": "paid by its issuer",
        "tax_rate": "Rate",
        "net": "Net",
        "tax": "Tax",
        "gross": "Gross",
        "reference": "Reference",
        "online": "Scan for this receipt online",
        "invoice": "Scan for an invoice",
        "fiscal": "Fiscal signature",
        "copy": "COPY 副本",
        "thanks": "Thank you, see you soon",
        "return": "Return",
        "returned": "Refund",
        "return_of": "Order",
        "by": "Served by",
        "reason": "Reason",
        "to": "To",
        "by_hand": "by hand",
        "by_bank": "by bank transfer",
        "signature": "Signature",
        "debt": "We owe you",
        "debt_number": "Slip",
        "owed": "Amount",
        "debt_hint": "Please bring this slip to the service desk. We are sorry for the trouble.",
    },
}


def render_receipt(
    receipt: Mapping[str, Any],
    width_chars: int = 48,
    language: str = "zh",
    *,
    time_zone: str = "Asia/Shanghai",
    qr: str | None = None,
    copy: bool = False,
    logo_file: Path | None = None,
) -> bytes:
    """The bytes that print a `Receipt` of the HTTP contract (docs/protocols/http.md) and cut it.

    `width_chars` is what fits on a line: 48 for 80 mm paper, 32 for 58 mm. Times are shown in `time_zone`. The QR code
    holds `qr`, or else the web receipt's address, or the receipt's number where it has none. A `copy` is marked as one,
    before and after what it shows. OSError when the logo can't be read.
    """
    paper = Paper(width_chars)
    words = _WORDS[language]
    if copy:
        paper.banner(words["copy"])
    if logo_file is not None:
        paper.logo(logo_file)
    _head(paper, receipt, words, language, time_zone)
    for line in receipt["lines"]:
        _line(paper, line, words, language)
    _sums(paper, receipt, words, language)
    _tenders(paper, receipt, words, language)
    _taxes(paper, receipt, words)
    _fiscal(paper, receipt, words, language)
    paper.feed()
    paper.qr(qr or receipt.get("url") or receipt["number"], words["online"] if receipt.get("url") else "")
    if receipt.get("invoice_url"):
        paper.feed()
        paper.qr(receipt["invoice_url"], words["invoice"])
    paper.feed()
    paper.centered(words["thanks"])
    if copy:
        paper.banner(words["copy"])
    return paper.cut()


def render_return(
    made: Mapping[str, Any],
    store: Mapping[str, Any],
    width_chars: int = 48,
    language: str = "zh",
    *,
    time_zone: str = "Asia/Shanghai",
) -> bytes:
    """The bytes that print a `Return` of the HTTP contract as a credit note, with a line to sign on, and cut it.

    `store` is a receipt's.
    """
    paper = Paper(width_chars)
    words = _WORDS[language]
    paper.centered(_in(language, store, "name"), large=True)
    paper.centered(words["return"], large=True)
    paper.rule()
    paper.pair(words["return_of"], made["order_number"])
    paper.pair(words["time"], _time(made["decided_at"] or made["at"], time_zone))
    paper.pair(words["by"], made["by"])
    if made.get("reason"):
        paper.pair(words["reason"], made["reason"])
    paper.rule()
    for line in made["lines"]:
        paper.text(_in(language, line, "name"))
        paper.pair(f"  x {line['quantity']}", _money(line["refund"], negative=True))
    paper.rule()
    paper.pair(words["returned"], _money(made["amount"], negative=True), tall=True)
    for share in made["shares"]:
        by_staff = words["by_bank" if share.get("paid_by") == "bank" else "by_hand"]
        method = by_staff if share["by_hand"] else share["method"]
        paper.pair(f"{words['to']} {method}", _money(share["amount"], negative=True))
    for tax in made["taxes"]:
        rate = f"{tax['rate_bp'] / 100:g}%"
        paper.pair(f"{words['tax']} {rate}", _money(tax["tax"], negative=True))
    paper.feed()
    paper.feed()
    paper.text(f"{words['signature']}:")
    paper.rule()
    return paper.cut()


def render_debt(
    debt: Mapping[str, Any], width_chars: int = 48, language: str = "zh", *, time_zone: str = "Asia/Shanghai"
) -> bytes:
    """The bytes of the slip for money that a kiosk could not give back, and cut it.

    `debt` has `store_zh`, `store_en`, `number` (what the service desk asks for), `amount`, `at` and, where there is
    one, `order_number`.
    """
    paper = Paper(width_chars)
    words = _WORDS[language]
    paper.centered(_in(language, debt, "store"), large=True)
    paper.banner(words["debt"])
    paper.rule()
    paper.pair(words["owed"], _money(debt["amount"]), tall=True)
    paper.rule()
    paper.pair(words["debt_number"], debt["number"])
    if debt.get("order_number"):
        paper.pair(words["order"], debt["order_number"])
    paper.pair(words["time"], _time(debt["at"], time_zone))
    paper.feed()
    paper.text(words["debt_hint"])
    paper.feed()
    paper.qr(debt["number"])
    return paper.cut()


def _head(paper: Paper, receipt: Mapping[str, Any], words: Mapping[str, str], language: str, zone: str) -> None:
    store = receipt["store"]
    paper.centered(_in(language, store, "name"), large=True)
    paper.centered(_in(language, store, "address"))
    if store.get("tax_id"):
        paper.centered(f"{words['tax_id']} {store['tax_id']}")
    paper.rule()
    paper.pair(words["number"], receipt["number"])
    paper.pair(words["order"], receipt["order_number"])
    paper.pair(words["time"], _time(receipt["issued_at"], zone))
    paper.rule()


def _time(text: str, zone: str) -> str:
    return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def _line(paper: Paper, line: Mapping[str, Any], words: Mapping[str, str], language: str) -> None:
    paper.text(_in(language, line, "name"))
    price = _money(line["unit_price"])
    if line["sold_by"] == "weight":
        quantity = f"{line['weight_g'] / 1000:.3f} kg {words['each']} {price}/kg"
    else:
        quantity = f"{line['quantity']} {words['each']} {price}"
    paper.pair(f"  {quantity}", _money(line["subtotal"]))
    for discount in line["discounts"]:
        paper.pair(f"  {discount[language]}", _money(discount["amount"], negative=True))
    if line["deposit"]["amount_minor"]:
        paper.pair(f"  {words['deposit']}", _money(line["deposit"]))


def _sums(paper: Paper, receipt: Mapping[str, Any], words: Mapping[str, str], language: str) -> None:
    paper.rule()
    paper.pair(words["subtotal"], _money(receipt["subtotal"]))
    if receipt["discount"]["amount_minor"]:
        paper.pair(words["discount"], _money(receipt["discount"], negative=True))
    if receipt["deposit"]["amount_minor"]:
        paper.pair(words["deposit"], _money(receipt["deposit"]))
    coupons = receipt.get("coupons", [])
    paper.pair(words["total"], _money(receipt["total"]), tall=True)
    for coupon in coupons:
        paper.pair(coupon[language], _money(coupon["amount"], negative=True))
        if coupon["funded_by"] == "issuer":
            paper.text(f"  ({words['issuer']})")
    if coupons:
        paper.pair(words["payable"], _money(receipt["payable"]), tall=True)
    if receipt.get("explained"):
        paper.text(receipt["explained"][language])


def _tenders(paper: Paper, receipt: Mapping[str, Any], words: Mapping[str, str], language: str) -> None:
    paper.rule()
    for tender in receipt["tenders"]:
        paper.pair(tender[language], _money(tender["amount"]))
        if tender.get("reference"):
            paper.pair(f"  {words['reference']}", tender["reference"])
    for tender in receipt["tenders"]:
        if tender.get("slip"):
            paper.rule()
            for row in tender["slip"]:
                paper.preformatted(row)


def _taxes(paper: Paper, receipt: Mapping[str, Any], words: Mapping[str, str]) -> None:
    if not receipt["taxes"]:
        return
    paper.rule()
    head = [words["tax_rate"], words["net"], words["tax"], words["gross"]]
    rows = [
        [f"{tax['rate_bp'] / 100:g}%", _money(tax["net"]), _money(tax["tax"]), _money(tax["gross"])]
        for tax in receipt["taxes"]
    ]
    paper.table([head, *rows])


def _fiscal(paper: Paper, receipt: Mapping[str, Any], words: Mapping[str, str], language: str) -> None:
    fiscal = receipt.get("fiscal") or {}
    if not fiscal.get("fields"):
        return
    paper.rule()
    paper.text(words["fiscal"])
    for field in fiscal["fields"]:
        paper.pair(f"  {field[language]}", field["value"])
    if fiscal.get("qr"):
        paper.qr(fiscal["qr"], words["fiscal"])


def _in(language: str, thing: Mapping[str, Any], name: str) -> str:
    """The text in the language, or in the other one when it is missing."""
    other = "en" if language == "zh" else "zh"
    return str(thing.get(f"{name}_{language}") or thing.get(f"{name}_{other}") or "")


def _money(amount: Mapping[str, Any], *, negative: bool = False) -> str:
    sign = -1 if negative else 1
    return format_minor(sign * int(amount["amount_minor"]), amount["currency"])
