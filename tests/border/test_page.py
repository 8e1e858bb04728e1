"""The page in a real browser: what a venue sees on its wall, and staff on their phones."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from edgehub.web import page as page_module
from edgehub.web.listen import Listen
from edgehub.web.page import serve
from tests.fakes.board import NAMES, FakeBoard, person

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHROMIUM = "/usr/bin/chromium"
WALL: dict[str, object] = {"viewport": {"width": 1920, "height": 1080}}
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
QUIET += ["--disable-sync", "--no-first-run"]

# Contrast of every visible text with what is behind it, by the formula of WCAG 2.1; the fill of a room counts as its
# background at the strongest its light gets.
CONTRAST = """
() => {
  const rgb = (css) => { const m = css.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1]; };
  const over = (top, under) => [0, 1, 2].map((i) => top[3] * top[i] + (1 - top[3]) * under[i]).concat(1);
  const lum = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (a, b) => { const [x, y] = [lum(a), lum(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const behind = (element) => {
    const room = element.closest(".room");
    if (room) {
      const floor = rgb(getComputedStyle(room.querySelector(".floor")).fill);
      const stop = getComputedStyle(room.querySelector(".full"));
      return over([...rgb(stop.stopColor).slice(0, 3), Number(stop.stopOpacity)], floor);
    }
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(rgb(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [0x22, 0x1b, 0x15, 1]);
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const box = element.getBoundingClientRect();
    if (!own || box.width < 2 || element.closest("noscript") || getComputedStyle(element).display === "none") continue;
    const style = getComputedStyle(element);
    const colour = rgb(element instanceof SVGElement ? style.fill : style.color);
    found.push([element.textContent.trim().slice(0, 30), ratio(over(colour, behind(element)), behind(element))]);
  }
  return found;
}
"""


@dataclass
class Visit:
    """A browser tab on the page, and what went wrong in it."""

    page: Page
    board: FakeBoard
    url: str
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def text(self, selector: str) -> str:
        """The text of the first such element."""
        return str(await self.page.locator(selector).first.text_content())

    async def until(self, selector: str, words: str) -> None:
        """Wait until this element says so."""
        await self.page.wait_for_function(
            "([selector, words]) => document.querySelector(selector)?.textContent.includes(words)",
            arg=[selector, words],
            timeout=5000,
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium without a screen, one for all tests of this file."""
    async with async_playwright() as play:
        chromium = await play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            yield chromium
        finally:
            await chromium.close()


@contextlib.asynccontextmanager
async def visiting(browser: Browser, board: FakeBoard, **options: object) -> AsyncIterator[Visit]:
    """The page of this board, open in a browser."""
    async with serve(board, Listen()) as url, await browser.new_page(**WALL | options) as page:
        visit = Visit(page, board, url)
        page.on("pageerror", lambda error: visit.errors.append(str(error)))
        page.on("console", lambda message: visit.errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: visit.requests.append(request.url))
        await page.goto(url)
        await visit.until("#event", "Digital Velocity")
        yield visit


async def test_the_wall_shows_rooms_guests_lights_and_machines(browser: Browser) -> None:
    """Rooms, dots, lights in words, rankings and machines are there; nothing else is asked for, nothing fails."""
    board = FakeBoard()
    kim = person(1, "party", "#40e0d0", label="Kim", since_s=75)
    board.show(kim, person(2, "party"), person(3, None), leaders={"bacon": [{**kim, "dwell_s": 3725}]})
    board.light("party", "#40e0d0", "Kim has just walked in.")
    async with visiting(browser, board) as visit:
        assert await visit.page.locator(".room").count() == 6
        assert await visit.page.locator(".guest").count() == 3
        label = await visit.page.locator('.room[data-zone="party"]').get_attribute("aria-label")
        assert label == "Party lounge, 2 guests, Light: turquoise"
        assert "Kim" in await visit.text(".crowd")
        assert "1 h 02" in await visit.text("#panel")
        assert "pi-bacon" in await visit.text("#health")
        assert "Elsewhere: 1" in await visit.text(".between")
        assert await visit.text("#clock") == "10:42"
        assert all(
            url.startswith((visit.url.replace("localhost", "127.0.0.1"), visit.url, "data:")) for url in visit.requests
        )
        assert visit.errors == []


async def test_a_guest_who_walks_is_seen_walking_without_a_reload(browser: Browser) -> None:
    """A change of the board is on the screen at once: the dot, the count, the colour of the light."""
    board = FakeBoard()
    board.show(person(1, None))
    async with visiting(browser, board) as visit:
        await visit.page.evaluate("() => { window.same = document.querySelector('.guest'); }")
        board.show(person(1, "coffee"))
        board.light("coffee", "#ff1493", "")
        await visit.until('.room[data-zone="coffee"] .count', "1")
        await visit.until('.room[data-zone="coffee"] .light', "deep pink")
        assert await visit.page.evaluate("() => window.same === document.querySelector('.guest')")
        assert "Coffee stand" in await visit.text(".moves")
        colour = (
            "() => getComputedStyle(document.querySelector('[data-zone=coffee] .lamp')).fill === 'rgb(255, 20, 147)'"
        )
        await visit.page.wait_for_function(colour, timeout=5000)
        assert visit.errors == []


async def test_the_keyboard_reaches_every_room_and_comes_back(browser: Browser) -> None:
    """Tab goes through the rooms, Enter shows one in detail, Escape returns to where one was."""
    board = FakeBoard()
    board.show(person(1, "party", label="Kim"))
    board.light("party", "#ff7f50", "Kim has just walked in.")
    async with visiting(browser, board) as visit:
        focused = "() => document.activeElement.dataset.zone || ''"
        seen = []
        for _ in range(7):
            await visit.page.keyboard.press("Tab")
            seen.append(await visit.page.evaluate(focused))
        assert seen[1:] == list(NAMES)
        await visit.page.locator('.room[data-zone="party"]').focus()
        width = "() => parseFloat(getComputedStyle(document.activeElement.querySelector('.edge')).strokeWidth)"
        assert await visit.page.evaluate(width) > 0
        await visit.page.keyboard.press("Enter")
        await visit.until("#panel", "Kim has just walked in.")
        assert "Here now: 1 guest" in await visit.text("#panel")
        await visit.page.keyboard.press("Tab")
        await visit.page.keyboard.press("Escape")
        assert await visit.page.evaluate(focused) == "party"
        assert "Here the longest" in await visit.text("#panel")


async def test_every_text_can_be_read(browser: Browser) -> None:
    """AA: at least 4.5 : 1 for every text, also on the brightest light and for what is wrong."""
    board = FakeBoard()
    board.show(*(person(n, "party", label=f"Guest {n}") for n in range(5)), leaders={"party": []})
    for zone, colour in (("party", "#ffffff"), ("coffee", "#ffff00"), ("bacon", "#00ffff")):
        board.light(zone, colour, "")
    board.board["gateways"][0] |= {"state": "offline", "why": "since 10:40"}
    board.board["gateways"][1] |= {"radio": "deaf", "why": "no marker heard"}
    async with visiting(browser, board) as visit:
        await visit.page.wait_for_timeout(1500)  # colours fade for 1.2 s
        ratios = await visit.page.evaluate(CONTRAST)
        assert len(ratios) > 40
        assert [(text, round(ratio, 2)) for text, ratio in ratios if ratio < 4.5] == []


async def test_states_are_told_in_words_and_shapes(browser: Browser) -> None:
    """A gateway that is gone or deaf says so in words, with another sign, not by colour alone."""
    board = FakeBoard()
    board.board["gateways"][0] |= {"state": "offline", "why": "since 10:40"}
    board.board["gateways"][1] |= {"radio": "deaf"}
    async with visiting(browser, board) as visit:
        words = await visit.text("#health")
        assert "✕pi-loungeoffline · since 10:40" in words
        assert "!pi-barradio deaf" in words
        assert "✓pi-coffeeradio ok" in words


async def test_no_names_no_motion_and_a_phone(browser: Browser) -> None:
    """On a phone nothing is wider than the screen; with reduced motion nothing moves; no label, no name."""
    board = FakeBoard()
    board.show(*(person(n, "party") for n in range(150)), person(999, "coffee", "#ff7f50"))
    async with visiting(browser, board, viewport={"width": 360, "height": 740}, reduced_motion="reduce") as visit:
        assert await visit.page.evaluate("() => document.documentElement.scrollWidth") <= 360
        assert await visit.page.locator(".guest").count() == 151
        motion = "() => getComputedStyle(document.querySelector('.dot')).transitionProperty"
        assert await visit.page.evaluate(motion) in ("none", "all")
        assert (
            await visit.page.evaluate("() => getComputedStyle(document.querySelector('.dot')).transitionDuration")
            == "0s"
        )
        inside = """() => { const room = document.querySelector('[data-zone=party] .floor').getBoundingClientRect();
          return [...document.querySelectorAll('.guest')].filter((g) => { const b = g.getBoundingClientRect();
            return b.left >= room.left - 1 && b.right <= room.right + 1 && b.top >= room.top - 1 && b.bottom <= room.bottom + 1; }).length === 150; }"""
        await visit.page.wait_for_function(inside, timeout=3000)
        assert await visit.page.locator(".crowd .who:not(:empty)").count() == 0


async def test_a_venue_without_a_plan_still_has_a_page(browser: Browser) -> None:
    """Rooms nobody has drawn are laid out in rows."""
    board = FakeBoard()
    for zone in board.board["zones"]:
        zone["box"] = None
    board.show(person(1, "birch"))
    async with visiting(browser, board) as visit:
        assert await visit.page.locator(".room").count() == 6
        assert visit.errors == []


async def test_a_lost_connection_is_said_and_mended(browser: Browser) -> None:
    """When the server goes the page says so and keeps the last picture; when it is back the page goes on by itself."""
    board = FakeBoard()
    board.show(person(1, "party"))
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(contextlib.AsyncExitStack())
        url = await first.enter_async_context(serve(board, Listen()))
        tab = await stack.enter_async_context(await browser.new_page())
        await tab.goto(url)
        visit = Visit(tab, board, url)
        await visit.until("#connection", "Live")
        await first.aclose()
        await visit.until("#connection", "Connection lost")
        assert await tab.locator(".guest").count() == 1
        board.show()
        await stack.enter_async_context(serve(board, Listen(port=int(url.rsplit(":", 1)[1].strip("/")))))
        await visit.until("#connection", "Live")
        assert await tab.locator(".guest").count() == 0


@contextlib.asynccontextmanager
async def serving(board: FakeBoard, **options: float) -> AsyncIterator[str]:
    """The page with limits of our own."""
    runner = web.AppRunner(page_module.Page(board, **options).application(), shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def lines(response: aiohttp.ClientResponse, wanted: Callable[[bytes], bool]) -> bytes:
    """The first line of the stream that is wanted."""
    async with asyncio.timeout(3):
        async for line in response.content:
            if wanted(line):
                return line
    raise AssertionError("the stream ended")


async def test_streams_are_few_and_beat() -> None:
    """The stream beats when nothing happens; one screen too many is told to come back later."""
    async with serving(FakeBoard(), max_streams=1, heartbeat_s=0.1) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/events") as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            await lines(stream, lambda line: line.startswith(b"event: board"))
            await lines(stream, lambda line: line.startswith(b"event: beat"))
            async with session.get(f"{url}/events") as refused:
                assert refused.status == 503
                assert refused.headers["Retry-After"] == "30"
        await asyncio.sleep(0.3)
        async with session.get(f"{url}/events") as again:
            assert again.status == 200


async def test_a_burst_of_changes_is_one_picture_and_none_is_lost() -> None:
    """A hundred changes at once are few pictures, the last of which is the newest."""
    board = FakeBoard()
    async with serving(board) as url, aiohttp.ClientSession() as session, session.get(f"{url}/events") as stream:
        await lines(stream, lambda line: line.startswith(b"data:"))
        for number in range(100):
            board.show(*(person(n, "party") for n in range(number)))
            await asyncio.sleep(0.002)
        pictures = 0
        last = b""
        while b'"p98"' not in last:
            last = await lines(stream, lambda line: line.startswith(b"data:"))
            pictures += 1
        assert pictures <= 4


@pytest.mark.parametrize("path", ["/", "/app.js", "/api/board", "/events", "/nothing"])
async def test_every_answer_carries_the_headers_that_keep_the_page_to_itself(path: str) -> None:
    """The policy allows our own scripts and styles and nothing inline or foreign."""
    async with serving(FakeBoard()) as url, aiohttp.ClientSession() as session, session.get(url + path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
