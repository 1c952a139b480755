"""The kiosk's screen in Chromium: every state can be used by everyone, by touch, by keyboard, and by ear."""

import threading
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.kiosk.screen_rig import SCREEN, PaperKiosk, State, read_states
from tests.support.browsers import QUIET, chromium

__all__ = ["chromium"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not SCREEN.exists(), reason="the screens are not built: make install"),
]

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
KIOSK, PHONE, LANDSCAPE = (1080, 1920), (360, 780), (1920, 1080)
TARGET_PX_MIN = 64
TYPING_MS = 80  # slower than any scanner that types
LANGUAGES = ("zh", "en")
PULL = """code => { for (const key of [...code, "Enter"])
    document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true})) }"""
ERRORS: list[str] = []
"""What went wrong in a page of the test that runs."""


@pytest.fixture(scope="module")
def states() -> dict[str, State]:
    return read_states()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    # Not the session's: while Playwright waits in a thread, no test there may run an event loop.
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield one
        one.close()


@pytest.fixture
def kiosk(states: dict[str, State]) -> Iterator[PaperKiosk]:
    one = PaperKiosk()
    one.show(states["welcome"])
    ERRORS.clear()
    with one.running():
        yield one
    assert ERRORS == []


def open_screen(browser: Browser, kiosk: PaperKiosk, size: tuple[int, int] = KIOSK, *, dark: bool = False) -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("pageerror", lambda error: ERRORS.append(str(error)))
    page.goto(kiosk.url)
    expect(page.locator("[data-seq]")).to_be_visible()
    return page


@pytest.fixture
def page(browser: Browser, kiosk: PaperKiosk) -> Iterator[Page]:
    one = open_screen(browser, kiosk)
    yield one
    one.context.close()


def show(page: Page, kiosk: PaperKiosk, state: State, **changes: object) -> None:
    """Put a state on the screen and wait until it is there."""
    seq = kiosk.show(state, **changes)["seq"]
    page.wait_for_selector(f"[data-seq='{seq}']")


