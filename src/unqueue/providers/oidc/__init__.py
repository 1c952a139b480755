"""Head office's OpenID provider, which vouches for its people. docs/decisions/0018 says which library, and why."""

from collections.abc import Iterator

import httpx

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Objection, Settings
from unqueue.kernel.settings_staff import Oidc, is_safe
from unqueue.providers.oidc.client import OidcClient

_MEND = 'docs/guides/staff.md, "Head office", says where each key comes from.'


def open_oidc(
    settings: Oidc, clock: Clock, *, redirect_uri: str, transport: httpx.AsyncBaseTransport | None = None
) -> OidcClient | None:
    """The provider of the settings; None where there is none. ValueError where the secret's file can't be used."""
    if not settings.issuer:
        return None
    return OidcClient(settings, clock, secret=_secret(settings), redirect_uri=redirect_uri, transport=transport)


def check_settings(settings: Settings) -> Iterator[Objection]:
    """What is wrong with ``[staff.oidc]``: a rule for ``load_settings``."""
    oidc = settings.staff.oidc
    if not oidc.issuer:
        return
    if not is_safe(oidc.issuer):
        yield ("staff", "oidc", "issuer"), "head office's provider must be reached by https", _MEND
    if not oidc.client_id:
        yield ("staff", "oidc", "issuer"), "stands without client_id", _MEND
    if not oidc.roles:
        yield ("staff", "oidc", "issuer"), "stands without [staff.oidc.roles], so nobody would get in", _MEND
    if "openid" not in oidc.scope.split():
        yield ("staff", "oidc", "scope"), 'lacks "openid"', 'Write scope = "openid profile".'
    try:
        _secret(oidc)
    except ValueError as error:
        yield ("staff", "oidc", "client_secret_file"), str(error), _MEND


def _secret(oidc: Oidc) -> str:
    """The client's secret; empty for a public client, which has none."""
    if oidc.client_secret_file is None:
        return ""
    try:
        secret = oidc.client_secret_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{oidc.client_secret_file} can't be read") from error
    if not secret:
        raise ValueError(f"{oidc.client_secret_file} is empty")
    return secret
