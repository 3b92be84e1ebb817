"""``make test`` runs all parts even if one fails, and then fails."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path):
    """Run the script with a ``make`` that fails on one target."""
    make = tmp_path / "make"
    make.write_text('#!/bin/sh\necho "made $2"\ntest "$2" != broken\n')
    make.chmod(0o755)

    def run(*parts):
        command = [ROOT / "build_scripts" / "test_parts.sh", *parts]
        return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"MAKE": str(make)})

    return run


def test_a_part_that_fails_does_not_hide_the_others(run):
    done = run("lint", "broken", "unit")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("made")] == ["made lint", "made broken", "made unit"]
    summary = [line.split()[:2] for line in lines[-3:]]
    assert summary == [["lint", "passed"], ["broken", "FAILED"], ["unit", "passed"]]


def test_all_parts_pass(run):
    assert run("lint", "unit").returncode == 0
