"""The ccTalk codec against frames that others wrote down, and against every way a line can cut and spoil them."""

import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.devices.wire.cctalk import HOST, Checksum, EchoFilter, Frame, FrameDecoder, Header, encode_frame
from unqueue.devices.wire.cctalk_messages import (
    BillIdQuestion,
    CoinIdQuestion,
    Dispense,
    EnableHopper,
    Event,
    EventBuffer,
    HopperFlags,
    HopperStatus,
    Question,
    Request,
    Route,
    RouteBill,
    Scaling,
    ScalingQuestion,
    SetBillOperatingMode,
    SetInhibits,
    SetMasterInhibit,
    UnknownRequest,
    counter_after,
    counter_steps,
    decode_byte,
    decode_event_buffer,
    decode_hopper_flags,
    decode_hopper_status,
    decode_inhibits,
    decode_number,
    decode_request,
    decode_scaling,
    decode_started,
    decode_text,
    encode_event_buffer,
    encode_hopper_flags,
    encode_hopper_status,
    encode_number,
    encode_request,
    encode_scaling,
)
from unqueue.devices.wire.cctalk_money import bill_denomination, coin_denomination

GOLDEN = tomllib.loads((Path(__file__).parents[2] / "golden" / "cctalk.toml").read_text("utf-8"))
REQUESTS: list[dict[str, Any]] = GOLDEN["request"]
ANSWERS: list[dict[str, Any]] = GOLDEN["answer"]


def name(frame: dict[str, Any]) -> str:
    return f"{frame['source']}: {frame['name']}"


def expected_request(frame: dict[str, Any]) -> Request:
    match frame:
        case {"question": header}:
            return Question(Header[header])
        case {"enable": on}:
            return EnableHopper(on)
        case {"dispense": order}:
            return Dispense(**order)
    raise AssertionError(frame)


@pytest.mark.parametrize("golden", REQUESTS, ids=name)
def test_golden_requests(golden: dict[str, Any]) -> None:
    data, checksum = bytes.fromhex(golden["bytes"]), golden.get("checksum", "sum")
    request = expected_request(golden)

    [frame] = FrameDecoder(checksum, destinations=frozenset({golden["destination"]})).feed(data)

    assert decode_request(frame.header, frame.data) == request
    assert encode_frame(Frame(golden["destination"], *encode_request(request)), checksum) == data


@pytest.mark.parametrize("golden", ANSWERS, ids=name)
def test_golden_answers(golden: dict[str, Any]) -> None:
    data, checksum = bytes.fromhex(golden["bytes"]), golden.get("checksum", "sum")
    frame = Frame(HOST, Header.REPLY, bytes.fromhex(golden["data"]), golden.get("from"))

    assert FrameDecoder(checksum, destinations=frozenset({HOST})).feed(data) == [frame]
    assert encode_frame(frame, checksum) == data
    match golden:
        case {"number": number}:
            assert decode_number(frame.data) == number
            assert encode_number(number) == frame.data
        case {"inhibits": inhibits}:
            assert decode_inhibits(frame.data) == inhibits
        case {"events": [counter, events]}:
            buffer = EventBuffer(counter, tuple(Event(*event) for event in events))
            assert decode_event_buffer(frame.data) == buffer
            assert encode_event_buffer(buffer) == frame.data
        case {"text": text}:
            assert decode_text(frame.data) == text
        case {"flags": flags}:
            assert decode_hopper_flags(frame.data) == HopperFlags(sum(HopperFlags[flag] for flag in flags))
        case {"started": started}:
            assert decode_started(frame.data) == started
        case {"unpaid": unpaid}:
            assert decode_byte(frame.data) == unpaid
        case {"status": status}:
            assert decode_hopper_status(frame.data) == HopperStatus(*status)
            assert encode_hopper_status(HopperStatus(*status)) == frame.data


@pytest.mark.parametrize("golden", GOLDEN["spoiled"], ids=name)
def test_golden_frames_that_are_spoiled(golden: dict[str, Any]) -> None:
    decoder = FrameDecoder(golden.get("checksum", "sum"), destinations=frozenset({HOST}))
    assert decoder.feed(bytes.fromhex(golden["bytes"])) + decoder.flush() == []


