"""Every page of the site as a visitor meets it: on a desktop in light and a phone in dark, with every control pressed.

Served from a sub-path and under a strict content security policy, as somebody else's host would. The screenshots that
this leaves in ``build/screenshots`` are there to be looked at.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urldefrag

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import DENY_MICROPHONE, PATIENCE_MS, ROOT, Tab
from playwright.sync_api import Locator, Page, expect

from build_scripts.site.serve import serve

SCREENSHOTS = ROOT / "build" / "screenshots"

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'"
)

DESKTOP, PHONE = (1280, "light"), (360, "dark")

PAGES = sorted(path.name for path in (ROOT / "web").glob("*.html"))

FOCUSABLE = "a[href], button, input, select, textarea, summary, audio[controls], [tabindex='0']"

COLLIDING = """() => [...document.querySelectorAll('.screen')].flatMap((screen) => {
  const names = [...screen.querySelectorAll('.tick > span, .time > span')].filter((name) => name.checkVisibility());
  const boxes = names.map((name) => [name.textContent, name.getBoundingClientRect()]);
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  return boxes.flatMap(([text, box], i) =>
    boxes.slice(i + 1).filter(([, other]) => meet(box, other)).map(([other]) => `${text}, ${other}`));
})"""
"""Names on the axes of pictures that lie over each other."""

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def host(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the site on a host that serves it from a folder of its own."""
    root = tmp_path_factory.mktemp("host")
    (root / "people").mkdir()
    (root / "people" / "percepnet").symlink_to(site)
    with serve(root, headers={"Content-Security-Policy": POLICY}) as url:
        yield url + "people/percepnet/"


@pytest.fixture
def visit(open_tab: Callable[..., Tab], host: str) -> Iterator[Callable[..., Tab]]:
    """Open a page at a size, in a scheme; afterwards nothing may have gone wrong in it."""
    tabs: list[tuple[Tab, list[str]]] = []

    def start(name: str, width: int = DESKTOP[0], scheme: str = DESKTOP[1], **options: str) -> Tab:
        tab = open_tab(host, path=name, **options)
        refused: list[str] = []
        tab.page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
        tab.page.on("requestfailed", lambda request: refused.append(f"{request.url} {request.failure}"))
        tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        tab.page.set_viewport_size({"width": width, "height": 800})
        # From the beginning, with all of that in force.
        tab.page.reload(wait_until="networkidle")
        tabs.append((tab, refused))
        return tab

    yield start
    for tab, refused in tabs:
        assert tab.complaints == [] and tab.uncaught == []
        # What a page asked for when it was closed, or a sound that was stopped, is not missing.
        assert [each for each in refused if "ERR_ABORTED" not in each] == []
        strangers = [url for url in tab.requests if not url.startswith((host, "blob:"))]
        assert strangers == [], "requests to somebody else"


