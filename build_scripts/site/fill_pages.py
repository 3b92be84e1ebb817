"""Fill the pages in: what they share, and what they say of quality and cost, which comes from ``results/*.json``.

Pages of ``web/`` hold places, each filled by the build:

``<!-- part: NAME -->``
    ``web/parts/NAME.html``, which all pages share; a link to the page itself is marked as such.
``<!-- table: NAME -->``, ``<!-- chart: NAME -->``, ``<!-- list: NAME -->``, ``<!-- number: NAME -->``
    Made from results (``tables.py``, ``page_charts.py``, ``page_words.py``).

An unknown name stops the build.
"""

import re
from collections.abc import Mapping
from html import escape

from build_scripts import RESULTS, ROOT

from . import tables
from .page_charts import CHARTS
from .page_sizes import download_table
from .page_words import LISTS, NUMBERS
from .tables import Table

__all__ = ["fill", "fill_pages", "picture_files"]

_PART = re.compile(r"^ *<!-- part: (\w+) -->\n", re.MULTILINE)
_PLACE = re.compile(r"<!-- (table|chart|list|number): ([^>]+?) -->")

PARTS = ROOT / "web" / "parts"

Files = Mapping[str, bytes]


def fill_pages(plan: Files) -> dict[str, bytes]:
    """Fill every page of a site.

    Parameters
    ----------
    plan : mapping of str to bytes
        All files of the site: some figures are their sizes.

    Returns
    -------
    dict
        The site with its pages filled, without the parts that are in them now.
    """
    return {
        name: fill(data.decode(), plan, name).encode() if name.endswith(".html") else data
        for name, data in plan.items()
        if not name.startswith("parts/")
    }


def picture_files() -> dict[str, bytes]:
    """List the pictures that the charts point to."""
    return {f"pictures/{path.name}": path.read_bytes() for path in sorted((RESULTS / "pictures").glob("*.webp"))}


def fill(page: str, plan: Files, name: str = "") -> str:
    """Fill one page, which is called ``name``.

    Raises
    ------
    ValueError
        The page asks for something that is not known.
    """

    def part(place: re.Match) -> str:
        path = PARTS / f"{place[1]}.html"
        if not path.is_file():
            raise ValueError(f"a page asks for the part {place[1]!r}: there is no {path.name} in web/parts")
        text = path.read_text(encoding="utf-8")
        return text.replace(f'href="{name}"', f'href="{name}" aria-current="page"') if name else text

    def made(place: re.Match) -> str:
        kind, wanted = place[1], place[2]
        try:
            if kind == "table":
                return html(download_table(plan) if wanted == "download" else tables.TABLES[wanted]())
            if kind == "list":
                return "".join(f"<li>{escape(item)}</li>" for item in LISTS[wanted](plan))
            return CHARTS[wanted]() if kind == "chart" else escape(NUMBERS[wanted]())
        except KeyError as error:
            raise ValueError(f"a page asks for the {kind} {wanted!r}: there is none ({error})") from error

    return _PLACE.sub(made, _PART.sub(part, page))


def html(table: Table) -> str:
    """Lay out a table; a row whose first cell is marked by ** is ours."""
    lines = [_row(table.header, "col")]
    body = [
        _row([row[0].strip("*"), *row[1:]], "row", ' class="ours"' if row[0].startswith("**") else "")
        for row in table.rows
    ]
    return f"<table><thead>{''.join(lines)}</thead><tbody>{''.join(body)}</tbody></table>"


def _row(cells: list[str], scope: str, attributes: str = "") -> str:
    first, *others = (escape(cell) for cell in cells)
    if scope == "col":
        rest = "".join(f'<th scope="col">{cell}</th>' for cell in others)
    else:
        rest = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr{attributes}><th scope="{scope}">{first}</th>{rest}</tr>'
