"""The signing key is made once, stays, and is nobody else's."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from unqueue.server.exits.keys import FILE_NAME, KeyUnusable, signing_key


def test_a_key_is_made_once_and_kept(tmp_path: Path) -> None:
    first = signing_key(tmp_path / "keys")
    assert signing_key(tmp_path / "keys").private_bytes_raw() == first.private_bytes_raw()
    assert signing_key(tmp_path / "others").private_bytes_raw() != first.private_bytes_raw()


def test_only_the_servers_user_can_read_it(tmp_path: Path) -> None:
    signing_key(tmp_path)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    (tmp_path / FILE_NAME).chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        signing_key(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ],
)
def test_something_else_in_its_place_is_said_and_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyUnusable, match="key"):
        signing_key(tmp_path)
    assert path.read_bytes() == content
