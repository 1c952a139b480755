"""What can be wrong with ``[staff]`` in the settings."""

from collections.abc import Iterator

from unqueue.kernel.settings import Objection, Settings
from unqueue.kernel.settings_staff import passkey_host


def console_url(settings: Settings) -> str:
    """Where staff open the console."""
    return settings.staff.console_url or settings.store.public_url


def check_settings(settings: Settings) -> Iterator[Objection]:
    """A rule for ``load_settings``: passkeys can only be asked for where browsers make them."""
    url = console_url(settings)
    if settings.staff.passkey_for and not passkey_host(url):
        mend = "Give console_url a name with https, such as https://store.example; an IP address won't do."
        yield ("staff", "passkey_for"), f"browsers make no passkeys at {url}", mend