def look(page: Page, name: str) -> None:
    """Check what can be checked of how a page looks, and keep a screenshot for the rest."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    width = page.viewport_size["width"] if page.viewport_size else 0
    wide = page.evaluate(
        """width => [...document.querySelectorAll('body *')].filter((element) => {
          const { right, width: own } = element.getBoundingClientRect();
          return own > 0 && right > width + 1 && !element.closest('.wide, pre, .skip, .visually-hidden');
        }).map((element) => element.outerHTML.slice(0, 120))""",
        width,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width, wide
    assert page.evaluate(COLLIDING) == []
    violations = Axe().run(page).response["violations"]
    found = [f"{each['id']}: {node['html'][:160]}" for each in violations for node in each["nodes"]]
    assert found == [], "by axe-core"


@pytest.mark.parametrize("name", PAGES)
def test_page_on_a_phone_in_the_dark(visit: Callable[..., Tab], name: str) -> None:
    """It loads whole, fits, and reads well to eyes and to assistive technology."""
    tab = visit(name, *PHONE)
    look(tab.page, f"{Path(name).stem}-phone")
    assert tab.evaluate("document.querySelectorAll('h1').length") == 1
    assert tab.evaluate("document.querySelector('nav [aria-current=page]').pathname").endswith(name)
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", tab.page.request.get(tab.page.url).text())


@pytest.mark.parametrize("name", PAGES)
def test_keyboard_reaches_everything(visit: Callable[..., Tab], name: str) -> None:
    """By the tab key, in the order of the page, each with a visible mark and a name."""
    tab = visit(name)
    tab.evaluate(
        f"""window.wanted = [...document.querySelectorAll("{FOCUSABLE}")].filter((element) =>
          element.checkVisibility() && !element.disabled && element.tabIndex >= 0 &&
          !(element.type === 'radio' && !element.checked));
        window.reached = [];
        document.addEventListener('focusin', ({{ target }}) => reached.push(target));"""
    )
    # More than there were when they were counted: a page that is still loading adds some.
    for _ in range(2 * tab.evaluate("wanted.length")):
        tab.page.keyboard.press("Tab")
        if tab.evaluate("wanted.every((each) => reached.includes(each))"):
            break
    missed = tab.evaluate(
        "wanted.filter((each) => !reached.includes(each)).map((each) => each.outerHTML.slice(0, 120))"
    )
    assert missed == []
    order = tab.evaluate("wanted.map((each) => reached.indexOf(each))")
    assert order == sorted(order)
    first = tab.evaluate("reached[0].textContent")
    assert first == "Skip to the content"


def press(control: Locator) -> None:
    """Operate a control as its kind is operated."""
    kind = control.evaluate("each => each.type === undefined ? each.localName : each.type")
    if kind == "range":
        control.press("ArrowLeft")
    elif kind == "select-one":
        for value in control.locator("option").evaluate_all("all => all.map((each) => each.value)"):
            control.select_option(value)
    elif kind in ("radio", "checkbox"):
        control.check(force=True) if kind == "radio" else control.click(force=True)
    elif kind in ("number", "text", "textarea", "file"):
        control.focus() if kind != "file" else None
    else:
        control.click()


@pytest.mark.parametrize("name", PAGES)
def test_every_control_can_be_pressed(visit: Callable[..., Tab], name: str) -> None:
    """Every button, slider and choice is used once, and every link leads somewhere."""
    tab = visit(name)
    page = tab.page
    look(page, f"{Path(name).stem}-desktop")
    page.on("filechooser", lambda chooser: None)
    for address in set(page.locator("a[href]").evaluate_all("all => all.map((each) => each.href)")):
        if address.startswith(tab.url):
            assert page.request.get(urldefrag(address).url).ok, address
    for summary in page.locator("summary:visible").all():
        if not summary.evaluate("each => each.parentElement.open"):
            summary.click()
    controls = page.locator("main").locator("button, input, select, textarea")
    pressed = 0
    for i in range(controls.count()):
        control = controls.nth(i)
        if control.is_visible() and control.is_enabled():
            press(control)
            pressed += 1
    assert pressed > 0 or controls.count() == 0
    page.wait_for_timeout(500)
    look(page, f"{Path(name).stem}-pressed")


def test_start_on_a_phone_brings_status_and_pictures_into_view(visit: Callable[..., Tab]) -> None:
    """Start moves to the top; the status is right under it, the pictures follow, without scrolling."""
    tab = visit("index.html", *PHONE)
    tab.page.locator("#start").click()
    tab.wait("document.querySelector('#start').getBoundingClientRect().top < 60")
    start, status = (tab.page.locator(place).bounding_box() for place in ("#start", "form > .status"))
    picture = tab.page.locator("#before").bounding_box()
    assert start and status and picture
    assert 0 < status["y"] - (start["y"] + start["height"]) < 60
    assert picture["y"] + picture["height"] / 2 < 800


def test_demo_while_it_runs(visit: Callable[..., Tab]) -> None:
    """Loading, enhancing, listening to before, with a recording made, in trouble."""
    page = visit("index.html", *PHONE).page
    status = page.get_by_role("status")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#bytes")).to_have_text(re.compile(r"^[1-9].* of "))
    look(page, "demo-loading")
    expect(status).to_have_text(re.compile("^Enhancing"))
    page.get_by_role("button", name="Record both").click()
    expect(page.locator("#record")).to_have_text(re.compile("0:0[1-9]"))
    page.get_by_role("button", name="Stop recording").click()
    page.get_by_role("radio", name="Before", exact=True).check(force=True)
    expect(page.locator(".take")).to_be_visible()
    look(page, "demo-running")
    page.evaluate("demo.percepnet.dispatchEvent(new CustomEvent('overload', { detail: { action: 'wait' } }))")
    expect(status).to_contain_text("cannot keep up")
    look(page, "demo-overload")


def test_demo_in_trouble(visit: Callable[..., Tab]) -> None:
    """No permission; no worklets; an enhancer that fails: plain words, the reason apart, the way back."""
    denied = visit("index.html", permission=DENY_MICROPHONE).page
    denied.get_by_role("radio", name="Microphone").check(force=True)
    denied.get_by_role("button", name="Start", exact=True).click()
    expect(denied.get_by_role("status")).to_contain_text("not allowed")
    expect(denied.get_by_text("The reason, for developers")).to_be_hidden()
    look(denied, "demo-denied")

    old = visit("index.html", init="delete window.AudioWorkletNode").page
    old.get_by_role("button", name="Start", exact=True).click()
    expect(old.get_by_role("status")).to_have_text(re.compile("You hear the raw sound.*cannot run the enhancer"))
    expect(old.get_by_role("button", name="Stop", exact=True)).to_be_enabled()
    expect(old.get_by_role("button", name="Record both")).to_be_disabled()
    expect(old.get_by_role("button", name="Start the enhancer again")).to_be_hidden()
    old.get_by_text("The reason, for developers").click()
    expect(old.locator("#reason")).to_contain_text("no AudioWorklet")
    look(old, "demo-unsupported")

    broken = visit("index.html", init="window.Worker = class { constructor() { throw Error('no workers'); } }").page
    broken.get_by_role("button", name="Start", exact=True).click()
    expect(broken.get_by_role("button", name="Start the enhancer again")).to_be_visible()
    expect(broken.get_by_role("status")).to_contain_text("The enhancer could not be loaded. Check your connection")
    expect(broken.locator("#reason")).to_contain_text("no workers")
    look(broken, "demo-fallback")
