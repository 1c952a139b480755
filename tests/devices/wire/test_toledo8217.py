"""The 8217 codec against frames that others wrote down, and against every way a line can cut and spoil them."""

import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unqueue.devices.wire.toledo8217 import (
    Acknowledged,
    Answer,
    AnswerDecoder,
    ClearTareRequest,
    EchoByte,
    EchoEnded,
    EchoStarted,
    EndEchoRequest,
    Request,
    RequestDecoder,
    StartEchoRequest,
    StartTestRequest,
    Status,
    StatusReport,
    Stray,
    TareRequest,
    TestResultRequest,
    UnknownRequest,
    Weight,
    WeightRequest,
    ZeroRequest,
    add_even_parity,
    encode_answer,
    encode_request,
    strip_even_parity,
    tare_digits,
    tare_digits_g,
    weight_from_g,
    weight_g,
)

GOLDEN = tomllib.loads((Path(__file__).parents[2] / "golden" / "toledo-8217.toml").read_text("utf-8"))
ANSWERS: list[dict[str, Any]] = GOLDEN["answer"]
REQUESTS: list[dict[str, Any]] = GOLDEN["request"]


def expected_answers(frame: dict[str, Any]) -> list[Answer]:
    match frame:
        case {"weight": digits}:
            return [Weight(digits, frame.get("net", False))]
        case {"status": names}:
            return [StatusReport(Status(sum(Status[name] for name in names)))]
        case {"acknowledged": True}:
            return [Acknowledged()]
        case {"echo": text}:
            return [EchoStarted(), *(Stray(byte) for byte in text.encode())]
        case {"echo_ended": True}:
            return [EchoEnded()]
    raise AssertionError(frame)


@pytest.mark.parametrize("frame", ANSWERS, ids=lambda frame: f"{frame['source']}: {frame['name']}")
def test_golden_answers(frame: dict[str, Any]) -> None:
    data = bytes.fromhex(frame["bytes"])

    answers = AnswerDecoder().feed(data)

    assert answers == expected_answers(frame)
    for unit in ("kg", "lb"):
        if unit in frame:
            assert isinstance(answers[0], Weight)
            assert weight_g(answers[0], unit) == frame[unit]
    if b" " not in data:  # leading spaces are the sender's choice
        assert b"".join(encode_answer(answer) for answer in answers) == data


@pytest.mark.parametrize("frame", REQUESTS, ids=lambda frame: f"{frame['source']}: {frame['name']}")
def test_golden_requests(frame: dict[str, Any]) -> None:
    data = bytes.fromhex(frame["bytes"])

    [request] = RequestDecoder().feed(data)

    assert type(request).__name__ == frame["request"]
    assert getattr(request, "digits", "") == frame.get("digits", "")
    assert encode_request(request) == data


def test_every_golden_frame_names_its_source() -> None:
    assert {frame["source"] for frame in ANSWERS + REQUESTS} <= set(GOLDEN["sources"])


# The other bits of a status byte never look like a problem of the load, whichever way a maker fills bits 5 and 6.
@pytest.mark.parametrize("always", [Status(0), Status.BAD_COMMAND, Status.BAD_COMMAND | Status.NET])
def test_the_makers_fixed_bits_do_not_hide_the_load(always: Status) -> None:
    [answer] = AnswerDecoder().feed(bytes([2, ord("?"), Status.MOTION | always, 13]))
    assert isinstance(answer, StatusReport)
    assert answer.status & (Status.MOTION | Status.OVER_CAPACITY | Status.UNDER_ZERO) == Status.MOTION


weights = st.builds(
    Weight,
    st.from_regex(r"[0-9]{1,7}(\.[0-9]{1,4})?", fullmatch=True, alphabet=st.characters(codec="ascii")),
    st.booleans(),
)
reports = st.builds(StatusReport, st.integers(0, 0x7F).map(Status))
answers: st.SearchStrategy[Answer] = st.one_of(
    weights, reports, st.sampled_from([Acknowledged(), EchoStarted(), EchoEnded()]), st.builds(Stray, st.just(10))
)
cuts = st.lists(st.integers(0, 400), max_size=12)


def pieces(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut for cut in at if cut < len(data))})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(st.lists(answers, max_size=20))
def test_answers_survive_the_wire(sent: list[Answer]) -> None:
    assert AnswerDecoder().feed(b"".join(map(encode_answer, sent))) == sent


line_noise = st.lists(st.one_of(answers.map(encode_answer), st.binary(max_size=6)), max_size=20).map(b"".join)


@given(line_noise, cuts)
@example(b"\x02?\r\x02?\x02\r", [3])
def test_any_pieces_give_the_same_answers(data: bytes, at: list[int]) -> None:
    whole, decoder = AnswerDecoder().feed(data), AnswerDecoder()
    assert [answer for piece in pieces(data, at) for answer in decoder.feed(piece)] == whole


