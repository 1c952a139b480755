"""The receipt as one HTML file: nothing is fetched, so it can be saved, sent on, and printed on A4.

Written as HTML because every phone can open, save and print it; a PDF of it is one tap away in every browser.
"""

from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from unqueue.kernel.money import Money
from unqueue.server.orders.service import qr_svg
from unqueue.server.receipts.contacts import Language
from unqueue.server.receipts.model import ReceiptLine, ReceiptView, TenderView

_TEXTS: dict[str, dict[Language, str]] = {
    "receipt": {"zh": "购物小票", "en": "Receipt"},
    "tax_id": {"zh": "税号", "en": "Tax ID"},
    "number": {"zh": "小票号", "en": "Receipt number"},
    "order": {"zh": "订单号", "en": "Order number"},
    "issued": {"zh": "时间", "en": "Time"},
    "goods": {"zh": "商品", "en": "Goods"},
    "amount": {"zh": "金额", "en": "Amount"},
    "deposit": {"zh": "押金", "en": "Deposit"},
    "subtotal": {"zh": "小计", "en": "Subtotal"},
    "discount": {"zh": "优惠", "en": "You saved"},
    "total": {"zh": "合计", "en": "Total"},
    "payable": {"zh": "实付", "en": "To pay"},
    "issuer": {"zh": "由发券方承担", "en": "Paid by its issuer"},
    "reference": {"zh": "流水号", "en": "Reference"},
    "slip": {"zh": "银行卡签购单", "en": "Card slip"},
    "rate": {"zh": "税率", "en": "Tax rate"},
    "net": {"zh": "不含税金额", "en": "Net"},
    "tax": {"zh": "税额", "en": "Tax"},
    "gross": {"zh": "含税金额", "en": "Gross"},
    "invoice": {"zh": "扫码开发票", "en": "Scan for an invoice"},
    "online": {"zh": "电子小票", "en": "This receipt online"},
    "fiscal": {"zh": "税务签名", "en": "Fiscal signature"},
    "thanks": {"zh": "谢谢惠顾，欢迎再来", "en": "Thank you, see you soon"},
}
STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #eef1ef; color: #16211c; font: 16px/1.5 "Noto Sans CJK SC", system-ui, sans-serif; }
main { max-width: 40rem; margin: 1rem auto; padding: 1.5rem; background: #fff; border-radius: 8px; }
header { text-align: center; }
h1, p, dl, dd { margin: 0; }
h1 { font-size: 1.375rem; }
h2 { font-size: 1rem; margin: 1.25rem 0 0.25rem; }
.soft, small { color: #56635c; font-size: 0.875rem; }
dl div { display: flex; justify-content: space-between; gap: 1rem; }
dd, .amount { text-align: end; white-space: nowrap; font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: collapse; margin-top: 0.75rem; }
th, td { padding: 0.25rem 0; text-align: start; vertical-align: top; font-weight: 400; }
thead th { color: #56635c; font-size: 0.875rem; }
.goods { border-top: 1px solid #c9d2cd; }
.goods tbody { border-top: 1px dotted #c9d2cd; }
.sums { border-top: 1px solid #c9d2cd; margin-top: 0.25rem; padding-top: 0.5rem; }
.total { font-weight: 650; font-size: 1.125rem; }
.facts { margin-top: 0.75rem; }
.facts dd { white-space: normal; overflow-wrap: anywhere; }
.codes { display: flex; flex-wrap: wrap; gap: 2rem; justify-content: center; margin-top: 1rem; text-align: center; }
.codes svg { width: 9rem; height: 9rem; display: block; margin: 0 auto; }
.codes a { color: inherit; }
pre { font-size: 0.75rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.25rem 0; }
.thanks { text-align: center; margin-top: 1rem; }
@page { size: A4; margin: 15mm; }
@media print {
  body { background: #fff; font-size: 11pt; }
  main { max-width: none; margin: 0; padding: 0; border-radius: 0; }
  tbody, .codes, dl div, pre { break-inside: avoid; }
}
"""


def receipt_page(receipt: ReceiptView, language: Language, time_zone: str) -> str:
    """The page in a language; times are shown in ``time_zone``."""
    store = receipt.store
    name = escape(store.name_zh if language == "zh" else store.name_en)
    address = escape(store.address_zh if language == "zh" else store.address_en)
    issued_at = datetime.fromisoformat(receipt.issued_at).astimezone(ZoneInfo(time_zone))
    number = receipt.order_number
    order_number = " ".join(number[start : start + 3] for start in range(0, len(number), 3))
    facts = [
        _fact("number", receipt.number, language),
        _fact("order", order_number, language),
        _fact("issued", f"{issued_at:%Y-%m-%d %H:%M:%S}", language),
    ]
    tax_id = f"<p>{_t('tax_id', language)} {escape(store.tax_id)}</p>" if store.tax_id else ""
    lines = "".join(_line(line, language) for line in receipt.lines)
    return f"""<!doctype html>
<html lang="{"zh-Hans" if language == "zh" else "en"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{_t("receipt", language)} {escape(receipt.number)} – {name}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<header><h1>{name}</h1><p class="soft">{address}</p>{tax_id}</header>
<dl class="facts">{"".join(facts)}</dl>
<table class="goods">
<thead><tr><th scope="col">{_t("goods", language)}</th><th scope="col" class="amount">{_t("amount", language)}</th></tr>
</thead>
{lines}</table>
<dl class="sums">{_sums(receipt, language)}</dl>
{_explained(receipt, language)}{_slips(receipt, language)}{_taxes(receipt, language)}{_fiscal(receipt, language)}
{_codes(receipt, language)}
<p class="thanks">{_t("thanks", language)}</p>
</main>
</body>
</html>
"""


def _line(line: ReceiptLine, language: Language) -> str:
    name = (line.name_zh or line.name_en) if language == "zh" else (line.name_en or line.name_zh)
    if line.sold_by == "weight" and line.weight_g is not None:
        quantity = f"{line.weight_g / 1000:.3f} kg × {line.unit_price}/kg"
    else:
        quantity = f"{line.quantity} × {line.unit_price}"
    rows = [_row(f"{escape(name)}<br><small>{escape(quantity)}</small>", line.subtotal)]
    rows += [
        _row(escape(off.zh if language == "zh" else off.en), off.amount, is_off=True, is_soft=True)
        for off in line.discounts
    ]
    if line.deposit.amount_minor:
        rows.append(_row(_t("deposit", language), line.deposit, is_soft=True))
    return f"<tbody>{''.join(rows)}</tbody>\n"


def _row(label: str, amount: Money, *, is_off: bool = False, is_soft: bool = False) -> str:
    soft = ' class="soft"' if is_soft else ""
    return f'<tr{soft}><td>{label}</td><td class="amount">{_money(amount, is_off=is_off)}</td></tr>'


def _sums(receipt: ReceiptView, language: Language) -> str:
    sums = [_sum(_t("subtotal", language), receipt.subtotal)]
    if receipt.discount.amount_minor:
        sums.append(_sum(_t("discount", language), receipt.discount, is_off=True))
    if receipt.deposit.amount_minor:
        sums.append(_sum(_t("deposit", language), receipt.deposit))
    sums.append(_sum(_t("total", language), receipt.total, is_total=True))
    for coupon in receipt.coupons:
        note = f"<br><small>{_t('issuer', language)}</small>" if coupon.funded_by == "issuer" else ""
        label = escape(coupon.zh if language == "zh" else coupon.en) + note
        sums.append(_sum(label, coupon.amount, is_off=True))
    if receipt.coupons:
        sums.append(_sum(_t("payable", language), receipt.payable, is_total=True))
    sums += [_sum(_tender(tender, language), tender.amount) for tender in receipt.tenders]
    return "".join(sums)


def _tender(tender: TenderView, language: Language) -> str:
    name = escape(tender.zh if language == "zh" else tender.en)
    if not tender.reference:
        return name
    return f"{name}<br><small>{_t('reference', language)} {escape(tender.reference)}</small>"


def _sum(label: str, amount: Money, *, is_off: bool = False, is_total: bool = False) -> str:
    total = ' class="total"' if is_total else ""
    return f"<div{total}><dt>{label}</dt><dd>{_money(amount, is_off=is_off)}</dd></div>"


def _explained(receipt: ReceiptView, language: Language) -> str:
    if receipt.explained is None:
        return ""
    return f'<p class="soft">{escape(receipt.explained.zh if language == "zh" else receipt.explained.en)}</p>'


def _slips(receipt: ReceiptView, language: Language) -> str:
    slips = [f"<pre>{escape(chr(10).join(tender.slip))}</pre>" for tender in receipt.tenders if tender.slip]
    return f"<h2>{_t('slip', language)}</h2>{''.join(slips)}" if slips else ""


def _taxes(receipt: ReceiptView, language: Language) -> str:
    if not receipt.taxes:
        return ""
    heads = "".join(
        f'<th scope="col"{"" if key == "rate" else " class=amount"}>{_t(key, language)}</th>'
        for key in ("rate", "net", "tax", "gross")
    )
    rows = "".join(
        f'<tr><th scope="row">{row.rate_bp / 100:g}%</th>'
        + "".join(f'<td class="amount">{_money(amount)}</td>' for amount in (row.net, row.tax, row.gross))
        + "</tr>"
        for row in receipt.taxes
    )
    return f'<table class="taxes"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _fiscal(receipt: ReceiptView, language: Language) -> str:
    if not receipt.fiscal.fields:
        return ""
    rows = "".join(
        f"<div><dt>{escape(field.zh if language == 'zh' else field.en)}</dt><dd>{escape(field.value)}</dd></div>"
        for field in receipt.fiscal.fields
    )
    return f'<h2>{_t("fiscal", language)}</h2><dl class="facts soft">{rows}</dl>'


def _codes(receipt: ReceiptView, language: Language) -> str:
    codes = [
        _code("invoice", receipt.invoice_url, language, is_link=True),
        _code("online", receipt.url, language, is_link=True),
        _code("fiscal", receipt.fiscal.qr, language, is_link=False),
    ]
    shown = "".join(codes)
    return f'<div class="codes">{shown}</div>' if shown else ""


def _code(key: str, content: str, language: Language, *, is_link: bool) -> str:
    if not content:
        return ""
    label = _t(key, language)
    if is_link:
        label = f'<a href="{escape(content)}" rel="noreferrer">{label}</a>'
    return f"<p>{qr_svg(content)}{label}</p>"


def _fact(key: str, value: str, language: Language) -> str:
    return f"<div><dt>{_t(key, language)}</dt><dd>{escape(value)}</dd></div>"


def _money(amount: Money, *, is_off: bool = False) -> str:
    return escape(str(Money(-amount.amount_minor, amount.currency) if is_off else amount))


def _t(key: str, language: Language) -> str:
    return escape(_TEXTS[key][language])
