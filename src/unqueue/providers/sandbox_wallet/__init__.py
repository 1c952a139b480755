"""The sandbox wallet: a payment provider of our own, spoken to over HTTP like a real one."""

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.providers.sandbox_wallet.signing import Signer


def open_account(account: Account, clock: Clock) -> SandboxWallet:
    """The account of the settings. ValueError when a setting is missing or a key can't be read."""
    if not (account.url and account.merchant_id and account.private_key_file and account.provider_public_key_file):
        raise ValueError("a sandbox wallet needs url, merchant_id, private_key_file and provider_public_key_file")
    try:
        return SandboxWallet(
            provider_id=account.id,
            merchant_id=account.merchant_id,
            url=account.url,
            signer=Signer(signing.load_private_key(account.private_key_file)),
            wallet_key=signing.load_public_key(account.provider_public_key_file),
            clock=clock,
        )
    except OSError as error:
        raise ValueError(f"a key of {account.id} can't be read: {error}") from error
