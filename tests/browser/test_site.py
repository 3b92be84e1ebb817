"""Every page of the site as a visitor meets it: at both widths, in both schemes, with every control pressed.

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
from serve import serve

SCREENSHOTS = ROOT / "build" / "screenshots"

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'"
)

DESKTOP, PHONE = 1280, 360
LOOKS = [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]
OPPOSITES = [LOOKS[0], LOOKS[3]]

PAGES = sorted(path.name for path in (ROOT / "web").glob("*.html"))

FOCUSABLE = "a[href], button, input, select, textarea, summary, audio[controls], [tabindex='0']"

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

    def start(name: str, width: int = DESKTOP, scheme: str = "light", **options: str) -> Tab:
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
    """Check what can be checked of a page's looks, and keep a picture for what cannot."""
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
    violations = Axe().run(page).response["violations"]
    found = [f"{each['id']}: {node['html'][:160]}" for each in violations for node in each["nodes"]]
    assert found == [], "by axe-core"


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_page(visit: Callable[..., Tab], name: str, width: int, scheme: str) -> None:
    """It loads whole, fits, and reads well to eyes and to assistive technology."""
    tab = visit(name, width, scheme)
    look(tab.page, f"{Path(name).stem}-{width}-{scheme}")
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
    """Use a control in its way."""
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


@pytest.mark.parametrize(("width", "scheme"), OPPOSITES)
@pytest.mark.parametrize("name", PAGES)
def test_every_control_can_be_pressed(visit: Callable[..., Tab], name: str, width: int, scheme: str) -> None:
    """Whatever there is to press, slide and choose is, once; whatever is linked is there."""
    tab = visit(name, width, scheme)
    page = tab.page
    page.on("filechooser", lambda chooser: None)
    for address in set(page.locator("a[href]").evaluate_all("all => all.map((each) => each.href)")):
        if address.startswith(tab.url):
            assert page.request.get(urldefrag(address).url).ok, address
    for summary in page.locator("summary").all():
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
    look(page, f"{Path(name).stem}-pressed-{width}-{scheme}")


@pytest.mark.parametrize(("width", "scheme"), OPPOSITES)
def test_demo_while_it_runs(visit: Callable[..., Tab], width: int, scheme: str) -> None:
    """Loading, enhancing, listening to before, with a recording made, in trouble."""
    tab = visit("index.html", width, scheme)
    page = tab.page
    status = page.get_by_role("status")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#bytes")).to_have_text(re.compile(r"^[1-9].* of "))
    look(page, f"demo-loading-{width}-{scheme}")
    expect(status).to_have_text(re.compile("^Enhancing"))
    page.get_by_role("button", name="Record both").click()
    page.wait_for_timeout(6000)
    page.get_by_role("button", name="Stop recording").click()
    page.get_by_role("radio", name="Before", exact=True).check(force=True)
    expect(page.locator(".take")).to_be_visible()
    look(page, f"demo-running-{width}-{scheme}")
    tab.evaluate("demo.percepnet.dispatchEvent(new CustomEvent('overload', { detail: { action: 'wait' } }))")
    expect(status).to_contain_text("does not keep up")
    look(page, f"demo-overload-{width}-{scheme}")


@pytest.mark.parametrize(("width", "scheme"), OPPOSITES)
def test_demo_in_trouble(visit: Callable[..., Tab], width: int, scheme: str) -> None:
    """No permission; a browser without worklets; an enhancer that fails, with the way back."""
    denied = visit("index.html", width, scheme, permission=DENY_MICROPHONE).page
    denied.get_by_role("radio", name="Microphone").check(force=True)
    denied.get_by_role("button", name="Start", exact=True).click()
    expect(denied.get_by_role("status")).to_contain_text("not allowed")
    look(denied, f"demo-denied-{width}-{scheme}")

    old = visit("index.html", width, scheme, init="delete window.AudioWorkletNode").page
    old.get_by_role("button", name="Start", exact=True).click()
    expect(old.get_by_role("status")).to_contain_text("no AudioWorklet")
    look(old, f"demo-unsupported-{width}-{scheme}")

    broken = visit(
        "index.html", width, scheme, init="window.Worker = class { constructor() { throw Error('no'); } }"
    ).page
    broken.get_by_role("button", name="Start", exact=True).click()
    expect(broken.get_by_role("button", name="Start the enhancer again")).to_be_visible()
    look(broken, f"demo-fallback-{width}-{scheme}")
