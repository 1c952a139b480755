"""Every code a shopper can scan, symbology by symbology, with the clause that says how it is read."""

from datetime import date
from urllib.parse import quote

import pytest
from biip import ParseError
from biip.gtin import Gtin
from biip.upc import Upc
from hypothesis import given
from hypothesis import strategies as st

from unqueue.server.catalogue.codes import CheckDigitWrong, Code, CodeMalformed, CodeReader
from unqueue.server.catalogue.gtin import check_digit
from unqueue.server.catalogue.templates import parse_template

TODAY = date(2026, 3, 2)
TEMPLATES = ["21 IIIII PPP.PP C", "22=21 IIIII WW.WWW C", "28 IIIII WW.WWW PPP.PP C", "2 IIIII V PP.PP C"]
READER = CodeReader([parse_template(text) for text in TEMPLATES])
BARE = CodeReader()
GTIN = "06901234567892"
GS = "\x1d"


# GS1 General Specifications 24; clause, code, symbology, what it says
PLAIN = [
    ("5.2.1.2 EAN-13", "6901234567892", None, Code("06901234567892")),
    ("5.2.1.2 EAN-13", "4006381333931", "ean_13", Code("04006381333931")),
    ("5.2.1.3 EAN-8", "96385074", "ean_8", Code("00000096385074")),
    ("5.2.1.3 EAN-8, unnamed", "96385074", None, Code("00000096385074")),
    ("5.2.1.4 UPC-A", "036000291452", "upc_a", Code("00036000291452")),
    ("5.2.1.4 UPC-A as EAN-13", "0036000291452", None, Code("00036000291452")),
    ("5.2.1.4 UPC-A without its leading zero", "36000291452", None, Code("00036000291452")),
    ("5.2.2.4 UPC-E", "04252614", "UPC-E", Code("00042100005264")),
    ("5.2.2.4 UPC-E, unnamed", "04252614", None, Code("00042100005264")),
    ("5.2.2.4 UPC-E without number system", "4252614", "upc_e", Code("00042100005264")),
    ("5.2.2.4 UPC-E without check digit", "0425261", "upc_e", Code("00042100005264")),
    ("5.2.2.4 UPC-E without either", "425261", "upc_e", Code("00042100005264")),
    ("5.3.2 ITF-14", "16901234567899", "itf", Code("16901234567899")),
    ("5.2.1.2 typed in groups", "6 901234 567892", None, Code("06901234567892")),
    ("5.2.1.2 typed with hyphens", "690-1234-567892", None, Code("06901234567892")),
    ("5.2.1.2 typed with a Chinese keyboard", "６９０１２３４５６７８９２", None, Code("06901234567892")),
    ("2.1.12 a store's own code that no template reads", "2912345678906", None, Code("02912345678906")),
]
IDENTIFIED = [
    ("ISO/IEC 15424 EAN-13", "]E06901234567892", Code(GTIN)),
    ("ISO/IEC 15424 UPC-A sent as EAN-13", "]E00036000291452", Code("00036000291452")),
    ("ISO/IEC 15424 EAN-13 with add-on", "]E3690123456789212", Code(GTIN)),
    ("ISO/IEC 15424 EAN-8", "]E496385074", Code("00000096385074")),
    ("ISO/IEC 15424 ITF", "]I116901234567899", Code("16901234567899")),
    ("ISO/IEC 15424 Code 128", "]C06901234567892", Code(GTIN)),
    ("ISO/IEC 15424 DataBar", "]e00106901234567892", Code(GTIN)),
    ("ISO/IEC 15424 QR with a URI", f"]Q1https://example.com/01/{GTIN}", Code(GTIN)),
]
WITH_LOT = Code(GTIN, expires=date(2026, 3, 31), lot="A7")
ELEMENTS = [
    ("7.8.5 GS1-128 with FNC1", f"]C101{GTIN}10A7{GS}17260331", WITH_LOT),
    ("7.8.5 GS1 DataMatrix", f"]d201{GTIN}17260331" + "10A7", WITH_LOT),
    ("7.8.5 GS1 QR", f"]Q301{GTIN}1726033110A7", WITH_LOT),
    ("7.8.5 GS1 DotCode", f"]J101{GTIN}1726033110A7", WITH_LOT),
    ("7.8.5 no identifier, leading FNC1", f"{GS}01{GTIN}10A7{GS}17260331", WITH_LOT),
    ("7.8.5 no identifier, no FNC1", f"01{GTIN}1726033110A7", WITH_LOT),
    ("7.8.5 FNC1 spelled by the scanner", f"01{GTIN}10A7<GS>17260331", WITH_LOT),
    ("7.8.5 FNC1 spelled by another", "01" + GTIN + "10A7{GS}17260331", WITH_LOT),
    ("7.8.5 FNC1 as a visible sign", f"01{GTIN}10A7\u241d17260331", WITH_LOT),
    ("4.14 human-readable", f"(01){GTIN}(17)260331(10)A7", WITH_LOT),
    ("4.14 human-readable, typed", f"(01) {GTIN} (17) 260331 (10) A7", WITH_LOT),
    ("3.6.2 net weight in kilograms", f"01{GTIN}3103001234", Code(GTIN, weight_g=1234)),
    ("3.6.2 two decimals", f"01{GTIN}3102001234", Code(GTIN, weight_g=12340)),
    ("3.6.2 pounds", f"01{GTIN}3203002205", Code(GTIN, weight_g=1000)),
    ("3.6.2 ounces", f"01{GTIN}3572001000", Code(GTIN, weight_g=283)),
    ("3.6.3 amount payable", f"01{GTIN}39221298", Code(GTIN, price_minor=1298)),
    ("3.6.3 one decimal", f"01{GTIN}3921129", Code(GTIN, price_minor=1290)),
    ("3.6.3 with our currency", f"01{GTIN}39321561298", Code(GTIN, price_minor=1298)),
    ("3.6.3 with another currency", f"01{GTIN}39329781298", Code(GTIN)),
    ("3.4.5 best before", f"01{GTIN}15260310", Code(GTIN, best_before=date(2026, 3, 10))),
    ("3.4.6 sell by", f"01{GTIN}16260310", Code(GTIN, sell_by=date(2026, 3, 10))),
    ("3.4.7 day 00 is the last of the month", f"01{GTIN}17280200", Code(GTIN, expires=date(2028, 2, 29))),
    ("3.8 expiry with time", f"01{GTIN}70032603101430", Code(GTIN, expires=date(2026, 3, 10))),
    ("3.4.2 serial and count", f"01{GTIN}21S1{GS}3012", Code(GTIN, serial="S1", count=12)),
    ("3.3 DataBar Omnidirectional", f"01{GTIN}", Code(GTIN)),
]
LINKS = [
    ("Digital Link 4.1", f"https://id.gs1.org/01/{GTIN}/10/A7?17=260331", WITH_LOT),
    ("Digital Link, any domain and path", f"http://shop.example.cn/p/zh/01/{GTIN}/10/A7?17=260331&utm=x", WITH_LOT),
    ("Digital Link, short GTIN", "https://example.com/01/6901234567892", Code(GTIN)),
    ("Digital Link, upper case scheme", f"HTTPS://EXAMPLE.COM/01/{GTIN}", Code(GTIN)),
    ("Digital Link, serial", f"https://example.com/01/{GTIN}/21/S%2F1", Code(GTIN, serial="S/1")),
    ("Digital Link, weight", f"https://example.com/01/{GTIN}?3103=001234", Code(GTIN, weight_g=1234)),
]
STORE = [
    ("2.1.12.2 price in code", "2112345012988", Code("02112345000008", price_minor=1298)),
    ("2.1.12.2 weight in code", "2212345005129", Code("02112345000008", weight_g=512)),
    ("2.1.12.2 eighteen digits", "281234500512012985", Code("02812345000004", weight_g=512, price_minor=1298)),
    ("2.1.12.1 UPC-A, price check digit", "212345712984", Code("00212345000001", price_minor=1298)),
    ("2.1.12.1 the same as EAN-13", "0212345712984", Code("00212345000001", price_minor=1298)),
    ("2.1.12.2 a shelf label says no price", "2112345000008", Code("02112345000008")),
]


