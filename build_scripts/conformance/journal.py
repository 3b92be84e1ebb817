"""What has been run: one line per run of a test file, so that an interrupted run resumes where it stopped."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from .compare import Outcome, is_decided

__all__ = ["ARMS", "Journal"]

ARMS = ("plain", "tag")
"""The page as it is, and the same page with the script tag."""


class Journal:
    """The runs of a folder's tests in one browser, kept in a file.

    Parameters
    ----------
    path : Path
        Lines of JSON; created with the first run.
    fingerprints : dict of str to str
        By arm: what its outcomes depend on. Lines that were written under others do not count.
    """

    def __init__(self, path: Path, fingerprints: dict[str, str]) -> None:
        self.path, self.fingerprints = path, fingerprints
        self.runs: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._read(line)

    def _read(self, line: str) -> None:
        try:
            entry = json.loads(line)
        except ValueError:  # the run was interrupted while it wrote
            return
        if entry["fingerprint"] == self.fingerprints[entry["arm"]]:
            self.runs[entry["test"], entry["arm"]].append(Outcome(**entry["outcome"]))

    def add(self, test: str, arm: str, outcome: Outcome) -> None:
        """Note a run."""
        self.runs[test, arm].append(outcome)
        entry = {"test": test, "arm": arm, "fingerprint": self.fingerprints[arm], "outcome": asdict(outcome)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A line that was cut short must not swallow this one.
        cut = self.path.exists() and not self.path.read_bytes().endswith(b"\n")
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" * cut + json.dumps(entry) + "\n")

    def pairs(self, test: str) -> list[tuple[Outcome, Outcome]]:
        """The runs of a test without and with the tag."""
        plain, tagged = (self.runs[test, arm] for arm in ARMS)
        return list(zip(plain, tagged, strict=False))

    def next_arm(self, test: str, expected: Iterable[str] = ()) -> str | None:
        """What to run next, None if nothing: each arm once, and again while a loss is undecided.

        Parameters
        ----------
        test : str
            Its address.
        expected : iterable of str
            Subtests whose loss needs no further runs.
        """
        if is_decided(self.pairs(test), expected):
            return None
        return min(ARMS, key=lambda arm: len(self.runs[test, arm]))
