"""The command line's arguments, help texts and exit codes."""

import argparse
import math
from collections.abc import Callable
from typing import Any

from . import __version__
from .constants import ATTENUATION_LIMIT_DB
from .errors import MissingExtraError

__all__ = ["INTERRUPTED", "SOME_FAILED", "USAGE_ERROR", "parser"]

SOME_FAILED = 1
"""Exit code if some of a folder's files were not enhanced."""
USAGE_ERROR = 2
"""Exit code for everything that the user can fix, the same as argparse's."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as in a shell."""
_EXIT_CODES = """exit codes:
  0    everything was enhanced
  1    some files of a folder could not be enhanced; each is reported on a line of its own
  2    nothing was enhanced; the message says why
  130  interrupted; the files already written are complete
"""


def _number(kind: type, valid: Callable[[Any], bool], description: str) -> Callable[[str], Any]:
    """Make an argument's type: a number of some kind, for which ``valid`` is true."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan  # valid nowhere
        if not valid(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {description}")
        return value

    return read


_decibels = _number(float, lambda value: value >= 0, "a number of decibels, 0 or more (inf for no limit)")
_count = _number(int, lambda value: value >= 1, "a number of processes, 1 or more")
_seconds = _number(float, lambda value: value > 0, "a number of seconds above 0")


def _kernels() -> dict[str, str]:
    """List the kernels, each with the reason if it cannot run here."""
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
    """``--kernel NAME``; without a name, or with ``list``, show the available kernels."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: str | None = None) -> None:
        kernels = _kernels()
        if values == "list":
            notes = {"auto": "the fastest of these", "numpy": "NumPy alone"}
            for name, reason in kernels.items():
                print(f"{name:8} {'unavailable: ' + reason if reason else notes.get(name, 'available')}")
            parser.exit()
        here = [name for name, reason in kernels.items() if not reason]
        if values not in here:
            why = f" ({kernels[values]})" if values in kernels else ""
            parser.error(f"argument --kernel: {values!r} is unavailable{why}: choose one of {', '.join(here)}")
        namespace.kernel = values


class _Parser(argparse.ArgumentParser):
    """A parser whose help ends with facts about this installation, which are slow to gather."""

    facts: Callable[[], str] | None = None

    def format_help(self) -> str:
        if self.facts:
            self.epilog = self.facts()
            self.formatter_class = argparse.RawDescriptionHelpFormatter
        return super().format_help()


def _enhance_facts() -> str:
    """List the formats and kernels that this installation supports."""
    try:
        from .files.formats import MEDIA, READ_ONLY, SOUND
    except ImportError as error:
        formats = f"  none: {MissingExtraError('files', error)}\n"
    else:
        from importlib.util import find_spec

        needs = "" if find_spec("av") else f"\n    (not installed: {MissingExtraError('media', 'PyAV')})"
        formats = (
            f"  {_wrapped(SOUND)}\n  through PyAV, with the picture of a video copied unchanged: {_wrapped(MEDIA)}\n"
            f"  through PyAV, read only: {_wrapped(READ_ONLY)}{needs}\n  - (standard input or output): wav\n"
        )
    kernels = ", ".join(name for name, reason in _kernels().items() if not reason)
    return f"formats:\n{formats}\navailable kernels: {kernels} (for details: --kernel list)\n\n{_EXIT_CODES}"


def _wrapped(suffixes: set[str]) -> str:
    return " ".join(sorted(suffix[1:] for suffix in suffixes))