CHECKSUMS: st.SearchStrategy[Checksum] = st.sampled_from(["sum", "crc"])
BYTE = st.integers(0, 255)
REPLIES = st.builds(Frame, st.just(HOST), BYTE, st.binary(max_size=20), st.just(2))


def as_decoded(frame: Frame, checksum: Checksum) -> Frame:
    return frame if checksum == "sum" else Frame(frame.destination, frame.header, frame.data, None)


def host_decoder(checksum: Checksum) -> FrameDecoder:
    return FrameDecoder(checksum, destinations=frozenset({HOST}), sources=frozenset({2}), data_length_max=20)


@given(frames=st.lists(REPLIES, max_size=4), checksum=CHECKSUMS, cuts=st.lists(st.integers(0, 100), max_size=6))
def test_frames_survive_however_the_stream_is_cut_in_pieces(
    frames: list[Frame], checksum: Checksum, cuts: list[int]
) -> None:
    stream = b"".join(encode_frame(frame, checksum) for frame in frames)
    decoder = host_decoder(checksum)
    places = [0, *sorted(cuts), len(stream)]

    heard = [frame for a, b in itertools.pairwise(places) for frame in decoder.feed(stream[a:b])]

    assert heard == [as_decoded(frame, checksum) for frame in frames]
    assert not decoder.waiting


@given(frame=REPLIES, noise=st.binary(max_size=12), cut=st.integers(0, 30))
def test_after_noise_and_cut_frames_silence_brings_the_next_frame_to_light(
    frame: Frame, noise: bytes, cut: int
) -> None:
    """Unless the noise happens to be a frame itself, which the checksum lets pass once in 256 times."""
    whole = encode_frame(frame)
    begin = noise + whole[: min(cut, len(whole) - 1)]
    alone = host_decoder("sum")
    if alone.feed(begin) + alone.flush():
        return  # the noise is a frame
    decoder = host_decoder("sum")

    heard = decoder.feed(begin + whole)
    heard += decoder.flush()

    if frame not in heard:  # a frame that the noise and the frame make up together has the right checksum by chance
        assert heard


@given(frame=REPLIES, checksum=CHECKSUMS, place=st.integers(0, 100), bit=st.integers(0, 7))
def test_no_single_flipped_bit_passes(frame: Frame, checksum: Checksum, place: int, bit: int) -> None:
    data = bytearray(encode_frame(frame, checksum))
    data[place % len(data)] ^= 1 << bit
    decoder = host_decoder(checksum)
    assert as_decoded(frame, checksum) not in decoder.feed(bytes(data)) + decoder.flush()


def test_a_frame_inside_a_spoiled_one_is_found() -> None:
    answer = bytes.fromhex("01 00 02 00 fd")
    decoder = host_decoder("sum")
    assert decoder.feed(bytes.fromhex("01 05 02 00") + answer) == []  # the length takes in a part of the answer
    assert decoder.flush() == [Frame(HOST, Header.REPLY, b"", 2)]


def test_what_is_for_others_is_not_waited_for() -> None:
    decoder = host_decoder("sum")
    long_frame_of_another = bytes.fromhex("01 10 03 00")
    too_long = bytes.fromhex("01 ff 02 00")
    assert decoder.feed(long_frame_of_another + too_long + bytes.fromhex("01 00 02 00 fd")) == [
        Frame(HOST, Header.REPLY, b"", 2)
    ]
    assert decoder.skipped == 8


@given(request=st.binary(min_size=5, max_size=20), answer=st.binary(max_size=20), cut=st.integers(0, 40))
def test_the_echo_is_taken_away_and_nothing_else(request: bytes, answer: bytes, cut: int) -> None:
    request = bytes([2]) + request  # to a device, never to the host
    answer = bytes([HOST]) + answer
    for stream in (request + answer, answer):  # a line with echo, and one without
        echo = EchoFilter()
        echo.sent(request)
        assert echo.feed(stream[:cut]) + echo.feed(stream[cut:]) == answer


