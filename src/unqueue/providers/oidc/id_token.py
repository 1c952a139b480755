"""Whether an ID token proves who somebody is: signature, issuer, audience, time, nonce.

Source: OpenID Connect Core 1.0 (incorporating errata set 2), section 3.1.3.7; RFC 8725 (best practice for JWTs). The
signature is PyJWT's to check; the key and the algorithm are chosen here, never by the token alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jwt
import msgspec

from unqueue.kernel.ids import same_secret
from unqueue.providers.oidc.refusals import IdTokenInvalid

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""What a token may be signed with: public keys only, never a shared secret, never nothing (RFC 8725 section 3.1)."""
LEEWAY_S = 60
"""How far two clocks may be apart."""
TOKEN_CHARS_MAX = 16_000
_REQUIRED = ["iss", "sub", "aud", "exp", "iat"]
_KEY_TYPE = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}

Jwk = Mapping[str, Any]


class KeyUnknown(IdTokenInvalid):
    """No key of the provider fits: it may have a new one."""


class Person(msgspec.Struct, frozen=True):
    """Whom the provider vouches for: its own name for the person, and all claims."""

    subject: str
    claims: dict[str, Any]

    def texts(self, claim: str) -> tuple[str, ...]:
        """The values of a claim that holds a text or a list of texts; none where it holds anything else.

        >>> Person("1", {"roles": ["a", 5, "b"], "name": "Li"}).texts("roles")
        ('a', 'b')
        >>> Person("1", {"roles": ["a"], "name": "Li"}).texts("name")
        ('Li',)
        """
        found = self.claims.get(claim)
        values = found if isinstance(found, list) else [found]
        return tuple(value for value in values if isinstance(value, str) and value)


class Expected(msgspec.Struct, frozen=True):
    """What a token has to say; ``now_s`` is the time in seconds since 1970."""

    issuer: str
    client_id: str
    nonce: str
    now_s: float


def read_id_token(token: str, keys: Sequence[Jwk], expected: Expected) -> Person:
    """The person whom a token proves. IdTokenInvalid; KeyUnknown where newer keys might help."""
    if len(token) > TOKEN_CHARS_MAX:
        raise IdTokenInvalid("too long")
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise IdTokenInvalid(f"signed with {algorithm!r}")
        key = jwt.PyJWK(dict(_fitting(keys, header.get("kid"), algorithm)), algorithm=algorithm)
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=expected.client_id,
            issuer=expected.issuer,
            options={  # time is looked at below, by the store's own clock
                "require": _REQUIRED,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "enforce_minimum_key_length": True,
            },
        )
    except jwt.PyJWTError as error:
        raise IdTokenInvalid(f"{type(error).__name__}: {error}") from error
    _check_party(claims, expected.client_id)
    _check_time(claims, expected.now_s)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not same_secret(nonce, expected.nonce):
        raise IdTokenInvalid("another nonce")
    if not claims["sub"]:
        raise IdTokenInvalid("no subject")
    return Person(claims["sub"], claims)


def _fitting(keys: Sequence[Jwk], key_id: object, algorithm: str) -> Jwk:
    """The provider's key for a token: of its id, or the only one of its kind where it names none."""
    kind = _KEY_TYPE[algorithm[:2]]
    fitting = [
        key
        for key in keys
        if key.get("kty") == kind
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (key_id is None or key.get("kid") == key_id)
    ]
    if len(fitting) != 1:
        raise KeyUnknown(f"{len(fitting)} keys fit {key_id!r} and {algorithm}")
    return fitting[0]


def _check_party(claims: Mapping[str, Any], client_id: str) -> None:
    """Clauses 3 to 5: a token for several has to say that it was made for us."""
    audience = claims["aud"]
    party = claims.get("azp")
    if isinstance(audience, list) and len(audience) > 1 and party is None:
        raise IdTokenInvalid("several audiences, and no azp")
    if party is not None and party != client_id:
        raise IdTokenInvalid("made for another party (azp)")


def _check_time(claims: Mapping[str, Any], now_s: float) -> None:
    """Clauses 9 and 10, and RFC 7519 section 4.1.5."""
    times = {name: claims.get(name) for name in ("exp", "iat", "nbf") if name in claims}
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in times.values()):
        raise IdTokenInvalid("times that are no numbers")
    if claims["exp"] <= now_s - LEEWAY_S:
        raise IdTokenInvalid("expired")
    if claims["iat"] > now_s + LEEWAY_S or claims.get("nbf", 0) > now_s + LEEWAY_S:
        raise IdTokenInvalid("of the future")
