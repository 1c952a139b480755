"""ID tokens, right and wrong ones. Written from the standards, without the library that reads them.

Source: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 section 3.3 (RS256), OpenID Connect Core 1.0 section 2.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Literal, get_args

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from unqueue.providers.key_files import new_rsa_key

LIFE_S = 300
Trouble = Literal[
    "none", "wrong_nonce", "no_nonce", "wrong_issuer", "wrong_audience", "two_audiences", "wrong_party", "expired",
    "of_the_future", "no_expiry", "no_subject", "unknown_key", "forged", "alg_none", "hs256_public_key", "other_alg",
    "garbage", "refused", "broken",
]  # fmt: skip
"""What a token may meet; ``refused`` and ``broken`` are the token endpoint's own."""
TROUBLES: tuple[Trouble, ...] = get_args(Trouble)


class SigningKey:
    """An RSA key, and the name that its token's header bears: the key's thumbprint (RFC 7638)."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self.key = key
        numbers = key.public_key().public_numbers()
        public = {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}
        self.key_id = url_safe(hashlib.sha256(_json(public)).digest())
        self.jwk = {**public, "kid": self.key_id, "use": "sig", "alg": "RS256"}

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """A compact JWS by RS256, whatever the header says."""
        signed = f"{url_safe(_json(header))}.{url_safe(_json(claims))}"
        return f"{signed}.{url_safe(self.key.sign(signed.encode(), PKCS1v15(), hashes.SHA256()))}"


def id_token(key: SigningKey, claims: dict[str, Any], trouble: Trouble) -> str:
    """A token of these claims, or what the trouble makes of it."""
    header: dict[str, Any] = {"alg": "RS256", "kid": key.key_id, "typ": "JWT"}
    now_s, bent = int(claims["iat"]), bent_claims(claims, trouble)
    match trouble:
        case "unknown_key" | "forged":
            named = key.key_id if trouble == "forged" else "nobody-knows"
            return SigningKey(new_rsa_key()).sign(header | {"kid": named}, bent)
        case "alg_none":
            return f"{url_safe(_json({'alg': 'none', 'typ': 'JWT'}))}.{url_safe(_json(bent))}."
        case "hs256_public_key":
            return _by_public_key(key, header | {"alg": "HS256"}, bent)
        case "garbage":
            return f"not.a.token.at.{now_s}"
        case _:
            return key.sign(header | {"alg": "PS256" if trouble == "other_alg" else "RS256"}, bent)


def bent_claims(claims: Mapping[str, Any], trouble: Trouble) -> dict[str, Any]:
    """The claims, with what is wrong with them."""
    now_s, client = int(claims["iat"]), claims["aud"]
    changes: dict[Trouble, dict[str, Any]] = {
        "wrong_nonce": {"nonce": "somebody else's"},
        "no_nonce": {"nonce": None},
        "wrong_issuer": {"iss": "https://elsewhere.example"},
        "wrong_audience": {"aud": "another-shop"},
        "two_audiences": {"aud": [client, "another-shop"]},
        "wrong_party": {"aud": [client, "another-shop"], "azp": "another-shop"},
        "expired": {"iat": now_s - 2 * LIFE_S, "exp": now_s - LIFE_S},
        "of_the_future": {"iat": now_s + 3600, "exp": now_s + 7200},
        "no_expiry": {"exp": None},
        "no_subject": {"sub": None},
    }
    return {name: value for name, value in {**claims, **changes.get(trouble, {})}.items() if value is not None}


def url_safe(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _by_public_key(key: SigningKey, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """The oldest trick: the public key, which everybody has, taken for a shared secret (RFC 8725 section 2.1)."""
    pem = key.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = f"{url_safe(_json(header))}.{url_safe(_json(claims))}"
    return f"{signed}.{url_safe(hmac.digest(pem, signed.encode(), 'sha256'))}"


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _number(value: int) -> str:
    return url_safe(value.to_bytes((value.bit_length() + 7) // 8, "big"))