def closed(code: str) -> str:
    return code[:-1] + check_digit(code[:-1])


@pytest.mark.parametrize(("clause", "text", "symbology", "expected"), PLAIN)
def test_plain(clause: str, text: str, symbology: str | None, expected: Code) -> None:
    assert BARE.read(text, TODAY, symbology) == expected, clause


@pytest.mark.parametrize(("clause", "text", "expected"), [*IDENTIFIED, *ELEMENTS, *LINKS])
def test_marked(clause: str, text: str, expected: Code) -> None:
    assert READER.read(text, TODAY) == expected, clause


@pytest.mark.parametrize(("clause", "text", "expected"), STORE)
def test_store_printed(clause: str, text: str, expected: Code) -> None:
    code, gtin = closed(text), closed(expected.gtin)
    read = READER.read(code, TODAY)
    assert (read.gtin, read.weight_g, read.price_minor) == (gtin, expected.weight_g, expected.price_minor), clause
    with pytest.raises(CheckDigitWrong):
        READER.read(code[:-1] + str((int(code[-1]) + 1) % 10), TODAY)


def test_a_wrong_price_check_digit_is_noticed_though_the_last_digit_is_right() -> None:
    assert READER.read(closed("212345712980"), TODAY).price_minor == 1298
    with pytest.raises(CheckDigitWrong):
        READER.read(closed("212345812980"), TODAY)


