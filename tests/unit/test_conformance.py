"""The parts of ``make conformance`` that need no browser."""

import contextlib
import json
import subprocess
import sys

import pytest

from build_scripts.conformance import __main__ as command
from build_scripts.conformance.compare import (
    FILE,
    ExpectedLoss,
    Loss,
    Outcome,
    accepted_losses,
    flaky,
    is_decided,
    losses,
    read_expected,
    repeated,
    sort_losses,
)
from build_scripts.conformance.journal import Journal
from build_scripts.conformance.manifest import Page, find_tests
from build_scripts.conformance.record import losses_of, summary, write_record
from build_scripts.conformance.server import ALL_HOSTS, Served
from build_scripts.conformance.sources import NOISE, SourceError, Suite, newest_first, use_microphone

FINGERPRINTS = {"plain": "tests 1", "tag": "tests 1 site 1"}
TEST = "/folder/a.https.html"


def outcome(status="OK", tag=False, **subtests):
    return Outcome(status, subtests, tag)


GOOD = outcome(one="PASS", two="PASS", three="FAIL")
WORSE = outcome(tag=True, one="PASS", two="TIMEOUT", three="PASS")
AS_GOOD = outcome(tag=True, one="PASS", two="PASS", three="FAIL")


def test_a_loss_passes_without_the_tag_alone():
    assert losses(GOOD, WORSE) == {"two"}
    assert losses(GOOD, outcome(one="PASS")) == {"two"}, "a subtest that never ran is lost"
    assert losses(GOOD, AS_GOOD) == set()
    assert losses(WORSE, GOOD) == {"three"}


def test_a_file_that_fails_as_a_whole_is_a_loss():
    assert losses(outcome(), outcome("ERROR")) == {FILE}
    assert losses(outcome("TIMEOUT"), outcome("ERROR")) == set()
    assert losses(GOOD, Outcome("CRASH")) == {"one", "two"}


def pairs_of(plain, tag):
    """Runs of one subtest, + where it passes."""
    arms = ([outcome(two="PASS" if each == "+" else "FAIL") for each in runs] for runs in (plain, tag))
    return list(zip(*arms, strict=True))


@pytest.mark.parametrize(
    ("plain", "tag", "lost", "chance"),
    [
        ("++++++", "------", True, False),
        ("++" + "+-+--+--", "--" + "-+--+-+-", False, True),
        ("++" + "+-+--+--", "--" + "--------", True, False),  # it never passes
        ("++" + "++++++++", "--" + "++++++++", True, False),  # unlike without the tag, where it always passes
        ("++" + "+++++++-", "--" + "-+--+---", True, False),  # 7 of 8 against 2: seldom by chance
        ("++" + "+++++++-", "--" + "-+--+--+", False, True),  # 7 of 8 against 3: often enough
        ("+-" + "--------", "--" + "--------", False, False),  # the loss did not repeat
    ],
)
def test_a_repeated_loss_is_tried_again_and_may_be_chance(plain, tag, lost, chance):
    pairs = pairs_of(plain, tag)
    assert (bool(repeated(pairs)), bool(flaky(pairs))) == (lost, chance)


@pytest.mark.parametrize(
    ("plain", "tag", "runs"),
    [
        ("+" * 12, "+" * 12, 1),
        ("-" * 12, "-" * 12, 1),
        ("+" * 12, "-+" * 6, 2),
        ("+" * 12, "-" * 12, 6),
        ("+" * 12, "--" + "-+" * 5, 10),
        ("++" + "-+" * 5, "-" * 12, 10),
    ],
)
def test_a_test_is_run_until_it_is_decided(plain, tag, runs):
    pairs = pairs_of(plain, tag)
    assert [is_decided(pairs[:n]) for n in range(runs + 1)] == [False] * runs + [True]


def test_an_expected_loss_is_not_tried_again():
    pairs = pairs_of("++", "--")
    assert is_decided(pairs, {"two"}) and not is_decided(pairs, {"one"})
    expected = [
        ExpectedLoss("/a.html", ("one", "two"), ("chromium",), "because"),
        ExpectedLoss("/b.html", ("three",), ("chromium",), "because"),
    ]
    assert accepted_losses("chromium", "/a.html", expected) == {"one", "two"}
    assert accepted_losses("firefox", "/a.html", expected) == set()


