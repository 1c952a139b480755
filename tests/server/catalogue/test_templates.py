"""Codes that stores print: the notation, and both directions."""

import re
from pathlib import Path

import pytest
from biip import ParseConfig
from biip.checksums import gs1_standard_check_digit
from biip.gtin import Gtin
from biip.rcn import Rcn
from hypothesis import assume, given
from hypothesis import strategies as st

from unqueue.kernel.settings import Catalogue, Settings, StoreCode
from unqueue.server.catalogue.gtin import check_digit
from unqueue.server.catalogue.templates import (
    Measured,
    Template,
    TemplateInvalid,
    check_store_codes,
    index_templates,
    parse_template,
)


def closed(body: str) -> str:
    """``body`` without spaces, and its check digit."""
    digits = body.replace(" ", "")
    return digits + check_digit(digits)


def stored(body: str) -> str:
    """The GTIN-14 of a GTIN-13 without check digit, by biip."""
    return f"0{body}{gs1_standard_check_digit(body)}"


@pytest.mark.parametrize(
    ("template", "code", "expected"),
    [
        # China, 13 digits, amount in fen: the usual F WWWWWW EEEEE C and FF WWWWW EEEEE C of scale makers
        ("2 IIIIII PPPPP C", "2 001234 01298", Measured(stored("200123400000"), None, 1298)),
        ("21 IIIII PPP.PP C", "21 12345 01298", Measured(stored("211234500000"), None, 1298)),
        ("21IIIIIPPPPPC", "21 12345 01298", Measured(stored("211234500000"), None, 1298)),
        # China, 13 digits, weight in grams
        ("22 IIIII WWWWW C", "22 12345 00512", Measured(stored("221234500000"), 512, None)),
        ("22 IIIII WW.WWW C", "22 12345 00512", Measured(stored("221234500000"), 512, None)),
        # the same item under two prefixes
        ("22=21 IIIII WW.WWW C", "22 12345 00512", Measured(stored("211234500000"), 512, None)),
        # China, 18 digits: both, in either order
        ("28 IIIII WW.WWW PPP.PP C", "28 12345 00512 01298", Measured(stored("281234500000"), 512, 1298)),
        ("28=21 IIIII PPPPP WWWWW C", "28 12345 01298 00512", Measured(stored("211234500000"), 512, 1298)),
        # several prefixes at once
        ("2[3-5] IIIII PPP.PP C", "24 12345 01298", Measured(stored("241234500000"), None, 1298)),
        ("2[37] IIIII PPP.PP C", "27 12345 01298", Measured(stored("271234500000"), None, 1298)),
        # a digit that means nothing, and no check digit at all
        ("20 IIIII ? PP.PP C", "20 12345 7 1298", Measured(stored("201234500000"), None, 1298)),
        # a weight of zero is that of a shelf label
        ("22 IIIII WW.WWW C", "22 12345 00000", Measured(stored("221234500000"), None, None)),
        # weights of two and one decimals of a kilogram, as in Finland
        ("24 IIIIII WW.WW C", "24 123456 0123", Measured(stored("241234560000"), 1230, None)),
    ],
)
def test_reading(template: str, code: str, expected: Measured) -> None:
    read = parse_template(template)
    digits = closed(code) if template.replace(" ", "").endswith("C") else code.replace(" ", "")
    assert len(digits) == read.length
    assert read.read(digits, "CNY") == expected
    wrong = digits[:-1] + str((int(digits[-1]) + 1) % 10)
    assert read.read(wrong, "CNY") is None


def test_the_guide_s_examples_are_right() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guides" / "store-codes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| (`[^|]+`) \| `?(\d*)`? ?\|", guide, re.MULTILINE)
    assert len(rows) >= 10
    for templates, code in rows:
        for text in re.findall(r"`([^`]+)`", templates):
            template = parse_template(text)
            assert not code or template.read(code, "CNY") is not None, (text, code)


def test_without_check_digit_anything_is_read() -> None:
    assert parse_template("27 IIIII WWWWW").read("271234500512", "CNY") == Measured(stored("027123450000"), 512, None)


def test_a_price_is_in_the_currency_s_own_minor_units() -> None:
    assert parse_template("21 IIIII PPPPP C").read(closed("21 12345 01298"), "JPY") == Measured(
        stored("211234500000"), None, 1298
    )
    in_dinar = parse_template("21 IIIII PP.PPP C").read(closed("21 12345 01298"), "KWD")
    assert in_dinar == Measured(stored("211234500000"), None, 1298)


# biip knows the national rules of some countries: our notation says the same (GS1 General Specifications 2.1.12.1).
ORACLES = [
    ("gb", "20 IIIII V PP.PP C", "20"),
    ("de", "23 IIII V PPP.PP C", "23"),
    ("de", "29 IIII V WW.WWW C", "29"),
    ("fi", "23 IIIIII W.WWW C", "23"),
    ("dk", "21 IIII PPPP.PP C", "21"),
    ("se", "20 IIIIII PP.PP C", "20"),
]