def violations(page: Page, *rules: str) -> list[dict[str, Any]]:
    """What axe finds; ``rules`` for some of its rules only."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    only = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    found: list[dict[str, Any]] = page.evaluate(
        """options => axe.run(document, {...options, resultTypes: ["violations"]})
           .then(({violations}) => violations.map(({id, nodes}) => ({id, where: nodes.map(({html}) => html)})))""",
        only,
    )
    return found


def overflow(page: Page) -> int:
    """How many pixels of the page lie beyond its right edge."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def small_targets(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        """least => [...document.querySelectorAll("button, input")]
           .filter(one => one.getClientRects().length > 0)
           .map(one => ({box: one.getBoundingClientRect(), name: one.ariaLabel ?? one.textContent}))
           .filter(({box}) => box.width < least || box.height < least)
           .map(({box, name}) => `${name.trim()}: ${box.width} × ${box.height}`)""",
        TARGET_PX_MIN,
    )
    return found


def press_tool(page: Page, name: str, times: int = 1) -> None:
    for _ in range(times):
        page.locator("footer button").filter(has_text=name).click()


LARGE = {"zh": ("大字", "更大的字"), "en": ("Large print", "Larger still")}
CONTRAST = {"zh": "高对比", "en": "Contrast"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("look", ["light", "dark", "contrast", "large"])
def test_no_state_has_anything_that_axe_finds(
    browser: Browser, kiosk: PaperKiosk, states: dict[str, State], look: str, language: str
) -> None:
    kiosk.show(states["welcome"], language=language)
    page = open_screen(browser, kiosk, dark=look == "dark")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN" if language == "zh" else "en")
    # A dark theme differs in its colours only.
    rules = ("color-contrast",) if look in {"dark", "contrast"} else ()
    found = {}
    # The welcome screen forgets what the last shopper chose, so it comes first.
    for name, state in sorted(states.items(), key=lambda one: one[1]["phase"] != "welcome"):
        show(page, kiosk, state, language=language)
        if look == "contrast" and page.locator("html").get_attribute("data-contrast") != "high":
            press_tool(page, CONTRAST[language])
        if look == "large" and page.locator("html").get_attribute("data-print") == "usual":
            for words in LARGE[language]:
                press_tool(page, words)
        if (problems := violations(page, *rules)) or overflow(page) > 0:
            found[name] = (problems, overflow(page))
    assert found == {}
    page.context.close()


@pytest.mark.parametrize("size", [PHONE, KIOSK, LANDSCAPE])
def test_every_state_fits_and_can_be_touched(
    browser: Browser, kiosk: PaperKiosk, states: dict[str, State], size: tuple[int, int]
) -> None:
    page = open_screen(browser, kiosk, size)
    found = {}
    for language in LANGUAGES:
        for name, state in states.items():
            show(page, kiosk, state, language=language)
            if overflow(page) > 0 or small_targets(page):
                found[f"{name} {language}"] = (overflow(page), small_targets(page))
            amount = page.locator("header strong")
            if state["order"] is not None:
                expect(amount).to_be_in_viewport()
    assert found == {}
    page.context.close()


def test_the_largest_letters_fit_the_smallest_screen(
    browser: Browser, kiosk: PaperKiosk, states: dict[str, State]
) -> None:
    page = open_screen(browser, kiosk, PHONE)
    show(page, kiosk, states["order"], language="en")
    for words in LARGE["en"]:
        press_tool(page, words)
    found = {}
    for name, state in states.items():
        if state["phase"] != "welcome":
            show(page, kiosk, state, language="en")
            if overflow(page) > 0:
                found[name] = overflow(page)
    assert found == {}
    page.context.close()


def test_the_dialogs_have_nothing_that_axe_finds(browser: Browser, kiosk: PaperKiosk, states: dict[str, State]) -> None:
    for size in (KIOSK, PHONE):
        page = open_screen(browser, kiosk, size)
        show(page, kiosk, states["order_extended"], language="en")
        for opener in ("Coupon or gift card", "Pay a part", "Get the ¥50.00 back"):
            page.get_by_role("button", name=opener).click()
            assert page.locator("dialog[open]").count() == 1
            assert (opener, violations(page), small_targets(page), overflow(page)) == (opener, [], [], 0)
            page.keyboard.press("Escape")
            expect(page.locator("dialog[open]")).to_have_count(0)
        page.context.close()


def focused(page: Page) -> str:
    return str(page.evaluate("(document.activeElement.ariaLabel ?? document.activeElement.textContent).trim()"))


def test_a_visit_by_keyboard_alone(page: Page, kiosk: PaperKiosk, states: dict[str, State]) -> None:
    page.keyboard.type("104729389", delay=TYPING_MS)
    expect(page.locator("output")).to_have_text("104 729 389")
    page.keyboard.press("Enter")
    expect(page.locator("output")).to_have_text("··· ··· ···")
    assert kiosk.commands.pop() == ("code", {"code": "104729389"})

    show(page, kiosk, states["order_extended"])
    expect(page.locator("h1")).to_be_focused()
    reached = []
    for _ in range(16):
        page.keyboard.press("Tab")
        reached.append(focused(page))
        # Where motion is reduced, every property still takes a hundredth of a millisecond.
        page.wait_for_function("getComputedStyle(document.activeElement).outline.includes('solid 5px')")
    in_order = ["商品", "取下优惠券 满 50 减 10", "优惠券或购物卡", "只付一部分", "微信支付，付 ¥71.72"]
    assert [one for one in reached if one in in_order] == in_order
    assert reached.index("现金，付 ¥71.72") < reached.index("退回已付的 ¥50.00") < reached.index("中文")
    assert "请店员帮忙" in reached

    page.locator("button", has_text="现金").focus()
    kiosk.commands.clear()
    page.keyboard.press("Enter")
    settle(page)
    assert ("pay", {"method": "cash"}) in kiosk.commands

    show(page, kiosk, states["cash"])
    page.keyboard.press("Escape")
    settle(page)
    assert kiosk.commands[-1] == ("cancel", None)

    show(page, kiosk, states["cash_timeout"])
    expect(page.get_by_role("alertdialog")).to_be_visible()
    expect(page.get_by_role("button", name="我还在")).to_be_focused()
    kiosk.commands.clear()
    page.keyboard.press("Escape")
    settle(page)
    assert ("stay", None) in kiosk.commands
    assert ("cancel", None) not in kiosk.commands
    expect(page.get_by_role("alertdialog")).to_be_visible()  # it goes when the kiosk has heard it

    show(page, kiosk, states["paid"])
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    page.get_by_role("button", name="完成").press("Enter")
    settle(page)
    assert kiosk.commands[-1] == ("done", None)


def settle(page: Page) -> None:
    """Wait until the kiosk has answered all that the screen asked of it."""
    page.wait_for_function("document.querySelector('[aria-busy]') === null")


def sent(kiosk: PaperKiosk) -> list[tuple[str, Any]]:
    """What the screen asked for, without the sign that somebody is there."""
    return [one for one in kiosk.commands if one[0] != "stay"]


def test_every_control_asks_for_its_own(page: Page, kiosk: PaperKiosk, states: dict[str, State]) -> None:
    show(page, kiosk, states["order_extended"], language="en")

    def press(name: str, *command: tuple[str, Any]) -> None:
        kiosk.commands.clear()
        page.get_by_role("button", name=name, exact=True).click()
        settle(page)
        assert sent(kiosk) == list(command), name

    press("Take off the coupon 10 off over 50", ("remove-coupon", {"id": "redemption-1"}))
    press("Call staff", ("help", None))
    press("中文", ("language", {"language": "zh"}))
    show(page, kiosk, states["order_extended"], language="en")

    press("Pay a part")
    press("Split by 2 ¥35.86")
    press("Pay ¥35.86")
    press("Alipay, pay ¥35.86", ("pay", {"method": "alipay", "amount_minor": 3586}))
    press("Alipay, pay ¥71.72", ("pay", {"method": "alipay"}))  # the next tender is for all of it again

    press("Gift card, pay ¥71.72")
    for key in "A7-":
        press(key)
    press("Use it", ("code", {"code": "A7-"}))

    press("Get the ¥50.00 back")
    press("Go on paying")
    press("Get the ¥50.00 back")
    press("Give it back", ("give-back", None))

    show(page, kiosk, states["order"], language="en")
    press("Leave without paying", ("done", None))
    show(page, kiosk, states["wallet"], language="en")
    press("Pay another way", ("cancel", None))
    show(page, kiosk, states["cash"], language="en")
    press("Stop and give my cash back", ("cancel", None))
    show(page, kiosk, states["cash_change"], language="en")
    assert page.get_by_role("button", name="Stop and give my cash back").count() == 0
    show(page, kiosk, states["order_timeout"], language="en")
    kiosk.commands.clear()
    page.get_by_role("button", name="I’m still here").click()
    settle(page)
    assert ("stay", None) in kiosk.commands
    show(page, kiosk, states["paid"], language="en")
    press("Print again", ("receipt", None))
    assert not page.locator("button:disabled").count()


def test_a_slow_bank_holds_up_neither_help_nor_the_way_back(
    page: Page, kiosk: PaperKiosk, states: dict[str, State]
) -> None:
    show(page, kiosk, states["order_extended"], language="en")
    kiosk.slow["pay"] = threading.Event()
    kiosk.commands.clear()
    page.get_by_role("button", name="Alipay, pay ¥71.72", exact=True).click()
    page.wait_for_selector("main[aria-busy]")
    # Not a second tender beside the first.
    expect(page.get_by_role("button", name="Cash, pay ¥71.72", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Call staff", exact=True).click()
    page.evaluate(PULL, "SPRING10")  # a scanner pulled meanwhile: it takes its turn
    page.get_by_role("button", name="中文", exact=True).click()
    page.wait_for_timeout(300)
    assert sent(kiosk) == [
        ("pay", {"method": "alipay"}),
        ("help", None),
        ("language", {"language": "zh"}),
    ]
    kiosk.slow["pay"].set()
    settle(page)
    assert sent(kiosk)[3:] == [("code", {"code": "SPRING10"})]


def test_an_amount_above_what_is_due_is_not_taken(page: Page, kiosk: PaperKiosk, states: dict[str, State]) -> None:
    show(page, kiosk, states["order_extended"], language="en")
    page.get_by_role("button", name="Pay a part").click()
    page.keyboard.type("7173", delay=TYPING_MS)
    expect(page.get_by_text("¥71.72 at most")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(1)
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.get_by_text("Paying a part now: ¥7.17")).to_be_visible()


def test_a_scanner_that_types(page: Page, kiosk: PaperKiosk, states: dict[str, State]) -> None:
    page.keyboard.press("Shift")  # a page's first key opens its sound, which may take longer than a scanner's next key
    page.evaluate(PULL, "104729389")
    expect(page.locator("output")).to_have_text("··· ··· ···")
    settle(page)
    assert sent(kiosk) == [("code", {"code": "104729389"})]
    show(page, kiosk, states["order"])
    page.evaluate(PULL, "]C1SPRING10")
    settle(page)
    assert sent(kiosk)[1:] == [("code", {"code": "SPRING10"})]


def test_a_refusal_is_shown_and_said_until_the_next_step(
    page: Page, kiosk: PaperKiosk, states: dict[str, State]
) -> None:
    show(page, kiosk, states["welcome"], language="en")
    kiosk.refuse = True
    page.keyboard.type("1234", delay=TYPING_MS)
    page.keyboard.press("Enter")
    expect(page.locator("main").get_by_text("There is no such order.")).to_be_visible()
    expect(page.locator("[aria-live=assertive]")).to_contain_text("There is no such order.")
    assert violations(page) == []
    show(page, kiosk, states["order"], language="en")
    expect(page.locator("main").get_by_text("There is no such order.")).to_have_count(0)


def test_speech_plays_each_step_and_again(page: Page, kiosk: PaperKiosk, states: dict[str, State]) -> None:
    def hear(*recordings: str) -> None:
        for _ in range(300):  # up to 15 s: a busy machine plays late
            if len(kiosk.recordings) >= len(recordings):
                break
            page.wait_for_timeout(50)
        assert kiosk.recordings == [f"{recording}.wav" for recording in recordings]

    heard = ["zh/welcome", "zh/choose_tender", "zh/choose_tender", "en/choose_tender"]
    assert kiosk.recordings == []
    page.get_by_role("button", name="语音").click()
    hear(*heard[:1])
    show(page, kiosk, states["order"])
    hear(*heard[:2])
    page.get_by_role("button", name="再说一遍").click()
    hear(*heard[:3])
    show(page, kiosk, states["order"], language="en")
    hear(*heard)
    page.get_by_role("button", name="Speech").click()
    show(page, kiosk, states["wallet"])
    page.wait_for_timeout(100)
    hear(*heard)


def test_each_step_is_announced(page: Page, kiosk: PaperKiosk, states: dict[str, State]) -> None:
    said = page.locator("[aria-live=polite]").first
    show(page, kiosk, states["cash"], language="en")
    expect(said).to_contain_text("Please put in coins or notes ¥50.00 put in, ¥36.40 still to put in")
    show(page, kiosk, states["cash_change"], language="en")
    expect(said).to_contain_text("Your change: ¥13.60")


def test_the_next_shopper_begins_anew(page: Page, kiosk: PaperKiosk, states: dict[str, State]) -> None:
    root = page.locator("html")
    for name in ("大字", "高对比", "语音", "下移"):
        page.locator("footer button").filter(has_text=name).click()
    expect(root).to_have_attribute("data-print", "large")
    expect(root).to_have_attribute("data-contrast", "high")
    show(page, kiosk, states["paid"])
    expect(root).to_have_attribute("data-contrast", "high")
    expect(page.locator(".kiosk.low")).to_be_visible()
    show(page, kiosk, states["welcome"])
    expect(root).to_have_attribute("data-print", "usual")
    expect(root).to_have_attribute("data-contrast", "usual")
    expect(page.locator(".kiosk.low, footer button[aria-pressed=true]:not([lang])")).to_have_count(0)


def test_controls_can_be_moved_within_reach(page: Page, kiosk: PaperKiosk, states: dict[str, State]) -> None:
    show(page, kiosk, states["server_away"])
    page.locator("footer button").filter(has_text="下移").click()
    for name, state in states.items():
        if state["phase"] == "welcome":
            continue
        show(page, kiosk, state)
        tops = page.evaluate("[...document.querySelectorAll('button')].map(one => one.getBoundingClientRect().top)")
        assert min(tops) >= KIOSK[1] / 2, name


def test_money_is_safe_is_said_when_the_server_or_the_kiosk_is_away(
    browser: Browser, page: Page, kiosk: PaperKiosk, states: dict[str, State]
) -> None:
    show(page, kiosk, states["server_away"], language="en")
    expect(page.locator("main").get_by_text("Your money is safe")).to_be_visible()
    context = browser.new_context(locale="en-GB")
    alone = context.new_page()
    alone.clock.install()
    alone.route("**/events", lambda route: route.abort())
    alone.goto(kiosk.url)
    expect(alone.get_by_role("heading", name="This kiosk is getting ready")).to_be_visible()
    alone.clock.fast_forward(6_000)
    expect(alone.get_by_role("heading", name="This kiosk isn’t answering just now")).to_be_visible()
    expect(alone.get_by_text("Your money is safe")).to_be_visible()
    context.close()


def test_it_comes_back_by_itself(page: Page, kiosk: PaperKiosk, states: dict[str, State]) -> None:
    kiosk.hang_up()
    kiosk.show(states["order"])
    expect(page.get_by_role("heading", name="怎么付？")).to_be_visible()
