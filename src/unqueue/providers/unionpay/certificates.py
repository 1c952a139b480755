"""Whose certificate it is: a message brings its signer's certificate along, and this says whether to believe it.

Certificates of UnionPay's own authorities were signed with SHA-1 for many years, and some still are in use, which is
why X.509 libraries of today refuse them. The rules of RFC 5280 (section 6.1) that matter for a chain of three
certificates, of which two lie in the store's own settings, are therefore written out here.
"""

import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Literal, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

T = TypeVar("T")
Environment = Literal["production", "test"]

OWNER = "中国银联股份有限公司"
OWNERS: dict[Environment, frozenset[str]] = {
    "production": frozenset({OWNER}),
    "test": frozenset({OWNER, "00040000:SIGN"}),
}
"""The third part of the common name (``041@8310000000083040@中国银联股份有限公司@00016494``) of who may sign: every
other customer of the same authority has a certificate from the same chain.
"""

_HASHES: dict[x509.ObjectIdentifier, hashes.HashAlgorithm] = {
    SignatureAlgorithmOID.RSA_WITH_SHA1: hashes.SHA1(),  # noqa: S303  # see above: CFCA's older authorities
    SignatureAlgorithmOID.RSA_WITH_SHA256: hashes.SHA256(),
    SignatureAlgorithmOID.RSA_WITH_SHA384: hashes.SHA384(),
    SignatureAlgorithmOID.RSA_WITH_SHA512: hashes.SHA512(),
}
_KEY_BITS_MIN = 2048
_CERTIFICATE_CHARS_MAX = 10_000
_REMEMBERED_MAX = 16


class Untrusted(Exception):
    """The certificate is not that of a gateway we know; the text says why."""


class Chain:
    """Believes what the root's and a middle authority's certificates vouch for.

    ``middles`` may be several: the gateway changes its authority from time to time. ValueError where they do not
    belong together.
    """

    def __init__(self, root: x509.Certificate, middles: Sequence[x509.Certificate], environment: Environment) -> None:
        if not middles:
            raise ValueError("there is no middle certificate")
        try:
            for certificate in (root, *middles):
                _judge(partial(_check_issued, certificate, root))
        except Untrusted as error:
            raise ValueError(f"the root and middle certificates do not belong together: {error}") from None
        self._root = root
        self._middles = tuple(middles)
        self._owners = OWNERS[environment]
        self._known: dict[str, tuple[x509.Certificate, x509.Certificate]] = {}

    def key_of(self, pem: str, now: datetime) -> RSAPublicKey:
        """The public key of a gateway's signing certificate. Untrusted."""
        known = self._known.get(pem)
        if known is None:
            known = _judge(lambda: self._examine(pem))
            if len(self._known) >= _REMEMBERED_MAX:
                self._known.clear()
            self._known[pem] = known
        leaf, middle = known
        for certificate in (leaf, middle, self._root):
            if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
                raise Untrusted("a certificate of the chain is not valid now")
        return _rsa_key(leaf)

    def _examine(self, pem: str) -> tuple[x509.Certificate, x509.Certificate]:
        leaf = _read(pem)
        middle = next((each for each in self._middles if each.subject == leaf.issuer), None)
        if middle is None:
            raise Untrusted("it was issued by somebody else")
        _check_issued(leaf, middle)
        _check_purpose(leaf)
        _rsa_key(leaf)
        if owner_of(leaf) not in self._owners:
            raise Untrusted("it belongs to somebody else")
        return leaf, middle


def owner_of(certificate: x509.Certificate) -> str:
    """The third of the four parts of the common name, between ``@`` signs; empty where there is none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    parts = str(names[0].value).split("@") if len(names) == 1 else []
    return parts[2] if len(parts) > 2 else ""


def _judge(work: Callable[[], T]) -> T:
    """A certificate is read bit by bit, when something of it is asked for. Any bit may turn out to be rubbish, and the
    library then raises errors of many kinds.
    """
    try:
        return work()
    except Untrusted:
        raise
    except Exception as error:
        raise Untrusted("it can't be read") from error


def _read(pem: str) -> x509.Certificate:
    if len(pem) > _CERTIFICATE_CHARS_MAX:
        raise Untrusted("it is too long")
    with warnings.catch_warnings():  # what the library only warns of today is refused, too
        warnings.simplefilter("error", CryptographyDeprecationWarning)
        certificates = x509.load_pem_x509_certificates(pem.encode())
    if len(certificates) != 1:
        raise Untrusted("it is not one certificate")
    return certificates[0]


def _check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """RFC 5280, 6.1.3 (a)(1), (a)(4) and 6.1.4 (k), (n): named, signed, and by one who may."""
    if certificate.issuer != issuer.subject:
        raise Untrusted("it names another issuer")
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        raise Untrusted("its issuer is no authority") from None
    if not (constraints.ca and usage.key_cert_sign):
        raise Untrusted("its issuer is no authority")
    algorithm = _HASHES.get(certificate.signature_algorithm_oid)
    if algorithm is None:
        raise Untrusted("it is signed in a way that we do not know")
    try:
        _rsa_key(issuer).verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        raise Untrusted("its issuer did not sign it") from None


def _check_purpose(leaf: x509.Certificate) -> None:
    """RFC 5280, 4.2.1.3 and 4.2.1.9: it may sign messages, and is no authority itself."""
    for extension in leaf.extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            raise Untrusted("it is an authority's")
        if isinstance(value, x509.KeyUsage) and not value.digital_signature:
            raise Untrusted("it is not for signing")


def _rsa_key(certificate: x509.Certificate) -> RSAPublicKey:
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < _KEY_BITS_MIN:
        raise Untrusted("its key is not RSA of at least 2048 bits")
    return key
