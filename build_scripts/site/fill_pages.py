"""Fill in the pages: the parts they share, and the figures of quality and cost from ``results/*.json``.

Pages of ``web/`` have places that the build fills:

``<!-- part: NAME -->``
    ``web/parts/NAME.html``, which all pages share; links to the page itself are marked as such.
``<!-- table: NAME -->``, ``<!-- chart: NAME -->``, ``<!-- number: NAME -->``
    Made from results (``tables.py``, ``page_charts.py``, NUMBERS here).

An unknown name stops the build. Sentences are written in the pages; ``tests/unit/test_sentences.py`` fails when one of
them no longer says what the results say.
"""

import re
from collections.abc import Callable, Mapping
from html import escape

from build_scripts import RESULTS, ROOT
from percepnet_wasm.constants import BINS, DEFAULT_DEPTH, DELAY, HOP, WINDOW
from percepnet_wasm.model_file import DEFAULT_TIER, Model
from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.comb import FUTURE

from . import results
from .engine_tables import MISSED
from .page_charts import CHARTS
from .results import Table
from .tables import TABLES

__all__ = ["NUMBERS", "fill", "fill_pages", "picture_files"]

_PART = re.compile(r"^ *<!-- part: (\w+) -->\n", re.MULTILINE)
_PLACE = re.compile(r"<!-- (table|chart|number): ([^>]+?) -->")
_COMB, _POSTFILTER = "3-comb, period of the noisy", "4-postfilter, period of the noisy"

PARTS = ROOT / "web" / "parts"

Files = Mapping[str, bytes]


def _milliseconds(samples: int) -> str:
    return f"{results.milliseconds(samples):g} ms"


def _loads(name: str) -> str:
    """Range of the load averages before the turns of a bench."""
    loads = [r["load_before"] for r in results.load(name) if "load_before" in r]
    return f"{min(loads):g} to {max(loads):g}"


NUMBERS: dict[str, Callable[[], str]] = {
    "ladder mixes": lambda: str(results.load("ladder")["files"]),
    "pesq noisy": lambda: f"{results.rung('noisy'):.2f}",
    "pesq magnitudes": lambda: f"{results.rung('1-magnitudes'):.2f}",
    "pesq gains": lambda: f"{results.rung('2-gains'):.2f}",
    "pesq comb": lambda: f"{results.rung(_COMB):.2f}",
    "pesq postfilter": lambda: f"{results.rung(_POSTFILTER):.2f}",
    "background comb": lambda: f"{results.rung(_COMB, 'dnsmos_bak'):.2f}",
    "background postfilter": lambda: f"{results.rung(_POSTFILTER, 'dnsmos_bak'):.2f}",
    "pesq network": lambda: f"{results.ours(mixes=results.DEVELOPMENT)['all']['pesq_wb']:.2f}",
    "pesq calls": lambda: f"{results.peers()['noisy']['all']['pesq_wb']:.2f}",
    "pesq calls enhanced": lambda: f"{results.ours()['all']['pesq_wb']:.2f}",
    "five dB pesq": lambda: f"{results.five_db('pesq_wb'):.2f}",
    "five dB stoi": lambda: f"{results.five_db('stoi'):.2f}",
    "five dB sisdr": lambda: f"{results.five_db('sisdr'):.1f}",
    "tier": lambda: DEFAULT_TIER,
    "weights": lambda: f"{Model.load(None).weights / 1e6:.1f} million",
    "bands": lambda: str(BANDS),
    "bins": lambda: str(BINS),
    "numbers": lambda: str(2 * BANDS),
    "window ms": lambda: _milliseconds(WINDOW),
    "hop ms": lambda: _milliseconds(HOP),
    "delay ms": lambda: _milliseconds(DELAY),
    "comb future ms": lambda: _milliseconds(FUTURE),
    "live delay ms": lambda: f"{results.live_delay():g} ms",
    "ring ms": lambda: _milliseconds(DEFAULT_DEPTH),
    "cpu share": lambda: f"{100 * results.live()['cpu_share']:.1f} %",
    "start cold": lambda: f"{results.startup('cold'):.1f} s",
    "start warm": lambda: f"{results.startup('warm'):.1f} s",
    "bench load": lambda: _loads("bench"),
    "engines load": lambda: _loads("engines"),
    "engines visits": lambda: str(results.load("engines")[0]["visits"]),
    "offline native": lambda: f"{results.offline('percepnet native'):.0f}",
    "offline numpy": lambda: f"{results.offline('percepnet numpy'):.0f}",
    "picture range": lambda: f"{results.load('pictures')['typical']['range_db']} dB",
}


def fill_pages(plan: Files) -> dict[str, bytes]:
    """Fill every page of a site.

    Parameters
    ----------
    plan : mapping of str to bytes
        All files of the site.

    Returns
    -------
    dict
        The site with its pages filled, without the parts, which are in the pages now.
    """
    return {
        name: fill(data.decode(), name).encode() if name.endswith(".html") else data
        for name, data in plan.items()
        if not name.startswith("parts/")
    }


def picture_files() -> dict[str, bytes]:
    """List the pictures that the charts point to."""
    return {f"pictures/{path.name}": path.read_bytes() for path in sorted((RESULTS / "pictures").glob("*.webp"))}


def fill(page: str, name: str = "") -> str:
    """Fill one page, which is called ``name``.

    Raises
    ------
    ValueError
        The page asks for something that does not exist.
    """

    def part(place: re.Match) -> str:
        path = PARTS / f"{place[1]}.html"
        if not path.is_file():
            raise ValueError(f"a page asks for the part {place[1]!r}, but web/parts has no {path.name}")
        text = path.read_text(encoding="utf-8")
        return text.replace(f'href="{name}"', f'href="{name}" aria-current="page"') if name else text

    def made(place: re.Match) -> str:
        kind, wanted = place[1], place[2]
        try:
            if kind == "table":
                return html(TABLES[wanted]())
            return CHARTS[wanted]() if kind == "chart" else escape(NUMBERS[wanted]())
        except KeyError as error:
            raise ValueError(f"a page asks for the {kind} {wanted!r}, which does not exist ({error})") from error

    return _PLACE.sub(made, _PART.sub(part, page))


def html(table: Table) -> str:
    """Lay out a table; a row whose first cell begins with ** is ours, one that begins with MISSED a missed target."""
    lines = [_row(table.header, "col")]
    marks = {"**": ' class="ours"', MISSED: ' class="missed"'}
    body = []
    for row in table.rows:
        mark = next((attributes for start, attributes in marks.items() if row[0].startswith(start)), "")
        body.append(_row([row[0].strip("*"), *row[1:]], "row", mark))
    return f"<table><thead>{''.join(lines)}</thead><tbody>{''.join(body)}</tbody></table>"


def _row(cells: list[str], scope: str, attributes: str = "") -> str:
    first, *others = (escape(cell) for cell in cells)
    if scope == "col":
        rest = "".join(f'<th scope="col">{cell}</th>' for cell in others)
    else:
        rest = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr{attributes}><th scope="{scope}">{first}</th>{rest}</tr>'
