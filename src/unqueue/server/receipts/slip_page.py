"""The desk's slips as HTML, one file each: nothing is fetched, so a browser can save and print them."""

from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from unqueue.kernel.money import Money
from unqueue.server.orders.service import qr_svg
from unqueue.server.receipts.contacts import Language
from unqueue.server.receipts.page import STYLE

_TEXTS: dict[str, dict[Language, str]] = {
    "return": {"zh": "退货单", "en": "Return"},
    "order": {"zh": "原订单", "en": "Order"},
    "time": {"zh": "时间", "en": "Time"},
    "by": {"zh": "经办", "en": "Served by"},
    "agreed": {"zh": "同意", "en": "Agreed by"},
    "reason": {"zh": "原因", "en": "Reason"},
    "goods": {"zh": "退回的商品", "en": "Goods that came back"},
    "amount": {"zh": "金额", "en": "Amount"},
    "total": {"zh": "退款合计", "en": "Refund"},
    "to": {"zh": "退回", "en": "To"},
    "cash": {"zh": "现金", "en": "by hand"},
    "bank": {"zh": "银行转账", "en": "by bank transfer"},
    "tax": {"zh": "其中税额", "en": "Tax in it"},
    "signature": {"zh": "顾客签名", "en": "Signature"},
    "debt": {"zh": "欠款凭条", "en": "We owe you"},
    "owed": {"zh": "应退还您", "en": "Amount"},
    "number": {"zh": "凭条号", "en": "Slip"},
    "debt_hint": {
        "zh": "请凭此单到服务台领取。给您添麻烦了。",
        "en": "Please bring this slip to the service desk. We are sorry for the trouble.",
    },
}
_MORE = """
.kind { font-size: 1.125rem; font-weight: 650; margin-top: 0.25rem; }
.sign { margin-top: 3rem; padding-top: 0.5rem; border-top: 1px solid #16211c; }
.owed { font-size: 1.75rem; font-weight: 650; text-align: center; margin-top: 1rem; }
"""


def return_page(made: Mapping[str, Any], store: Mapping[str, str], language: Language, time_zone: str) -> str:
    """The slip of a return (``Return`` of docs/protocols/http.md, its methods as names), with a line to sign on."""
    facts = [
        ("order", _grouped(made["order_number"])),
        ("time", _time(made["decided_at"] or made["at"], time_zone)),
        ("by", made["by"]),
        ("agreed", made["decided_by"] if made["decided_by"] != made["by"] else ""),
        ("reason", made["reason"]),
    ]
    lines = "".join(
        f"<tbody><tr><td>{escape(_named(line, language))}<br><small>× {line['quantity']}</small></td>"
        f'<td class="amount">{_money(line["refund"])}</td></tr></tbody>'
        for line in made["lines"]
    )
    sums = [_sum(_t("total", language), made["amount"], is_total=True)]
    for share in made["shares"]:
        how = _t(share["paid_by"] or "cash", language) if share["by_hand"] else escape(share["method"])
        sums.append(_sum(f"{_t('to', language)} {how}", share["amount"]))
    sums += [_sum(f"{_t('tax', language)} {tax['rate_bp'] / 100:g}%", tax["tax"]) for tax in made["taxes"]]
    body = f"""<dl class="facts">{_facts(facts, language)}</dl>
<table class="goods">
<thead><tr><th scope="col">{_t("goods", language)}</th><th scope="col" class="amount">{_t("amount", language)}</th></tr>
</thead>
{lines}</table>
<dl class="sums">{"".join(sums)}</dl>
<p class="sign">{_t("signature", language)}</p>"""
    title = f"{_t('return', language)} {escape(made['order_number'])}"
    return _page(title, store[f"name_{language}"], _t("return", language), body, language)


def debt_page(debt: Mapping[str, Any], language: Language, time_zone: str) -> str:
    """The slip of a debt: what `render_debt` of the printer takes."""
    order = _grouped(debt["order_number"]) if debt.get("order_number") else ""
    facts = [("number", debt["number"]), ("order", order), ("time", _time(debt["at"], time_zone))]
    amount = escape(str(Money(debt["amount"]["amount_minor"], debt["amount"]["currency"])))
    body = f"""<p class="owed">{amount}</p>
<dl class="facts">{_facts(facts, language)}</dl>
<p class="thanks">{_t("debt_hint", language)}</p>
<div class="codes"><p>{qr_svg(debt["number"])}{escape(debt["number"])}</p></div>"""
    title = f"{_t('debt', language)} {escape(debt['number'])}"
    return _page(title, debt[f"store_{language}"], _t("debt", language), body, language)


def _page(title: str, store: str, kind: str, body: str, language: Language) -> str:
    return f"""<!doctype html>
<html lang="{"zh-Hans" if language == "zh" else "en"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{title} – {escape(store)}</title>
<style>{STYLE}{_MORE}</style>
</head>
<body>
<main>
<header><h1>{escape(store)}</h1><p class="kind">{kind}</p></header>
{body}
</main>
</body>
</html>
"""


def _facts(facts: list[tuple[str, str]], language: Language) -> str:
    rows = [f"<div><dt>{_t(key, language)}</dt><dd>{escape(value)}</dd></div>" for key, value in facts if value]
    return "".join(rows)


def _sum(label: str, amount: Mapping[str, Any], *, is_total: bool = False) -> str:
    total = ' class="total"' if is_total else ""
    return f"<div{total}><dt>{label}</dt><dd>{_money(amount)}</dd></div>"


def _money(amount: Mapping[str, Any]) -> str:
    """What goes back, with its sign turned."""
    return escape(str(Money(-amount["amount_minor"], amount["currency"])))


def _named(thing: Mapping[str, Any], language: Language) -> str:
    other = "en" if language == "zh" else "zh"
    return str(thing[f"name_{language}"] or thing[f"name_{other}"])


def _time(text: str, zone: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def _grouped(number: str) -> str:
    return " ".join(number[start : start + 3] for start in range(0, len(number), 3))


def _t(key: str, language: Language) -> str:
    return escape(_TEXTS[key][language])
