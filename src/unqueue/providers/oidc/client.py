"""This store as a client of an OpenID provider: authorization code flow with PKCE.

Source: OpenID Connect Core 1.0 section 3.1, OpenID Connect Discovery 1.0, RFC 6749 (OAuth 2.0), RFC 7636 (PKCE).
"""

import asyncio
import base64
import hashlib
import logging
import ssl
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings_staff import Oidc, is_safe
from unqueue.providers.oidc.id_token import Expected, Jwk, KeyUnknown, Person, read_id_token
from unqueue.providers.oidc.refusals import HeadOfficeAway, HeadOfficeRefused, IdTokenInvalid

_log = logging.getLogger(__name__)
TIMEOUT_S = 8.0
ANSWER_BYTES_MAX = 500_000
KEPT_S = 3600
"""How long the provider's document and keys are believed without looking again."""
KEYS_AGAIN_S = 30
"""A token with an unknown key makes us look for new keys, at most this often."""
_AT_ONCE = 4

T = TypeVar("T")


class Metadata(msgspec.Struct, frozen=True):
    """What we need of a discovery document (OpenID Connect Discovery 1.0 section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: list[str] = msgspec.field(default_factory=lambda: ["client_secret_basic"])


class _Keys(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


class OidcClient:
    """One client at one provider. ``redirect_uri`` is where the browser comes back to, as registered there."""

    def __init__(
        self,
        settings: Oidc,
        clock: Clock,
        *,
        secret: str,
        redirect_uri: str,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.issuer = settings.issuer
        self._settings = settings
        self._clock = clock
        self._secret = secret
        self._redirect_uri = redirect_uri
        self._transport = transport
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, list[dict[str, Any]]] | None = None
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def authorization_url(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to sign in. HeadOfficeAway."""
        metadata = await self._described()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self._settings.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        separator = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
        return f"{metadata.authorization_endpoint}{separator}{urlencode(asked)}"

    async def person(self, code: str, *, nonce: str, verifier: str) -> Person:
        """Whom a code stands for, by the ID token that it is exchanged for. HeadOfficeAway, HeadOfficeRefused."""
        async with self._at_once:
            token = await self._exchange(code, verifier)
            try:
                return await self._read(token, nonce)
            except IdTokenInvalid as error:
                _log.warning("an ID token of %s was refused: %s", self.issuer, error)
                raise HeadOfficeRefused from error

    async def _read(self, token: str, nonce: str) -> Person:
        issuer = (await self._described()).issuer
        expected = Expected(issuer, self._settings.client_id, nonce, self._now_s())
        try:
            return read_id_token(token, await self._known_keys(), expected)
        except KeyUnknown:
            if self._keys is not None and self._now_s() - self._keys[0] < KEYS_AGAIN_S:
                raise
            self._keys = None
            return read_id_token(token, await self._known_keys(), expected)

    async def _exchange(self, code: str, verifier: str) -> str:
        """RFC 6749 section 4.1.3. The client names itself as the provider wants it, with the secret it may have."""
        metadata = await self._described()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Accept": "application/json"}
        supported = metadata.token_endpoint_auth_methods_supported
        if self._secret and ("client_secret_basic" in supported or "client_secret_post" not in supported):
            both = f"{quote(self._settings.client_id, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        else:
            form["client_id"] = self._settings.client_id
            if self._secret:
                form["client_secret"] = self._secret
        status, body = await self._ask("POST", metadata.token_endpoint, data=form, headers=headers)
        if 400 <= status < 500:
            _log.warning("%s refused a code: %d %s", self.issuer, status, body[:300])
            raise HeadOfficeRefused
        return self._decoded(status, body, _Tokens).id_token

    async def _described(self) -> Metadata:
        if self._metadata is not None and self._now_s() - self._metadata[0] < KEPT_S:
            return self._metadata[1]
        url = f"{self.issuer}/.well-known/openid-configuration"
        metadata = self._decoded(*await self._ask("GET", url), Metadata)
        addresses = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri)
        # Some providers end their name with a slash, which a setting never does.
        if metadata.issuer.removesuffix("/") != self.issuer or not all(map(is_safe, addresses)):
            _log.error("%s describes itself as %s, with %s", self.issuer, metadata.issuer, addresses)
            raise HeadOfficeAway
        self._metadata = (self._now_s(), metadata)
        return metadata

    async def _known_keys(self) -> list[Jwk]:
        if self._keys is None or self._now_s() - self._keys[0] >= KEPT_S:
            metadata = await self._described()
            keys = self._decoded(*await self._ask("GET", metadata.jwks_uri), _Keys).keys
            self._keys = (self._now_s(), keys)
        return list(self._keys[1])

    async def _ask(self, method: str, url: str, **request: Any) -> tuple[int, bytes]:
        """The status and body of an answer. HeadOfficeAway where there is none."""
        try:
            async with (
                httpx.AsyncClient(timeout=TIMEOUT_S, transport=self._transport, verify=self._tls()) as client,
                client.stream(method, url, **request) as response,
            ):
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > ANSWER_BYTES_MAX:
                        raise httpx.DecodingError("too long", request=response.request)
                return response.status_code, body
        except (httpx.HTTPError, OSError) as error:  # OSError: ca_file, or what it holds
            _log.warning("%s can't be reached at %s: %r", self.issuer, url, error)
            raise HeadOfficeAway from error

    def _tls(self) -> ssl.SSLContext | bool:
        file = self._settings.ca_file
        return ssl.create_default_context(cafile=file) if file is not None else True

    def _decoded(self, status: int, body: bytes, kind: type[T]) -> T:
        if status != 200:
            _log.warning("%s answers %d: %s", self.issuer, status, body[:300])
            raise HeadOfficeAway
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            _log.warning("%s answers what is no %s: %s", self.issuer, kind.__name__, error)
            raise HeadOfficeAway from error

    def _now_s(self) -> float:
        return self._clock.now().timestamp()


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2; the example is its appendix B).

    >>> challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    """
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
