"""The cashier's pages: plain HTML that works without scripts, in Chinese and English."""

from html import escape
from typing import Literal

from unqueue.kernel.money import format_minor
from unqueue.providers.sandbox_wallet.sandbox.model import Payment
from unqueue.providers.sandbox_wallet.sandbox.options import Merchant

Language = Literal["zh", "en"]

_TEXTS: dict[str, dict[Language, str]] = {
    "wallet": {"zh": "沙盒钱包", "en": "Sandbox Wallet"},
    "pretend": {"zh": "演示用，不会动真钱", "en": "For trying out. No real money moves."},
    "switch": {"zh": "English", "en": "中文"},
    "merchant": {"zh": "商家", "en": "Merchant"},
    "order": {"zh": "订单号", "en": "Order no."},
    "amount": {"zh": "应付金额", "en": "To pay"},
    "amount_decided": {"zh": "金额", "en": "Amount"},
    "pay": {"zh": "付款", "en": "Pay"},
    "decline": {"zh": "不付了", "en": "Decline"},
    "back": {"zh": "回到商家", "en": "Back to the store"},
    "pending": {"zh": "请确认付款", "en": "Please confirm your payment"},
    "succeeded": {"zh": "已付款", "en": "Paid"},
    "failed": {"zh": "没有付款，可以回到商家再试一次", "en": "Not paid. You can go back to the store and try again."},
    "closed": {
        "zh": "这次付款已经关闭，没有扣款。请回到商家再试一次",
        "en": "This payment was closed and nothing was taken. Please go back to the store and try again.",
    },
    "unknown": {
        "zh": "没有找到这笔付款，请回到商家重新发起",
        "en": "We can’t find this payment. Please go back to the store and start again.",
    },
    "trouble": {"zh": "测试：制造一点麻烦", "en": "For testers: cause some trouble"},
    "none": {"zh": "一切正常", "en": "All goes well"},
    "late": {"zh": "付款，但通知来得晚", "en": "Pay, but notify late"},
    "twice": {"zh": "付款，通知来两次", "en": "Pay, and notify twice"},
    "never": {"zh": "付款，但不通知", "en": "Pay, but never notify"},
    "wrong_amount": {"zh": "付款，通知里金额不对", "en": "Pay, but notify a wrong amount"},
    "wrong_order": {"zh": "付款，通知里订单不对", "en": "Pay, but notify for a wrong order"},
    "forged": {"zh": "付款，通知的签名是伪造的", "en": "Pay, but forge the notification’s signature"},
    "after_close": {"zh": "关闭之后仍然扣款", "en": "Take the money although it was closed"},
}
_CHOICES = ("none", "late", "twice", "never", "wrong_amount", "wrong_order", "forged")


def cashier(payment: Payment, merchant: Merchant, language: Language) -> str:
    """The page of a payment in whatever state it is."""
    name = merchant.name_zh if language == "zh" else merchant.name_en
    subject = payment.subject_zh if language == "zh" else payment.subject_en
    amount = format_minor(payment.amount.amount_minor, payment.amount.currency)
    facts = f"""<dl>
  <div><dt>{_t("merchant", language)}</dt><dd>{escape(name)}</dd></div>
  <div><dt>{_t("order", language)}</dt><dd>{escape(_grouped(payment.order_number))}</dd></div>
</dl>"""
    sum_ = f"""<p class="label">{_t("amount" if payment.status == "pending" else "amount_decided", language)}</p>
<p class="amount">{escape(amount)}</p>
<p class="subject">{escape(subject)}</p>"""
    state = f'<h1 class="{payment.status}">{_t(payment.status, language)}</h1>'
    return _page(language, f'<section class="card">{state}{sum_}{facts}</section>{_actions(payment, language)}')


def unknown(language: Language) -> str:
    """The page where there is no such payment."""
    return _page(language, f'<section class="card"><h1 class="closed">{_t("unknown", language)}</h1></section>')


def _grouped(number: str) -> str:
    """An order number as people read it: "386 669 816"."""
    return " ".join(number[start : start + 3] for start in range(0, len(number), 3))


def _actions(payment: Payment, language: Language) -> str:
    back = f'<a class="button" href="{escape(payment.return_url)}">{_t("back", language)}</a>'
    if payment.status == "pending":
        choices = "".join(
            f'<label><input type="radio" name="trouble" value="{choice}"{" checked" if choice == "none" else ""}>'
            f"<span>{_t(choice, language)}</span></label>"
            for choice in _CHOICES
        )
        return f"""<form method="post">
<details><summary>{_t("trouble", language)}</summary><fieldset>{choices}</fieldset></details>
<div class="actions">
  <button class="quiet" name="action" value="decline">{_t("decline", language)}</button>
  <button class="primary" name="action" value="pay">{_t("pay", language)}</button>
</div></form>"""
    if payment.status == "closed":
        return f"""<form method="post">
<details><summary>{_t("trouble", language)}</summary>
<input type="hidden" name="trouble" value="after_close">
<button class="quiet" name="action" value="pay">{_t("after_close", language)}</button></details></form>
<div class="actions">{back}</div>"""
    return f'<div class="actions">{back}</div>'


def _page(language: Language, content: str) -> str:
    other, code = ("en", "zh-Hans") if language == "zh" else ("zh", "en")
    return f"""<!doctype html>
<html lang="{code}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{_t("wallet", language)}</title>
<link rel="stylesheet" href="../wallet.css">
<link rel="icon" href="../wallet.svg" type="image/svg+xml">
</head>
<body>
<header>
  <p class="name">{_t("wallet", language)}</p>
  <a href="?language={other}" lang="{"en" if other == "en" else "zh-Hans"}">{_t("switch", language)}</a>
</header>
<main>
<p class="pretend">{_t("pretend", language)}</p>
{content}
</main>
</body>
</html>
"""


def _t(key: str, language: Language) -> str:
    return escape(_TEXTS[key][language])
