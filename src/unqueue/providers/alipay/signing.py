"""RSA2, the signatures of Alipay's open platform: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2), in base64.

What is signed is, for requests and notifications, ``key=value`` of every parameter in the order of their keys, joined
by ``&``; for answers, the text of the answer's own member exactly as it stands in the body. docs/protocols/alipay.md.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from json import JSONDecodeError
from typing import Any, NoReturn

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

ERROR_MEMBER = "error_response"


class Malformed(Exception):
    """This is no answer of the gateway."""


class SignedAnswer(msgspec.Struct, frozen=True):
    """An answer whose signature is still to be checked: ``text`` is what was signed, ``content`` what it says.

    Numbers in ``content`` are left as the text that they were. ``signature`` is empty where there is none.
    """

    text: str
    content: dict[str, Any]
    signature: str


def request_text(parameters: Mapping[str, str]) -> str:
    """What a request signs: every parameter that has a value, ``sign_type`` too.

    >>> request_text({"method": "alipay.trade.query", "app_id": "2014072300007148", "sign_type": "RSA2", "sign": "…"})
    'app_id=2014072300007148&method=alipay.trade.query&sign_type=RSA2'
    """
    return _pairs({name: value for name, value in parameters.items() if name != "sign" and value})


def notification_text(parameters: Mapping[str, str]) -> str:
    """What a notification signs, and the address that the browser returns to: everything but ``sign``, ``sign_type``.

    >>> notification_text({"trade_no": "1", "app_id": "2", "sign_type": "RSA2", "sign": "…"})
    'app_id=2&trade_no=1'
    """
    return _pairs({name: value for name, value in parameters.items() if name not in {"sign", "sign_type"}})


def _pairs(parameters: Mapping[str, str]) -> str:
    return "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))


def sign(key: RSAPrivateKey, text: str) -> str:
    """The signature of a text, in base64. The same text has always the same."""
    return base64.b64encode(key.sign(text.encode(), PKCS1v15(), hashes.SHA256())).decode()


def verify(key: RSAPublicKey, signature: str, text: str) -> bool:
    """Whether the owner of ``key`` signed ``text``."""
    try:
        key.verify(base64.b64decode(signature, validate=True), text.encode(), PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def member_of(method: str) -> str:
    """The name of the member that answers a method.

    >>> member_of("alipay.trade.query")
    'alipay_trade_query_response'
    """
    return method.replace(".", "_") + "_response"


def read_answer(body: bytes, method: str) -> SignedAnswer:
    r"""An answer's parts. The text of a member is cut out of the body, not written anew: that is what was signed.

    Malformed where there is not exactly one answer to ``method``.

    >>> read_answer(b'{"sign":"c2ln", "alipay_trade_query_response" : {"a": [1.50], "b":2} }', "alipay.trade.query")
    SignedAnswer(text='{"a": [1.50], "b":2}', content={'a': ['1.50'], 'b': '2'}, signature='c2ln')
    """
    try:
        members = _members(body.decode())
    except (UnicodeDecodeError, JSONDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from None
    wanted = member_of(method)
    found = [members[name] for name in (wanted, ERROR_MEMBER) if name in members]
    signature = members.get("sign", ("", ""))[1]
    if len(found) != 1 or not isinstance(found[0][1], dict) or not isinstance(signature, str):
        raise Malformed(f"no {wanted}")
    text, content = found[0]
    return SignedAnswer(text, content, signature)


def _no_number(text: str) -> NoReturn:
    raise JSONDecodeError("not JSON", text, 0)


_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_number)
_BLANK = " \t\r\n"


def _members(text: str) -> dict[str, tuple[str, Any]]:
    """The members of a JSON object (RFC 8259, 4): the text of each value as it stands, and the value."""
    members: dict[str, tuple[str, Any]] = {}
    at = _expect(text, _skip(text, 0), "{")
    while True:
        name, at = _DECODER.raw_decode(text, _skip(text, at))
        if not isinstance(name, str) or name in members:
            raise JSONDecodeError("a member's name was expected", text, at)
        start = _skip(text, _expect(text, _skip(text, at), ":"))
        value, at = _DECODER.raw_decode(text, start)
        members[name] = (text[start:at], value)
        at = _skip(text, at)
        if text[at : at + 1] != ",":
            break
        at += 1
    if _skip(text, _expect(text, at, "}")) != len(text):
        raise JSONDecodeError("more than one value", text, at)
    return members


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise JSONDecodeError(f"{mark} was expected", text, at)
    return at + 1
