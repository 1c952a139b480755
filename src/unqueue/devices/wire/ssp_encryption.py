"""eSSP: how SSP data is encrypted, and how both ends come to a key. Without I/O and chance.

Source: ITL, SSP Protocol Manual GA138 (2.2.2), "Encryption Layer" and "Encryption Keys". The manual leaves open how
the packet count goes on; libitlssp and kybarg/encrypted-smiley-secure-protocol agree: the host's first packet after the
key exchange has count 0, its answer 1, the next packet 1, its answer 2.

The key of 64 negotiated bits out of small primes keeps nobody out who listens to the exchange. It is what the device
wants before it pays, no more; the line belongs inside the locked kiosk.
"""

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from unqueue.devices.wire.ssp import DATA_LENGTH_MAX, crc16

STEX = 0x7E
FIXED_KEY_DEFAULT = 0x0123456701234567
_BLOCK = 16
_HEAD_LENGTH = 5  # length and count
_CRC_LENGTH = 2
_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


class Decrypted(msgspec.Struct, frozen=True):
    """What was in an encrypted packet."""

    data: bytes
    count: int


def is_prime(number: int) -> bool:
    """Whether a number of at most 64 bits is prime (Miller-Rabin; these witnesses decide it for certain).

    >>> is_prime(982451653), is_prime(982451655)
    (True, False)
    """
    if number < 2 or any(number % witness == 0 and number != witness for witness in _WITNESSES):
        return False
    if number in _WITNESSES:
        return True
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_passes(number, pow(witness, odd, number), twos) for witness in _WITNESSES)


def _passes(number: int, power: int, twos: int) -> bool:
    if power in {1, number - 1}:
        return True
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False


def prime_from(number: int) -> int:
    """The first prime from this number on."""
    number |= 1
    while not is_prime(number):
        number += 2
    return number


class KeyExchange(msgspec.Struct, frozen=True):
    """Diffie-Hellman, either side. `secret` is random, and never sent. The generator must be the larger prime.

    >>> host, slave = KeyExchange(982451653, 1287821, 12345), KeyExchange(982451653, 1287821, 54321)
    >>> host.key_half(slave.intermediate) == slave.key_half(host.intermediate)
    True
    """

    generator: int
    modulus: int
    secret: int

    @property
    def intermediate(self) -> int:
        """What the other side gets."""
        return pow(self.generator, self.secret, self.modulus)

    def key_half(self, intermediate: int) -> int:
        """The negotiated half of the key, from what the other side sent."""
        return pow(intermediate, self.secret, self.modulus)


def session_key(negotiated: int, fixed: int = FIXED_KEY_DEFAULT) -> bytes:
    """The AES-128 key: the fixed half, then the negotiated one, both low byte first.

    >>> session_key(0x0DE5FA5E).hex()
    '67452301674523015efae50d00000000'
    """
    return fixed.to_bytes(8, "little") + negotiated.to_bytes(8, "little")


def encrypted_length(length: int) -> int:
    """How many bytes of packet data this many bytes become."""
    return 1 + -(-(length + _HEAD_LENGTH + _CRC_LENGTH) // _BLOCK) * _BLOCK


def encrypt(data: bytes, count: int, key: bytes, padding: bytes) -> bytes:
    r"""Packet data that only the key's owner can read. `padding` is random, 15 bytes of it or more.

    >>> encrypt(b"\x06\x06", 0, session_key(0x0DE5FA5E), bytes(16)).hex()
    '7e8601f3a785ec6f4b3d0ff0fed48d1664'
    """
    plain = bytes([len(data)]) + (count & 0xFFFFFFFF).to_bytes(4, "little") + data
    needed = encrypted_length(len(data)) - 1 - _CRC_LENGTH - len(plain)
    assert needed <= len(padding), "too little padding"
    assert encrypted_length(len(data)) <= DATA_LENGTH_MAX, "more data than an encrypted packet holds"
    plain += padding[:needed]
    encryptor = Cipher(algorithms.AES(key), _mode()).encryptor()
    return bytes([STEX]) + encryptor.update(plain + crc16(plain)) + encryptor.finalize()


def decrypt(data: bytes, key: bytes) -> Decrypted | None:
    """What packet data says that begins with STEX; None when it was not encrypted with this key."""
    if len(data) < 1 + _BLOCK or data[0] != STEX or (len(data) - 1) % _BLOCK:
        return None
    decryptor = Cipher(algorithms.AES(key), _mode()).decryptor()
    plain = decryptor.update(data[1:]) + decryptor.finalize()
    length = plain[0]
    if crc16(plain[:-_CRC_LENGTH]) != plain[-_CRC_LENGTH:] or _HEAD_LENGTH + length + _CRC_LENGTH > len(plain):
        return None
    return Decrypted(plain[_HEAD_LENGTH : _HEAD_LENGTH + length], int.from_bytes(plain[1:_HEAD_LENGTH], "little"))


def _mode() -> modes.ECB:
    return modes.ECB()  # noqa: S305  # the protocol's own choice; count and padding make equal blocks rare
