"""Printer status bytes against the manuals, and questions found among print data."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.devices.wire.escpos_status import (
    PrinterState,
    QuestionSplitter,
    decode_offline_cause,
    encode_question,
    encode_status,
    is_status,
)

GOLDEN = tomllib.loads((Path(__file__).parents[2] / "golden" / "escpos-status.toml").read_text("utf-8"))


@pytest.mark.parametrize("frame", GOLDEN["answer"], ids=lambda frame: frame["name"])
def test_golden_answers(frame: dict[str, Any]) -> None:
    assert is_status(frame["byte"])
    if frame["question"] == 1:
        assert bool(frame["byte"] & 0x08) == frame["offline"]
        assert encode_status(1, PrinterState(error=frame["offline"])) == bytes([frame["byte"]])
    else:
        state = PrinterState(**{name: frame.get(name, False) for name in ("cover_open", "paper_out", "error")})
        assert decode_offline_cause(frame["byte"]) == state
        assert encode_status(2, state) == bytes([frame["byte"]])


@pytest.mark.parametrize("byte", [0x00, 0x10, 0x02, 0x13, 0x92, 0x0D, 0x30])
def test_other_bytes_are_no_status(byte: int) -> None:
    assert not is_status(byte)


# Print data without DLE, so that only our questions are questions.
quiet = st.binary(min_size=1, max_size=12).filter(lambda data: 0x10 not in data)
streams = st.lists(st.one_of(quiet, st.integers(1, 4)), max_size=8)


def joined(parts: list[int | bytes]) -> list[int | bytes]:
    whole: list[int | bytes] = []
    for part in parts:
        if whole and isinstance(part, bytes) and isinstance(whole[-1], bytes):
            whole[-1] += part
        else:
            whole.append(part)
    return whole


@given(streams, st.integers(1, 5))
def test_questions_are_found_in_any_pieces(stream: list[int | bytes], size: int) -> None:
    data = b"".join(part if isinstance(part, bytes) else encode_question(part) for part in stream)
    splitter = QuestionSplitter()
    parts = [part for at in range(0, len(data), size) for part in splitter.feed(data[at : at + size])]
    assert joined(parts) == joined(stream)


@given(st.binary(max_size=60), st.integers(1, 5))
def test_nothing_printed_is_lost(data: bytes, size: int) -> None:
    splitter = QuestionSplitter()
    parts = [part for at in range(0, len(data), size) for part in splitter.feed(data[at : at + size])]
    again = b"".join(part if isinstance(part, bytes) else encode_question(part) for part in parts)
    assert again + splitter._held == data
