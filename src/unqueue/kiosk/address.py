"""Where the kiosk's own process is, for programs on the same machine."""

from unqueue.kernel.settings import Kiosk


def local_url(own: Kiosk) -> str:
    """The address of its screen.

    >>> local_url(Kiosk(id="kiosk-1", server_url="http://store", token="t", host="0.0.0.0"))
    'http://127.0.0.1:8200'
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(own.host, own.host)  # noqa: S104  # compared, not bound
    return f"http://{host}:{own.port}"
