"""What is on offer, over HTTP."""

import httpx
import pytest

pytestmark = pytest.mark.anyio


async def test_everyone_may_know_what_is_on_offer(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/promotions")
    assert answer.status_code == 200
    assert answer.json()[-1] == {
        "promotion_id": "tea-second-half",
        "zh": "第二件半价",
        "en": "Second at half price",
        "members_only": False,
        "valid_until": None,
    }
    assert len((await http.get("/api/promotions", params={"limit": 1})).json()) == 1
    refused = await http.get("/api/promotions", params={"limit": 0})
    assert refused.status_code == 400
    assert refused.headers["content-type"].startswith("application/problem+json")
