"""The coupon policy in the settings: what it means, and what is said of a mistake, with its line."""

from pathlib import Path

import pytest
from tests.server.coupons.baskets import amount, line
from tests.server.coupons.baskets import held as one_held

from unqueue.kernel.settings import Coupons, SettingsError, load_settings
from unqueue.server.coupons import model
from unqueue.server.coupons.model import Policy
from unqueue.server.coupons.policy import check_settings, policy_of


def written(directory: Path, text: str) -> Path:
    file = directory / "unqueue.toml"
    file.write_text(text)
    return file


def test_without_a_word_tobacco_is_out_and_nobody_is_the_retailer() -> None:
    policy = policy_of(Coupons())
    assert policy == Policy(excluded_categories=frozenset({"tobacco"}))
    lines = [line(1, 500, category="tobacco"), line(2, 400)]
    effect = model.apply(lines, [one_held(amount("a", 10_000))], policy)[0]
    assert [(share.line, share.amount_minor) for share in effect.shares] == [(2, 400)]


def test_the_table(tmp_path: Path) -> None:
    text = '[coupons]\nexcluded_categories = []\nexcludes_age_limited = true\ngs1_company_prefixes = ["0614141"]\n'
    settings = load_settings(written(tmp_path, text + 'gln = "0614141999996"\n'), {}, (check_settings,))
    assert policy_of(settings.coupons) == Policy(
        excludes_age_limited=True, retailer_ids=frozenset({"0614141", "0614141999996"})
    )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('gln = "0614141999997"', "check digit"),
        ('gln = "12"', "13 digits of a GLN"),
        ('gs1_company_prefixes = ["12"]', "company prefix of 6 to 12 digits"),
        ('excluded_categories = ["Tabak!"]', "a category"),
        ('excluded = ["tobacco"]', "excluded_categories"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, wrong: str, told: str) -> None:
    file = written(tmp_path, f"[store]\nid = 's'\n\n[coupons]\nexcludes_age_limited = false\n{wrong}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {}, (check_settings,))
    assert f"{file}:6" in str(caught.value)
    assert told in str(caught.value)