@pytest.mark.parametrize(("region", "template", "prefix"), ORACLES)
@given(data=st.data())
def test_agrees_with_biip_on_national_rules(region: str, template: str, prefix: str, data: st.DataObject) -> None:
    ours = parse_template(template)
    item = data.draw(st.integers(1, 9 * 10 ** (_digits(ours, "I") - 1)))
    measure = "W" if "W" in ours.spans else "P"
    value = data.draw(st.integers(1, 10 ** _digits(ours, measure) - 1))
    gtin = ours.read(_blank(ours, prefix, item), "EUR")
    assert gtin is not None
    if measure == "W":
        decimals = ours.decimals["W"]
        assert decimals is not None
        code = ours.compose(gtin.gtin, "EUR", weight_g=value * 10 ** (3 - decimals), price_minor=0)
    else:
        code = ours.compose(gtin.gtin, "EUR", weight_g=0, price_minor=value)
    assert code is not None
    theirs = Gtin.parse(code, config=ParseConfig(rcn_region=region))
    assert isinstance(theirs, Rcn)
    read = ours.read(code, "EUR")
    assert read is not None
    assert read.gtin == "0" + theirs.without_variable_measure().as_gtin_13()
    if measure == "W":
        assert theirs.weight is not None
        assert read.weight_g == theirs.weight * 1000
    else:
        assert theirs.price is not None
        assert read.price_minor == theirs.price * 100


def _digits(template: Template, letter: str) -> int:
    span = template.spans[letter]
    return int(span.stop - span.start)


def _blank(template: Template, prefix: str, item: int) -> str:
    digits = ["0"] * template.length
    digits[: len(prefix)] = prefix
    span = template.spans["I"]
    digits[span] = str(item).zfill(span.stop - span.start)
    return "".join(digits[:-1]) + check_digit("".join(digits[:-1]))


@pytest.mark.parametrize(
    "text",
    ["21 IIIII PPP.PP C", "22=21 IIIII WW.WWW C", "28 IIIII WWWWW PPPPP C", "2 IIIII V PP.PP C", "20 IIIIII ? WWWW C"],
)
@given(item=st.integers(0, 99_999), weight_g=st.integers(1, 9999), price_minor=st.integers(1, 9999))
def test_what_is_composed_reads_back(text: str, item: int, weight_g: int, price_minor: int) -> None:
    template = parse_template(text)
    prefix = template.item_prefix or template.prefixes[0]
    body = (prefix + str(item).zfill(_digits(template, "I"))).ljust(11 if template.length == 12 else 12, "0")
    gtin = (body + check_digit(body)).zfill(14)
    code = template.compose(gtin, "CNY", weight_g=weight_g, price_minor=price_minor)
    assume(code is not None)
    assert code is not None
    read = template.read(code, "CNY")
    assert read == Measured(
        gtin, weight_g if "W" in template.spans else None, price_minor if "P" in template.spans else None
    )


def test_what_does_not_fit_is_not_composed() -> None:
    template = parse_template("21 IIIII PPP.PP C")
    assert template.compose("02112345000008", "CNY", weight_g=1, price_minor=100_000) is None
    assert template.compose("02212345000007", "CNY", weight_g=1, price_minor=100) is None
    assert template.compose("06901234567892", "CNY", weight_g=1, price_minor=100) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("IIIII PPPPP C", "begins with the prefix"),
        ("213 IIII PPPPP C", "one or two digits"),
        ("21 PPPPP C", "no I"),
        ("21 IIIIIIIIII C", "neither P"),
        ("21 IIIII QQQQQ C", "'Q' means nothing"),
        ("21 IIIII PPPPP C W", "C is one digit, and the last"),
        ("21 IIIII PPPPP CC", "C is one digit, and the last"),
        ("21 IIIII PP W PP C", "P comes twice"),
        ("21 IIIII V PPP C", "V is one digit"),
        ("21 IIIIIIIIIII PPPPP C", "do not fit into a GTIN"),
        ("2 I P C", "has 4 digits"),
        ("2[x] IIIII PPPPP C", "means nothing"),
        ("2[-] IIIII PPPPP C", "no set of digits"),
        ("21 IIIII PP.P.PP C", "a point stands once"),
        ("21 I.IIII PPPPP C", "a point stands once"),
    ],
)
def test_faults_are_named(text: str, fault: str) -> None:
    with pytest.raises(TemplateInvalid, match=fault.replace("(", r"\(")) as caught:
        parse_template(text)
    assert text in str(caught.value)


def test_two_templates_may_not_claim_the_same_codes() -> None:
    with pytest.raises(TemplateInvalid, match="already reads codes that begin with 23"):
        index_templates([parse_template("2[1-4] IIIII PPPPP C"), parse_template("23 IIIII WWWWW C")])
    lengths = index_templates([parse_template("21 IIIII PPPPP C"), parse_template("21 IIIII WWWWW PPPPP C")])
    assert sorted(lengths) == [13, 18]


def test_a_prefix_of_one_digit_takes_all_that_begin_with_it() -> None:
    index = index_templates([parse_template("2 IIIIII PPPPP C")])
    assert set(index[13]) == {f"2{digit}" for digit in range(10)}


def test_settings_are_told_which_template_is_wrong() -> None:
    codes = [
        StoreCode(name="price", template="21 IIIII PPP.PP C"),
        StoreCode(name="broken", template="22 IIIII C"),
        StoreCode(name="again", template="21 IIIII WWWWW C"),
    ]
    complaints = list(check_store_codes(Settings(catalogue=Catalogue(store_codes=codes))))
    assert [key for key, _, _ in complaints] == [
        ("catalogue", "store_codes", 1, "template"),
        ("catalogue", "store_codes", 2, "template"),
    ]
    assert list(check_store_codes(Settings(catalogue=Catalogue(store_codes=codes[:1])))) == []
