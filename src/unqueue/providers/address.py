"""Where a provider is."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_local(url: str) -> bool:
    """Whether an address is on this machine.

    >>> is_local("http://127.0.0.1:8300"), is_local("http://[::1]/"), is_local("https://pay.example")
    (True, True, False)
    """
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
