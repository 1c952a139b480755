"""Where a station is, and where its server is: what the settings of all stations say alike."""

from typing import Protocol


class StationSettings(Protocol):
    """A lane's or a kiosk's own settings."""

    @property
    def id(self) -> str: ...

    @property
    def server_url(self) -> str: ...

    @property
    def token(self) -> str: ...

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


def local_url(own: StationSettings) -> str:
    """The address of a station's screen, for programs on the same machine.

    >>> from unqueue.kernel.settings import Kiosk
    >>> local_url(Kiosk(id="kiosk-1", server_url="http://store", token="t", host="0.0.0.0"))
    'http://127.0.0.1:8200'
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(own.host, own.host)  # noqa: S104  # compared, not bound
    return f"http://{host}:{own.port}"
