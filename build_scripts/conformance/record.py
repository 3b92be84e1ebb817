"""The record of complete runs, ``results/conformance.json``: one line per folder and browser."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from build_scripts import RESULTS
from build_scripts.records import write_records

from .compare import ExpectedLoss, Flaky, Loss, flaky, repeated, sort_losses
from .journal import Journal
from .manifest import Page

__all__ = ["RECORD", "losses_of", "summary", "write_record"]

RECORD = RESULTS / "conformance.json"


def losses_of(journal: Journal, browser: str, tests: Sequence[Page]) -> list[Loss]:
    """What the tag breaks."""
    return [Loss(browser, test.url, name) for test in tests for name in sorted(repeated(journal.pairs(test.url)))]


def summary(journal: Journal, browser: str, tests: Sequence[Page], expected: Sequence[ExpectedLoss]) -> dict[str, Any]:
    """Figures of a folder whose tests have all been run.

    In a file that was run several times a subtest passes if it passed once. ``tag`` counts the pages that had loaded
    drop-in.js.
    """
    pairs = {test.url: journal.pairs(test.url) for test in tests}
    fresh, known = sort_losses(losses_of(journal, browser, tests), expected)
    return {
        "files": len(tests),
        "tag": sum(any(tagged.tag for _, tagged in runs) for runs in pairs.values()),
        "subtests": sum(_different(each.subtests for pair in runs for each in pair) for runs in pairs.values()),
        "passed_plain": sum(_different(plain.passed for plain, _ in runs) for runs in pairs.values()),
        "passed_tag": sum(_different(tagged.passed for _, tagged in runs) for runs in pairs.values()),
        "run_again": sum(len(runs) > 1 for runs in pairs.values()),
        "expected": [f"{loss.test}: {loss.subtest}" for loss in known],
        "lost": [f"{loss.test}: {loss.subtest}" for loss in fresh],
        "flaky": [asdict(Flaky.count(url, name, runs)) for url, runs in pairs.items() for name in sorted(flaky(runs))],
    }


def _different(names: Iterable[Iterable[str]]) -> int:
    return len(set().union(*names))


def write_record(entry: dict[str, Any], path: Path = RECORD) -> None:
    """Replace a folder's earlier figures in the same browser."""
    entries = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    key = entry["folder"], entry["browser"]
    entries = [each for each in entries if (each["folder"], each["browser"]) != key] + [entry]
    entries.sort(key=lambda each: (each["browser"], each["folder"]))
    write_records(path, entries)
