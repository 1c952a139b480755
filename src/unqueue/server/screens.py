"""The built web screens as the merchant server hands them out: handset, console, and the pay page of every order."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from litestar import Request, get, post
from litestar.datastructures import CacheControlHeader
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import File, Redirect
from litestar.router import Router
from litestar.static_files import create_static_files_router

WEB = Path(__file__).parent.parent / "web_dist"
# The order's token is in the address: nobody may learn it from a referrer or a cache.
_PRIVATE = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def screens() -> Sequence[HTTPRouteHandler | Router]:
    """The built web screens: handset, console, and the pay page under every order's address."""
    if not WEB.exists():
        return [home]
    shop = WEB / "shop" / "index.html"

    @get("/o/{token:str}", include_in_schema=False, sync_to_thread=False)
    def pay_page(token: FromPath[str]) -> File:  # noqa: ARG001  # the page itself reads it from its address
        return File(shop, media_type="text/html; charset=utf-8", content_disposition_type="inline", headers=_PRIVATE)

    return [
        home,
        pay_page,
        back_by_post,
        handset_back,
        handset_back_by_post,
        *(_screen(name) for name in ("handset", "console", "shop") if (WEB / name).exists()),
    ]


@get("/", include_in_schema=False, sync_to_thread=False)
def home() -> Redirect:
    return Redirect("/handset/")


@post("/o/{token:str}", status_code=303, include_in_schema=False, sync_to_thread=False)
def back_by_post(token: FromPath[str]) -> Redirect:
    """UnionPay's gateway returns the browser by POST. What it says is not believed: the page asks the server."""
    return Redirect(f"/o/{token}", status_code=303)


@post("/handset/back", status_code=303, include_in_schema=False, sync_to_thread=False)
def handset_back_by_post() -> Redirect:
    """The same for a payment that was begun on a handset."""
    return Redirect("/handset/", status_code=303)


@get("/handset/back", include_in_schema=False, sync_to_thread=False)
def handset_back() -> Redirect:
    """Where a provider sends the browser after paying on a handset."""
    return Redirect("/handset/")


def _screen(name: str) -> Router:
    def with_slash(request: Request[Any, Any, Any]) -> Redirect | None:
        """A screen's files stand beside it: without the slash at the end the browser would look for them elsewhere."""
        typed = request.scope["raw_path"].partition(b"?")[0]
        return Redirect(f"/{name}/", query_params=dict(request.query_params)) if typed == f"/{name}".encode() else None

    return create_static_files_router(
        path=f"/{name}",
        directories=[WEB / name],
        html_mode=True,
        before_request=with_slash,
        include_in_schema=False,
        cache_control=CacheControlHeader(no_cache=True),  # always asked again; unchanged files answer 304
    )
