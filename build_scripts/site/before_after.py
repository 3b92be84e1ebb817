"""Enhance and draw the sample at the top of the README: ``python -m build_scripts.site.before_after``.

Writes ``enhanced.mp3``, ``noisy.webp`` and ``enhanced.webp`` to ``build_scripts/results/readme``.
"""

import soundfile

import percepnet_wasm
from build_scripts import RESULTS, ROOT
from build_scripts.site.spectrograms import TOP_HZ, paint
from percepnet_wasm.oracle.figures import spectrogram

__all__ = ["ENHANCED", "SAMPLE"]

SAMPLE = ROOT / "web" / "samples" / "cafe.mp3"
ENHANCED = RESULTS / "readme" / "enhanced.mp3"


def main() -> None:
    """Run the command."""
    percepnet_wasm.enhance_file(SAMPLE, ENHANCED, overwrite=True)
    sounds = {
        name: soundfile.read(file, dtype="float32")[0] for name, file in (("noisy", SAMPLE), ("enhanced", ENHANCED))
    }
    loudest = float(spectrogram(sounds["noisy"], TOP_HZ).max())
    for name, sound in sounds.items():
        paint(sound, loudest).save(ENHANCED.with_name(f"{name}.webp"), quality=75, method=6)


if __name__ == "__main__":
    main()
