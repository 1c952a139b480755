"""Codes from a scanner's line, however it ends and is cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.devices.wire.scanner_serial import ScanDecoder, ScannedCode, encode_scan


@pytest.mark.parametrize(
    ("data", "scans"),
    [
        (b"4006381333931\r", [ScannedCode("4006381333931")]),
        (b"4006381333931\r\n4006381333931\n", [ScannedCode("4006381333931")] * 2),
        (b"]C10104006381333931\x1d10AB\r", [ScannedCode("0104006381333931\x1d10AB", "]C1")]),
        (b"]Q3https://id.example/01/04006381333931\r", [ScannedCode("https://id.example/01/04006381333931", "]Q3")]),
        (b"]d2\r", []),
        (b"]!x\r", [ScannedCode("]!x")]),
        (b"\r\n\r\n", []),
        ("茶\r".encode(), [ScannedCode("茶")]),
        (b"\xff\xfe\r", [ScannedCode("\ufffd\ufffd")]),
        (b"half", []),
    ],
)
def test_lines(data: bytes, scans: list[ScannedCode]) -> None:
    assert ScanDecoder().feed(data) == scans


@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=6))
def test_any_pieces_give_the_same_codes(data: bytes, at: list[int]) -> None:
    edges = sorted({0, len(data), *(cut for cut in at if cut < len(data))})
    decoder = ScanDecoder()
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert [scan for piece in pieces for scan in decoder.feed(piece)] == ScanDecoder().feed(data)


codes = st.text(min_size=1).filter(lambda code: not set(code) & set("\r\n") and not code.startswith("]"))


@given(codes, st.sampled_from([None, "]E0", "]C1", "]Q3"]), st.sampled_from([b"\r", b"\n", b"\r\n"]))
def test_codes_survive_the_wire(code: str, symbology: str | None, end: bytes) -> None:
    assert ScanDecoder().feed(encode_scan(ScannedCode(code, symbology), end)) == [ScannedCode(code, symbology)]


def test_a_line_without_end_does_not_fill_the_memory_and_the_next_code_is_read() -> None:
    decoder = ScanDecoder()
    decoder.feed(b"9" * 100_000)
    assert decoder.feed(b"\r4006381333931\r") == [ScannedCode("4006381333931")]
    assert len(decoder._line) == 0
