"""Alibaba Cloud's request signature, version 3 (ACS3-HMAC-SHA256), from its page "Request structure and signature"."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"


def content_hash(body: bytes) -> str:
    """SHA-256 of a body in lowercase hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def canonical_query(parameters: Mapping[str, str]) -> str:
    """The query, sorted and percent-encoded as RFC 3986 has it; it is sent in this very form.

    >>> canonical_query({"b": "a b*~", "a": "茶"})
    'a=%E8%8C%B6&b=a%20b%2A~'
    """
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(parameters.items()))


def signature(secret: str, method: str, path: str, parameters: Mapping[str, str], signed: Mapping[str, str]) -> str:
    """The signature in lowercase hexadecimal.

    ``signed`` holds the headers that are signed, by their names in lower case: ``host``, and each that begins with
    ``x-acs-``; ``x-acs-content-sha256`` among them stands for the body.
    """
    names = sorted(signed)
    request = [
        method,
        path,
        canonical_query(parameters),
        "".join(f"{name}:{signed[name].strip()}\n" for name in names),
        ";".join(names),
        signed["x-acs-content-sha256"],
    ]
    text = f"{ALGORITHM}\n{content_hash(chr(10).join(request).encode())}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def authorization(key_id: str, signed: Mapping[str, str], sign: str) -> str:
    """The header ``Authorization``."""
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={';'.join(sorted(signed))},Signature={sign}"


def _encoded(text: str) -> str:
    return quote(text, safe="~")
