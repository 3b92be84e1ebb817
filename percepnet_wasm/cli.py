"""Command line: ``percepnet-wasm enhance``, ``info`` and ``oracle``."""

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence

import percepnet_wasm

from .errors import AudioFileError, MissingExtraError
from .kernel.library import KERNELS, KernelError

__all__ = ["main"]

USAGE_ERROR = 2
"""Exit code of everything the user can mend, as argparse's."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Instead of the process's own.

    Returns
    -------
    int
        Exit code: 0, or 2 after a message on standard error that says what to do.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (AudioFileError, MissingExtraError, KernelError, percepnet_wasm.ModelFileError, OSError) as error:
        print(f"percepnet-wasm {options.command}: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return 130
    return 0


def _enhance(options: argparse.Namespace) -> None:
    from .files.audio import enhance_file
    from .files.folders import Settings, enhance_folder

    settings = Settings(
        options.model, options.attenuation_limit, not options.no_comb, not options.no_postfilter, options.kernel
    )
    percepnet_wasm.Model.load(options.model)  # before anything else: one message, not one a file
    if not os.path.isdir(options.input):
        enhance_file(options.input, options.output, settings.make_enhancer)
        return
    failed = enhance_folder(options.input, options.output, settings, options.jobs)
    for reason in failed.values():
        print(f"percepnet-wasm enhance: {reason}", file=sys.stderr)
    if failed:
        raise AudioFileError(f"{len(failed)} of the files were not enhanced, for the reasons above; the others were")


def _info(options: argparse.Namespace) -> None:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="percepnet-wasm", description="PercepNet speech enhancement.")
    parser.add_argument("--version", action="version", version=percepnet_wasm.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser("enhance", help="enhance an audio file or a folder", description="Enhance audio.")
    command.add_argument("input", metavar="IN", help="audio file, or folder of them; each channel is enhanced alone")
    command.add_argument("output", metavar="OUT", help="file or folder to write: same rate, channels, length, format")
    command.add_argument("--model", metavar="FILE", help="model file (default: the bundled one)")
    command.add_argument(
        "--attenuation-limit", metavar="DB", type=_decibels, default=math.inf,
        help="never attenuate by more than this: 0 leaves the input as it is (default: no limit)",
    )  # fmt: skip
    command.add_argument("--no-comb", action="store_true", help="leave out the pitch comb filter")
    command.add_argument("--no-postfilter", action="store_true", help="leave out the envelope postfilter")
    command.add_argument("--kernel", choices=KERNELS, default="auto", help="what computes (default: the fastest there)")
    command.add_argument("--jobs", metavar="N", type=_count, help="of a folder, files at a time (default: all cores)")
    command.set_defaults(run=_enhance)

    command = commands.add_parser("info", help="tell version, delay and model", description="Tell what is installed.")
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
