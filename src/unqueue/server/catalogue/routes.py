"""HTTP of the catalogue: the shelf, its departments, and barcodes. Nothing here is secret, so no token is asked for."""

from typing import Annotated

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from unqueue.server.catalogue.barcodes import Symbology
from unqueue.server.catalogue.service import Catalogue, Department, ShelfPage, WeighedLabel

_DRAWING_HEADERS = {
    "Cache-Control": "public, max-age=86400",
    # The drawing is an image; opened as a page of its own it may do nothing.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


def routes(catalogue: Catalogue) -> list[HTTPRouteHandler]:
    @get("/api/catalogue/products", tags=["catalogue"])
    async def browse(
        words: Annotated[str, QueryParameter(name="query", max_length=100)] = "",
        category: Annotated[str | None, QueryParameter(max_length=64)] = None,
        page: Annotated[int, QueryParameter(ge=1, le=1000)] = 1,
    ) -> ShelfPage:
        """What can be bought, by department and words, sixty to a page."""
        return await catalogue.browse(words, category, page)

    @get("/api/catalogue/categories", tags=["catalogue"])
    async def departments() -> list[Department]:
        """The departments that have goods to buy."""
        return await catalogue.departments()

    @get("/api/catalogue/products/{gtin:str}/label", tags=["catalogue"])
    async def label(gtin: FromPath[str], weight_g: Annotated[int, QueryParameter(ge=1, le=99_999)]) -> WeighedLabel:
        """What the counter's scale prints for so many grams of weighed goods."""
        return await catalogue.label(gtin, weight_g)

    @get("/api/catalogue/barcodes/{name:str}", tags=["catalogue"], media_type=MediaType.TEXT, sync_to_thread=False)
    def barcode(name: FromPath[str], symbology: FromQuery[Symbology | None] = None) -> Response[bytes]:
        """The barcode of `<code>.svg`: digits or GS1 element strings in brackets, in the symbology asked for."""
        drawn = catalogue.draw(name.removesuffix(".svg"), symbology)
        return Response(drawn.encode(), media_type="image/svg+xml", headers=_DRAWING_HEADERS)

    return [browse, departments, label, barcode]
