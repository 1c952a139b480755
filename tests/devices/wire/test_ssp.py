"""The SSP codec against frames that others wrote down, and against every way a line can cut and spoil them."""

import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.devices.wire.ssp import Damaged, Packet, PacketDecoder, crc16, encode_packet
from unqueue.devices.wire.ssp_encryption import (
    KeyExchange,
    decrypt,
    encrypt,
    encrypted_length,
    is_prime,
    prime_from,
    session_key,
)
from unqueue.devices.wire.ssp_events import Event, EventCode, Unreadable, decode_events, encode_events
from unqueue.devices.wire.ssp_messages import (
    Amount,
    Counters,
    Level,
    decode_amount,
    decode_counters,
    decode_inhibits,
    decode_levels,
    decode_setup,
    encode_counters,
    encode_inhibits,
    encode_levels,
    encode_payout,
    encode_payout_amount,
    encode_route,
    encode_setup,
)

GOLDEN = tomllib.loads((Path(__file__).parents[2] / "golden" / "ssp.toml").read_text("utf-8"))
named: dict[str, Any] = {"ids": lambda frame: f"{frame['source']}: {frame['name']}"}


def amount(pair: list[Any]) -> Amount:
    return Amount(pair[0], pair[1])


# Packets --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", GOLDEN["packet"], **named)
def test_golden_packets(frame: dict[str, Any]) -> None:
    packet = Packet(bytes.fromhex(frame["data"]), frame.get("sequence", True), frame.get("address", 0))

    assert PacketDecoder().feed(bytes.fromhex(frame["bytes"])) == [packet]
    assert encode_packet(packet) == bytes.fromhex(frame["bytes"])


@pytest.mark.parametrize("stream", GOLDEN["stream"], **named)
def test_golden_streams(stream: dict[str, Any]) -> None:
    found = PacketDecoder().feed(bytes.fromhex(stream["bytes"]))
    assert [part.data.hex() for part in found if isinstance(part, Packet)] == [d.lower() for d in stream["packets"]]


def test_golden_checksums() -> None:
    for case in GOLDEN["checksum"]:
        assert crc16(bytes.fromhex(case["data"])) == bytes.fromhex(case["crc"])


packets = st.builds(Packet, st.binary(max_size=255), st.booleans(), st.integers(0, 0x7D))
stuffed = st.builds(Packet, st.lists(st.sampled_from([0x7F, 0x7E, 0, 1]), max_size=60).map(bytes), st.booleans())
cuts = st.lists(st.integers(0, 900), max_size=12)


def pieces(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut for cut in at if cut < len(data))})
    return [data[begin:end] for begin, end in itertools.pairwise(edges)]


@given(st.lists(packets | stuffed, max_size=4), cuts)
def test_packets_survive_the_line_in_any_pieces(sent: list[Packet], at: list[int]) -> None:
    decoder = PacketDecoder()
    got = [part for piece in pieces(b"".join(map(encode_packet, sent)), at) for part in decoder.feed(piece)]
    assert got == sent


@given(packets | stuffed, packets, st.integers(0, 600))
def test_after_half_a_packet_the_next_one_is_read(broken: Packet, whole: Packet, length: int) -> None:
    """A cut right behind an STX that was to be doubled is the one place where no decoder can know: that costs one."""
    head = encode_packet(broken)[:length]
    decoder = PacketDecoder()
    decoder.feed(head)
    if not _ends_in_half_a_pair(head):
        assert decoder.feed(encode_packet(whole))[-1] == whole
    else:
        decoder.feed(encode_packet(whole))
        decoder.feed(encode_packet(whole))
        assert decoder.feed(encode_packet(whole))[-1] == whole


def _ends_in_half_a_pair(head: bytes) -> bool:
    return (len(head) - len(head.rstrip(b"\x7f"))) % 2 == 1 and len(head) > 1


