"""The certificates of a pretended gateway: a root, a middle authority, and what they vouch for."""

import secrets
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from unqueue.kernel.ids import new_token
from unqueue.providers.key_files import write_private

GATEWAY = "041@Z2026@00040000:SIGN@00000001"
"""The common name of the gateway's certificate in UnionPay's own test environment looks like this."""

_YEARS = timedelta(days=3650)
_KEY_BITS = 2048


class Identity(msgspec.Struct, frozen=True):
    """A certificate and its private key."""

    key: RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """The certificate in PEM, with the line ends that the gateway's own have."""
        text = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return text.strip().replace("\n", "\r\n")


def issue(common_name: str, issuer: Identity | None, now: datetime, *, authority: bool = False) -> Identity:
    """A new certificate, valid for ten years from yesterday on; without an issuer it signs itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Unqueue sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(1 + secrets.randbelow(10**11))  # certId is this in decimal: as many digits as the real ones
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _YEARS)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(issuer.key if issuer else key, hashes.SHA256())
    )
    return Identity(key, certificate)


class Authority:
    """The certificates in a directory, made when it is new: ``root.cer``, ``middle.cer`` and ``gateway.pem``."""

    def __init__(self, directory: Path, now: datetime) -> None:
        self._directory = directory
        self._now = now
        self.root_file, self.middle_file = directory / "root.cer", directory / "middle.cer"
        directory.mkdir(parents=True, exist_ok=True)
        self.gateway = self._kept("gateway") or self._found()

    def enrol(self, merchant_id: str) -> Path:
        """The certificate file of a merchant, made with its key and password beside it if it is new.

        ``<id>.pfx`` and ``<id>.password`` are what a store puts in its settings.
        """
        certificate_file = self._directory / f"{merchant_id}.cer"
        if not certificate_file.exists():
            middle = self._kept("middle")
            assert middle is not None, "the gateway's certificates are made first"
            made, password = issue(f"041@Z2026@{merchant_id}:SIGN@00000002", middle, self._now), new_token()
            pfx = pkcs12.serialize_key_and_certificates(
                merchant_id.encode(),
                made.key,
                made.certificate,
                None,
                serialization.BestAvailableEncryption(password.encode()),
            )
            write_private(self._directory / f"{merchant_id}.pfx", pfx)
            write_private(self._directory / f"{merchant_id}.password", password.encode() + b"\n")
            write_private(certificate_file, made.certificate.public_bytes(serialization.Encoding.PEM))
        return certificate_file

    def _found(self) -> Identity:
        """Make everything; the gateway's own file last, for it says that the rest is there."""
        root = issue("Unqueue sandbox root", None, self._now, authority=True)
        middle = issue("Unqueue sandbox middle", root, self._now, authority=True)
        gateway = issue(GATEWAY, middle, self._now)
        for file, identity in ((self.root_file, root), (self.middle_file, middle)):
            write_private(file, identity.certificate.public_bytes(serialization.Encoding.PEM))
        self._keep("middle", middle)
        self._keep("gateway", gateway)
        return gateway

    def _keep(self, name: str, identity: Identity) -> None:
        key = identity.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(
            self._directory / f"{name}.pem", key + identity.certificate.public_bytes(serialization.Encoding.PEM)
        )

    def _kept(self, name: str) -> Identity | None:
        file = self._directory / f"{name}.pem"
        if not file.exists():
            return None
        content = file.read_bytes()
        # It wrote the file itself, so it need not spend a tenth of a second on finding out whether the key is sound.
        key = serialization.load_pem_private_key(content, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, RSAPrivateKey), f"{file} was not written by this sandbox"
        return Identity(key, x509.load_pem_x509_certificate(content))
