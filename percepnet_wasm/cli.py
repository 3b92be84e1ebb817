"""Command line: ``percepnet-wasm enhance``, ``live``, ``info`` and ``oracle``."""

import argparse
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import __version__
from .errors import AudioFileError, MissingExtraError
from .threads import set_variables

# Whatever imports NumPy is imported in functions, after set_variables().
if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["main"]

SOME_FAILED = 1
"""Exit code where some of a folder's files were not enhanced."""
USAGE_ERROR = 2
"""Exit code of everything that the user can put right, as argparse's."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as a shell gives it."""
EXIT_CODES = """exit codes:
  0    everything was enhanced
  1    some of a folder's files were not; a line for each says why
  2    nothing was, for the reason given
  130  interrupted; what is written is complete
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Instead of the process's own.

    Returns
    -------
    int
        Exit code: 0, or another after a message on standard error that says what to do; ``enhance --help`` lists them.
    """
    set_variables()
    from .kernel.library import KernelError
    from .model_file import ModelFileError

    options = _parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except (AudioFileError, MissingExtraError, KernelError, ModelFileError, OSError) as error:
        print(f"percepnet-wasm {options.command}: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print(f"percepnet-wasm {options.command}: interrupted{_unwritten(options)}", file=sys.stderr)
        return INTERRUPTED


def _unwritten(options: argparse.Namespace) -> str:
    """Say what an interrupted command leaves behind."""
    return f"; {options.output} was not written" if getattr(options, "output", "-") not in ("-", None) else ""


def _settings(options: argparse.Namespace) -> "Settings":
    """Read how to enhance, and load the model before anything else: one message about it, not one a file."""
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
        _say(f"kept {target}: it was there already")
        return 0
    with _terminable():
        written = enhance_file(
            options.input, target, settings.make_enhancer, overwrite=options.force, salvage=options.salvage
        )  # fmt: skip
    name = "standard output" if options.output == "-" else str(target)
    rest = ""
    if written.lost is None or written.lost > 0:
        rest = f"; {options.input} breaks off there"
        rest += f", the last {written.lost:.1f} s of it are missing" if written.lost else ""
    _say(f"wrote {name}: {written.seconds:.1f} s in {time.perf_counter() - started:.1f} s{rest}")
    return 0


def _enhance_folder(options: argparse.Namespace, settings: "Settings", started: float) -> int:
    from .files.folders import enhance_folder

    if options.output == "-":
        raise AudioFileError(f"{options.input} is a folder: give a folder to write to instead of '-'")
    with _terminable():
        outcome = enhance_folder(
            options.input, options.output, settings, options.jobs,
            overwrite=options.force, resume=options.resume, salvage=options.salvage,
        )  # fmt: skip
    for written in outcome.done:
        if written.lost is None or written.lost > 0:
            missing = f", the last {written.lost:.1f} s are missing" if written.lost else ""
            _say(f"salvaged {written.path}: {written.seconds:.1f} s, where its source breaks off{missing}")
    for path in outcome.left_out:
        _say(f"not enhanced: {path}: {path.suffix or 'a name without suffix'} is not an audio format's")
    for reason in outcome.failed.values():
        _say(f"not enhanced: {reason}")
    seconds = sum(written.seconds for written in outcome.done)
    there = f", {len(outcome.kept)} were there already" if outcome.kept else ""
    count = f"{len(outcome.done)} file{'s' * (len(outcome.done) != 1)}"
    _say(f"wrote {count} to {options.output}: {seconds:.1f} s in {time.perf_counter() - started:.1f} s{there}")
    if outcome.interrupted:
        _say("percepnet-wasm enhance: interrupted; the same command with --resume does the rest")
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
    """Tell the user; standard output is for sound and for what was asked."""
    print(line, file=sys.stderr)


class _terminable:
    """Ends the work within as Ctrl-C does when the process is told to terminate: nothing half written stays."""

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


def _decibels(text: str) -> float:
    """Read an attenuation limit."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of decibels, 0 or more (inf: no limit)")
    return value


def _count(text: str) -> int:
    """Read a number of processes."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes, 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    """Read a duration."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def _kernels() -> dict[str, str]:
    """List what can compute, each with why it cannot here, if so."""
    from .kernel.library import KERNELS, KernelError
    from .kernel.loading import load

    found = {}
    for name in KERNELS:
        found[name] = ""
        if name not in ("auto", "numpy"):
            try:
                load(name)
            except KernelError as error:
                found[name] = str(error)
    return found


class _Kernel(argparse.Action):
    """``--kernel NAME``; without a name, or with ``list``, show what there is."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: str | None = None) -> None:
        kernels = _kernels()
        if values == "list":
            notes = {"auto": "the fastest of these", "numpy": "NumPy alone"}
            for name, reason in kernels.items():
                print(f"{name:8} {'not here: ' + reason if reason else notes.get(name, 'here')}")
            parser.exit()
        here = [name for name, reason in kernels.items() if not reason]
        if values not in here:
            why = f" ({kernels[values]})" if values in kernels else ""
            parser.error(f"argument --kernel: there is no {values!r} here{why}: give one of {', '.join(here)}")
        namespace.kernel = values


class _Parser(argparse.ArgumentParser):
    """A parser whose help ends with facts about this installation, which take time to find out."""

    facts: Callable[[], str] | None = None

    def format_help(self) -> str:
        if self.facts:
            self.epilog = self.facts()
            self.formatter_class = argparse.RawDescriptionHelpFormatter
        return super().format_help()


def _enhance_facts() -> str:
    """List the formats and kernels that this installation has."""
    try:
        from .files.formats import MEDIA, READ_ONLY, SOUND
    except ImportError as error:
        formats = f"  none yet: {MissingExtraError('files', error)}\n"
    else:
        from importlib.util import find_spec

        needs = "" if find_spec("av") else f"\n    (not installed: {MissingExtraError('media', 'PyAV')})"
        formats = (
            f"  {_wrapped(SOUND)}\n  through PyAV, the picture of a video copied as it is: {_wrapped(MEDIA)}\n"
            f"  through PyAV, read only: {_wrapped(READ_ONLY)}{needs}\n  - (standard input or output): wav\n"
        )
    kernels = ", ".join(name for name, reason in _kernels().items() if not reason)
    return f"formats:\n{formats}\nkernels of this installation: {kernels} (--kernel list says more)\n\n{EXIT_CODES}"


def _wrapped(suffixes: set[str]) -> str:
    return " ".join(sorted(suffix[1:] for suffix in suffixes))


def _add_settings(command: argparse.ArgumentParser) -> None:
    """Add the options of :func:`_settings`."""
    command.add_argument("--model", metavar="FILE", help="model file, or name of a tier (default: c20, bundled)")
    command.add_argument(
        "--attenuation-limit", metavar="DB", type=_decibels, default=math.inf,
        help="never attenuate by more than this: 0 leaves the input as it is (default: no limit)",
    )  # fmt: skip
    command.add_argument("--no-comb", action="store_true", help="leave out the pitch comb filter")
    command.add_argument("--no-postfilter", action="store_true", help="leave out the envelope postfilter")
    command.add_argument(
        "--kernel", action=_Kernel, nargs="?", const="list", default="auto", metavar="NAME",
        help="what computes (default: the fastest of this installation; without a name: list them)",
    )  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="percepnet-wasm", description="Noise suppression for speech: PercepNet.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    command = commands.add_parser("enhance", help="enhance an audio file, a video's sound or a folder",
                                  description="Enhance a file, or all files of a folder.")  # fmt: skip
    command.facts = _enhance_facts
    command.add_argument("input", metavar="IN", help="file, folder, or - for a WAV file from standard input; each"
                         " channel is enhanced on its own")  # fmt: skip
    command.add_argument("output", metavar="OUT", help="file or folder to write (same rate, channels, length; format"
                         " by suffix), or - for a WAV file to standard output; folders are made")  # fmt: skip
    _add_settings(command)
    command.add_argument("--force", action="store_true", help="overwrite what is there")
    command.add_argument("--resume", action="store_true", help="leave outputs that are there, and do the others")
    command.add_argument("--salvage", action="store_true", help="of a file that breaks off, enhance what there is")
    command.add_argument("--jobs", metavar="N", type=_count, help="of a folder, files at a time (default: all cores)")
    command.set_defaults(run=_enhance)

    command = commands.add_parser(
        "live", help="enhance the microphone as you speak",
        description="Enhance an input device into an output device until Ctrl-C. To use it in a call, let it write to a"
        " virtual device (Linux: pactl load-module module-null-sink; macOS: BlackHole; Windows: VB-Cable)"
        ", and choose that device's monitor as the call's microphone.",
    )  # fmt: skip
    command.add_argument("--input", metavar="NAME", help="microphone, or part of its name (default: the system's)")
    command.add_argument("--to", metavar="NAME", help="output device, or part of its name (default: the system's)")
    command.add_argument("--list", action="store_true", help="list the devices")
    command.add_argument("--seconds", metavar="N", type=_seconds, default=math.inf, help="end then (default: Ctrl-C)")
    _add_settings(command)
    command.set_defaults(run=_live)

    command = commands.add_parser("info", help="show version, delay and model", description="Show what is installed.")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=_info)

    command = commands.add_parser(
        "image", help="compile a model for pages without Python",
        description="Compile a model to a program image, which worklet/runner.js runs without Python.",
    )  # fmt: skip
    command.add_argument("model", metavar="MODEL", help="model file of int8 weights")
    command.add_argument("output", metavar="OUT", help="image to write, such as c20.pni")
    command.set_defaults(run=_image)

    command = commands.add_parser(
        "oracle", help="show what ideal gains, comb and postfilter could do with a known mix",
        description="Climb the oracle ladder: write 1-magnitudes.wav to 4-postfilter.wav, ladder.json and figures.",
    )  # fmt: skip
    command.add_argument("--clean", required=True, metavar="FILE", help="the speech alone, one channel")
    command.add_argument("--noisy", required=True, metavar="FILE", help="the mix, aligned with it")
    command.add_argument("--out", required=True, metavar="DIR", help="folder to write into")
    command.add_argument("--period", choices=("noisy", "clean"), default="noisy", help="signal to track the pitch on")
    command.add_argument("--no-scores", action="store_true", help="do not compute PESQ, STOI, SI-SDR, DNSMOS")
    command.add_argument("--no-figures", action="store_true", help="do not draw")
    command.set_defaults(run=_oracle)
    return parser
