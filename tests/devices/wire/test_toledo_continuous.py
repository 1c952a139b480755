"""The codec of Toledo continuous output against frames made by hand from manuals, and against spoiled streams."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unqueue.devices.wire.toledo_continuous import Frame, FrameDecoder, decode, encode

FRAMES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[2] / "golden" / "toledo-continuous.toml").read_text("utf-8")
)["frame"]
INTERVALS = st.builds(lambda step, power: step * 10**power, st.sampled_from([1, 2, 5]), st.integers(0, 3))


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """What a terminal can show: six digits of its interval's decimals."""
    interval_g = draw(INTERVALS)
    power = len(str(interval_g)) - 1
    steps_max = (10 ** (6 + power) - 1) // interval_g
    tare_g = interval_g * draw(st.integers(0, steps_max // 2))
    shown_g = interval_g * draw(st.integers(-(steps_max // 2), steps_max // 2))
    moving, out_of_range, no_zero = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    return Frame(shown_g + tare_g, interval_g, tare_g, moving, out_of_range, no_zero)


@pytest.mark.parametrize("golden", FRAMES, ids=lambda golden: golden["name"])
def test_golden_frames(golden: dict[str, Any]) -> None:
    plain = {name: value for name, value in golden.items() if name not in {"source", "name", "bytes", "checksum"}}
    checksum = golden.get("checksum", True)
    (frame,) = FrameDecoder(checksum=checksum).feed(bytes.fromhex(golden["bytes"]))
    assert frame == Frame(**plain)


@given(frames(), st.booleans())
@example(Frame(0, 20), True)
def test_what_is_sent_is_read(frame: Frame, checksum: bool) -> None:
    assert decode(encode(frame, checksum=checksum), checksum=checksum) == frame


@given(st.lists(frames(), min_size=1, max_size=4), st.data())
def test_a_stream_may_be_cut_anywhere(sent: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(encode(frame) for frame in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    decoder, found = FrameDecoder(), []
    for first, last in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += decoder.feed(stream[first:last])
    assert found == sent


@given(frames(), st.integers(0, 17), st.integers(0, 6))
def test_a_flipped_bit_is_no_frame(frame: Frame, at: int, bit: int) -> None:
    spoiled = bytearray(encode(frame))
    spoiled[at] ^= 1 << bit
    assert decode(bytes(spoiled)) is None


@given(frames(), st.binary(max_size=40))
def test_after_noise_comes_the_next_frame(frame: Frame, noise: bytes) -> None:
    """At most one frame is lost to what looks like the beginning of another."""
    decoder = FrameDecoder()
    list(decoder.feed(noise))
    heard = [one for _ in range(3) for one in decoder.feed(encode(frame))]
    assert heard[-1] == frame
    assert len(heard) >= 1


@given(st.binary(max_size=4000))
def test_what_is_kept_of_noise_is_bounded(noise: bytes) -> None:
    decoder = FrameDecoder()
    list(decoder.feed(noise))
    assert len(decoder._seen) < 18  # that nothing grows is the promise
