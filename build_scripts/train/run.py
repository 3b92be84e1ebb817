"""A training run: its networks and optimiser, one step of it, and its checkpoints."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from .losses import loss
from .model import PercepNet, State, from_checkpoint, to_checkpoint
from .pool import hours

__all__ = ["Diverged", "Run", "checkpoint", "learning_rate", "resume", "train_step"]

_WARM_UP_STEPS = 100
_LAST_RATE = 0.02
"""Rate at the end of the cosine, as a share of the peak."""
_QUANTISED_FROM = 0.7
"""From this share of the steps on, weights are rounded to int8 as they will ship (straight-through)."""
_AVERAGE = 0.998
_LONGEST_GRADIENT = 1.0
_INPUT_NOISE, _DECAY = 0.02, 0.01
"""Regularisation: of the features, in standard deviations; of the matrices, as in AdamW. Dropout seemed to make
held-out scenes worse (NOTES.md)."""
_TYPICAL = 0.99
_DIVERGED_AT, _PATIENCE = 3.0, 25
"""A loss so many times its running mean, for so many steps in a row."""


class Diverged(RuntimeError):
    """The loss is not finite, or far above what it was; nothing of that step was kept."""


@dataclass
class Run:
    """Everything that is needed to resume a run.

    Attributes
    ----------
    model, average : PercepNet
        What is trained, and the running average of its weights, which ships.
    optimiser : torch.optim.Optimizer
    steps : int
        At the end of the schedule.
    step, frames : int
        Done, seen.
    typical : float
        Running mean of the loss.
    reads : dict
        How often each scene of the pool was read.
    """

    model: PercepNet
    average: PercepNet
    optimiser: torch.optim.Optimizer
    steps: int
    step: int = 0
    frames: int = 0
    typical: float = 0.0
    bad: int = 0
    reads: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def start(cls, model: PercepNet, steps: int) -> "Run":
        """A run that begins with these weights."""
        average = from_checkpoint(to_checkpoint(model)).to(model.mean.device)
        average.eval()
        vectors = [p for p in model.parameters() if p.dim() == 1]
        groups = [{"params": model.weights(), "weight_decay": _DECAY}, {"params": vectors, "weight_decay": 0.0}]
        return cls(model, average, torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), eps=1e-8), steps)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Rate of a step: a linear warm-up, then a cosine down to a fiftieth of the peak at the last one."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(step / steps, 1)))
    return peak * min(1, (step + 1) / _WARM_UP_STEPS) * (_LAST_RATE + (1 - _LAST_RATE) * cosine)


def train_step(
    run: Run,
    target: dict[str, Tensor],
    state: State,
    peak: float,
    bf16: bool = False,
    frame_share: float = 0.0,
) -> dict[str, float]:
    """Do one step, and return the parts of the loss and the rate.

    Parameters
    ----------
    run : Run
    target : dict
        See :func:`build_scripts.train.losses.loss`; ``features`` are those of the shards, ``inputs`` the network's.
    state : dict
        State at the start of the rows; afterwards, at their end.
    peak : float
        Peak of the learning rate.
    bf16 : bool
        Multiply in bfloat16.
    frame_share : float
        Weight of what whole frames lose.

    Raises
    ------
    Diverged
        Before any weight is changed by this step.
    """
    model = run.model
    device = model.mean.device.type
    model.quantise = run.step >= _QUANTISED_FROM * run.steps
    rate = learning_rate(run.step, run.steps, peak)
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    run.optimiser.zero_grad()
    inputs = target["inputs"]
    inputs = inputs + _INPUT_NOISE * model.deviation * torch.randn_like(inputs)
    with torch.autocast(device, torch.bfloat16, enabled=bf16):
        outputs = model(inputs, state)
    gain, strength, voice = (o.float() for o in outputs)
    value, parts = loss(target, gain, strength, voice, frame_share=frame_share)
    value.backward()
    length = torch.nn.utils.clip_grad_norm_(model.parameters(), _LONGEST_GRADIENT)
    _watch(run, value.item(), length.item())
    run.optimiser.step()
    model.clamp_weights()
    keep = min(_AVERAGE, (run.step + 1) / (run.step + 10))
    with torch.no_grad():
        for slow, fast in zip(run.average.parameters(), model.parameters(), strict=True):
            slow.lerp_(fast, 1 - keep)
    run.step += 1
    run.frames += target["voice"].numel()
    return parts | {"rate": rate}


def _watch(run: Run, value: float, gradient: float) -> None:
    """Raise Diverged if the run has."""
    if not math.isfinite(value) or not math.isfinite(gradient):
        raise Diverged(f"step {run.step}: the loss is {value}, the gradient's length {gradient}")
    run.bad = run.bad + 1 if run.typical and value > _DIVERGED_AT * run.typical else 0
    if run.bad >= _PATIENCE:
        raise Diverged(f"step {run.step}: the loss is {value:.3g}, over {_DIVERGED_AT:g} times {run.typical:.3g}")
    if not run.bad:
        run.typical = _TYPICAL * run.typical + (1 - _TYPICAL) * value if run.typical else value


def checkpoint(run: Run, folder: Path) -> None:
    """Save a run in ``folder``: last.pt, from which it can be resumed, and average.pt, which is exported."""
    saved = {
        "model": to_checkpoint(run.model),
        "average": to_checkpoint(run.average),
        "optimiser": run.optimiser.state_dict(),
    }
    numbers = {name: getattr(run, name) for name in ("steps", "step", "frames", "typical", "reads")}
    shipped = to_checkpoint(run.average) | {"steps": run.step, "hours": hours(run.frames)}
    for name, content in (("last.pt", saved | numbers), ("average.pt", shipped)):
        torch.save(content, folder / "part.pt")
        (folder / "part.pt").rename(folder / name)  # a reader never sees half a file


def resume(folder: Path, device: str = "cpu") -> Run | None:
    """Load the run that was saved in a folder; None if there is none."""
    if not (folder / "last.pt").exists():
        return None
    saved = torch.load(folder / "last.pt", weights_only=True, map_location=device)
    model = from_checkpoint(saved["model"]).to(device)
    run = Run.start(model, saved["steps"])
    run.average = from_checkpoint(saved["average"]).to(device)
    run.optimiser.load_state_dict(saved["optimiser"])
    for name in ("step", "frames", "typical", "reads"):
        setattr(run, name, saved[name])
    return run