def test_a_file_that_fails_as_a_whole_may_be_flaky_too():
    good, bad = outcome(two="FAIL"), outcome("TIMEOUT", two="FAIL")
    assert flaky([(good, bad)] * 2 + [(bad, good), (good, bad)] * 4) == {FILE}
    assert repeated([(good, bad)] * 6) == {FILE}


def test_only_what_is_lost_twice_counts():
    other = outcome(one="FAIL", two="FAIL")
    assert repeated([(GOOD, WORSE)]) == set()
    assert repeated([(GOOD, WORSE), (GOOD, AS_GOOD)]) == set()
    assert repeated([(GOOD, WORSE), (GOOD, other)]) == {"two"}
    assert repeated([]) == set()


def test_expected_losses_need_a_reason(tmp_path):
    path = tmp_path / "expected.toml"
    path.write_text('[[loss]]\ntest = "/a.html"\nsubtests = ["one"]\nbrowsers = ["chromium"]\nreason = " "\n')
    with pytest.raises(ValueError, match=r"expected\.toml.*a\.html.*reason"):
        read_expected(path)


def test_the_committed_list_is_valid():
    assert all(set(entry.browsers) <= {"chromium", "firefox"} for entry in read_expected())


def test_an_expected_loss_covers_its_browser_file_and_subtest_alone():
    expected = [ExpectedLoss("/a.html", ("one",), ("chromium",), "because")]
    known = Loss("chromium", "/a.html", "one")
    others = [
        Loss("chromium", "/a.html", "two"),
        Loss("chromium", "/b.html", "one"),
        Loss("firefox", "/a.html", "one"),
    ]
    assert sort_losses([*others, known], expected) == (others, [known])


def test_both_ways_are_run_and_again_where_something_is_lost(tmp_path):
    journal = Journal(tmp_path / "runs" / "journal.jsonl", FINGERPRINTS)
    order = []
    while arm := journal.next_arm(TEST):
        order.append(arm)
        journal.add(TEST, arm, GOOD if arm == "plain" else WORSE)
    assert order == ["plain", "tag"] * 6
    assert journal.pairs(TEST) == [(GOOD, WORSE)] * 6
    journal.add("/b.html", "plain", GOOD)
    journal.add("/b.html", "tag", AS_GOOD)
    assert journal.next_arm("/b.html") is None


def test_an_interrupted_run_resumes(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, FINGERPRINTS)
    journal.add(TEST, "plain", GOOD)
    journal.add(TEST, "tag", WORSE)
    path.write_bytes(path.read_bytes()[:-20])  # while it wrote the last line
    resumed = Journal(path, FINGERPRINTS)
    assert resumed.next_arm(TEST) == "tag"
    resumed.add(TEST, "tag", WORSE)
    assert Journal(path, FINGERPRINTS).pairs(TEST) == [(GOOD, WORSE)]


def test_a_changed_site_repeats_only_what_depends_on_it(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, FINGERPRINTS)
    journal.add(TEST, "plain", GOOD)
    journal.add(TEST, "tag", AS_GOOD)
    assert Journal(path, FINGERPRINTS).next_arm(TEST) is None
    assert Journal(path, FINGERPRINTS | {"tag": "tests 1 site 2"}).next_arm(TEST) == "tag"
    assert Journal(path, {"plain": "tests 2", "tag": "tests 2 site 1"}).next_arm(TEST) == "plain"


