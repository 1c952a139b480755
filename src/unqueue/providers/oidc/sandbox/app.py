"""The sandbox as a process: discovery, keys, the page where one picks who one is, and the token endpoint.

Source: OpenID Connect Core 1.0 section 3.1, Discovery 1.0, RFC 6749 sections 4.1 and 5, RFC 7636, RFC 9207.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlencode

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from litestar import Litestar, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from unqueue.kernel.clock import Clock, SystemClock
from unqueue.kernel.ids import same_secret
from unqueue.providers.key_files import ensure_key, new_rsa_key
from unqueue.providers.oidc.sandbox.options import PEOPLE, Employee, Options
from unqueue.providers.oidc.sandbox.page import STYLE, choose_page, wrong_page
from unqueue.providers.oidc.sandbox.tokens import LIFE_S, TROUBLES, SigningKey, Trouble, id_token, url_safe
from unqueue.providers.sandbox_kit.process import serve

AnyRequest = Request[Any, Any, Any]
CODE_LIFE_S = 60
_HTML = "text/html; charset=utf-8"


class Plan(msgspec.Struct, frozen=True):
    """What the next tokens meet, in order."""

    next: list[Trouble]


class Asked(msgspec.Struct, frozen=True):
    """An authorization request that can be answered."""

    redirect_uri: str
    state: str
    nonce: str
    challenge: str


class Granted(msgspec.Struct, frozen=True):
    """What a code stands for, until ``until_s``."""

    asked: Asked
    employee: Employee
    trouble: Trouble
    until_s: float


class HeadOffice:
    """``asgi`` is the application. ``listening`` tells it its own address, which is also its name (the issuer)."""

    def __init__(self, options: Options, *, clock: Clock | None = None) -> None:
        self._options = options
        self._clock = clock or SystemClock()
        self.issuer = options.public_url
        path = options.data_dir / "signing.key"
        ensure_key(path, new_rsa_key)
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
        assert isinstance(loaded, RSAPrivateKey)
        self.key = SigningKey(loaded)
        self._codes: dict[str, Granted] = {}
        self._troubles: list[Trouble] = []
        routes = [*self._documents(), *self._pages(), *self._for_testers()]
        self.asgi = Litestar(routes, openapi_config=None, logging_config=None, request_max_body_size=100_000)

    def listening(self, url: str) -> None:
        self.issuer = self._options.public_url or url

    def rotate(self) -> None:
        """Sign with a new key from now on, and forget the old one."""
        self.key = SigningKey(new_rsa_key())

    def plan(self, troubles: list[Trouble]) -> None:
        self._troubles = list(troubles)

    def _documents(self) -> list[HTTPRouteHandler]:
        @get("/.well-known/openid-configuration", sync_to_thread=False)
        def configuration() -> dict[str, Any]:
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }

        @get("/keys", sync_to_thread=False)
        def keys() -> dict[str, Any]:
            return {"keys": [self.key.jwk]}

        @post("/token", status_code=200)
        async def token(request: AnyRequest) -> Response[dict[str, Any]]:
            return self._exchange({**await request.form()}, request.headers.get("authorization", ""))

        return [configuration, keys, token]

    def _pages(self) -> list[HTTPRouteHandler]:
        @get("/authorize", sync_to_thread=False)
        def choose(request: AnyRequest) -> Response[str]:
            query = dict(request.query_params)
            if isinstance(asked := self._asked(query), str):
                return Response(wrong_page(asked), status_code=400, media_type=_HTML)
            english = request.headers.get("accept-language", "").startswith("en")
            return Response(choose_page(query, "en" if english else "zh"), media_type=_HTML, headers=_PRIVATE)

        @post("/authorize", status_code=303)
        async def chosen(request: AnyRequest) -> Response[str]:
            form = {name: str(value) for name, value in (await request.form()).items()}
            if isinstance(asked := self._asked(form), str):
                return Response(wrong_page(asked), status_code=400, media_type=_HTML)
            return Response("", status_code=303, headers={"location": self._answer(asked, form), **_PRIVATE})

        @get("/head-office.css", sync_to_thread=False)
        def style() -> Response[str]:
            return Response(STYLE, media_type="text/css; charset=utf-8")

        return [choose, chosen, style]

    def _for_testers(self) -> list[HTTPRouteHandler]:
        @post("/trouble", status_code=204, sync_to_thread=False)
        def trouble(data: JSONBody[Plan]) -> None:
            self.plan(data.next)

        @post("/rotate", status_code=204, sync_to_thread=False)
        def rotate() -> None:
            self.rotate()

        return [trouble, rotate]

    def _asked(self, query: dict[str, str]) -> Asked | str:
        """The request, or what is wrong with it: then the browser is sent nowhere (RFC 6749 section 4.1.2.1)."""
        if query.get("client_id") != self._options.client_id:
            return "client_id"
        if query.get("redirect_uri") != self._options.redirect_uri:
            return "redirect_uri"
        right = {"response_type": "code", "code_challenge_method": "S256"}
        for name, value in right.items():
            if query.get(name) != value:
                return name
        if "openid" not in query.get("scope", "").split():
            return "scope"
        if len(query.get("code_challenge", "")) != 43:
            return "code_challenge"
        return Asked(query["redirect_uri"], query.get("state", ""), query.get("nonce", ""), query["code_challenge"])

    def _answer(self, asked: Asked, form: dict[str, str]) -> str:
        """Where the browser goes back to: with a code, or with a refusal."""
        employee = next((one for one in PEOPLE if one.subject == form.get("subject")), None)
        told = {"state": asked.state, "iss": self.issuer}
        if employee is None:
            return f"{asked.redirect_uri}?{urlencode({'error': 'access_denied', **told})}"
        chosen = form.get("trouble", "none")
        trouble: Trouble = next((one for one in TROUBLES if one == chosen), "none")
        code = secrets.token_urlsafe(24)
        self._codes[code] = Granted(asked, employee, trouble, self._now_s() + CODE_LIFE_S)
        return f"{asked.redirect_uri}?{urlencode({'code': code, **told})}"

    def _exchange(self, form: dict[str, Any], authorization: str) -> Response[dict[str, Any]]:
        if not self._is_client(form, authorization):
            return _error("invalid_client", 401)
        granted = self._codes.pop(str(form.get("code")), None)  # once, whatever comes of it
        if granted is None or granted.until_s < self._now_s() or form.get("grant_type") != "authorization_code":
            return _error("invalid_grant")
        verified = url_safe(hashlib.sha256(str(form.get("code_verifier")).encode()).digest())
        if form.get("redirect_uri") != granted.asked.redirect_uri or verified != granted.asked.challenge:
            return _error("invalid_grant")
        trouble = self._troubles.pop(0) if self._troubles else granted.trouble
        if trouble == "refused":
            return _error("access_denied")
        if trouble == "broken":
            return _error("server_error", 500)
        token = id_token(self.key, self._claims(granted), trouble)
        body = {"token_type": "Bearer", "access_token": secrets.token_urlsafe(16), "id_token": token}
        return Response(body, headers={"cache-control": "no-store"})

    def _claims(self, granted: Granted) -> dict[str, Any]:
        now_s = int(self._now_s())
        employee = granted.employee
        return {
            "iss": self.issuer,
            "sub": employee.subject,
            "aud": self._options.client_id,
            "iat": now_s,
            "exp": now_s + LIFE_S,
            "nonce": granted.asked.nonce,
            "name": employee.name,
            "roles": employee.roles,
        }

    def _is_client(self, form: dict[str, Any], authorization: str) -> bool:
        """RFC 6749 section 2.3.1: by HTTP Basic, or in the form."""
        client, secret = str(form.get("client_id", "")), str(form.get("client_secret", ""))
        scheme, _, told = authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                client, _, secret = base64.b64decode(told, validate=True).decode().partition(":")
            except ValueError:
                return False
            client, secret = unquote(client), unquote(secret)
        return same_secret(client, self._options.client_id) and same_secret(secret, self._options.client_secret)

    def _now_s(self) -> float:
        return self._clock.now().timestamp()


_PRIVATE = {"cache-control": "no-store"}


def _error(code: str, status: int = 400) -> Response[dict[str, Any]]:
    """RFC 6749 section 5.2."""
    return Response({"error": code}, status_code=status, headers=_PRIVATE)


async def run(options: Options, announce: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` is told where it is, once it answers."""
    office = HeadOffice(options)
    where = {"device": "oidc", "url": ""}

    def listening(url: str) -> None:
        office.listening(url)
        where["url"] = url

    def up() -> None:
        announce({**where, "issuer": office.issuer})

    await serve(office.asgi, options.host, options.port, listening, up)
