"""Allergens by name: what must be told on food, in both languages.

The fourteen of Regulation (EU) No 1169/2011, annex II; the eight of GB 7718-2011, 4.4.3.1, are among them.
"""

# As Open Food Facts spells its tags.
_NAMES = {
    "gluten": ("含麸质的谷物", "cereals containing gluten"),
    "crustaceans": ("甲壳类", "crustaceans"),
    "eggs": ("蛋类", "eggs"),
    "fish": ("鱼类", "fish"),
    "peanuts": ("花生", "peanuts"),
    "soybeans": ("大豆", "soybeans"),
    "milk": ("乳", "milk"),
    "nuts": ("坚果", "nuts"),
    "celery": ("芹菜", "celery"),
    "mustard": ("芥末", "mustard"),
    "sesame-seeds": ("芝麻", "sesame"),
    "sulphur-dioxide-and-sulphites": ("二氧化硫和亚硫酸盐", "sulphur dioxide and sulphites"),
    "lupin": ("羽扇豆", "lupin"),
    "molluscs": ("软体动物", "molluscs"),
}


def allergen_names(text: str) -> tuple[str, str]:
    """``text``, words with commas between, in Chinese and in English; a word that is not known stays as it is.

    >>> allergen_names("milk, nuts")
    ('乳、坚果', 'milk, nuts')
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    named = [_NAMES.get(word, (word, word)) for word in words]
    return "、".join(zh for zh, _ in named), ", ".join(en for _, en in named)


def is_allergen(word: str) -> bool:
    """Whether a word is one of the known allergens."""
    return word in _NAMES
