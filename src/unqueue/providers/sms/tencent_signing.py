"""Tencent Cloud's request signature, version 3 (TC3-HMAC-SHA256), from its page "Signature v3"."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

ALGORITHM = "TC3-HMAC-SHA256"


def scope(at_s: int, service: str) -> str:
    """The credential's scope: the UTC day of ``at_s`` (seconds since 1970), and the service.

    >>> scope(1551113065, "cvm")
    '2019-02-25/cvm/tc3_request'
    """
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}/{service}/tc3_request"


def signature(secret: str, at_s: int, service: str, signed: Mapping[str, str], body: bytes) -> str:
    """The signature of a POST to ``/``, in lowercase hexadecimal.

    ``signed`` holds the headers that are signed, by their names in lower case, ``content-type`` and ``host`` among
    them. Values are signed in lower case.
    """
    names = sorted(signed)
    headers = "".join(f"{name}:{signed[name].strip().lower()}\n" for name in names)
    request = "\n".join(["POST", "/", "", headers, ";".join(names), hashlib.sha256(body).hexdigest()])
    within = scope(at_s, service)
    text = f"{ALGORITHM}\n{at_s}\n{within}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"TC3{secret}".encode()
    for part in within.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def authorization(secret_id: str, within: str, signed: Mapping[str, str], sign: str) -> str:
    """The header ``Authorization``; ``within`` is the :func:`scope`."""
    names = ";".join(sorted(signed))
    return f"{ALGORITHM} Credential={secret_id}/{within}, SignedHeaders={names}, Signature={sign}"
