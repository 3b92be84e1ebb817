"""Train a tier: ``python -m build_scripts.train.train --tier c10 --shards DIR --validate DIR --out DIR --minutes M``.

Runs on a GPU or CPU cores unchanged, resumes from ``OUT/last.pt``, logs to ``OUT/log.csv`` and ``OUT/log.png``, keeps
the averaged weights in ``OUT/average.pt``. The learning rate follows the clock, so that any budget ends on a cosine's
foot; from _QUANTISED_FROM of the time on the weights are rounded to int8 (straight-through). ``--start`` begins with a
model file's weights, widened to the tier where it is larger. ``--perceptual`` adds the perceptual loss of further
examples (:mod:`build_scripts.train.perceptual_loss`).
"""

import argparse
import csv
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from percepnet_wasm.constants import HOP, SAMPLE_RATE
from percepnet_wasm.model_file import Model
from percepnet_wasm.signal.bands import BANDS

from .dataset import COLUMNS, PERCEPTUAL, Pool, split
from .losses import PARTS, loss
from .model import TIERS, PercepNet, count_weights, from_checkpoint, to_checkpoint
from .perceptual_loss import TorchSynthesis, perceptual_loss
from .warm_start import from_model, widened

_PEAK_RATE = 1.5e-3
_WARM_UP_STEPS = 100
_QUANTISED_FROM = 0.6
_AVERAGE, _AVERAGE_PERCEPTUAL = 0.998, 0.99
"""Decay of the averaged weights; steps with the perceptual loss take longer, so there are fewer of them."""
_PERCEPTUAL_SHARE = 1.5
_SHORT_UNTIL, _SHORT = 0.6, 250
"""Until then only half of each sequence is used: the cost is per frame, and early on more steps teach more."""
_LEVEL_DB, _TILT_DB, _RIPPLE_DB = 6, 6, 3
"""Levels and microphones are varied once more by adding to the log energies, which costs nothing: ideal gains,
strengths and coherences do not feel a filter that speech and noise share."""
_LOG_EVERY = 50
_VALIDATE_EVERY = 400


def hours(frames: int) -> float:
    """Duration of so many frames."""
    return frames * HOP / SAMPLE_RATE / 3600


