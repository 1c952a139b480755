"""What a phone of 360 × 740 shows without scrolling, in both languages."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect
from tests.support.browsers import Shop

pytestmark = pytest.mark.browser


def pull_trigger(page: Page, code: str) -> None:
    page.evaluate(
        """code => { for (const key of [...code, "Enter"])
             document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true})) }""",
        code,
    )


def test_the_order_page_fits_and_no_word_is_broken(shop: Shop, phone: BrowserContext) -> None:
    found = shop.http.get("/api/catalogue/products", params={"category": "snacks"}).json()["products"]
    good = next(one for one in found if one["sold_by"] == "piece" and not one["age_limit"])
    page = phone.new_page()
    page.goto(f"{shop.url}/handset/")
    page.get_by_role("button", name="开始购物").click()
    pull_trigger(page, good["code"])
    page.get_by_role("button", name="提交订单").click()
    expect(page.get_by_text("到付款机扫这个码", exact=False)).to_be_visible()
    pay = page.get_by_role("button", name=re.compile("^付款"))
    expect(pay).to_be_visible()
    footer = pay.bounding_box()
    methods = page.locator("fieldset label")
    expect(methods.first).to_be_visible()
    for label in methods.all():
        box = label.bounding_box()
        assert box is not None
        assert footer is not None
        assert box["y"] + box["height"] <= footer["y"], "a way to pay is hidden under the button"
        assert box["height"] < 60, f"{label.inner_text()} does not fit one line"
    # Bags are said here, however fast, and the store hears the last word.
    more, fewer = (page.get_by_role("button", name=name) for name in ("自带袋子：多一个", "自带袋子：少一个"))
    held: list[Route] = []
    page.route("**/bags", lambda route: held.append(route) if not held else route.continue_())
    for button in (more, more, fewer, more):
        button.click()
    expect(page.locator("output", has_text="2")).to_be_visible()
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.json()["count"] == 2):
        held[0].continue_()
    expect(page.locator("output", has_text="2")).to_be_visible()
    page.reload()
    expect(page.locator("output", has_text="2")).to_be_visible()
    page.get_by_role("button", name="English").click()
    title = page.get_by_role("heading", name="Order").bounding_box()
    assert title is not None
    assert title["height"] < 40
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
