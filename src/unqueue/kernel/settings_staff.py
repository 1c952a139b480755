"""How staff sign in to the console: the `[staff]` table of the settings."""

import ipaddress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from unqueue.kernel.settings_types import Name, OptionalHttpUrl

StaffRole = Literal["attendant", "supervisor", "manager", "it"]


class Oidc(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sign-in through head office's OpenID provider; without an `issuer` there is none.

    `roles` says which value of the claim `role_claim` is which role here; of several that a person has, the first of
    the table counts. Nobody gets in without one. `ca_file` holds the certificates of an authority of your own.
    """

    issuer: OptionalHttpUrl = ""
    client_id: str = ""
    client_secret_file: Path | None = None
    ca_file: Path | None = None
    scope: Name = "openid profile"
    role_claim: Name = "roles"
    roles: dict[str, StaffRole] = {}
    name_claim: Name = "name"
    zh: Name = "总部账号"
    en: Name = "head office"


class Staff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How staff sign in. `console_url` is where they open the console (empty: the store's `public_url`); passkeys hold
    for this address only. For the roles of `passkey_for` a PIN alone opens nothing.
    """

    console_url: OptionalHttpUrl = ""
    passkey_for: list[StaffRole] = []
    oidc: Oidc = Oidc()


def passkey_host(console_url: str) -> str:
    """The host that passkeys are bound to; empty where browsers make none: at an IP address, or without TLS.

    Source: Web Authentication Level 3, section 5.1.3: a valid domain, in a secure context (localhost is one).

    >>> [passkey_host(url) for url in ("https://store.example", "http://localhost:8000")]
    ['store.example', 'localhost']
    >>> [passkey_host(url) for url in ("https://192.168.1.7:8000", "http://store.example")]
    ['', '']
    """
    parts = urlsplit(console_url)
    host = (parts.hostname or "").lower()
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host if parts.scheme == "https" or is_local(host) else ""
    return ""


def origin_of(url: str) -> str:
    """The origin of an address (RFC 6454 section 6.2), as browsers name it: without the port that is usual anyway.

    >>> origin_of("https://Store.example:443/console"), origin_of("http://localhost:8000")
    ('https://store.example', 'http://localhost:8000')
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    named = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    return f"{parts.scheme}://{named}{port}"


def is_safe(url: str) -> bool:
    """Whether what is sent to an address stays between the two: https, or this very machine.

    >>> is_safe("https://login.example"), is_safe("http://localhost:8080/login"), is_safe("http://login.example")
    (True, True, False)
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_local(host)))


def is_local(host: str) -> bool:
    """Whether a host is this very machine, which needs no TLS.

    >>> [is_local(host) for host in ("localhost", "127.0.0.1", "::1", "till.localhost", "store.example")]
    [True, True, True, True, False]
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
