"""The HTTP interface of a store in a test, without a network.

To put a store's two hundred routes together takes as long as all the rest of opening it. So it is done once for all
stores whose routes are the same, and each request reaches the store that it was sent to: the routes know their store
through stand-ins, which are told with each request whom they stand for.
"""

from contextvars import ContextVar
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import Receive, Scope, Send

from unqueue.kernel.settings import Settings
from unqueue.server.app import MerchantServer, routed
from unqueue.server.trips.door import ScanDoor

_served: ContextVar[MerchantServer | None] = ContextVar("served", default=None)
_routed: dict[Any, Litestar] = {}


class Behind:
    """Stands for a part of whichever store is asked. While no store is asked it tells of parts of that part."""

    def __init__(self, *path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        if _served.get() is None:
            return Behind(*self._path, name)
        return getattr(self._found(), name)

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        return self._found()(*arguments, **more)

    def _found(self) -> Any:
        found: Any = _served.get()
        assert found is not None, f"{'.'.join(self._path)} is called while the routes are put together"
        for name in self._path:
            found = getattr(found, name)
        return found


class _AnyStore:
    """Stands for the whole store. What it lacks, the routes know when they are put together."""

    def __init__(self, settings: Settings, lacks: frozenset[str]) -> None:
        self.settings = settings
        self._lacks = lacks

    def __getattr__(self, name: str) -> Any:
        return None if name in self._lacks else Behind(name)

    def handlers(self) -> list[HTTPRouteHandler]:
        return MerchantServer.handlers(self)  # type: ignore[arg-type]  # that is the point of it


def application(server: MerchantServer) -> ScanDoor:
    """The ASGI application of a server, as :func:`unqueue.server.app.application` makes it. It is not started by it."""
    lacks = frozenset(name for name, part in vars(server).items() if part is None and not name.startswith("_"))
    store = server.settings.store
    key = (lacks, store.currency, store.time_zone)
    if key not in _routed:
        _routed[key] = routed(_AnyStore(server.settings, lacks))  # type: ignore[arg-type]
    shared = _routed[key]

    async def reach(scope: Scope, receive: Receive, send: Send) -> None:
        before = _served.set(server)
        try:
            await shared(scope, receive, send)
        finally:
            _served.reset(before)

    return ScanDoor(reach, server.trips)  # type: ignore[arg-type]
