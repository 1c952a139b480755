"""What promotions say to the shopper, in Chinese and English. Pure."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Protocol

import msgspec

from unqueue.kernel.money import format_minor


class Named(Protocol):
    """Whatever has a text in both languages: a rule, or a promotion that applied."""

    @property
    def zh(self) -> str: ...
    @property
    def en(self) -> str: ...


class Words(msgspec.Struct, frozen=True):
    """One text in both languages."""

    zh: str
    en: str


UNPROVEN = Words(
    "优惠组合很多，这是我们找到的最省的一种。",
    "There are many ways to combine these offers; this is the cheapest that we found.",
)


def join(sentences: Iterable[Words]) -> Words:
    """Sentences one after the other; English ones with a space between them."""
    texts = list(sentences)
    return Words("".join([text.zh for text in texts]), " ".join([text.en for text in texts]))


@lru_cache(maxsize=4_096)
def saves(zh: str, en: str, amount_minor: int, currency: str) -> Words:
    """What one promotion saved. Every priced basket says so, and mostly the same: the last texts are kept.

    >>> saves("买二送一", "Three for two", 450, "CNY").en
    '“Three for two” saves you ¥4.50.'
    """
    amount = format_minor(amount_minor, currency)
    return Words(f"“{zh}”省 {amount}。", f"“{en}” saves you {amount}.")


def contest(chosen: Sequence[Named], saved_minor: int, rivals: Sequence[tuple[Named, int]], currency: str) -> Words:
    """Why these and not those: offers that wanted the same goods, and what each rival alone would have saved."""
    return _contest(
        tuple([(rule.zh, rule.en) for rule in chosen]),
        saved_minor,
        tuple([(rule.zh, rule.en, amount) for rule, amount in rivals]),
        currency,
    )


@lru_cache(maxsize=1_024)
def _contest(
    chosen: tuple[tuple[str, str], ...], saved_minor: int, rivals: tuple[tuple[str, str, int], ...], currency: str
) -> Words:
    saved = format_minor(saved_minor, currency)
    others_zh = "、".join(f"单用“{zh}”省 {format_minor(amount, currency)}" for zh, _, amount in rivals)
    others_en = ", ".join(f"“{en}” alone {format_minor(amount, currency)}" for _, en, amount in rivals)
    chosen_zh = "、".join(f"“{zh}”" for zh, _ in chosen)
    chosen_en = " and ".join(f"“{en}”" for _, en in chosen)
    best_en = "is best and saves" if len(chosen) == 1 else "are best and save"
    return Words(
        f"同一件商品只能用一个优惠：这里用{chosen_zh}最划算，省 {saved}（{others_zh}）。",
        f"An item takes one offer: here {chosen_en} {best_en} {saved} ({others_en}).",
    )


def kept(chosen: Sequence[Named]) -> Words:
    """Why an item-level offer was left out: without it the basket stays above an offer's threshold."""
    chosen_zh = "、".join(f"“{rule.zh}”" for rule in chosen)
    chosen_en = " and ".join(f"“{rule.en}”" for rule in chosen)
    return Words(
        f"有的单品优惠没有用，这样能享受更省的{chosen_zh}。",
        f"Some item offers were left out, so that {chosen_en} applies, which saves you more.",
    )


def one_more_free(rule: Named, ordinal: int) -> Words:
    """One more unit, and the ``ordinal``-th costs nothing."""
    return Words(
        f"再选 1 件，第 {ordinal} 件免费（“{rule.zh}”）。",
        f"One more, and the {_ordinal(ordinal)} is free (“{rule.en}”).",
    )


def one_more(rule: Named) -> Words:
    """One more unit completes an offer."""
    return Words(f"再选 1 件，就能享受“{rule.zh}”。", f"One more, and “{rule.en}” is yours.")


def spend_more(rule: Named, missing_minor: int, currency: str) -> Words:
    """``missing_minor`` more reaches a threshold."""
    missing = format_minor(missing_minor, currency)
    return Words(f"再买 {missing}，就能享受“{rule.zh}”。", f"Spend {missing} more, and “{rule.en}” is yours.")


def _ordinal(number: int) -> str:
    """In words up to the third, in digits after that.

    >>> [_ordinal(number) for number in (2, 3, 4, 11, 22)]
    ['second', 'third', '4th', '11th', '22nd']
    """
    if number in {2, 3}:
        return {2: "second", 3: "third"}[number]
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
