"""What the script tag breaks: subtests that pass on the plain page and not on the page with the tag."""

import math
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "EXPECTED",
    "ExpectedLoss",
    "Flaky",
    "Loss",
    "Outcome",
    "accepted_losses",
    "flaky",
    "is_decided",
    "losses",
    "read_expected",
    "repeated",
    "sort_losses",
]

EXPECTED = Path(__file__).with_name("expected.toml")
"""Losses that are known, each with the reason for which it is accepted."""

FILE = "(the whole file)"
"""Stands for the file where the harness itself fails and no subtest is lost."""

SCREENING = 2
"""Pairs of runs in which a subtest must be lost every time to be suspected."""

RETRIALS = 8
"""Further pairs of runs that a suspect gets. They alone are tested, since the first were selected for being losses."""

CERTAIN = 4
"""Further pairs after which a subtest that has always passed without the tag, and never with it, is run no more."""

SIGNIFICANCE = 0.05
"""Of the test by which a subtest passes less often with the tag."""


@dataclass(frozen=True)
class Outcome:
    """What one run of a test file reported.

    Attributes
    ----------
    status : str
        Of the file: ``OK``, or why it did not finish.
    subtests : dict of str to str
        From a subtest's name to ``PASS``, ``FAIL``, ``TIMEOUT``, ``NOTRUN`` or ``PRECONDITION_FAILED``.
    tag : bool
        The page had loaded drop-in.js.
    """

    status: str
    subtests: dict[str, str] = field(default_factory=dict)
    tag: bool = False

    @property
    def passed(self) -> set[str]:
        """Names of the subtests that pass."""
        return {name for name, status in self.subtests.items() if status == "PASS"}

    def passes(self, name: str) -> bool:
        """Say whether a subtest passes, or FILE."""
        return self.status == "OK" if name == FILE else self.subtests.get(name) == "PASS"


@dataclass(frozen=True, order=True)
class Loss:
    """A subtest that fails because of the tag."""

    browser: str
    test: str
    subtest: str

    def __str__(self) -> str:
        return f"{self.browser}: {self.test}: {self.subtest}"


@dataclass(frozen=True)
class ExpectedLoss:
    """A loss that is accepted, in one test file."""

    test: str
    subtests: tuple[str, ...]
    browsers: tuple[str, ...]
    reason: str

    def covers(self, loss: Loss) -> bool:
        """Say whether the loss is one of these."""
        return loss.test == self.test and loss.browser in self.browsers and loss.subtest in self.subtests


def losses(plain: Outcome, tagged: Outcome) -> set[str]:
    """Subtests that pass without the tag and not with it."""
    lost = plain.passed - tagged.passed
    if not lost and plain.status == "OK" and tagged.status != "OK":
        return {FILE}
    return lost


@dataclass(frozen=True, order=True)
class Flaky:
    """A subtest that fails without the tag too, at times, and about as often as with it."""

    test: str
    subtest: str
    plain: int
    tag: int
    runs: int

    @classmethod
    def count(cls, test: str, subtest: str, pairs: Sequence[tuple[Outcome, Outcome]]) -> "Flaky":
        """Count the passes without and with the tag."""
        plain, tag = (sum(pair[arm].passes(subtest) for pair in pairs) for arm in (0, 1))
        return cls(test, subtest, plain, tag, len(pairs))


def is_decided(pairs: Sequence[tuple[Outcome, Outcome]], expected: Iterable[str] = ()) -> bool:
    """Say whether a test has been run often enough.

    Once if nothing is lost; ``SCREENING`` times if the loss does not repeat or is expected. A loss that does
    repeat is tried ``RETRIALS`` times more, or ``CERTAIN`` times if nothing varies.
    """
    if len(pairs) < SCREENING:
        return bool(pairs) and not losses(*pairs[0])
    suspects = _suspects(pairs) - set(expected)
    constant = all(plain.passes(name) and not tagged.passes(name) for name in suspects for plain, tagged in pairs)
    return len(pairs) >= SCREENING + (CERTAIN if constant else RETRIALS) or not suspects


def repeated(pairs: Sequence[tuple[Outcome, Outcome]]) -> set[str]:
    """Subtests that are lost: in both of the first runs, and not only because they are flaky.

    Parameters
    ----------
    pairs : sequence of (Outcome, Outcome)
        Without and with the tag.
    """
    return _suspects(pairs) - flaky(pairs)


def flaky(pairs: Sequence[tuple[Outcome, Outcome]]) -> set[str]:
    """Subtests that were lost in both of the first runs and owe that to chance.

    They have failed at least once without the tag and passed at least once with it, and in the runs after the first
    two they do not pass significantly less often with it.
    """
    retrials = pairs[SCREENING:]

    def by_chance(name: str) -> bool:
        plain, tag = (sum(pair[arm].passes(name) for pair in retrials) for arm in (0, 1))
        return plain < len(retrials) and tag > 0 and _chance_of_so_few(tag, plain, len(retrials)) >= SIGNIFICANCE

    return {name for name in _suspects(pairs) if by_chance(name)}


def _suspects(pairs: Sequence[tuple[Outcome, Outcome]]) -> set[str]:
    if len(pairs) < SCREENING:
        return set()
    return set.intersection(*(losses(plain, tagged) for plain, tagged in pairs[:SCREENING]))


def _chance_of_so_few(tag: int, plain: int, runs: int) -> float:
    """Fisher's exact test, one-sided: the passes of both arms fall upon their runs by chance, ``tag`` or fewer here."""
    ways = math.comb(2 * runs, tag + plain)
    return sum(math.comb(runs, k) * math.comb(runs, tag + plain - k) for k in range(tag + 1)) / ways


def read_expected(path: Path = EXPECTED) -> list[ExpectedLoss]:
    """Read the accepted losses.

    Raises
    ------
    ValueError
        An entry has no reason, or names no subtest or browser.
    """
    entries = []
    for raw in tomllib.loads(path.read_text(encoding="utf-8")).get("loss", []):
        entry = ExpectedLoss(
            test=raw.get("test", ""),
            subtests=tuple(raw.get("subtests", ())),
            browsers=tuple(raw.get("browsers", ())),
            reason=raw.get("reason", "").strip(),
        )
        if not (entry.test and entry.subtests and entry.browsers and entry.reason):
            raise ValueError(f"{path.name}: {raw} needs test, subtests, browsers and reason")
        entries.append(entry)
    return entries


def accepted_losses(browser: str, test: str, expected: Sequence[ExpectedLoss]) -> set[str]:
    """Return the subtests of a test whose loss is accepted."""
    entries = (entry for entry in expected if entry.test == test and browser in entry.browsers)
    return {subtest for entry in entries for subtest in entry.subtests}


def sort_losses(found: Iterable[Loss], expected: Sequence[ExpectedLoss]) -> tuple[list[Loss], list[Loss]]:
    """Divide losses into those that are not accepted, and those that are."""
    fresh: list[Loss] = []
    known: list[Loss] = []
    for loss in sorted(found):
        (known if any(entry.covers(loss) for entry in expected) else fresh).append(loss)
    return fresh, known
