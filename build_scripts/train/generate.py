"""The mixer: makes training scenes for as long as the trainer runs.

    python -m build_scripts.train.generate --speech DIR ... --noise DIR ... --out POOL [--teacher]

Run it alongside :mod:`build_scripts.train.train`: it waits while POOL holds ``--hours`` of scenes. ``--held-out
--shards N`` makes the validation's scenes once, from sources that training never hears
(:mod:`build_scripts.train.sources`).
"""

import argparse
from functools import partial
from multiprocessing import Process
from pathlib import Path

import numpy as np

from .corpus import Corpus
from .dataset import example, row
from .pool import write_shards
from .rooms import align, room_bank
from .scenes import SceneMixer
from .sources import HELD_OUT_NOISE, HELD_OUT_SPEECH
from .teacher import Teacher

_VALIDATION_SEED = 900
_TAUGHT = 0.6
"""Share of the scenes that the teacher hears: it takes as long as mixing and analysis together."""


def taught_row(mixer: SceneMixer, teacher: Teacher | None, rng: np.random.Generator) -> np.ndarray:
    """Columns of one scene; the teacher is used for most scenes."""
    return row(example(mixer.draw(rng), teacher if rng.random() < _TAUGHT else None))


def _write(mixer: SceneMixer, args: argparse.Namespace, seed: int) -> None:
    draw = partial(taught_row, mixer, Teacher() if args.teacher else None)
    write_shards(draw, args.out, seed, args.hours, args.shards)


def main() -> None:
    """Parse the command line, decode the folders once, write shards in parallel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, nargs="+", required=True, help="folders of speech")
    parser.add_argument("--noise", type=Path, nargs="+", required=True, help="folders of noise")
    parser.add_argument("--rir", type=Path, nargs="*", default=[], help="folders of further room responses")
    parser.add_argument("--rooms", type=int, default=400, help="rooms to simulate")
    parser.add_argument("--out", type=Path, required=True, help="the pool's folder")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "percepnet-wasm" / "train")
    parser.add_argument("--hours", type=float, default=20, help="most hours on disk at a time (125 MB each)")
    parser.add_argument("--shards", type=int, help="stop after this many; without it, never")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=0, help="another one for each mixer of the same pool")
    parser.add_argument("--teacher", action="store_true", help="merge DeepFilterNet3's gains into the targets")
    parser.add_argument("--held-out", action="store_true", help="from the sources kept for validation")
    args = parser.parse_args()

    speech = Corpus(args.speech, args.cache, HELD_OUT_SPEECH)
    noise = Corpus(args.noise, args.cache, HELD_OUT_NOISE)
    speech.denoise_targets()
    rooms = room_bank(args.cache / f"rooms-{args.rooms}.npz", args.rooms) if args.rooms else []
    if args.rir:
        measured = Corpus(args.rir, args.cache)
        rooms += [align(measured.samples(c, 0, c.length)) for c in measured.clips]
    mixer = SceneMixer(speech, noise, rooms, held_out=args.held_out)
    seed = args.seed + (_VALIDATION_SEED if args.held_out else 0)
    writers = [Process(target=_write, args=(mixer, args, seed + job)) for job in range(args.jobs)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    if any(writer.exitcode for writer in writers):
        parser.exit(1, "a mixer has stopped with an error: see above\n")


if __name__ == "__main__":
    main()
