"""Mutation testing of the signal path and the ring: change one operator or number, and see whether a test notices.

    python -m build_scripts.evaluate.mutation [module ...]

Cosmic Ray makes the mutants, in a copy of the tree under ``build/mutation``; each is tested with its module's test
files only. For the worklet's modules ``tests/mutation/worklet.mjs`` does both. The scores
are merged into ``results/mutation.json``, from which ``tables.py`` makes a table. The command fails if a mutant
survives without a reason in ``tests/mutation/survivors.toml``. If interrupted, it resumes where it stopped, as long as
module and tests are unchanged.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

# Loaded once for all mutants: each is tried in a fork of this process, which itself never loads percepnet_wasm.
import hypothesis  # noqa: F401
import numpy  # noqa: F401
import pytest
import scipy.signal  # noqa: F401
from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult

from build_scripts import RESULTS, ROOT
from build_scripts.records import write_records

__all__ = ["main"]

COPY = ROOT / "build" / "mutation"
SCORES = RESULTS / "mutation.json"
SURVIVORS = ROOT / "tests" / "mutation" / "survivors.toml"

MODULES = {
    "bands": ("test_bands.py",),
    "coherence": ("test_coherence.py",),
    "comb": ("test_comb.py",),
    "correlation": ("test_pitch.py",),
    "features": ("test_features.py",),
    "levels": ("test_levels.py",),
    "pitch": ("test_pitch.py",),
    "postfilter": ("test_postfilter.py",),
    "stft": ("test_stft.py",),
    "synthesis": ("test_analysis.py",),
    "targets": ("test_targets.py",),
}
"""What is mutated, and the tests that should notice."""

WORKLET = ("blend", "pump", "ring", "run")
"""The worklet's modules that use no browser API."""

