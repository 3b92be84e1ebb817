"""Write program images, and the results that NumPy gives for a sound, into a folder; runner.test.js compares them.

clip.f32 is the sound; for each model, NAME.pni is its image and NAME.f32 NumPy's output; facts.json has what else the
enhancer reported.
"""

import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "unit")]

from models import WITH_LEVELS, random_model  # noqa: E402
from signals import speech_like, talk  # noqa: E402

from percepnet_wasm import Enhancer, Model  # noqa: E402
from percepnet_wasm.constants import HOP  # noqa: E402
from percepnet_wasm.kernel.image import image  # noqa: E402
from percepnet_wasm.model_file import DEFAULT_TIER  # noqa: E402


def sparse(model: Model) -> Model:
    """Empty blocks of weights, so that they are packed sparsely."""
    rng = np.random.default_rng(0)
    for array in model.arrays.values():
        if array.ndim == 2:
            array *= (rng.random((-(-len(array) // 16), array.shape[1])) < 0.3).repeat(16, axis=0)[: len(array)]
            array[:, 4:8] = 0
    return model


def main(folder: Path) -> None:
    clip = np.concatenate((talk().noisy[: 500 * HOP], np.zeros(30 * HOP), 0.3 * speech_like(1.0, 2))).astype("<f4")
    clip.tofile(folder / "clip.f32")
    models = {
        DEFAULT_TIER: Model.load(),
        "small": random_model(seed=3),
        "levels": random_model(WITH_LEVELS, seed=3),
        "sparse": sparse(random_model(seed=5)),
    }
    facts = {}
    for name, model in models.items():
        (folder / f"{name}.pni").write_bytes(image(model))
        enhancer = Enhancer(model, kernel="numpy")
        if name == "small":
            enhancer.attenuation_limit_db = 30
        output = [enhancer.process(frame) for frame in clip.reshape(-1, HOP)]
        np.concatenate(output).astype("<f4").tofile(folder / f"{name}.f32")
        facts[name] = {
            "gains": enhancer.gains.tolist(),
            "strengths": enhancer.strengths.tolist(),
            "period": enhancer.period,
            "correlation": enhancer.correlation,
            "voice": enhancer.voice_activity,
            "snr": enhancer.snr_db,
        }
    (folder / "facts.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
