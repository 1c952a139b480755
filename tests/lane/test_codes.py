"""Which order a code names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lane_rig import LINES, NUMBER, ORDER_ID, PASS, new_pass

from unqueue.lane.sequence.codes import is_of_shopper, names
from unqueue.lane.sequence.words import ExitInfo, Lane

HERE = ExitInfo("e", "released", NUMBER, 2, LINES, order_id=ORDER_ID)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**33))
def test_a_pass_names_its_order_whenever_it_was_issued(order_id: bytes, issued_s: int) -> None:
    """The pass is the server's own (:func:`unqueue.passes.signed.sign`)."""
    text = new_pass(order_id.hex(), issued_s)
    here = ExitInfo("e", "released", NUMBER, 2, LINES, order_id=order_id.hex())
    assert names(text, here)
    assert names(text, HERE) is (order_id.hex() == ORDER_ID)


@given(st.text() | st.text(alphabet="UQ2.abcdefk_-=", max_size=60).map("UQ2.".__add__))
def test_whatever_is_shown_can_be_looked_at(text: str) -> None:
    assert not names(text, HERE)


@pytest.mark.parametrize(
    ("code", "fits"),
    [
        (PASS, True),
        (f" {PASS}\r\n", True),
        (new_pass(link="BBBB"), True),
        (new_pass(link="BB"), True),
        ("other", False),
        ("", False),
    ],
)
def test_while_a_claim_is_under_way_it_is_the_same_pass(code: str, fits: bool) -> None:
    assert is_of_shopper(Lane(phase="claiming", code=PASS), code) is fits
    assert not is_of_shopper(Lane(phase="starting"), code)