def test_figures_of_a_folder(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl", FINGERPRINTS)
    for _ in range(2):
        journal.add(TEST, "plain", GOOD)
        journal.add(TEST, "tag", outcome(tag=True, one="FAIL", two="FAIL", four="PASS"))
    journal.add("/b.html", "plain", GOOD)
    journal.add("/b.html", "tag", AS_GOOD)
    tests = [Page(TEST, False), Page("/b.html", True)]
    assert losses_of(journal, "firefox", tests) == [Loss("firefox", TEST, "one"), Loss("firefox", TEST, "two")]
    assert summary(journal, "firefox", tests, [ExpectedLoss(TEST, ("two",), ("firefox",), "because")]) == {
        "files": 2,
        "tag": 2,
        "subtests": 7,
        "passed_plain": 4,
        "passed_tag": 3,
        "run_again": 1,
        "expected": [f"{TEST}: two"],
        "lost": [f"{TEST}: one"],
        "flaky": [],
    }


def test_flaky_subtests_are_recorded_with_their_counts(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl", FINGERPRINTS)
    for plain, tagged in pairs_of("++" + "+-+--+--", "--" + "-+--+-+-"):
        journal.add(TEST, "plain", plain)
        journal.add(TEST, "tag", tagged)
    figures = summary(journal, "chromium", [Page(TEST, False)], [])
    assert figures["flaky"] == [{"test": TEST, "subtest": "two", "plain": 5, "tag": 3, "runs": 10}]
    assert (figures["lost"], figures["run_again"]) == ([], 1)


def test_a_run_that_was_cut_short_does_not_lower_the_figures(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl", FINGERPRINTS)
    for tagged in (Outcome("NO ANSWER"), AS_GOOD):
        journal.add(TEST, "plain", GOOD)
        journal.add(TEST, "tag", tagged)
    figures = summary(journal, "firefox", [Page(TEST, False)], [])
    assert (figures["passed_tag"], figures["passed_plain"]) == (len(AS_GOOD.passed), len(GOOD.passed))
    assert (figures["tag"], figures["run_again"], figures["lost"]) == (1, 1, [])


class ScriptedBrowser:
    """Answers at once: one subtest passes always, the other only without the tag."""

    name, version = "chromium", "1.0"

    def __init__(self):
        self.visited = []

    def run(self, url, limit):
        self.visited.append((url, limit))
        return WORSE if "tag" in url else GOOD


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A session of two tests, which writes to a folder of its own."""

    @contextlib.contextmanager
    def serve(tests, site, tag, patience, folder):
        members = {"url": lambda self, test: ("tag" if tag else "plain") + test, "check": lambda self: None}
        yield type("Served", (), members)()

    monkeypatch.setattr(command, "BUILD", tmp_path)
    monkeypatch.setattr(command, "serve_tests", serve)
    monkeypatch.setattr(command, "find_tests", lambda tests, folder: [Page("/a.html", False), Page("/b.html", True)])
    monkeypatch.setattr(command, "write_record", lambda entry: (tmp_path / "record.json").write_text(json.dumps(entry)))
    with contextlib.ExitStack() as servers:
        yield lambda deadline: command.Session(ScriptedBrowser(), Suite(tmp_path, "1"), tmp_path, 2, deadline, servers)


def test_a_folder_with_a_new_loss_fails(session, tmp_path, capsys):
    forever = session(float("inf"))
    assert forever.run("webrtc", []) is False
    assert "LOST chromium: /a.html: two\nLOST chromium: /b.html: two\n" in capsys.readouterr().out
    assert [url for url, _ in forever.browser.visited] == 6 * ["plain/a.html", "tag/a.html"] + 6 * [
        "plain/b.html",
        "tag/b.html",
    ]
    assert {limit for _, limit in forever.browser.visited} == {2 * 10 + 30, 2 * 60 + 30}
    assert json.loads((tmp_path / "record.json").read_text())["lost"] == ["/a.html: two", "/b.html: two"]


def test_a_folder_whose_losses_are_expected_passes(session):
    expected = [ExpectedLoss(test, ("two",), ("chromium",), "because") for test in ("/a.html", "/b.html")]
    assert session(float("inf")).run("webrtc", expected) is True


def test_a_folder_that_is_not_finished_is_not_recorded(session, tmp_path):
    assert session(float("-inf")).run("webrtc", []) is None
    assert not (tmp_path / "record.json").exists()


def test_the_record_has_one_line_per_folder_and_browser(tmp_path):
    path = tmp_path / "conformance.json"
    for folder, browser, lost in (
        ("webrtc", "firefox", []),
        ("audio-output", "firefox", []),
        ("webrtc", "chromium", []),
    ):
        write_record({"folder": folder, "browser": browser, "lost": lost}, path)
    write_record({"folder": "webrtc", "browser": "firefox", "lost": ["a"]}, path)
    lines = path.read_text().splitlines()
    assert len(lines) == 5
    assert [(entry["browser"], entry["folder"], entry["lost"]) for entry in json.loads(path.read_text())] == [
        ("chromium", "webrtc", []),
        ("firefox", "audio-output", []),
        ("firefox", "webrtc", ["a"]),
    ]


def test_tests_of_a_folder(tmp_path):
    tests = tmp_path / "tests"
    (tests / "webaudio" / "below").mkdir(parents=True)
    (tests / "webaudio" / "gain.html").write_text("new GainNode()")
    (tests / "webaudio" / "source.html").write_text("new MediaStreamAudioSourceNode()")
    (tests / "webaudio" / "below" / "any.js").write_text("getUserMedia")
    items = {
        "webaudio": {
            "gain.html": ["hash", [None, {}]],
            "source.html": ["hash", [None, {"timeout": "long"}]],
            "below": {
                "any.js": ["hash", ["webaudio/below/any.html?2", {}], ["webaudio/below/any.shadowrealm.html", {}]],
            },
        },
        "webrtc": {"call.html": ["hash", [None, {}]]},
    }
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"items": {"testharness": items}}))
    assert find_tests(tests, "webaudio") == [
        Page("/webaudio/below/any.html?2", False),
        Page("/webaudio/source.html", True),
    ]
    assert find_tests(tests, "webrtc") == [Page("/webrtc/call.html", False)]
    assert find_tests(tests, "audio-output") == []


def test_address_of_a_test():
    served = Served(80, 443, None, None)
    assert served.url("/a/b.html?c") == "http://web-platform.test:80/a/b.html?c"
    assert served.url("/a/b.https.html") == "https://web-platform.test:443/a/b.https.html"
    assert served.url("/a/b.www.html") == "http://www.web-platform.test:80/a/b.www.html"
    assert {"web-platform.test", "www.not-web-platform.test", "www1.www2.web-platform.test"} <= set(ALL_HOSTS)


def test_a_server_that_has_ended_is_noticed_and_its_log_shown(tmp_path):
    (tmp_path / "log.txt").write_text("port is taken")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        served = Served(80, 443, process, tmp_path / "log.txt")
        served.check()
        process.communicate(b"\n")
        with pytest.raises(RuntimeError, match="port is taken"):
            served.check()


def test_the_newest_source_archive_comes_first():
    entry = """Package: firefox-esr
Directory: {folder}
Checksums-Sha256:
 {other} 9 firefox-esr_{version}.orig-l10n-ach.tar.bz2
 {hash} 5 firefox-esr_{version}.orig.tar.xz
"""
    listing = "\n".join(
        entry.format(folder=folder, other="0" * 64, hash=digit * 64, version=version)
        for folder, digit, version in (
            ("pool/f", "1", "99.9.0esr"),
            ("pool/updates/f", "2", "140.12.0esr"),
            ("pool/f", "3", "140.2.0esr"),
        )
    )
    assert newest_first(listing) == [
        ("140.12.0esr", "pool/updates/f/firefox-esr_140.12.0esr.orig.tar.xz", "2" * 64),
        ("140.2.0esr", "pool/f/firefox-esr_140.2.0esr.orig.tar.xz", "3" * 64),
        ("99.9.0esr", "pool/f/firefox-esr_99.9.0esr.orig.tar.xz", "1" * 64),
    ]


def test_the_calls_tests_open_the_microphone(tmp_path):
    name, old, new = NOISE
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(f"async () => {{ {old} {{}} }}")
    use_microphone(tmp_path)
    assert (tmp_path / name).read_text() == f"async () => {{ {new} {{}} }}"
    with pytest.raises(SourceError, match="RTCPeerConnection-helper"):
        use_microphone(tmp_path)
