"""GS1 coupon codes: what they say, and what is no code, by GS1's own test data (tests/golden/gs1-coupons.toml)."""

import contextlib
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.server.catalogue.gtin import check_digit
from unqueue.server.coupons import gs1
from unqueue.server.coupons.gs1 import CodeError, GlobalCoupon, NorthAmericanCoupon, PositiveOffer, Purchase, Saving

GOLDEN: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[2] / "golden" / "gs1-coupons.toml").read_text(encoding="utf-8")
)
TODAY = date(2026, 3, 2)
TICKET = "106141416543213250110120"


@pytest.mark.parametrize("example", GOLDEN["example"], ids=lambda example: example["text"])
def test_published_examples_are_read_field_by_field(example: dict[str, Any]) -> None:
    saving = example.get("saving")
    assert gs1.read(example["text"], TODAY) == NorthAmericanCoupon(
        company_prefix=example["company_prefix"],
        offer_code=example["offer_code"],
        save_value=example["save_value"],
        purchases=tuple(Purchase(*purchase) for purchase in example["purchases"]),
        rule=example.get("rule"),
        expires=example["expires"],
        saving=Saving(*saving) if saving else None,
    )


@pytest.mark.parametrize("data", GOLDEN["8110"]["well_formed"])
def test_what_the_linter_of_8110_passes_is_read(data: str) -> None:
    assert isinstance(gs1.north_american(data, TODAY), NorthAmericanCoupon)


@pytest.mark.parametrize("data", GOLDEN["8112"]["well_formed"])
def test_what_the_linter_of_8112_passes_is_read(data: str) -> None:
    assert isinstance(gs1.positive_offer(data), PositiveOffer)


def same(error: str) -> str:
    """The linter's name of a mistake, one of them with its slip of the pen mended."""
    return error.replace("exipiration", "expiration")


@pytest.mark.parametrize(("data", "error"), GOLDEN["8110"]["malformed"])
def test_what_the_linter_of_8110_refuses_is_refused_for_the_same_reason(data: str, error: str) -> None:
    with pytest.raises(CodeError) as refused:
        gs1.north_american(data, TODAY)
    assert refused.value.what == same(error)


@pytest.mark.parametrize(("data", "error"), GOLDEN["8112"]["malformed"])
def test_what_the_linter_of_8112_refuses_is_refused_for_the_same_reason(data: str, error: str) -> None:
    with pytest.raises(CodeError) as refused:
        gs1.positive_offer(data)
    assert refused.value.what == same(error)


@pytest.mark.parametrize(
    "text",
    [
        f"8110{TICKET}",
        f"]e08110{TICKET}",
        f"]C18110{TICKET}",
        f"(8110){TICKET}",
        f"]e0\x1d8110{TICKET}\x1d2559501101530003",
        f"]e08110{TICKET}<GS>2559501101530003",
        f"{{FNC1}}8110{TICKET}",
    ],
)
def test_every_scanned_form_is_the_same_coupon(text: str) -> None:
    assert gs1.read(text, TODAY) == gs1.north_american(TICKET, TODAY)


def test_a_global_coupon_number_and_its_serial() -> None:
    assert gs1.read("]e02559501101530003", TODAY) == GlobalCoupon("9501101530003")
    assert gs1.read("(255)9501101530003000042(17)260630", TODAY) == GlobalCoupon(
        "9501101530003", "000042", date(2026, 6, 30)
    )
    with pytest.raises(CodeError, match="check_digit"):
        gs1.read("(255)9501101530004", TODAY)


@pytest.mark.parametrize(
    "text", ["SUMMER10", "", "]E06901234567892", "6901234567892", "(01)06901234567892", "]e0x", "()"]
)
def test_what_is_no_gs1_coupon(text: str) -> None:
    assert gs1.read(text, TODAY) is None


@pytest.mark.parametrize(
    ("yymmdd", "today", "expected"),
    [
        ("260228", date(2026, 1, 1), date(2026, 2, 28)),
        ("760101", date(2026, 1, 1), date(2076, 1, 1)),
        ("770101", date(2026, 1, 1), date(1977, 1, 1)),
        ("010101", date(2060, 1, 1), date(2101, 1, 1)),
        ("260200", date(2026, 1, 1), date(2026, 2, 28)),
    ],
)
def test_the_century_slides(yymmdd: str, today: date, expected: date) -> None:
    assert gs1.day(yymmdd, today) == expected


@given(st.text(max_size=80))
def test_no_text_surprises_the_reader(text: str) -> None:
    with contextlib.suppress(CodeError):
        gs1.read(text, TODAY)


def written(coupon: NorthAmericanCoupon) -> str:
    """A coupon as digits, by the guideline's table; written down here apart from the reader."""

    def sized(digits: str, more: int) -> str:
        return f"{len(digits) - more}{digits}"

    def purchase(one: Purchase) -> str:
        return f"{sized(str(one.amount), 0)}{one.code}{one.family_code}"

    out = sized(coupon.company_prefix, 6) + coupon.offer_code + sized(str(coupon.save_value), 0)
    out += purchase(coupon.purchases[0])
    for number, one in enumerate(coupon.purchases[1:], 1):
        out += f"{number}" + (coupon.rule or "" if number == 1 else "") + purchase(one) + sized(one.company_prefix, 6)
    out += f"3{coupon.expires:%y%m%d}" if coupon.expires else ""
    out += f"5{sized(coupon.serial, 6)}" if coupon.serial else ""
    out += f"6{sized(coupon.retailer_id, 6)}" if coupon.retailer_id else ""
    if saving := coupon.saving:
        out += f"9{saving.code}{saving.applies_to}{saving.store_coupon}{int(saving.is_not_multiplied)}"
    return out


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most)


purchases = st.builds(Purchase, st.integers(0, 99_999), st.sampled_from("012349"), digits(3, 3), digits(6, 12))


@st.composite
def coupons(draw: st.DrawFn) -> NorthAmericanCoupon:
    first = draw(purchases)
    more = draw(st.lists(purchases, max_size=2))
    return NorthAmericanCoupon(
        company_prefix=first.company_prefix,
        offer_code=draw(digits(6, 6)),
        save_value=draw(st.integers(0, 99_999)),
        purchases=(first, *more),
        rule=draw(st.sampled_from("0123")) if more else None,  # type: ignore[arg-type]  # one of the four
        expires=draw(st.none() | st.dates(date(1990, 1, 1), date(2070, 1, 1))),
        serial=draw(st.just("") | digits(6, 15)),
        retailer_id=draw(st.just("") | digits(7, 13)),
        saving=draw(
            st.none() | st.builds(Saving, st.sampled_from("01256"), st.integers(0, 2), digits(1, 1), st.booleans())
        ),
    )


@given(coupons())
def test_every_coupon_that_can_be_written_is_read_as_it_was(coupon: NorthAmericanCoupon) -> None:
    assert gs1.north_american(written(coupon), TODAY) == coupon


@given(digits(12, 12), digits(0, 12))
def test_every_coupon_number_is_read_as_it_was(body: str, serial: str) -> None:
    gcn = body + check_digit(body)
    assert gs1.global_coupon(gcn + serial) == GlobalCoupon(gcn, serial)
