"""HTTP of handed baskets: for the store's own pay kiosks."""

from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from unqueue.kernel.errors import NotFound
from unqueue.passes import baskets
from unqueue.server.access import Access
from unqueue.server.handovers.service import Handovers, TakenOver

AnyRequest = Request[Any, Any, State]


class Handed(msgspec.Struct, frozen=True):
    """The content of the parts that the kiosk collected, in base32 without padding."""

    basket: Annotated[str, msgspec.Meta(min_length=1, max_length=baskets.PART_BYTES * baskets.PARTS_MAX * 2)]


def routes(handovers: Handovers, access: Access) -> list[HTTPRouteHandler]:
    @post(
        "/api/kiosks/{kiosk:str}/baskets",
        status_code=200,
        tags=["kiosks"],
        responses={200: ResponseSpec(TakenOver, generate_examples=False)},
    )
    async def take_over(kiosk: FromPath[str], data: JSONBody[Handed], request: AnyRequest) -> TakenOver:
        """The order of a basket that a handset without a network showed. The same basket again: the same order."""
        device = await access.principal(request, "device")
        if device.id != kiosk or device.role != "kiosk":
            raise NotFound
        return await handovers.take_over(device, baskets.from_text(data.basket))

    return [take_over]
