"""The numbers page as its readers see it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT, Tab
from playwright.sync_api import expect

from build_scripts.site import results
from build_scripts.site.serve import serve

STRICT = {"Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'"}


@pytest.fixture
def strict(dist: Path) -> Iterator[str]:
    """The site as built, under a policy that allows nothing inline and nothing from elsewhere."""
    with serve(dist, headers=STRICT) as url:
        yield url


def test_reads_well_under_a_strict_policy(open_tab: Callable[..., Tab], strict: str) -> None:
    """Everything is styled, fits the screen, can be opened, and says what the result files say."""
    tab = open_tab(strict, path="numbers.html")
    page = tab.page
    width = 320
    page.set_viewport_size({"width": width, "height": 800})
    for summary in page.locator("summary").all():
        summary.click()
    evaluation = json.loads((ROOT / "build_scripts" / "results" / "evaluation.json").read_text())
    score = evaluation["peers"]["calls"]["dfn3"]["all"]["pesq_wb"]
    expect(page.get_by_role("row", name="DeepFilterNet3").first).to_contain_text(f"{score:.2f}")
    expect(page.get_by_role("img", name=f"DeepFilterNet3 {score:.2f}").first).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    # A table that is wider than a phone shows so by its shade, and keeps its names in view while it scrolls.
    names_stay = tab.evaluate(
        """[...document.querySelectorAll('.wide')].filter((wide) => wide.scrollWidth > wide.clientWidth).map((wide) => {
          wide.scrollLeft = wide.scrollWidth;
          const name = wide.querySelector('tbody th').getBoundingClientRect();
          const seen = wide.scrollLeft > 0 && Math.abs(name.left - wide.getBoundingClientRect().left) < 2;
          wide.scrollLeft = 0;
          return seen && getComputedStyle(wide).backgroundImage.includes('gradient');
        })"""
    )
    assert len(names_stay) > 3 and all(names_stay)
    colour = "getComputedStyle(document.querySelector('{}')).color"
    ours, ink = (tab.evaluate(colour.format(cell)) for cell in ("tr.ours td", "tbody td"))
    assert ours != ink, "our own row does not stand out"
    bar = tab.evaluate("getComputedStyle(document.querySelector('.chart .ours rect')).fill")
    assert bar == ours, "charts and tables differ in colour"
    # Every table scrolls within itself, by keyboard too, and has a name.
    scrolling = page.locator(".wide[role=region][tabindex='0']").filter(has=page.get_by_role("table"))
    assert scrolling.count() == page.get_by_role("table").count() >= 7
    assert page.locator(".wide:not([aria-label], [aria-labelledby])").count() == 0
    assert tab.complaints == [] and tab.uncaught == []


@pytest.mark.parametrize("engine", ["python", "worker", "worklet"])
def test_downloads_are_as_large_as_recorded(dist: Path, engine: str) -> None:
    """The documents state what was recorded. If this fails, record again (make record)."""
    recorded = results.own_download(engine)
    names = results.fetched(lambda name: (dist / name).read_bytes(), engine)
    assert sum((dist / name).stat().st_size for name in names) == pytest.approx(recorded["raw_bytes"], rel=0.02)