EXCLUDED = re.compile(
    # Implausible slips: // for +, bit operations on floats; and unions in annotations, which are not arithmetic.
    r".*BinaryOperator_.*_(FloorDiv|Mod|Pow|RShift|LShift|BitOr|BitAnd|BitXor)$|.*BinaryOperator_BitOr_"
    # One wrong operator in an expression tells as much as four.
    r"|.*BinaryOperator_(Add_Div|Sub_Div|Mul_Sub|Div_Add|FloorDiv_(Add|Sub|Div)|Pow_(Add|Sub|Div))$"
    r"|.*UnaryOperator_USub_(Not|Invert|UAdd)$|.*ComparisonOperator_.*_(Is|IsNot)$"
)
TIMEOUT_S = 300


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Mutation testing of the signal path.")
    parser.add_argument(
        "modules", nargs="*", choices=[*MODULES, *WORKLET, []], metavar="module", help=", ".join((*MODULES, *WORKLET))
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try every N-th mutant only")
    options = parser.parse_args()
    os.nice(19)
    accepted = _accepted()
    unexplained = 0
    for module in options.modules or (*MODULES, *WORKLET):
        found = _mutate_worklet(module) if module in WORKLET else _mutate(module, options.every)
        results = json.loads(SCORES.read_text()) if SCORES.is_file() else {}
        results[module] = found
        for name, result in results.items():
            reasons = accepted.get(name, {})
            for survivor in result["survivors"]:
                # An older result keeps its reason, although the list no longer has it once the code has gone.
                survivor["why"] = reasons.get(survivor["change"], survivor.get("why", ""))
        write_records(SCORES, dict(sorted(results.items())))
        survivors = found["survivors"]
        print(f"{module}: {found['killed']} of {found['mutants']} noticed, {len(survivors)} survive", flush=True)
        for survivor in survivors:
            if not survivor["why"]:
                unexplained += 1
                print(f"    line {survivor['line']}: {survivor['change']}", flush=True)
    if unexplained:
        where = SURVIVORS.relative_to(ROOT)
        print(f"{unexplained} survive without a reason: improve the tests, or state the reason in {where}")
    return int(unexplained > 0)


def _accepted() -> dict[str, dict[str, str]]:
    """Reasons by module and change."""
    listed = tomllib.loads(SURVIVORS.read_text()) if SURVIVORS.is_file() else {}
    return {
        module: {change: group["why"] for group in groups for change in group["changes"]}
        for module, groups in listed.items()
    }


def _mutate(module: str, every: int) -> dict[str, Any]:
    """Try one module's mutants, except those that an earlier run has done."""
    tests = [f"tests/unit/{name}" for name in MODULES[module]]
    folder, source = COPY / module, f"percepnet_wasm/{_room(module)}/{module}.py"
    inputs = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in (source, *tests))).hexdigest()
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("percepnet_wasm", "tests/unit", "build_scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "pictures"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    if not _passes(folder, tests):
        raise RuntimeError(f"{', '.join(tests)} fail without a mutation: fix them first")
    code = (ROOT / source).read_text()
    with use_db(str(COPY / f"{module}-{inputs[:16]}.sqlite")) as session:
        if not session.num_work_items:
            init([folder / source], session, {})
        items = list(_in_order(session))[::every]
        pending = {item.job_id for item in session.pending_work_items}
        for item in items:
            if item.job_id in pending:
                (folder / source).write_text(_mutant(code, item.mutations[0]))
                outcome = TestOutcome.SURVIVED if _passes(folder, tests) else TestOutcome.KILLED
                session.set_result(item.job_id, WorkResult(WorkerOutcome.NORMAL, test_outcome=outcome))
        survived = {job for job, result in session.results if result.test_outcome == TestOutcome.SURVIVED}
        survivors = []
        for item in items:
            if item.job_id in survived:
                change = _change(code, _mutant(code, item.mutations[0]))
                line = item.mutations[0].start_pos[0]
                survivors.append({"line": line, "change": change})
    return {
        "tests": tests,
        "commit": _commit(source),
        "source_sha256": hashlib.sha256(code.encode()).hexdigest(),  # of what was mutated: scores do not outlive it
        "every": every,
        "mutants": len(items),
        "killed": len(items) - len(survivors),
        "survivors": survivors,
    }


def _room(module: str) -> str:
    return "oracle" if module == "targets" else "signal"


def _commit(source: str) -> str:
    """Find the last commit that changed a module, with a ``+`` if it has been edited since."""
    git = ["git", "-C", str(ROOT)]
    log = subprocess.run([*git, "log", "-1", "--format=%h", "--", source], capture_output=True, text=True, check=True)
    edited = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", source]).returncode
    return log.stdout.strip() + "+" * bool(edited)


def _mutate_worklet(module: str) -> dict[str, Any]:
    """Try the mutants of one of the worklet's modules: always all of them, since they are quick."""
    command = ["node", str(ROOT / "tests" / "mutation" / "worklet.mjs"), module]
    source = ROOT / "worklet" / f"{module}.js"
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    survivors = [{"line": each["line"], "change": each["change"]} for each in found["mutants"] if not each["noticed"]]
    return {
        "tests": [f"worklet/test/{name}" for name in found["tests"]],
        "commit": _commit(str(source)),
        "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "every": 1,
        "mutants": len(found["mutants"]),
        "killed": len(found["mutants"]) - len(survivors),
        "survivors": survivors,
    }


def _in_order(session: WorkDB) -> Iterator[WorkItem]:
    """List the mutants worth trying, in the file's order."""
    items = [item for item in session.work_items if not EXCLUDED.match(item.mutations[0].operator_name)]
    yield from sorted(items, key=lambda item: (*item.mutations[0].start_pos, item.mutations[0].operator_name))


def _mutant(code: str, spec: MutationSpec) -> str:
    mutant = mutate_code(code, get_operator(spec.operator_name)(**spec.operator_args), spec.occurrence)
    if mutant is None:
        raise RuntimeError(f"no such mutation: {spec}; delete {COPY}")
    return mutant


def _passes(folder: Path, tests: list[str]) -> bool:
    """Run the tests in a fork; running out of time counts as failing."""
    child = multiprocessing.get_context("fork").Process(target=_test, args=(folder, tests), daemon=True)
    child.start()
    child.join(TIMEOUT_S)
    if child.exitcode is None:
        child.kill()
        child.join()
    return child.exitcode == 0


def _test(folder: Path, tests: list[str]) -> None:
    os.chdir(folder)
    sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != ROOT]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # plugins and explanations take longer than most tests
    # Two mutants of equal length within a second would share their bytecode.
    sys.dont_write_bytecode = True
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        code = pytest.main(["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", *tests])
    os._exit(code)


def _change(code: str, mutant: str) -> str:
    """Say what a mutant changes: ``old -> new``."""
    old, new = code.splitlines(), mutant.splitlines()
    changed = [k for k, (one, other) in enumerate(zip(old, new, strict=True)) if one != other]
    return " -> ".join(" ".join(lines[k].strip() for k in changed) for lines in (old, new))


if __name__ == "__main__":
    sys.exit(main())
