"""The page as it is: how long from navigation until it enhances.

Considered and rejected: a memory snapshot made on the first visit. The pinned Pyodide's ``makeMemorySnapshot()`` needs
the private options ``_makeSnapshot`` and ``_loadSnapshot``; its authors say that it crashes with compiled extensions
and cannot hold loaded packages (pyodide's pull request 4720, issues 5195 and 6418). NumPy is such a package: only the
start of the bare interpreter would be saved, at the price of a copy of its memory in the browser's cache, whose hash
the build cannot know. Both targets are met without it. What it would save has not been measured on this page.
"""

from pathlib import Path
from statistics import median

from playwright.sync_api import BrowserContext, Page

from build_scripts.site.serve import serve

from .chromium import PATIENCE_MS, browser
from .machine import load_average
from .records import Record

__all__ = ["startup"]

VISITS = 3
"""With an empty cache, and as many with a full one."""

READY_WITHIN_MS = 90_000
"""If a page takes longer, its machine is too busy: the visit does not count."""

HEARD_WITHIN_MS = 5000
"""A machine too busy to keep up never gets to enhanced sound."""

# ms since navigation began: the enhancer is warm; its sound is heard (one ring's depth and delay later). Or null.
WAIT = """async ([readyWithin, heardWithin]) => {
  const { percepnet } = demo;
  const when = (reached, event) => new Promise((resolve, reject) => {
    const look = () => reached() && resolve(performance.now());
    percepnet.addEventListener(event, look);
    percepnet.addEventListener('fallback', ({ detail }) => reject(new Error(detail.message)));
    look();
  });
  const within = (promise, ms) => Promise.race([promise, new Promise((resolve) => setTimeout(resolve, ms, null))]);
  const heard = when(() => percepnet.playing === 'enhanced', 'playing').catch(() => null);
  const ready = await within(when(() => percepnet.state === 'ready', 'ready'), readyWithin);
  return [ready, ready && await within(heard, heardWithin)];
}"""


def startup(site: Path) -> list[Record]:
    """Visit the page.

    Parameters
    ----------
    site : Path
        ``dist/``.

    Returns
    -------
    list of dict
        From an empty cache and from a full one: p50 and p99 over the visits, to the warm enhancer; ``heard_ms`` to the
        first enhanced sound; None where the machine was too busy to get there.
    """
    times: dict[str, list[tuple[float | None, float | None]]] = {"cold": [], "warm": []}
    load_before = load_average()
    with serve(site) as address, browser() as chromium:
        for _visit in range(VISITS):
            context = chromium.new_context()
            for cache, taken in _visit_twice(context, address).items():
                times[cache].append(taken)
    load_after = load_average()
    records = []
    for cache, pairs in times.items():
        ready = [pair[0] for pair in pairs if pair[0] is not None]
        heard = [pair[1] for pair in pairs if pair[1] is not None]
        records.append(
            {
                "engine": "pyodide-chromium",
                "system": "percepnet",
                "tier": None,
                "kernel": None,
                "stage": "startup",
                "pace": None,
                "cache": cache,
                "p50_ms": round(median(ready)) if ready else None,
                "p99_ms": round(max(ready)) if ready else None,
                "heard_ms": round(median(heard)) if heard else None,
                "visits": len(ready),
                "ratio_to_rnnoise": None,
                "load_before": load_before,
                "load_after": load_after,
            }
        )
    return records


def _visit_twice(context: BrowserContext, address: str) -> dict[str, tuple[float | None, float | None]]:
    """Visit with an empty cache, then with a full one, and close the context."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    times = {cache: _visit_page(page, address) for cache in ("cold", "warm")}
    context.close()
    return times


def _visit_page(page: Page, address: str) -> tuple[float | None, float | None]:
    """Open the page and press Start; return ms since navigation until the enhancer is warm, and until it sounds."""
    page.goto(address, wait_until="commit")
    page.click("#start")
    # Not wait_for_function(): it polls with eval, which the page forbids.
    page.evaluate("async () => { while (!window.demo?.percepnet) await new Promise((next) => setTimeout(next, 5)); }")
    ready, heard = page.evaluate(WAIT, [READY_WITHIN_MS, HEARD_WITHIN_MS])
    return ready, heard
