"""Barcodes that are drawn can be read: each SVG is rasterised here, without a browser, and decoded."""

import re
from datetime import date
from xml.etree import ElementTree as ET

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from unqueue.server.catalogue.barcodes import Symbology, draw
from unqueue.server.catalogue.codes import CheckDigitWrong, CodeMalformed, CodeReader
from unqueue.server.catalogue.gtin import check_digit
from unqueue.server.catalogue.templates import parse_template

READER = CodeReader([parse_template("28 IIIII WW.WWW PPP.PP C")])
TODAY = date(2026, 3, 2)
SVG = "{http://www.w3.org/2000/svg}"
STORE_CODE = "28123450051201298" + check_digit("28123450051201298")
ELEMENTS = "(01)06901234567892(17)260331(10)A-7"


def rasterised(svg: str, scale: int) -> Image.Image:
    """The bars of a drawing, on white, ``scale`` pixels to a unit. Text is left out: scanners must not need it."""
    root = ET.fromstring(svg)
    left, top, width, height = (int(number) for number in root.attrib["viewBox"].split())
    image = Image.new("L", (width * scale, height * scale), 255)
    pen = ImageDraw.Draw(image)
    for path in root.iter(f"{SVG}path"):
        for box in re.findall(r"M(-?[\d.]+) (-?[\d.]+)h([\d.]+)v([\d.]+)h-[\d.]+Z", path.attrib["d"]):
            x, y, w, h = (float(number) for number in box)
            x, y = x - left, y - top
            pen.rectangle([x * scale, y * scale, (x + w) * scale - 1, (y + h) * scale - 1], fill=0)
    return image


@pytest.mark.parametrize(
    ("code", "symbology", "identifier", "text"),
    [
        ("6901234567892", None, "]E0", "6901234567892"),
        ("96385074", None, "]E4", "96385074"),
        ("036000291452", None, "]E0", "0036000291452"),
        ("04252614", "upce", "]E0", "0042100005264"),
        ("16901234567899", None, "]I", "16901234567899"),
        (STORE_CODE, None, "]C0", STORE_CODE),
        ("6901234567892", "code128", "]C0", "6901234567892"),
        ("6901234567892", "gs1-128", "]C1", "(01)06901234567892"),
        (ELEMENTS, None, "]C1", ELEMENTS),
        (ELEMENTS, "datamatrix", "]d2", ELEMENTS),
        ("6901234567892", "datamatrix", "]d2", "(01)06901234567892"),
        ("(01)06901234567892(3103)001234", "databar", "]e0", "(01)06901234567892(3103)001234"),
        ("6901234567892", "qr", "]Q1", "https://id.gs1.org/01/06901234567892"),
        (ELEMENTS, "qr", "]Q1", "https://id.gs1.org/01/06901234567892/10/A-7?17=260331"),
        ("https://example.com/01/06901234567892", None, "]Q1", "https://example.com/01/06901234567892"),
    ],
)
def test_what_is_drawn_can_be_read(code: str, symbology: Symbology | None, identifier: str, text: str) -> None:
    svg = draw(code, symbology, READER, TODAY)
    read = zxingcpp.read_barcode(rasterised(svg, 2))
    assert read is not None
    assert read.symbology_identifier.startswith(identifier)
    assert read.text == text
    # And this store's own reader takes it as the product that was asked for.
    assert READER.read(read.text, TODAY).gtin == READER.read(code, TODAY, symbology).gtin


@pytest.mark.parametrize(
    ("code", "quiet"),
    [("6901234567892", (11, 7)), ("96385074", (7, 7)), ("036000291452", (9, 9)), (ELEMENTS, (10, 10))],
)
def test_quiet_zones(code: str, quiet: tuple[int, int]) -> None:
    """General Specifications 5.2.3.4 and 5.4.4.2: light modules left and right of the bars."""
    svg = draw(code, None, READER, TODAY)
    bars = rasterised(svg, 1).point(lambda value: 255 - value).getbbox()
    width = int(ET.fromstring(svg).attrib["viewBox"].split()[2])
    assert bars is not None
    assert bars[0] >= 2 * quiet[0]
    assert width - bars[2] >= 2 * quiet[1]


def test_the_digits_are_written_below() -> None:
    svg = draw("6901234567892", None, READER, TODAY)
    assert "".join(text.text or "" for text in ET.fromstring(svg).iter(f"{SVG}text")) == "6901234567892"
    assert 'shape-rendering="crispEdges"' in svg
    assert ET.fromstring(svg).findtext(f"{SVG}title") == "6901234567892"


@pytest.mark.parametrize("code", ["", "hello", "123", "(10)A7", "<script>", "https://example.com/"])
def test_no_product_s_code(code: str) -> None:
    with pytest.raises(CodeMalformed):
        draw(code, None, READER, TODAY)


def test_a_wrong_check_digit_is_not_drawn() -> None:
    with pytest.raises(CheckDigitWrong):
        draw("6901234567893", None, READER, TODAY)


@pytest.mark.parametrize("symbology", ["ean8", "ean13", "upca", "itf14", "databar"])
def test_what_does_not_fit_a_symbology(symbology: Symbology) -> None:
    with pytest.raises(CodeMalformed):
        draw("https://example.com/01/06901234567892", symbology, READER, TODAY)


def test_what_a_code_holds_stays_text() -> None:
    svg = draw("(01)06901234567892(10)A&<b>", "datamatrix", READER, TODAY)
    assert "<b>" not in svg
    assert ET.fromstring(svg).findtext(f"{SVG}title") == "(01)06901234567892(10)A&<b>"
