"""The sandbox wallet: a payment provider of our own, spoken to over HTTP like a real one."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.providers.sandbox_wallet.signing import Signer


def open_account(account: Account, clock: Clock) -> SandboxWallet:
    """The account of the settings. ValueError when a setting is missing or a key can't be read."""
    signer, wallet_key = _keys(account)
    return SandboxWallet(
        provider_id=account.id,
        merchant_id=account.merchant_id,
        url=account.url,
        signer=signer,
        wallet_key=wallet_key,
        clock=clock,
    )


def check_account(account: Account) -> None:
    """ValueError when the account of the settings could not be opened, without opening it."""
    _keys(account)


def _keys(account: Account) -> tuple[Signer, Ed25519PublicKey]:
    private, public = account.private_key_file, account.provider_public_key_file
    if not (account.url and account.merchant_id and private and public):
        raise ValueError("a sandbox wallet needs url, merchant_id, private_key_file and provider_public_key_file")
    try:
        return Signer(signing.load_private_key(private)), signing.load_public_key(public)
    except OSError as error:
        raise ValueError(f"a key of {account.id} can't be read: {error}") from error
    except ValueError as error:
        raise ValueError(f"a key of {account.id} is not what it should be: {error}") from error
