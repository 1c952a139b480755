"""The page where one picks who one is, without scripts, in Chinese or English."""

from collections.abc import Mapping
from html import escape
from typing import Literal

from unqueue.providers.oidc.sandbox.options import PEOPLE
from unqueue.providers.oidc.sandbox.tokens import TROUBLES

Language = Literal["zh", "en"]
_TEXTS: dict[str, dict[Language, str]] = {
    "title": {"zh": "总部（沙盒）", "en": "Head office (sandbox)"},
    "pretend": {
        "zh": "演示用的总部，不用密码。选一个人登录门店",
        "en": "A pretended head office without passwords. Pick who signs in to the store.",
    },
    "decline": {"zh": "不登录，返回", "en": "Don’t sign in; go back"},
    "trouble": {"zh": "测试：制造一点麻烦", "en": "For testers: cause some trouble"},
    "trouble_label": {"zh": "身份令牌", "en": "ID token"},
}
STYLE = """:root {
  color-scheme: light dark;
  --back: #f3f2f7; --card: #fff; --ink: #1d1b26; --soft: #5b5768; --brand: #4b3f8f; --on-brand: #fff;
}
@media (prefers-color-scheme: dark) {
  :root { --back: #131119; --card: #221f2d; --ink: #efedf6; --soft: #aaa5ba; --brand: #b3a7f2; --on-brand: #1d1b26; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 18px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; }
main { max-width: 28rem; margin: 0 auto; padding: 1.5rem 1rem; display: grid; gap: 1rem; }
h1 { font-size: 1.25rem; margin: 0; }
p { margin: 0; }
.soft { color: var(--soft); font-size: 0.875rem; }
form { display: grid; gap: 0.75rem; }
button { display: grid; gap: 0.125rem; width: 100%; min-height: 56px; padding: 0.5rem 1rem; border: 0;
  border-radius: 10px; background: var(--card); color: var(--ink); font: inherit; text-align: left; cursor: pointer;
  box-shadow: inset 0 0 0 2px var(--brand); }
button b { color: var(--brand); }
button.quiet { background: none; box-shadow: none; text-align: center; }
button:focus-visible, select:focus-visible, summary:focus-visible { outline: 3px solid var(--brand);
  outline-offset: 2px; }
summary { min-height: 32px; color: var(--soft); font-size: 0.875rem; cursor: pointer; }
select { min-height: 44px; width: 100%; font: inherit; }
"""


def choose_page(query: Mapping[str, str], language: Language) -> str:
    """The people to choose from; the request travels on in the form."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in query.items()
    )
    people = "".join(
        f'<button name="subject" value="{one.subject}"><b>{escape(one.name)}</b>'
        f'<span class="soft">{escape(one.work_zh if language == "zh" else one.work_en)}</span></button>'
        for one in PEOPLE
    )
    troubles = "".join(f'<option value="{trouble}">{trouble.replace("_", " ")}</option>' for trouble in TROUBLES)
    return _page(
        language,
        f"""<form method="post" action="authorize">{hidden}
{people}
<button class="quiet" name="subject" value="">{_t("decline", language)}</button>
<details><summary>{_t("trouble", language)}</summary>
<label class="soft">{_t("trouble_label", language)} <select name="trouble">{troubles}</select></label></details>
</form>""",
    )


def wrong_page(what: str) -> str:
    """For who comes with a request that can't be answered."""
    return _page("en", f'<p role="alert">This sign-in request is wrong: {escape(what)}.</p>')


def _page(language: Language, content: str) -> str:
    return f"""<!doctype html>
<html lang="{"en" if language == "en" else "zh-Hans"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{_t("title", language)}</title>
<link rel="stylesheet" href="head-office.css">
</head>
<body>
<main><h1>{_t("title", language)}</h1><p class="soft">{_t("pretend", language)}</p>
{content}
</main>
</body>
</html>
"""


def _t(key: str, language: Language) -> str:
    return escape(_TEXTS[key][language])
