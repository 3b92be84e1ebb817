"""Make training examples: ``python -m build_scripts.train.generate --speech DIR --noise DIR --out SHARDS``."""

import argparse
from multiprocessing import Process
from pathlib import Path

from .corpus import Corpus
from .dataset import write_shards
from .mixing import Mixer
from .rooms import align, room_bank

_VALIDATION_SEED = 900


def main() -> None:
    """Parse the command line, decode the folders once, write shards in parallel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, nargs="+", required=True, help="folders of speech")
    parser.add_argument("--noise", type=Path, nargs="+", required=True, help="folders of noise")
    parser.add_argument("--rir", type=Path, nargs="*", default=[], help="folders of room responses, besides simulated")
    parser.add_argument("--rooms", type=int, default=400, help="rooms to simulate")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "percepnet-wasm" / "train")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held-out", action="store_true", help="from the validation talkers, for --validate")
    parser.add_argument(
        "--perceptual", action="store_true", help="examples that keep their spectra, for train's --perceptual"
    )
    args = parser.parse_args()

    speech, noise = Corpus(args.speech, args.cache), Corpus(args.noise, args.cache)
    speech.denoise_targets()
    rooms = room_bank(args.cache / f"rooms-{args.rooms}.npz", args.rooms) if args.rooms else []
    if args.rir:
        measured = Corpus(args.rir, args.cache)
        rooms += [align(measured.samples(c, 0, c.length)) for c in measured.clips]
    mixer = Mixer(speech, noise, rooms, held_out=args.held_out)
    seed = args.seed + (_VALIDATION_SEED if args.held_out else 0)
    writers = [
        Process(target=write_shards, args=(mixer, args.out, seed + job, args.minutes, args.perceptual))
        for job in range(args.jobs)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()


if __name__ == "__main__":
    main()