def statistics(pool: Pool) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each feature."""
    rng = np.random.default_rng(0)
    batch = next(pool.batches(rng, min(256, pool.refresh())))
    features = split(batch)["features"].reshape(-1, split(batch)["features"].shape[-1])
    return torch.from_numpy(features.mean(0)), torch.from_numpy(features.std(0) + 1e-3)


def new_model(tier: str, start: Path | None, pool: Pool) -> PercepNet:
    """A tier's network: random, or a model file's, widened."""
    if start is None:
        return PercepNet(TIERS[tier], *statistics(pool))
    return from_model(widened(Model.load(start), TIERS[tier], np.random.default_rng(0)))


def tensors(batch: np.ndarray, device: str, columns: dict[str, int] = COLUMNS) -> dict[str, torch.Tensor]:
    """Columns of a batch as contiguous tensors."""
    return {k: torch.from_numpy(np.ascontiguousarray(v)).to(device) for k, v in split(batch, columns).items()}


def for_ever(pool: Pool, rng: np.random.Generator, size: int) -> Iterator[np.ndarray]:
    """Batches of a pool, again and again."""
    while True:
        pool.refresh()
        yield from pool.batches(rng, size)


def microphones(rng: np.random.Generator, count: int) -> np.ndarray:
    """Random smooth responses to add to log10 energies, float32 (count, 1, BANDS)."""
    place = np.linspace(-1, 1, BANDS)
    level, tilt = (rng.uniform(-most, most, (count, 1, 1)) for most in (_LEVEL_DB, _TILT_DB))
    ripple = rng.uniform(0, _RIPPLE_DB, (count, 1, 1)) * np.sin(
        np.pi * (rng.uniform(0.5, 3, (count, 1, 1)) * place + rng.uniform(0, 2, (count, 1, 1)))
    )
    return ((level + tilt * place + ripple) / 10).astype(np.float32)


@torch.no_grad()
def validate(model: PercepNet, pool: Pool, device: str) -> dict[str, float]:
    """Mean parts of the loss over a pool, with the weights as they will ship."""
    quantise, model.quantise = model.quantise, True
    parts = []
    for batch in pool.batches(np.random.default_rng(0), 32):
        columns = tensors(batch, device)
        parts.append(loss(columns, *model(columns["features"]))[1])
    model.quantise = quantise
    return {k: float(np.mean([p[k] for p in parts])) for k in parts[0]}


def plot(log: Path) -> None:
    """Draw the log."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    rows = list(csv.DictReader(log.open()))
    figure, axes = plt.subplots(1, len(PARTS), figsize=(4 * len(PARTS), 3.5), layout="constrained")
    for axis, part in zip(axes, PARTS, strict=True):
        for name in ("train", "valid"):
            points = [(float(r["minutes"]), float(r[f"{name}_{part}"])) for r in rows if r[f"{name}_{part}"]]
            axis.plot(*zip(*points, strict=True), label=name)
        axis.set(title=f"{part} loss", xlabel="minutes", yscale="log")
        axis.yaxis.set_major_locator(LogLocator(subs=range(1, 10)))  # a loss rarely falls by a decade
        axis.yaxis.set_major_formatter(StrMethodFormatter("{x:.3g}"))
        axis.yaxis.set_minor_locator(NullLocator())
        axis.legend()
    figure.savefig(log.with_suffix(".png"), dpi=100)
    plt.close(figure)


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tier", choices=TIERS, default="c10")
    parser.add_argument("--shards", type=Path, required=True, help="from build_scripts.train.generate")
    parser.add_argument("--validate", type=Path, required=True, help="shards of held-out talkers")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--steps", type=int, help="stop after this many, if that is sooner")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=_PEAK_RATE)
    parser.add_argument("--start", type=Path, help="model file (.pnw) to start from")
    parser.add_argument("--bf16", action="store_true", help="multiply in bfloat16, where the processor does so faster")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--perceptual", type=Path, help="shards for the perceptual loss, from generate --perceptual")
    parser.add_argument("--perceptual-batch", type=int, default=8)
    parser.add_argument("--one-batch", action="store_true", help="overfit a single batch: a check, not a training")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    args.out.mkdir(parents=True, exist_ok=True)

    pool, validation = Pool(args.shards), Pool(args.validate)
    last = args.out / "last.pt"
    spent, step, seen = 0.0, 0, 0
    if last.exists():
        saved = torch.load(last, weights_only=True)
        model, average = from_checkpoint(saved["model"]), from_checkpoint(saved["average"])
        spent, step, seen = saved["minutes"], saved["step"], saved["seen"]
    else:
        saved = None
        model, average = (new_model(args.tier, args.start, pool) for _ in range(2))
        average.load_state_dict(model.state_dict())
    model.to(args.device)
    average.to(args.device)
    optimiser = torch.optim.Adam(model.parameters(), lr=args.rate, betas=(0.9, 0.98), eps=1e-8)
    if saved:
        optimiser.load_state_dict(saved["optimiser"])
    synthesis = TorchSynthesis(args.device) if args.perceptual else None
    print(f"{args.tier}: {count_weights(model)} weights on {args.device}", flush=True)

    columns = ["minutes", "step", "hours", "rate"] + [f"{s}_{p}" for s in ("train", "valid") for p in PARTS]
    if synthesis:
        columns += ["train_perceptual"]
    log = args.out / "log.csv"
    if not log.exists():
        log.write_text(",".join(columns) + "\n")
    started = time.monotonic()
    minutes = lambda: spent + (time.monotonic() - started) / 60  # noqa: E731
    rng = np.random.default_rng(step)
    recent: list[dict[str, float]] = []
    more = for_ever(Pool(args.perceptual), rng, args.perceptual_batch) if synthesis else iter(())
    done = lambda: max(minutes() / args.minutes, step / args.steps if args.steps else 0)  # noqa: E731
    while done() < 1:
        pool.refresh()
        for batch in pool.batches(rng, args.batch):
            if args.one_batch:
                batch = next(pool.batches(np.random.default_rng(0), args.batch))
            progress = done()
            if progress >= 1:
                break
            model.quantise = progress > _QUANTISED_FROM or synthesis is not None
            rate = (
                args.rate
                * min(1, (step + 1) / _WARM_UP_STEPS)
                * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
            )
            for group in optimiser.param_groups:
                group["lr"] = rate
            if progress < _SHORT_UNTIL and not args.one_batch:
                first = rng.integers(0, batch.shape[1] - _SHORT + 1)
                batch = batch[:, first : first + _SHORT]
            target = tensors(batch, args.device)
            if not args.one_batch:
                target["features"][..., :BANDS] += torch.from_numpy(microphones(rng, len(batch))).to(args.device)
            optimiser.zero_grad()
            with torch.autocast(args.device, torch.bfloat16, enabled=args.bf16):
                outputs = model(target["features"])
            value, parts = loss(target, *(o.float() for o in outputs))
            frames = batch.shape[0] * batch.shape[1]
            if synthesis:
                extra = tensors(next(more), args.device, PERCEPTUAL)
                with torch.autocast(args.device, torch.bfloat16, enabled=args.bf16):
                    outputs = model(extra["features"])
                gain, strength, voice = (o.float() for o in outputs)
                of_bands, _ = loss(extra, gain, strength, voice)
                of_sound = perceptual_loss(synthesis, extra, gain, strength)
                added = extra["voice"].numel()
                value = (frames * value + added * of_bands) / (frames + added) + _PERCEPTUAL_SHARE * of_sound
                frames, parts = frames + added, parts | {"perceptual": of_sound.item()}
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            model.clamp_weights()
            keep = min(_AVERAGE_PERCEPTUAL if synthesis else _AVERAGE, (step + 1) / (step + 10))
            with torch.no_grad():
                for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
                    slow.lerp_(fast, 1 - keep)
            step, seen = step + 1, seen + frames
            recent.append(parts)
            if step % _LOG_EVERY == 0:
                row = {
                    "minutes": f"{minutes():.2f}",
                    "step": step,
                    "hours": f"{hours(seen):.1f}",
                    "rate": f"{rate:.2e}",
                }
                row |= {f"train_{k}": f"{np.mean([r[k] for r in recent]):.5f}" for k in recent[0]}
                if step % _VALIDATE_EVERY == 0:
                    row |= {f"valid_{k}": f"{v:.5f}" for k, v in validate(average, validation, args.device).items()}
                with log.open("a") as lines:
                    csv.DictWriter(lines, columns).writerow(row)
                print(row, f"pool {pool.refresh()}", flush=True)
                recent = []
            if step % _VALIDATE_EVERY == 0:
                state = {"minutes": minutes(), "step": step, "seen": seen, "optimiser": optimiser.state_dict()}
                torch.save(
                    state | {"model": to_checkpoint(model), "average": to_checkpoint(average)}, args.out / "part.pt"
                )
                (args.out / "part.pt").rename(last)
                torch.save(
                    to_checkpoint(average) | {"minutes": minutes(), "hours": hours(seen)}, args.out / "average.pt"
                )
                if step > _VALIDATE_EVERY:
                    plot(log)
    torch.save(to_checkpoint(average) | {"minutes": minutes(), "hours": hours(seen)}, args.out / "average.pt")


if __name__ == "__main__":
    main()
