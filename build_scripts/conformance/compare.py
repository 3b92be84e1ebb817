"""What the script tag breaks: subtests that pass on the plain page and not on the page with the tag."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["EXPECTED", "ExpectedLoss", "Loss", "Outcome", "losses", "read_expected", "repeated", "sort_losses"]

EXPECTED = Path(__file__).with_name("expected.toml")
"""Losses that are known, each with the reason for which it is accepted."""

FILE = "(the whole file)"
"""Stands for the file where the harness itself fails and no subtest is lost."""


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


def repeated(pairs: Sequence[tuple[Outcome, Outcome]]) -> set[str]:
    """Subtests that were lost every time: empty unless the file was run twice in both ways.

    Parameters
    ----------
    pairs : sequence of (Outcome, Outcome)
        Without and with the tag.
    """
    if len(pairs) < 2:
        return set()
    return set.intersection(*(losses(plain, tagged) for plain, tagged in pairs))


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


def sort_losses(found: Iterable[Loss], expected: Sequence[ExpectedLoss]) -> tuple[list[Loss], list[Loss]]:
    """Divide losses into those that are not accepted, and those that are."""
    fresh: list[Loss] = []
    known: list[Loss] = []
    for loss in sorted(found):
        (known if any(entry.covers(loss) for entry in expected) else fresh).append(loss)
    return fresh, known
