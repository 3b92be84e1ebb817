"""Small corpora of synthetic voices and noises, for the tests of the training."""

from pathlib import Path

import numpy as np
import soundfile as sf

from build_scripts.train.corpus import Corpus
from percepnet_wasm.constants import SAMPLE_RATE

__all__ = ["HELD_OUT", "corpora", "voice", "write_corpus"]

HELD_OUT = ("kept-out",)
BANDWIDTH_HZ = 8000


def voice(rng: np.random.Generator, seconds: float, pitch_hz: float = 120) -> np.ndarray:
    """Harmonics of a gliding pitch in bursts: enough of a voice for the pipeline."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    glide = pitch_hz * (1 + 0.3 * np.sin(2 * np.pi * rng.uniform(0.3, 1) * time))
    phase = 2 * np.pi * np.cumsum(glide) / SAMPLE_RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 30))
    return (0.05 * tone * (np.sin(2 * np.pi * 1.5 * time) > -0.3)).astype(np.float32)


def write_corpus(folder: Path, clips: list[tuple[dict[str, str], np.ndarray]]) -> Path:
    """Write clips and a manifest with these columns, ``path`` aside."""
    folder.mkdir(parents=True)
    columns = sorted({name for row, _ in clips for name in row})
    lines = [",".join(["path", *columns])]
    for number, (row, audio) in enumerate(clips):
        sf.write(folder / f"{number}.wav", audio, SAMPLE_RATE)
        lines.append(",".join([f"{number}.wav", *(row.get(name, "") for name in columns)]))
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


def corpora(root: Path) -> tuple[Corpus, Corpus]:
    """Eight talkers and four noises; two of each come from a held-out source."""
    rng = np.random.default_rng(0)
    speech = [
        (
            {
                "speaker": f"talker-{k}",
                "source": "kept-out-voices" if k < 2 else "piper-voices",
                "bandwidth_hz": str(BANDWIDTH_HZ),
                "floor_db": "45",
            },
            voice(rng, 9.0, 100 + 10 * k),
        )
        for k in range(8)
    ]
    noise = [
        (
            {"class": ("fan-hvac", "keyboard")[k % 2], "source": "kept-out-noises" if k < 2 else "noises"},
            (0.1 * rng.standard_normal(3 * SAMPLE_RATE)).astype(np.float32),
        )
        for k in range(4)
    ]
    folders = {kind: write_corpus(root / kind, clips) for kind, clips in (("speech", speech), ("noise", noise))}
    return tuple(Corpus([folder], root / "cache", HELD_OUT) for folder in folders.values())  # type: ignore[return-value]
