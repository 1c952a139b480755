"""Barcodes as SVG: what a package, a shelf label or a scale's label carries, to be scanned from a screen or paper."""

import re
from datetime import date
from functools import lru_cache
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

import zxingcpp
from biip import BiipException
from biip.gs1_messages import GS1Message

from unqueue.server.catalogue.codes import CodeMalformed, CodeReader
from unqueue.server.catalogue.gtin import gtin_14

Symbology = Literal["ean13", "ean8", "upca", "upce", "itf14", "code128", "gs1-128", "databar", "datamatrix", "qr"]

_FORMATS = {
    "ean13": zxingcpp.EAN13, "ean8": zxingcpp.EAN8, "upca": zxingcpp.UPCA, "upce": zxingcpp.UPCE,
    "itf14": zxingcpp.ITF14, "code128": zxingcpp.Code128, "gs1-128": zxingcpp.Code128,
    "databar": zxingcpp.DataBarExp, "datamatrix": zxingcpp.DataMatrix, "qr": zxingcpp.QRCode,
}  # fmt: skip
_BY_LENGTH: dict[int, Symbology] = {8: "ean8", 12: "upca", 13: "ean13", 14: "itf14"}
_ELEMENTS: frozenset[Symbology] = frozenset({"gs1-128", "databar", "datamatrix"})
_MODULE = 2  # units of the drawing to a module, so that half modules are whole numbers
_SIZE = re.compile(r'<svg width="(\d+)" height="(\d+)"')
_DRAWING = re.compile(r"<path.*</g>", re.DOTALL)
_SPACES_IN_TEXT = re.compile(r">\s+([^<\s][^<]*?)\s+</text>")


def draw(code: str, symbology: Symbology | None, reader: CodeReader, today: date) -> str:
    """The SVG of a product's code: digits, element strings in brackets such as ``(01)…(17)…``, or a Digital Link URI.

    Without ``symbology`` digits become the symbol that carries so many (longer ones Code 128), element strings
    GS1-128, a URI a QR code. A GTIN asked for as QR becomes a GS1 Digital Link, and as GS1-128, DataBar or
    DataMatrix its element string. Quiet zones are part of the image. What no scanner here would accept is refused:
    CodeMalformed, CheckDigitWrong.
    """
    reader.read(code, today, "upce" if symbology == "upce" else None)
    chosen = symbology or _usual(code)
    return _draw(_content(code, chosen), chosen)


def _usual(code: str) -> Symbology:
    if code.startswith("("):
        return "gs1-128"
    if code.isdigit():
        return _BY_LENGTH.get(len(code), "code128")
    return "qr"


def _content(code: str, symbology: Symbology) -> str:
    is_gtin = code.isdigit() and len(code) in _BY_LENGTH
    if symbology in _ELEMENTS and is_gtin:
        return f"(01){gtin_14(code)}"
    if symbology == "qr" and (is_gtin or code.startswith("(")):
        elements = f"(01){gtin_14(code)}" if is_gtin else code
        try:
            return GS1Message.parse_hri(elements).as_gs1_digital_link_uri().as_uri()
        except BiipException as error:
            raise CodeMalformed from error
    return code


@lru_cache(maxsize=4096)
def _draw(content: str, symbology: Symbology) -> str:
    try:
        if symbology in _ELEMENTS:
            barcode = zxingcpp.create_barcode(content, _FORMATS[symbology], gs1=True)
        else:
            barcode = zxingcpp.create_barcode(content, _FORMATS[symbology])
    except ValueError as error:  # these characters or this length do not fit into that symbol
        raise CodeMalformed from error
    drawn = barcode.to_svg(scale=_MODULE, add_hrt=True, add_quiet_zones=True)
    size, drawing = _SIZE.search(drawn), _DRAWING.search(drawn)
    assert size is not None, "zxing-cpp gives the drawing a size"
    assert drawing is not None, "zxing-cpp draws one group that begins with a path"
    width, height = int(size[1]), int(size[2])
    # Room round the text, and the quiet zone where zxing-cpp draws none: ISO/IEC 16022, 8.2.3, wants one module round
    # a Data Matrix, ISO/IEC 24724 none round a DataBar; a scanner that looks at a busy screen likes more.
    margin = (4 if symbology in {"datamatrix", "databar"} else 2) * _MODULE
    box = f"{-margin} {-margin} {width + 2 * margin} {height + 2 * margin}"
    inner = _SPACES_IN_TEXT.sub(r">\1</text>", drawing[0])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{width + 2 * margin}" '
        f'height="{height + 2 * margin}" role="img" aria-label={quoteattr(content)}>'
        f"<title>{escape(content)}</title>"
        f'<rect x="{-margin}" y="{-margin}" width="100%" height="100%" fill="#fff"/>'
        f'<g fill="#000" shape-rendering="crispEdges">{inner}</svg>'
    )
