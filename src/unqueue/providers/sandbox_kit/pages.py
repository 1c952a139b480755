"""The pages of a sandbox: plain HTML that works without scripts, in Chinese and English."""

from html import escape
from importlib import resources
from typing import Literal

import msgspec

from unqueue.kernel.money import format_minor
from unqueue.providers.sandbox_kit.model import Payment

Language = Literal["zh", "en"]


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """A store with an account, as shoppers read it."""

    merchant_id: str
    name_zh: str = "沙盒商户"
    name_en: str = "Sandbox merchant"


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """Whose sandbox it is. Names say that it is one; the colours (CSS) are buttons' and links', on light and on dark,
    each with the colour of the text on it.
    """

    name_zh: str
    name_en: str
    colour: str = "#0b7a4b"
    on_colour: str = "#ffffff"
    colour_dark: str = "#3dbb82"
    on_colour_dark: str = "#06170f"


class WayBack(msgspec.Struct, frozen=True):
    """How the shopper's browser leaves: to ``url``, with ``fields`` as a form that it sends there (POST)."""

    url: str
    fields: dict[str, str] = {}


_TEXTS: dict[str, dict[Language, str]] = {
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
    "phone": {"zh": "扮演手机", "en": "Play the phone"},
    "code": {"zh": "二维码的内容", "en": "What the QR code holds"},
    "code_hint": {
        "zh": "扫一下店里的付款码，把内容贴在这里，就像用手机扫了它",
        "en": "Read the store’s payment code and paste what it holds, as if a phone had scanned it.",
    },
    "open": {"zh": "打开", "en": "Open"},
    "code_unknown": {
        "zh": "没有这个付款码。请检查内容，或让店里重新出码",
        "en": "There is no such payment code. Please check what you pasted, or ask for a new code.",
    },
}
_CHOICES = ("none", "late", "twice", "never", "wrong_amount", "wrong_order", "forged")


class Pages:
    """The pages of one brand."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand

    def cashier(self, payment: Payment, merchant: Merchant, way_back: WayBack, language: Language) -> str:
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
        content = f'<section class="card">{state}{sum_}{facts}</section>{_actions(payment, way_back, language)}'
        return self._page(language, content, "../")

    def unknown(self, language: Language) -> str:
        """The page where there is no such payment."""
        content = f'<section class="card"><h1 class="closed">{_t("unknown", language)}</h1></section>'
        return self._page(language, content, "../")

    def scan(self, code: str, language: Language) -> str:
        """The phone's page: a field for the content of a QR code; ``code`` is one that nothing stands behind."""
        sorry = f'<p class="pretend" role="alert">{_t("code_unknown", language)}</p>' if code else ""
        content = f"""<section class="card"><h1>{_t("phone", language)}</h1>
<form method="get">
<input type="hidden" name="language" value="{language}">
<label class="field"><span class="label">{_t("code", language)}</span>
<textarea name="code" rows="3" required spellcheck="false" autocapitalize="none">{escape(code)}</textarea></label>
<p class="subject">{_t("code_hint", language)}</p>{sorry}
<button class="primary">{_t("open", language)}</button></form></section>"""
        return self._page(language, content, "")

    def style(self) -> bytes:
        """The style sheet, in the brand's colours."""
        brand = self._brand
        light = f":root {{ --brand: {brand.colour}; --on-brand: {brand.on_colour}; }}\n"
        dark = f":root {{ --brand: {brand.colour_dark}; --on-brand: {brand.on_colour_dark}; }}"
        sheet = resources.files(__package__).joinpath("cashier.css").read_text("utf-8")
        return f"{sheet}\n{light}@media (prefers-color-scheme: dark) {{ {dark} }}\n".encode()

    def icon(self) -> bytes:
        """The pages' icon (SVG): a purse in the brand's colour."""
        icon = resources.files(__package__).joinpath("cashier.svg").read_text("utf-8")
        return icon.replace("currentColor", self._brand.colour).encode()

    def _page(self, language: Language, content: str, root: str) -> str:
        other, code = ("en", "zh-Hans") if language == "zh" else ("zh", "en")
        name = escape(self._brand.name_zh if language == "zh" else self._brand.name_en)
        return f"""<!doctype html>
<html lang="{code}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{name}</title>
<link rel="stylesheet" href="{root}cashier.css">
<link rel="icon" href="{root}cashier.svg" type="image/svg+xml">
</head>
<body>
<header>
  <p class="name">{name}</p>
  <a href="?language={other}" lang="{"en" if other == "en" else "zh-Hans"}">{_t("switch", language)}</a>
</header>
<main>
<p class="pretend">{_t("pretend", language)}</p>
{content}
</main>
</body>
</html>
"""


def _actions(payment: Payment, way_back: WayBack, language: Language) -> str:
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
    back = _back(way_back, language)
    if payment.status == "closed":
        return f"""<form method="post">
<details><summary>{_t("trouble", language)}</summary>
<input type="hidden" name="trouble" value="after_close">
<button class="quiet" name="action" value="pay">{_t("after_close", language)}</button></details></form>
{back}"""
    return back


def _back(way_back: WayBack, language: Language) -> str:
    """The way back to the store; nothing where the payment stood on another screen."""
    if not way_back.url:
        return ""
    if not way_back.fields:
        link = f'<a class="button" href="{escape(way_back.url)}">{_t("back", language)}</a>'
        return f'<div class="actions">{link}</div>'
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in way_back.fields.items()
    )
    button = f'<button class="button">{_t("back", language)}</button>'
    return f'<form method="post" action="{escape(way_back.url)}">{fields}<div class="actions">{button}</div></form>'


def _grouped(number: str) -> str:
    """An order number as people read it: "386 669 816"."""
    return " ".join(number[start : start + 3] for start in range(0, len(number), 3))


def _t(key: str, language: Language) -> str:
    return escape(_TEXTS[key][language])
