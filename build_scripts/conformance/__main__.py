"""Run the web platform's own tests with and without the script tag, and fail if the tag breaks any of them.

    python -m build_scripts.conformance [--browser chromium] [--minutes 5] [folder ...]

The tests' own server serves every test page twice: unchanged, and with the tag above its scripts. If a subtest passes
only without the tag, both versions are run again. If that repeats, more runs show whether it is lost, or passes by
chance and as often with the tag as without. ``expected.toml`` lists the losses that are accepted. An interrupted run
resumes where it stopped, as long as ``dist/``, browser and tests are the same. A folder that is complete gets a line in
``results/conformance.json``, from which ``tables.py`` makes a table.
"""

import argparse
import contextlib
import datetime
import functools
import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from build_scripts import ROOT

from .chromium import Chromium, chromium
from .compare import ExpectedLoss, accepted_losses, read_expected, sort_losses
from .gecko import Gecko, gecko
from .journal import ARMS, Journal
from .manifest import Page, find_tests
from .record import losses_of, summary, write_record
from .server import Served, serve_tests
from .sources import FOLDERS, SourceError, Suite, fetch_tests

BUILD = ROOT / "build" / "conformance"
BROWSERS = ("chromium", "firefox")

SHORT_S, LONG_S, START_S = 10, 60, 30
"""Time limits in seconds: the harness's own for short and long tests, and what a page may take to start."""


def site_digest(site: Path) -> str:
    """Return a short hash of all that the tag loads."""
    digest = hashlib.sha256()
    for path in sorted(site.glob("worklet/**/*")) + sorted(site.glob("runtime/**/*")):
        if path.is_file():
            digest.update(path.relative_to(site).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:8]


class Session:
    """One browser, and both servers, which start with the first test and end with ``servers``."""

    def __init__(
        self,
        browser: Chromium | Gecko,
        tests: Suite,
        site: Path,
        patience: int,
        deadline: float,
        servers: contextlib.ExitStack,
    ) -> None:
        self.browser, self.tests, self.deadline, self.patience = browser, tests, deadline, patience
        self.site, self.digest, self.servers = site, site_digest(site), servers
        plain = f"{tests.version} {browser.name} {browser.version}"
        self.fingerprints = dict(zip(ARMS, (plain, f"{plain} {self.digest}"), strict=True))

    @functools.cached_property
    def served(self) -> dict[str, Served]:
        """By arm."""
        name, tests, site = self.browser.name, self.tests.folder, self.site
        return {
            arm: self.servers.enter_context(
                serve_tests(tests, site, arm == "tag", self.patience, BUILD / f"{name}-{arm}")
            )
            for arm in ARMS
        }

    def run(self, folder: str, expected: Sequence[ExpectedLoss]) -> bool | None:
        """Run a folder's tests; True if nothing is lost, None if time is up before they are done."""
        name = self.browser.name
        tests = find_tests(self.tests.folder, folder)
        journal = Journal(BUILD / f"{name}-{folder}.jsonl", self.fingerprints)
        accepted = {test.url: accepted_losses(name, test.url, expected) for test in tests}
        left = [test for test in tests if journal.next_arm(test.url, accepted[test.url])]
        print(f"{name}: {folder}: {len(tests)} files, {len(tests) - len(left)} of them done", flush=True)
        if left and not self._run_all(left, journal, accepted):
            print(f"{name}: {folder}: out of time; run the same command to continue")
            return None
        write_record(
            {
                "folder": folder,
                "browser": name,
                "version": self.browser.version,
                "tests": self.tests.version,
                "date": datetime.date.today().isoformat(),
                "site": self.digest,
                **summary(journal, name, tests, expected),
            }
        )
        fresh, _ = sort_losses(losses_of(journal, name, tests), expected)
        for loss in fresh:
            print(f"LOST {loss}")
        print(f"{name}: {folder}: {len(fresh)} lost", flush=True)
        return not fresh

    def _run_all(self, tests: Sequence[Page], journal: Journal, accepted: Mapping[str, set[str]]) -> bool:
        for test in tests:
            limit = (LONG_S if test.long else SHORT_S) * self.patience + START_S
            while arm := journal.next_arm(test.url, accepted[test.url]):
                if time.monotonic() > self.deadline:
                    return False
                started = time.monotonic()
                served = self.served[arm]
                outcome = self.browser.run(served.url(test.url), limit)
                served.check()
                journal.add(test.url, arm, outcome)
                figures = f"{outcome.status}, {len(outcome.passed)} of {len(outcome.subtests)} pass"
                print(f"  {test.url} {arm}: {figures}, {time.monotonic() - started:.1f} s", flush=True)
        return True


def main() -> int:
    """Run the tests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="folder", help=f"of {', '.join(FOLDERS)} (default: all)")
    parser.add_argument("--browser", choices=BROWSERS, help="default: both")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this time (default: when done)")
    parser.add_argument("--patience", type=int, default=2, help="factor on the tests' own time limits (default: 2)")
    parser.add_argument("--site", type=Path, default=ROOT / "dist", help="the built site (default: dist)")
    arguments = parser.parse_args()
    if unknown := set(arguments.folders) - set(FOLDERS):
        parser.error(f"folder {', '.join(sorted(unknown))} is not one of {', '.join(FOLDERS)}")
    if not (arguments.site / "worklet" / "drop-in.js").is_file():
        parser.error(f"--site {arguments.site} has no worklet/drop-in.js: build it first, by make site")
    deadline = time.monotonic() + 60 * arguments.minutes
    expected = read_expected()
    results: list[bool | None] = []
    try:
        tests = fetch_tests()
        for name in [arguments.browser] if arguments.browser else BROWSERS:
            opened = chromium() if name == "chromium" else gecko(arguments.site / "clips" / "noisy.wav")
            with opened as browser, contextlib.ExitStack() as servers:
                session = Session(browser, tests, arguments.site.resolve(), arguments.patience, deadline, servers)
                for folder in arguments.folders or FOLDERS:
                    results.append(session.run(folder, expected))
                    if results[-1] is None:
                        return 2
    except (SourceError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the same command to continue", file=sys.stderr)
        return 130
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
