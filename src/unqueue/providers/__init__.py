"""Wallets and banks behind one port. Each kind is a folder; this is the list of kinds.

To add one, see docs/guides/add-a-provider.md.
"""

from collections.abc import Callable, Iterator, Mapping

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Objection, Settings
from unqueue.kernel.settings import Provider as Account
from unqueue.providers import sandbox_wallet
from unqueue.providers.port import Provider

Factory = Callable[[Account, Clock], Provider]

KINDS: Mapping[str, Factory] = {"sandbox_wallet": sandbox_wallet.open_account}
"""``kind`` in ``[[payments.providers]]`` → what opens an account of it; ValueError says what its settings lack."""


def open_provider(account: Account, clock: Clock) -> Provider:
    """The provider of an account of the settings. ValueError where the account can't be used as it is written."""
    factory = KINDS.get(account.kind)
    if factory is None:
        raise ValueError(f"there is no provider of the kind {account.kind}")
    return factory(account, clock)


def check_settings(settings: Settings) -> Iterator[Objection]:
    """What is wrong with the accounts in the settings: a rule for ``load_settings``."""
    for index, account in enumerate(settings.payments.providers):
        if account.kind not in KINDS:
            known = ", ".join(sorted(KINDS))
            yield ("payments", "providers", index, "kind"), f'there is no kind "{account.kind}"', f"Known: {known}."
