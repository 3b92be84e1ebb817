"""Command line: ``percepnet-wasm enhance``, ``live``, ``info``, ``image`` and ``oracle``."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .arguments import INTERRUPTED, SOME_FAILED, USAGE_ERROR, parser
from .errors import AudioFileError, MissingExtraError, ModelFileError
from .threads import set_variables

# Anything that imports NumPy is imported inside functions, after set_variables().
if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Used instead of the process's own.

    Returns
    -------
    int
        Exit code: 0, or another one after a message on standard error that says what to do; ``enhance --help`` lists
        them.
    """
    set_variables()
    from .kernel.library import KernelError

    options = parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options) or 0
    except (AudioFileError, MissingExtraError, KernelError, ModelFileError, OSError) as error:
        print(f"percepnet-wasm {options.command}: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print(f"percepnet-wasm {options.command}: interrupted{_unwritten(options)}", file=sys.stderr)
        return INTERRUPTED


def _unwritten(options: argparse.Namespace) -> str:
    """Say what an interrupted command has left behind."""
    return f"; {options.output} was not written" if getattr(options, "output", "-") not in ("-", None) else ""


def _settings(options: argparse.Namespace) -> "Settings":
    """Read the settings, and load the model first of all, so that a bad one is reported once, not once per file."""
    from .model_file import Model
    from .settings import Settings

    Model.load(options.model)
    return Settings(
        options.model, options.attenuation_limit, not options.no_comb, not options.no_postfilter, options.kernel
    )


def _enhance(options: argparse.Namespace) -> int:
    from .files.audio import enhance_file

    started = time.perf_counter()
    settings = _settings(options)
    if os.path.isdir(options.input):
        return _enhance_folder(options, settings, started)
    target = Path(options.output)
    if options.output != "-" and (target.is_dir() or options.output.endswith(os.sep)):
        target /= Path(options.input).name
        options.output = str(target)
    if options.resume and target.is_file() and not options.force:
        _say(f"skipped: {target} already exists")
        return 0
    with _terminable():
        written = enhance_file(
            options.input, target, settings.make_enhancer, overwrite=options.force, salvage=options.salvage
        )  # fmt: skip
    name = "standard output" if options.output == "-" else str(target)
    rest = ""
    if written.lost is None or written.lost > 0:
        rest = f"; {options.input} is truncated"
        rest += f": its last {written.lost:.1f} s are missing" if written.lost else ""
    _say(f"wrote {name}: {written.seconds:.1f} s in {time.perf_counter() - started:.1f} s{rest}")
    return 0


def _enhance_folder(options: argparse.Namespace, settings: "Settings", started: float) -> int:
    from .files.folders import enhance_folder

    if options.output == "-":
        raise AudioFileError(f"{options.input} is a folder: specify an output folder instead of '-'")
    with _terminable():
        outcome = enhance_folder(
            options.input, options.output, settings, options.jobs,
            overwrite=options.force, resume=options.resume, salvage=options.salvage,
        )  # fmt: skip
    for written in outcome.done:
        if written.lost is None or written.lost > 0:
            missing = f"; its last {written.lost:.1f} s are missing" if written.lost else ""
            _say(f"salvaged {written.path}: {written.seconds:.1f} s of a truncated file{missing}")
    for path in outcome.left_out:
        _say(f"not enhanced: {path}: {path.suffix or 'a name without a suffix'} is not a supported audio format")
    for reason in outcome.failed.values():
        _say(f"not enhanced: {reason}")
    seconds = sum(written.seconds for written in outcome.done)
    there = f", {len(outcome.kept)} already existed" if outcome.kept else ""
    count = f"{len(outcome.done)} file{'s' * (len(outcome.done) != 1)}"
    _say(f"wrote {count} to {options.output}: {seconds:.1f} s in {time.perf_counter() - started:.1f} s{there}")
    if outcome.interrupted:
        _say("percepnet-wasm enhance: interrupted; run the same command with --resume to finish")
        return INTERRUPTED
    return SOME_FAILED if outcome.failed else 0


def _live(options: argparse.Namespace) -> int:
    from .live import devices, run

    if options.list:
        print(devices())
        return 0
    with _terminable():
        seconds = run(_settings(options), options.input, options.to, seconds=options.seconds)
    _say(f"enhanced {seconds:.1f} s")
    return 0


def _info(options: argparse.Namespace) -> None:
    import percepnet_wasm

    facts = percepnet_wasm.info()
    if options.json:
        print(json.dumps(facts, indent=2))
    else:
        width = max(len(name) for name in facts)
        print("\n".join(f"{name:{width}}  {value}" for name, value in facts.items()))


def _image(options: argparse.Namespace) -> None:
    from .kernel.image import write_image

    write_image(options.model, options.output)


def _oracle(options: argparse.Namespace) -> None:
    from .oracle.report import write_ladder

    record = write_ladder(
        options.clean, options.noisy, options.out,
        period=options.period, scores=not options.no_scores, figures=not options.no_figures,
    )  # fmt: skip
    if not options.no_scores:
        from .oracle.evaluation import score_table

        print(score_table(record["rungs"]))


def _say(line: str) -> None:
    """Print a message on standard error; standard output is for sound and for requested information."""
    print(line, file=sys.stderr)


class _terminable:
    """Makes SIGTERM end the work within as Ctrl-C does, so that no half-written file is left."""

    def __enter__(self) -> None:
        def stop(*_: Any) -> NoReturn:
            raise KeyboardInterrupt

        try:
            self._before = signal.signal(signal.SIGTERM, stop)
        except ValueError:  # not the main thread, which signals do not reach
            self._before = None

    def __exit__(self, *_: Any) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)


_COMMANDS = {"enhance": _enhance, "live": _live, "info": _info, "image": _image, "oracle": _oracle}