@given(st.binary(max_size=400), cuts)
def test_no_noise_raises_and_no_byte_of_it_makes_a_packet_that_was_not_sent(noise: bytes, at: list[int]) -> None:
    decoder = PacketDecoder()
    for piece in pieces(noise, at):
        for part in decoder.feed(piece):
            assert isinstance(part, Damaged) or encode_packet(part) in noise


@given(packets.filter(lambda packet: len(packet.data) > 0), st.data())
def test_a_flipped_bit_is_never_believed(packet: Packet, data: st.DataObject) -> None:
    sent = bytearray(encode_packet(packet))
    at = data.draw(st.integers(1, len(sent) - 1))
    sent[at] ^= 1 << data.draw(st.integers(0, 7))
    decoder = PacketDecoder()
    assert packet not in decoder.feed(bytes(sent)) or encode_packet(packet) in bytes(sent)


# Encryption -----------------------------------------------------------------------------------------------------------


def test_the_golden_encrypted_packet() -> None:
    golden = GOLDEN["encryption"]
    key = bytes.fromhex(golden["key"])
    [packet] = PacketDecoder().feed(bytes.fromhex(golden["packet"]))
    assert isinstance(packet, Packet)

    decrypted = decrypt(packet.data, key)

    assert session_key(golden["negotiated"]) == key
    assert decrypted is not None
    assert (decrypted.data, decrypted.count) == (bytes.fromhex(golden["data"]), golden["count"])
    assert encrypt(decrypted.data, decrypted.count, key, bytes.fromhex(golden["padding"])) == packet.data


numbers = st.integers(0, 2**32 - 1)
keys = st.binary(min_size=16, max_size=16)


@given(st.binary(min_size=1, max_size=230), numbers, keys, st.binary(min_size=15, max_size=15))
def test_what_is_encrypted_is_decrypted(data: bytes, count: int, key: bytes, padding: bytes) -> None:
    sent = encrypt(data, count, key, padding)
    assert len(sent) == encrypted_length(len(data))
    got = decrypt(sent, key)
    assert got is not None
    assert (got.data, got.count) == (data, count)
    assert decrypt(sent, bytes(byte ^ 1 for byte in key)) is None


@given(st.binary(max_size=255), keys)
def test_decrypting_anything_never_raises(data: bytes, key: bytes) -> None:
    decrypt(data, key)


@given(*[st.integers(1 << 16, 1 << 31)] * 4)
def test_both_sides_come_to_the_same_key(generator: int, modulus: int, host_secret: int, slave_secret: int) -> None:
    host = KeyExchange(prime_from(generator), prime_from(modulus), host_secret)
    slave = KeyExchange(host.generator, host.modulus, slave_secret)
    assert host.key_half(slave.intermediate) == slave.key_half(host.intermediate)


def test_primes() -> None:
    sieve = [n for n in range(2, 2000) if all(n % d for d in range(2, int(n**0.5) + 1))]
    assert [n for n in range(2000) if is_prime(n)] == sieve
    assert is_prime(982451653)
    assert is_prime(1287821)  # the manual's examples
    assert not is_prime(3215031751)  # a strong pseudoprime to 2, 3, 5 and 7
    assert not is_prime(3825123056546413051)  # and one to the primes up to 23


# Commands and answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", GOLDEN["command"], **named)
def test_golden_commands(case: dict[str, Any]) -> None:
    expected = bytes.fromhex(case["data"])
    match case:
        case {"payout": blocks, "test": test}:
            levels = tuple(Level(count, Amount(value, code)) for count, value, code in blocks)
            assert encode_payout(levels, test=test) == expected
            assert decode_levels(expected[1:-1]) == levels
        case {"route": route, "amount": pair}:
            assert encode_route(amount(pair), route) == expected
        case {"amount": pair, "test": test}:
            assert encode_payout_amount(amount(pair), test=test) == expected
        case {"channels": channels}:
            assert encode_inhibits(frozenset(channels), 16) == expected
            assert decode_inhibits(expected[1:]) == frozenset(channels)
        case _:
            raise AssertionError(case)


