"""A basket on its way as QR codes: any split, order, double; nothing but what the trip's handset sealed is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.passes import baskets
from unqueue.passes.baskets import BasketCodeInvalid, Collected, HandedBasket, HandedBatch, HandedScan, OtherBasket

TRIP = "0123456789abcdef0123456789abcdef"
KEY = baskets.key_of(b"s" * 32, TRIP)
SCAN = {"kind": "scan", "id": "4f2b5c1a-0d3e-4b6f-8a7c-9e1d2f3a4b5c", "code": "6901234567892", "quantity": 1}


def body(count: int) -> dict[str, object]:
    return {"version": 1, "actions": [SCAN | {"id": f"{n:032x}"} for n in range(count)]}


def collect(texts: list[str]) -> Collected:
    collected: Collected | None = None
    for text in texts:
        part = baskets.read_part(text)
        collected = Collected.begin(part) if collected is None else collected.with_part(part)
    assert collected is not None
    return collected


@given(content=st.binary(min_size=1, max_size=4000), part_bytes=st.integers(60, 260), data=st.data())
def test_parts_in_any_order_and_number_are_the_whole(content: bytes, part_bytes: int, data: st.DataObject) -> None:
    parts = baskets.split(content, part_bytes)
    doubled = parts + data.draw(st.lists(st.sampled_from(parts)))
    texts = [part.text() for part in data.draw(st.permutations(doubled))]
    collected = collect(texts)
    assert collected.missing == ()
    assert collected.content() == content
    assert all(len(text) <= 441 for text in texts)


@given(content=st.binary(min_size=2, max_size=3000), data=st.data())
def test_what_is_missing_is_known(content: bytes, data: st.DataObject) -> None:
    parts = baskets.split(content, max(1, -(-len(content) // 20)))
    read = data.draw(st.sets(st.sampled_from(range(len(parts))), min_size=1))
    collected = collect([parts[index].text() for index in read])
    assert set(collected.missing) == {n + 1 for n in range(len(parts))} - {n + 1 for n in read}


@given(one=st.binary(min_size=1, max_size=600), other=st.binary(min_size=1, max_size=600))
def test_two_baskets_never_mix(one: bytes, other: bytes) -> None:
    first, second = baskets.split(one)[0], baskets.split(other)[0]
    if one == other:
        return
    with pytest.raises(OtherBasket):
        Collected.begin(first).with_part(second)


@given(text=st.text(max_size=60) | st.from_regex(r"UQB1[A-Z2-7]{13}[0-9]{4}[A-Z2-7]{1,40}", fullmatch=True))
def test_whatever_is_scanned_is_a_part_or_refused(text: str) -> None:
    try:
        part = baskets.read_part(text)
    except BasketCodeInvalid:
        return
    assert part.text() == text.strip().upper()


def test_a_part_that_was_changed_does_not_become_a_basket() -> None:
    first, second = baskets.split(bytes(range(200)), 100)
    forged = baskets.Part(second.basket, second.number, second.count, second.content[::-1])
    with pytest.raises(BasketCodeInvalid):
        Collected.begin(first).with_part(forged).content()
    with pytest.raises(BasketCodeInvalid):
        Collected.begin(first).with_part(second).with_part(forged)


@pytest.mark.parametrize("count", [0, 1, 5, 200])
def test_what_was_sealed_is_read(count: int) -> None:
    content = baskets.seal(TRIP, body(count), KEY)
    assert baskets.trip_of(content) == TRIP
    handed = baskets.unseal(content, KEY)
    assert [action.id for action in handed.actions] == [f"{n:032x}" for n in range(count)]
    assert len(baskets.split(content)) <= baskets.PARTS_MAX


def test_changes_are_read_as_the_handset_writes_them() -> None:
    batch = {"kind": "batch", "id": "b", "change": [{"line": 2, "by": -1}], "delete": [3], "add": [{"code": "x"}]}
    handed = baskets.unseal(baskets.seal(TRIP, {"version": 1, "actions": [SCAN, batch]}, KEY), KEY)
    one, other = handed.actions
    assert isinstance(one, HandedScan)
    assert (one.code, one.quantity, one.at) == ("6901234567892", 1, None)
    assert isinstance(other, HandedBatch)
    assert (other.change[0].by, other.delete, other.add[0].quantity) == (-1, [3], 1)


@given(place=st.integers(0), bit=st.integers(0, 7))
def test_a_single_bit_breaks_the_seal(place: int, bit: int) -> None:
    content = bytearray(baskets.seal(TRIP, body(3), KEY))
    content[place % len(content)] ^= 1 << bit
    with pytest.raises(BasketCodeInvalid):
        baskets.unseal(bytes(content), KEY)


def test_another_trips_key_opens_nothing() -> None:
    with pytest.raises(BasketCodeInvalid):
        baskets.unseal(baskets.seal(TRIP, body(1), KEY), baskets.key_of(b"s" * 32, TRIP[::-1]))


def test_nobody_hands_over_more_than_there_can_be() -> None:
    huge = {"version": 1, "actions": [], "filler": "0" * (baskets.BODY_BYTES_MAX + 1)}
    with pytest.raises(BasketCodeInvalid):
        baskets.unseal(baskets.seal(TRIP, huge, KEY), KEY)
    assert baskets.unseal(baskets.seal(TRIP, {"actions": []}, KEY), KEY) == HandedBasket([])
