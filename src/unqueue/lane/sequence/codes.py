"""The codes that are read, shown to a camera, or typed: what they ask for, and which order they name. Pure."""

import base64
import re

import msgspec

from unqueue.kernel.ids import is_order_number
from unqueue.lane.sequence.words import Claim, ExitInfo, Lane
from unqueue.passes.signed import PREFIX

_GRAI = re.compile(r"(?:\]C1)?(?:8003|\(8003\))0(?P<asset>[0-9]{13})(?P<serial>[!-z]{1,16})", re.ASCII)


def identify(text: str) -> Claim | str:
    """What a code asks for, or the prompt that says why it asks for nothing.

    >>> identify("104 729 388")
    'number_wrong'
    >>> identify("https://store.example/o/o_abc")
    'pass_unpaid'
    >>> identify("6901234567892")
    'pass_invalid'
    """
    digits = text.replace(" ", "").replace("-", "")
    if text.startswith(f"{PREFIX}."):
        return Claim(pass_=text)
    if is_order_number(digits):
        return Claim(order_number=digits)
    if len(digits) == 9 and digits.isdigit():
        return "number_wrong"
    return "pass_unpaid" if "/o/o_" in text else "pass_invalid"


def trolley_of(text: str) -> str | None:
    """The code of a trolley: a Global Returnable Asset Identifier (GS1 General Specifications, AI 8003), of which this
    is the asset type with its check digit, and the trolley's own serial.

    >>> trolley_of("]C1800309521141123454A17"), trolley_of("(8003)09521141123454A17")
    ('9521141123454A17', '9521141123454A17')
    >>> trolley_of("6901234567892") is trolley_of("800309521141123455A17") is None
    True
    """
    found = _GRAI.fullmatch(text.strip())
    if found is None:
        return None
    digits = [int(digit) for digit in found["asset"]]
    is_right = sum(digit * (3 if at % 2 else 1) for at, digit in enumerate(digits)) % 10 == 0
    return found["asset"] + found["serial"] if is_right else None


class _PassNames(msgspec.Struct, frozen=True, array_like=True):
    """The first members of a pass; what follows is for the server."""

    store_id: str
    order_id: bytes


def is_of_shopper(lane: Lane, code: str) -> bool:
    """Whether a code is that of the shopper at the lane, whose handset may have fetched another pass meanwhile."""
    text = code.strip()
    return names(text, lane.exit) if lane.exit is not None else _lasting(text) == _lasting(lane.code) != ""


def names(code: str, one: ExitInfo) -> bool:
    """Whether a code is a pass for the order of an exit, or its number.

    The signature is not looked at, so this may allow nothing but what the server has allowed before: that exit is the
    server's answer, and the gate's counter tells whether its one passage is still to come. Whoever makes up a pass for
    it gains what typing the number gives: the gate opens again in front of the one who was let out.
    """
    request = identify(code)
    if isinstance(request, str):
        return False
    if request.pass_ is None:
        return request.order_number == one.number
    payload = request.pass_.split(".")[1]
    try:
        raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        return msgspec.msgpack.decode(raw, type=_PassNames).order_id.hex() == one.order_id
    except (ValueError, msgspec.MsgspecError):
        return False


def _lasting(code: str) -> str:
    """A code without what changes of it while it is shown."""
    return code.rpartition(".")[0] if code.startswith(f"{PREFIX}.") else code
