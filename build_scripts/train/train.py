"""The trainer: ``python -m build_scripts.train.train --tier c20 --pool DIR --validate DIR --out DIR --steps N``.

Runs unchanged on a GPU or on CPU cores, alongside the mixer (:mod:`build_scripts.train.generate`), which fills the pool
that this empties. It logs to ``OUT/log.csv`` and ``OUT/log.png``, keeps the averaged weights in ``OUT/average.pt``, and
resumes from ``OUT/last.pt``, with its rate, its averages and new scenes. A run that diverges stops and leaves its last
good weights.

Scenes are read in pieces of 5 s. The network's state is carried from piece to piece, but a tenth of the rows is reset,
so that an initial state also meets running speech. ``--unrelated`` is the share of scenes that begin in the state which
another scene left, as all do in RNNoise's training: the network learns to recover from any state.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from percepnet_wasm.model_file import Model
from percepnet_wasm.signal.features import FEATURE_SETS

from .dataset import split
from .inputs import Inputs
from .log import Log
from .losses import loss
from .model import TIERS, PercepNet, State, count_weights
from .pool import Pool, Rows, hours
from .run import Diverged, Run, checkpoint, resume, train_step
from .warm_start import from_model, widened, with_features

_PEAK_RATE = 1.5e-3
_RESET = 0.1
"""Share of the rows that is reset in each step."""


def tensors(batch: np.ndarray, device: str) -> dict[str, Tensor]:
    """Columns of a batch as contiguous tensors."""
    return {k: torch.from_numpy(np.ascontiguousarray(v)).to(device) for k, v in split(batch).items()}


def new_model(tier: str, start: Path | None, feature_set: str, pool: Pool) -> PercepNet:
    """A tier's network: random, or a model file's, widened to the tier and to the feature set."""
    batch = np.concatenate([split(b)["features"] for b, _ in zip(pool.batches(16), range(4), strict=False)])
    first = np.ones(len(batch), bool)
    inputs = Inputs(len(batch), feature_set)(batch, first, first).reshape(-1, FEATURE_SETS[feature_set])
    mean, deviation = torch.from_numpy(inputs.mean(0)), torch.from_numpy(inputs.std(0) + 1e-3)
    if start is None:
        return PercepNet(TIERS[tier], mean, deviation)
    return with_features(from_model(widened(Model.load(start), TIERS[tier], np.random.default_rng(0))), mean, deviation)


@torch.no_grad()
def validate(model: PercepNet, pool: Pool, feature_set: str, device: str) -> dict[str, float]:
    """Mean parts of the loss over a pool, whole scenes from their beginning, with the weights as they will ship."""
    quantise, model.quantise = model.quantise, True
    parts = []
    for batch in pool.batches(32):
        first = np.ones(len(batch), bool)
        target = tensors(batch, device)
        inputs = Inputs(len(batch), feature_set)(split(batch)["features"], first, first)
        parts.append(loss(target, *model(torch.from_numpy(inputs).to(device)))[1])
    model.quantise = quantise
    return {k: float(np.mean([p[k] for p in parts])) for k in parts[0]}


class Feed:
    """Batches for the trainer: targets, inputs, and the rows' state.

    Parameters
    ----------
    pool : Pool
    size : int
        Rows.
    model : PercepNet
    feature_set : str
    rng : numpy.random.Generator
    unrelated : float
        Share of the scenes that begin in the state that the scene before left.
    """

    def __init__(
        self,
        pool: Pool,
        size: int,
        model: PercepNet,
        feature_set: str,
        rng: np.random.Generator,
        unrelated: float = 0.0,
    ) -> None:
        self._rows, self._inputs = Rows(pool, size, rng), Inputs(size, feature_set, rng)
        self._rng, self._unrelated, self._size = rng, unrelated, size
        self._device = model.mean.device
        self.state: State = model.initial_state(size)
        self._first = True

    def next(self) -> dict[str, Tensor]:
        """Targets of the next pieces, with ``inputs`` and ``fresh``; :attr:`state` is reset where a row is fresh."""
        batch, begins = self._rows.next()
        rests = self._rng.random(self._size) >= (0.0 if self._first else self._unrelated)
        fresh = np.where(begins, rests, self._rng.random(self._size) < _RESET)
        self._first = False
        target = tensors(batch, str(self._device))
        target["inputs"] = torch.from_numpy(self._inputs(split(batch)["features"], begins, fresh | begins)).to(
            self._device
        )
        target["fresh"] = torch.from_numpy(fresh.astype(np.float32)).to(self._device)
        keep = 1 - target["fresh"]
        self.state = {k: v * keep.reshape(-1, *[1] * (v.dim() - 1)) for k, v in self.state.items()}
        return target


def train(run: Run, args: argparse.Namespace, pool: Pool, validation: Pool) -> None:
    """Train until the schedule's end."""
    # Seeded by the step: a resumed run draws other microphones and rows than before.
    rng = np.random.default_rng([args.seed, run.step])
    feed = Feed(pool, args.batch, run.model, args.features, rng, args.unrelated)
    log = Log(args.out / "log.csv")
    started = time.monotonic()
    while run.step < run.steps:
        target = feed.next()
        log.add(train_step(run, target, feed.state, args.rate, args.bf16, args.frame_share))
        validates = run.step % args.validate_every == 0 or run.step == run.steps
        if validates or run.step % args.log_every == 0:
            valid = validate(run.average, validation, args.features, args.device) if validates else None
            log.write((time.monotonic() - started) / 60, run.step, hours(run.frames), valid)
        if validates:
            run.reads = pool.reads
            checkpoint(run, args.out)
            log.plot()


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tier", choices=TIERS, default="c20")
    parser.add_argument("--pool", type=Path, required=True, help="filled by build_scripts.train.generate")
    parser.add_argument("--validate", type=Path, required=True, help="shards of generate --held-out")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--batch", type=int, default=16, help="rows, 5 s each")
    parser.add_argument("--rate", type=float, default=_PEAK_RATE, help="peak of the learning rate")
    parser.add_argument("--start", type=Path, help="model file (.pnw) to start from")
    parser.add_argument("--features", choices=FEATURE_SETS, default="paper")
    parser.add_argument("--unrelated", type=float, default=0.6, help="share of scenes begun in another scene's state")
    parser.add_argument("--frame-share", type=float, default=0.0, help="weight of what whole frames lose")
    parser.add_argument("--bf16", action="store_true", help="multiply in bfloat16, where the processor does so faster")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-every", type=int, default=50, help="steps")
    parser.add_argument("--validate-every", type=int, default=400, help="steps, between checkpoints too")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    run = resume(args.out, args.device)
    pool, validation = Pool(args.pool, run.reads if run else None), Pool(args.validate)
    if not validation.refresh():
        parser.error(f"no scenes in {args.validate}: make them with build_scripts.train.generate --held-out --shards 8")
    if run is None:
        run = Run.start(new_model(args.tier, args.start, args.features, validation).to(args.device), args.steps)
        checkpoint(run, args.out)
    print(f"{args.tier}: {count_weights(run.model)} weights on {args.device}, from step {run.step}", flush=True)
    try:
        train(run, args, pool, validation)
    except Diverged as error:
        sys.exit(f"diverged, {error}. {args.out / 'average.pt'} holds the last good weights; use a lower --rate")


if __name__ == "__main__":
    main()
