"""The phone: a page that shows the messages as their reader would see them, in Chinese and English, without scripts."""

import re
from collections.abc import Iterable
from html import escape
from typing import Literal

from unqueue.kernel.clock import from_micros
from unqueue.providers.sms.sandbox.book import Sent

Language = Literal["zh", "en"]
_TEXTS: dict[str, dict[Language, str]] = {
    "title": {"zh": "沙盒手机", "en": "Sandbox phone"},
    "pretend": {
        "zh": "演示用，不会发出真短信。本页每 5 秒自动更新",
        "en": "For trying out. No real SMS is sent. This page looks again every 5 seconds.",
    },
    "none": {"zh": "还没有短信", "en": "No messages yet"},
    "switch": {"zh": "English", "en": "中文"},
    "failed": {"zh": "没有送达", "en": "Not delivered"},
    "sent": {"zh": "还在路上", "en": "On its way"},
}
_LINK = re.compile(r"https?://[^\s<]+")
STYLE = """:root {
  color-scheme: light dark;
  --back: #f2f4f3; --card: #fff; --ink: #16211c; --soft: #56635c; --link: #0b6b43;
}
@media (prefers-color-scheme: dark) {
  :root { --back: #0e1512; --card: #1b2521; --ink: #eef4f1; --soft: #a3b3ab; --link: #63d39f; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 18px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; }
header, main { max-width: 30rem; margin: 0 auto; padding: 1rem; }
header { display: flex; justify-content: space-between; align-items: baseline; }
h1 { font-size: 1.25rem; margin: 0; }
.soft { color: var(--soft); font-size: 0.875rem; margin: 0; }
ol { list-style: none; margin: 1rem 0 0; padding: 0; display: grid; gap: 1rem; }
li { background: var(--card); border-radius: 4px 18px 18px; padding: 0.875rem 1rem; overflow-wrap: anywhere; }
li p { margin: 0; }
a { color: var(--link); display: inline-block; min-height: 24px; }
"""


def page(messages: Iterable[Sent], language: Language) -> str:
    """The page; ``messages`` the newest first."""
    other, code = ("en", "zh-Hans") if language == "zh" else ("zh", "en")
    bubbles = "".join(_bubble(sent, language) for sent in messages)
    shown = f"<ol>{bubbles}</ol>" if bubbles else f'<p class="soft">{_t("none", language)}</p>'
    return f"""<!doctype html>
<html lang="{code}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<title>{_t("title", language)}</title>
<link rel="stylesheet" href="phone.css">
</head>
<body>
<header><h1>{_t("title", language)}</h1>
<a href="?language={other}" lang="{"en" if other == "en" else "zh-Hans"}">{_t("switch", language)}</a></header>
<main><p class="soft">{_t("pretend", language)}</p>{shown}</main>
</body>
</html>
"""


def _bubble(sent: Sent, language: Language) -> str:
    state = "" if sent.status == "delivered" else f" · {_t(sent.status, language)}"
    when = f"{from_micros(sent.at_us):%Y-%m-%d %H:%M} UTC"
    signed = f"【{sent.sender}】{sent.text}" if sent.template else sent.text
    text = _LINK.sub(lambda match: f'<a href="{match[0]}">{match[0]}</a>', escape(signed))
    about = f"{escape(sent.provider)} → {escape(sent.number)} · {when}{state}"
    return f'<li><p class="soft">{about}</p><p>{text}</p></li>'


def _t(key: str, language: Language) -> str:
    return escape(_TEXTS[key][language])