@pytest.mark.parametrize("case", GOLDEN["setup"].values(), ids=GOLDEN["setup"])
def test_golden_set_ups(case: dict[str, Any]) -> None:
    setup = decode_setup(bytes.fromhex(case["data"]))
    assert (setup.firmware, setup.protocol_version, setup.multiplier) == (
        case["firmware"], case["protocol_version"], case["multiplier"],
    )  # fmt: skip
    if "channels" in case:
        assert setup.channels == tuple(map(amount, case["channels"]))
    assert encode_setup(setup) == bytes.fromhex(case["data"])


def test_golden_levels_and_counters() -> None:
    levels = GOLDEN["levels"]
    assert decode_levels(bytes.fromhex(levels["data"])) == tuple(Level(n, Amount(v, c)) for n, v, c in levels["levels"])
    [frame] = [frame for frame in GOLDEN["packet"] if frame["name"] == "five counters"]
    counters = decode_counters(bytes.fromhex(frame["data"])[1:])
    assert counters == Counters(stacked=17, stored=40, dispensed=35, transferred=10, rejected=16)
    assert encode_counters(counters) == bytes.fromhex(frame["data"])[1:]


amounts = st.builds(Amount, numbers, st.text("ABCXYZ", min_size=3, max_size=3))


@given(st.lists(st.builds(Level, st.integers(0, 65535), amounts), max_size=20))
def test_levels_survive(levels: list[Level]) -> None:
    assert decode_levels(encode_levels(tuple(levels))) == tuple(levels)


@given(st.binary(max_size=80))
def test_answers_that_make_no_sense_are_value_errors(data: bytes) -> None:
    for decode in (decode_setup, decode_levels, decode_counters, decode_amount):
        try:
            decode(data)
        except ValueError:
            continue


# Events ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", GOLDEN["event"], **named)
def test_golden_events(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["data"]) if "data" in case else _reply(case["bytes"])

    events = decode_events(data, case["version"])

    assert [f"{event.code:02X}" for event in events if isinstance(event, Event)] == case["codes"]
    assert not any(isinstance(event, Unreadable) for event in events)
    known = [event for event in events if isinstance(event, Event)]
    if "channel" in case:
        assert known[0].channel == case["channel"]
    if "amounts" in case:
        assert known[0].amounts == tuple(map(amount, case["amounts"]))
    if "requested" in case:
        assert known[0].requested == tuple(map(amount, case["requested"]))
    if "error" in case:
        assert known[0].error == case["error"]
    assert encode_events(tuple(known), case["version"]) == data


def _reply(text: str) -> bytes:
    [packet] = PacketDecoder().feed(bytes.fromhex(text))
    assert isinstance(packet, Packet)
    assert packet.data[0] == 0xF0
    return packet.data[1:]


@given(st.binary(max_size=60), st.integers(6, 9))
def test_any_reply_is_read_or_said_to_be_unreadable(data: bytes, version: int) -> None:
    events = decode_events(data, version)
    known = tuple(event for event in events if isinstance(event, Event))
    rest = b"".join(event.data for event in events if isinstance(event, Unreadable))
    assert encode_events(known, version) + rest == data


def test_an_unknown_code_hides_nothing_before_it() -> None:
    assert decode_events(bytes.fromhex("ee 01 99 eb")) == [
        Event(EventCode.CREDIT, channel=1), Unreadable(bytes.fromhex("99 eb")),
    ]  # fmt: skip


def test_every_golden_frame_names_its_source() -> None:
    used = {frame["source"] for kind in ("packet", "stream", "event", "command", "checksum") for frame in GOLDEN[kind]}
    assert used | {GOLDEN["encryption"]["source"], GOLDEN["levels"]["source"]} <= set(GOLDEN["sources"])
