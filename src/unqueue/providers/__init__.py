"""Wallets and banks behind one port. Each kind is a folder; this is the list of kinds.

To add one, see docs/guides/add-a-provider.md.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Objection, Settings
from unqueue.kernel.settings import Provider as Account
from unqueue.providers import sandbox_wallet
from unqueue.providers.address import is_local
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


def open_providers(accounts: Iterable[Account], clock: Clock) -> dict[str, Provider]:
    """The providers of all accounts of the settings, by id. ValueError as in :func:`open_provider`."""
    return {account.id: open_provider(account, clock) for account in accounts}


def notify_bases(settings: Settings) -> dict[str, str]:
    """Where each provider, by id, reaches the server: at the store's public address, without a slash at its end.

    A provider on this very machine is told the server's own port instead: the public address may be one that only the
    shoppers' browsers know, or have a certificate that only they accepted.
    """
    server = settings.server
    host = "127.0.0.1" if server.host in {"0.0.0.0", "::", ""} else server.host  # noqa: S104  # compared, not bound
    own = f"http://[{host}]:{server.port}" if ":" in host else f"http://{host}:{server.port}"
    direct = server.port != 0 and server.tls_certificate_file is None
    return {
        account.id: own if direct and is_local(account.url) else settings.store.public_url
        for account in settings.payments.providers
    }


def check_settings(settings: Settings) -> Iterator[Objection]:
    """What is wrong with the accounts in the settings: a rule for ``load_settings``."""
    for index, account in enumerate(settings.payments.providers):
        if account.kind not in KINDS:
            known = ", ".join(sorted(KINDS))
            yield ("payments", "providers", index, "kind"), f'there is no kind "{account.kind}"', f"Known: {known}."