REQUEST = st.one_of(
    st.sampled_from([Question(Header.SIMPLE_POLL), Question(Header.READ_BUFFERED_CREDIT)]),
    st.builds(CoinIdQuestion, st.integers(1, 16)),
    st.builds(BillIdQuestion, st.integers(1, 16)),
    st.builds(ScalingQuestion, st.sampled_from(["CN", "EU"])),
    st.builds(SetInhibits, st.integers(0, 0xFFFF)),
    st.builds(SetMasterInhibit, st.booleans()),
    st.builds(SetBillOperatingMode, st.booleans(), st.booleans()),
    st.builds(RouteBill, st.sampled_from(Route)),
    st.builds(EnableHopper, st.booleans()),
    st.builds(Dispense, st.integers(0, 0xFFFFFF), st.integers(1, 255)),
)


@given(REQUEST)
def test_requests_go_and_come_back(request: Request) -> None:
    assert decode_request(*encode_request(request)) == request


@given(header=BYTE, data=st.binary(max_size=6))
def test_any_data_are_some_request(header: int, data: bytes) -> None:
    request = decode_request(header, data)
    back = decode_request(*encode_request(request))
    assert back == request
    if isinstance(request, UnknownRequest):
        assert (request.header, request.data) == (header, data)


@given(st.binary(max_size=12))
def test_answers_of_another_shape_are_refused(data: bytes) -> None:
    for decode, lengths in (
        (decode_event_buffer, {11}),
        (decode_hopper_status, {4}),
        (decode_hopper_flags, {1, 2, 3, 4}),
        (decode_number, {3, 4}),
        (decode_inhibits, {2}),
        (decode_scaling, {3}),
        (decode_started, {0, 1}),
        (decode_byte, {1}),
    ):
        if len(data) in lengths:
            decode(data)
        else:
            with pytest.raises(ValueError, match=r"\w"):
                decode(data)


@given(st.builds(Scaling, st.integers(0, 0xFFFF), BYTE))
def test_scalings_go_and_come_back(scaling: Scaling) -> None:
    assert decode_scaling(encode_scaling(scaling)) == scaling


@given(st.builds(HopperFlags, st.integers(0, sum(HopperFlags))))
def test_flags_go_and_come_back(flags: HopperFlags) -> None:
    assert decode_hopper_flags(encode_hopper_flags(flags)) == flags


@given(before=BYTE, steps=st.integers(0, 254))
def test_a_counter_goes_round_without_zero(before: int, steps: int) -> None:
    now = counter_after(before, steps)
    assert counter_steps(before, now) == steps
    assert (now == 0) == (before == 0 and steps == 0)
    by_one = before
    for _ in range(steps):
        by_one = 1 if by_one == 255 else by_one + 1
    assert by_one == now


@pytest.mark.parametrize(
    ("identifier", "meaning"),
    [
        ("CN100A", "CNY-100-coin"),
        ("CN010B", "CNY-10-coin"),
        ("EU200A", "EUR-200-coin"),
        ("GB001A", "GBP-1-coin"),
        ("KR500A", "KRW-500-coin"),
        ("ID1K0A", "IDR-1000-coin"),
        ("EU000A", None),
        ("......", None),
        ("TK001A", None),
        ("CN1000", "CNY-100-coin"),
        ("CN1000A", None),
        ("", None),
    ],
)
def test_coins(identifier: str, meaning: str | None) -> None:
    coin = coin_denomination(identifier)
    assert (None if coin is None else str(coin)) == meaning


@pytest.mark.parametrize(
    ("identifier", "scaling", "meaning"),
    [
        ("CN0010A", Scaling(100, 2), "CNY-1000-note"),
        ("EU0005A", Scaling(100, 2), "EUR-500-note"),
        ("EU0500A", Scaling(1, 2), "EUR-500-note"),
        ("JP0010A", Scaling(100, 0), "JPY-1000-note"),
        ("VN0100A", Scaling(1000, 0), "VND-100000-note"),
        ("CN0001A", Scaling(1, 3), None),
        ("CN0010A", Scaling(0, 0), None),
        (".......", Scaling(100, 2), None),
    ],
)
def test_notes(identifier: str, scaling: Scaling, meaning: str | None) -> None:
    note = bill_denomination(identifier, scaling)
    assert (None if note is None else str(note)) == meaning