@pytest.mark.parametrize(
    "text",
    [
        "6901234567893",
        "96385075",
        "036000291453",
        "36000291453",
        "16901234567890",
        "]E06901234567893",
        "0106901234567893",
        "(01)06901234567893",
        "]C10106901234567893",
        "https://example.com/01/06901234567893",
    ],
)
def test_check_digit_wrong(text: str) -> None:
    with pytest.raises(CheckDigitWrong):
        BARE.read(text, TODAY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1",
        "1234567",
        "123456789",
        "1234567890",
        "690123456789212",  # EAN-13 and add-on, without saying so
        "12345678901234567",
        "hello",
        "https://example.com/",
        "https://example.com/01/",
        "https://[/01/06901234567892",
        "ftp://example.com/01/06901234567892",
        "(01)123",
        "(10)A7",
        "(9999)1",
        "]C110A7",
        "]d2",
        "00123456789012345675",  # AI 00: a pallet
        f"02{GTIN}3712",  # AI 02: what a pallet holds
        f"01{GTIN}17261331",  # there is no thirteenth month
        f"01{GTIN}17260231",
        f"01{GTIN}17269999",
        "8110100707340010017",  # a coupon
        "x" * 100_000,
        "9" * 100_000,
        "\x00",
        "６" * 3000,
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(CodeMalformed):
        BARE.read(text, TODAY)


@pytest.mark.parametrize(
    ("today", "text", "year"),
    [
        # General Specifications 7.12: from 49 years ago to 50 years ahead
        (date(2026, 1, 1), "76", 2076),
        (date(2026, 1, 1), "77", 1977),
        (date(2049, 1, 1), "99", 2099),
        (date(2049, 1, 1), "00", 2000),
        (date(2051, 1, 1), "01", 2101),
        (date(2051, 1, 1), "02", 2002),
    ],
)
def test_centuries(today: date, text: str, year: int) -> None:
    assert BARE.read(f"01{GTIN}17{text}0315", today).expires == date(year, 3, 15)


def test_eight_digits_that_are_right_both_ways_keep_both_readings() -> None:
    both = next(
        code
        for number in range(1_000_000)
        if (code := f"{number:07d}{check_digit(f'{number:07d}')}") and _is_upc_e(code) and number > 100_000
    )
    upc_e, ean_8 = Upc.parse(both).as_upc_a().zfill(14), both.zfill(14)
    assert BARE.read(both, TODAY) == Code(upc_e, other_gtin=ean_8)
    assert BARE.read(both, TODAY, "ean_8") == Code(ean_8)
    assert BARE.read(both, TODAY, "upc_e") == Code(upc_e)


def _is_upc_e(text: str) -> bool:
    try:
        Upc.parse(text)
    except ParseError:
        return False
    return True


@given(st.text("0123456789", min_size=1, max_size=20))
def test_digits_are_right_or_wrong_or_no_code(digits: str) -> None:
    outcome = _outcome(BARE, digits)
    if len(digits) in {12, 13, 14}:
        assert outcome == ("right" if _is_gtin(digits) else "check digit")
    elif len(digits) == 8:
        assert outcome == ("right" if _is_gtin(digits) or _is_upc_e(digits) else "check digit")
    elif len(digits) < 8 or len(digits) in {9, 10}:
        assert outcome == "malformed"
    else:
        assert outcome in {"right", "check digit", "malformed"}


@given(st.sampled_from([8, 12, 13, 14, 18]), st.data())
def test_with_templates_too(length: int, data: st.DataObject) -> None:
    digits = data.draw(st.text("0123456789", min_size=length, max_size=length))
    assert _outcome(READER, digits) in {"right", "check digit", "malformed"}
    if length in {12, 13, 14}:
        assert _outcome(READER, digits) != "malformed"


@given(
    st.text(max_size=80),
    st.sampled_from(["", "]C1", "]d2", "]Q3", "]E0", "01" + GTIN, "(01)" + GTIN, f"https://example.com/01/{GTIN}"]),
)
def test_any_text_is_answered(text: str, start: str) -> None:
    assert _outcome(READER, start + text) in {"right", "check digit", "malformed"}


@given(
    lot=st.text("ABCXYZabc0123456789-./", min_size=1, max_size=20),
    serial=st.text("ABCXYZabc0123456789-./", min_size=1, max_size=20),
    expires=st.dates(date(2000, 1, 1), date(2070, 12, 31)),
    weight_g=st.integers(1, 999_999),
)
def test_all_carriers_say_the_same(lot: str, serial: str, expires: date, weight_g: int) -> None:
    """A GS1-128, a human-readable line and a Digital Link with the same elements mean the same."""
    day = f"{expires:%y%m%d}"
    lot_path, serial_path = quote(lot, safe=""), quote(serial, safe="")
    messages = [
        f"]C101{GTIN}3103{weight_g:06}17{day}10{lot}{GS}21{serial}",
        f"(01){GTIN}(3103){weight_g:06}(17){day}(10){lot}(21){serial}",
        f"https://example.com/01/{GTIN}/10/{lot_path}/21/{serial_path}?3103={weight_g:06}&17={day}",
    ]
    expected = Code(GTIN, weight_g=weight_g, expires=expires, lot=lot, serial=serial)
    if "." not in {lot, serial} and ".." not in {lot, serial}:
        assert [READER.read(message, TODAY) for message in messages] == [expected] * 3


def _outcome(reader: CodeReader, text: str) -> str:
    try:
        code = reader.read(text, TODAY)
    except CheckDigitWrong:
        return "check digit"
    except CodeMalformed:
        return "malformed"
    assert len(code.gtin) == 14
    return "right"


def _is_gtin(digits: str) -> bool:
    try:
        Gtin.parse(digits)
    except ParseError:
        return False
    return True