def _add_settings(command: argparse.ArgumentParser) -> None:
    """Add the options from which ``enhance`` and ``live`` make their :class:`.Settings`."""
    command.add_argument("--model", metavar="FILE", help="model file, or the name of a bundled tier (default: c20)")
    command.add_argument(
        "--attenuation-limit", metavar="DB", type=_decibels, default=ATTENUATION_LIMIT_DB,
        help="attenuate noise by at most this much; 0 changes nothing, inf sets no limit (default: %(default)s)",
    )  # fmt: skip
    command.add_argument("--no-comb", action="store_true", help="disable the pitch comb filter")
    command.add_argument("--no-postfilter", action="store_true", help="disable the envelope postfilter")
    command.add_argument(
        "--kernel", action=_Kernel, nargs="?", const="list", default="auto", metavar="NAME",
        help="implementation to use (default: the fastest available; without NAME: list them)",
    )  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """Make the parser for the whole command line; it stores the command's name in ``command``."""
    whole = argparse.ArgumentParser(prog="percepnet-wasm", description="Noise suppression for speech: PercepNet.")
    whole.add_argument("--version", action="version", version=__version__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    command = commands.add_parser("enhance", help="enhance an audio file, a video's sound or a folder",
                                  description="Enhance a file, or all files of a folder.")  # fmt: skip
    command.facts = _enhance_facts
    command.add_argument("input", metavar="IN", help="file, folder, or - for a WAV file from standard input;"
                         " channels are enhanced independently")  # fmt: skip
    command.add_argument("output", metavar="OUT", help="file or folder to write, or - for a WAV file on standard"
                         " output; sample rate, channels, length and the bit rate of a compressed format stay the"
                         " same, the suffix selects the format, and missing folders are created")  # fmt: skip
    _add_settings(command)
    command.add_argument("--force", action="store_true", help="overwrite existing outputs")
    command.add_argument("--resume", action="store_true", help="skip outputs that already exist")
    command.add_argument("--salvage", action="store_true", help="enhance the readable part of a truncated file")
    command.add_argument("--jobs", metavar="N", type=_count, help="files to process at once (default: one per core)")

    command = commands.add_parser(
        "live", help="enhance the microphone as you speak",
        description="Enhance the microphone and play the result until Ctrl-C. To use it in a call, play it on a virtual"
        " device (Linux: pactl load-module module-null-sink; macOS: BlackHole; Windows: VB-Cable) and select"
        " that device's monitor as the call's microphone.",
    )  # fmt: skip
    command.add_argument("--input", metavar="NAME", help="microphone, or part of its name (default: the system's)")
    command.add_argument("--to", metavar="NAME", help="output device, or part of its name (default: the system's)")
    command.add_argument("--list", action="store_true", help="list the devices")
    command.add_argument("--seconds", metavar="N", type=_seconds, default=math.inf,
                         help="stop after N seconds (default: run until Ctrl-C)")  # fmt: skip
    _add_settings(command)

    command = commands.add_parser("info", help="show version, delay and model", description="Show what is installed.")
    command.add_argument("--json", action="store_true", help="print JSON")

    command = commands.add_parser(
        "image", help="compile a model for pages without Python",
        description="Compile a model to a program image, which worklet/runner.js runs without Python.",
    )  # fmt: skip
    command.add_argument("model", metavar="MODEL", help="model file with int8 weights")
    command.add_argument("output", metavar="OUT", help="image to write, such as c20.pni")

    command = commands.add_parser(
        "oracle", help="show what ideal gains, comb and postfilter achieve when the clean speech is known",
        description="Enhance a mix with ideal gains, comb and postfilter, step by step: write 1-magnitudes.wav to"
        " 4-postfilter.wav, ladder.json and figures.",
    )  # fmt: skip
    command.add_argument("--clean", required=True, metavar="FILE", help="the clean speech, one channel")
    command.add_argument("--noisy", required=True, metavar="FILE", help="the same speech with noise, aligned with it")
    command.add_argument("--out", required=True, metavar="DIR", help="folder to write into")
    command.add_argument("--period", choices=("noisy", "clean"), default="noisy", help="signal whose pitch is tracked")
    command.add_argument("--no-scores", action="store_true", help="do not compute PESQ, STOI, SI-SDR, DNSMOS")
    command.add_argument("--no-figures", action="store_true", help="do not draw figures")
    return whole