@given(st.binary(max_size=200))
def test_no_noise_raises_and_no_byte_is_lost(data: bytes) -> None:
    decoder = AnswerDecoder()
    decoded = decoder.feed(data)
    spaces_may_go = b"".join(map(encode_answer, decoded)).replace(b" ", b"") + bytes(decoder._buffer).replace(b" ", b"")
    assert spaces_may_go == data.replace(b" ", b"")


@given(st.binary(max_size=30), answers)
def test_after_noise_the_next_whole_answer_but_one_is_read(noise: bytes, answer: Answer) -> None:
    """A torn frame costs at most the frame that follows it."""
    data = noise + encode_answer(Weight("00.005")) * 5 + encode_answer(answer)
    assert AnswerDecoder().feed(data)[-1] == answer


requests = st.one_of(
    st.sampled_from(
        [WeightRequest(), ZeroRequest(), ClearTareRequest(), StartTestRequest(), TestResultRequest(), EndEchoRequest()]
    ).map(lambda request: [request]),
    st.from_regex(r"([0-9]{5})?", fullmatch=True, alphabet=st.characters(codec="ascii")).map(
        lambda digits: [TareRequest(digits)]
    ),
    st.integers(0, 255).filter(lambda byte: byte not in b"WZTCABEF\r\n").map(lambda byte: [UnknownRequest(byte)]),
    st.lists(st.integers(0, 255).filter(lambda byte: byte != ord("F")).map(EchoByte), max_size=8).map(
        lambda echoed: [StartEchoRequest(), *echoed, EndEchoRequest()]
    ),
)


@given(st.lists(requests, max_size=12).map(lambda lists: [request for some in lists for request in some]), cuts)
def test_requests_survive_the_wire_in_any_pieces(sent: list[Request], at: list[int]) -> None:
    decoder = RequestDecoder()
    data = b"".join(map(encode_request, sent))
    assert [request for piece in pieces(data, at) for request in decoder.feed(piece)] == sent


@given(st.binary(max_size=200), cuts)
def test_no_request_raises_in_any_pieces(data: bytes, at: list[int]) -> None:
    whole, decoder = RequestDecoder().feed(data), RequestDecoder()
    assert [request for piece in pieces(data, at) for request in decoder.feed(piece)] == whole


def test_a_bare_t_is_understood_when_the_next_command_comes() -> None:
    assert RequestDecoder().feed(b"TW") == [TareRequest(), WeightRequest()]


def test_an_incomplete_tare_is_refused_rather_than_guessed() -> None:
    assert RequestDecoder().feed(b"T12\rW") == [UnknownRequest(ord("T")), WeightRequest()]


@given(st.integers(0, 99_999))
def test_grams_survive_as_kilograms(grams: int) -> None:
    assert weight_g(weight_from_g(grams), "kg") == grams
    assert tare_digits_g(tare_digits(grams)) == grams


@given(st.integers(0, 45_000))
def test_pounds_are_as_close_as_their_step(grams: int) -> None:
    shown = weight_g(weight_from_g(grams, "lb"), "lb")
    assert abs(shown - grams) <= 3  # half of 0.01 lb is 2.27 g, and half a gram of rounding


def test_a_tare_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="five digits"):
        tare_digits(100_000)


# Parity: 'W' is 57, five ones, so its parity bit is set; '0' is 30, two ones, so it is not.
@pytest.mark.parametrize(("character", "on_the_line"), [(b"W", "d7"), (b"0", "30"), (b"\r", "8d"), (b"\x02", "82")])
def test_parity_as_a_uart_sends_it(character: bytes, on_the_line: str) -> None:
    assert add_even_parity(character).hex() == on_the_line
    assert strip_even_parity(bytes.fromhex(on_the_line)) == character


@given(st.binary().map(lambda data: bytes(byte & 0x7F for byte in data)), st.integers(0, 7))
def test_one_flipped_bit_never_becomes_another_character(text: bytes, bit: int) -> None:
    line = add_even_parity(text)
    assert strip_even_parity(line) == text
    assert strip_even_parity(bytes(byte ^ 1 << bit for byte in line)) == bytes(len(text))


@given(st.integers(0, 29_999), st.integers(0, 7), st.integers(0, 7))
def test_a_flipped_bit_never_changes_a_weight(grams: int, place: int, bit: int) -> None:
    """With parity checked, a spoiled frame gives no weight at all."""
    line = bytearray(add_even_parity(encode_answer(weight_from_g(grams))))
    line[place] ^= 1 << bit
    assert not any(isinstance(answer, Weight) for answer in AnswerDecoder().feed(strip_even_parity(bytes(line))))


def test_without_parity_checking_8_bit_parity_is_noise() -> None:
    line = add_even_parity(encode_answer(Weight("01.250")))
    assert not any(isinstance(answer, Weight) for answer in AnswerDecoder().feed(line))
