"""The one table of what can happen in a training scene: how often, and within which range.

``python -m build_scripts.train.scene_table`` writes it into NOTES.md; a test keeps the two in step. Mixing draws a plan
from it (:func:`draw_plan`), so that a scene can also be made from a plan chosen by hand.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["AUGMENTATIONS", "NOTES", "Augmentation", "Plan", "draw_plan", "markdown"]

NOTES = Path(__file__).with_name("NOTES.md")
Plan = dict[str, float]
"""Names of the augmentations of a scene, and the value drawn for each."""


@dataclass(frozen=True)
class Augmentation:
    """One kind of event or condition.

    Attributes
    ----------
    share : float
        Share of the scenes in which it happens.
    low, high : float
        Range of the value, drawn uniformly, or uniformly in the logarithm where the unit is Hz.
    unit, effect : str
    group : str
        Augmentations of one group exclude each other; if their shares add up to less than 1, none happens in the rest.
    """

    share: float
    low: float
    high: float
    unit: str
    effect: str
    group: str = ""

    def draw(self, rng: np.random.Generator) -> float:
        """Draw a value from the range."""
        if self.unit == "Hz":
            return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
        return float(rng.uniform(self.low, self.high))


# fmt: off
AUGMENTATIONS = {
    "start_in_word": Augmentation(0.35, -17, 0, "dB", "begins within a word, with this level re loud frames", "start"),
    "noise_first": Augmentation(0.20, 2, 8, "s", "noise alone before the first word", "start"),
    "muted_start": Augmentation(0.075, 1, 3, "s", "exact zeros first, then speech at once", "start"),
    "mute": Augmentation(0.075, 1, 3, "s", "exact zeros in the middle, then speech at once", "start"),
    "pause_first": Augmentation(0.30, 0, 0.5, "s", "a short pause before the first word", "start"),
    "snr": Augmentation(0.73, -5, 25, "dB", "speech over noise, over the frames where they sound", "noise"),
    "steady_noise": Augmentation(0.10, -5, 10, "dB", "the same, over white or coloured noise, a fan, a hum", "noise"),
    "high_snr": Augmentation(0.13, 25, 45, "dB", "the same, hardly any noise", "noise"),
    "no_noise": Augmentation(0.04, 0, 0, "", "nothing but the room tone", "noise"),
    "room_tone": Augmentation(0.95, -75, -45, "dB", "faint noise, relative to the speech, instead of digital silence"),
    "no_speech": Augmentation(0.05, 0, 0, "", "noise alone", "voice"),
    "held_vowel": Augmentation(0.04, 0.5, 3, "s", "a vowel of the talker is held (pyworld)", "voice"),
    "sung_vowel": Augmentation(0.04, 0.4, 1.5, "s", "a phrase is sung on it, notes of this length", "voice"),
    "laughter": Augmentation(0.05, 0, 0, "", "the talker's own laughter, where a recording has it", "voice"),
    "level_drop": Augmentation(0.10, 5, 25, "dB", "the talker becomes softer", "change"),
    "level_rise": Augmentation(0.04, 5, 25, "dB", "the talker becomes louder", "change"),
    "second_talker": Augmentation(0.12, 5, 25, "dB", "another, softer talker takes over", "change"),
    "noise_rise": Augmentation(0.08, 10, 20, "dB", "the noise gets louder", "step"),
    "noise_drop": Augmentation(0.07, 10, 20, "dB", "the noise gets softer", "step"),
    "telephone": Augmentation(0.06, 3300, 4000, "Hz", "upper band edge of call and noise, SNR 0 to 10 dB", "band"),
    "telephone_mu_law": Augmentation(0.03, 3300, 4000, "Hz", "the same, companded at 8 kHz", "band"),
    "telephone_voice": Augmentation(0.02, 3300, 4000, "Hz", "a narrow voice in a wide-band room", "band"),
    "low_pass": Augmentation(0.20, 3000, 20000, "Hz", "upper band edge of the microphone", "band"),
    "high_pass": Augmentation(0.08, 50, 300, "Hz", "lower band edge of the microphone"),
    "microphone_level": Augmentation(1.00, -70, -10, "dBFS", "active level of what the microphone delivers"),
    "clipping": Augmentation(0.05, 0.2, 0.9, "of the peak", "clips there"),
    "offset": Augmentation(0.05, -0.02, 0.02, "of full scale", "constant offset"),
    "rounding": Augmentation(0.30, 16, 16, "bit", "rounded, without dither"),
    "room": Augmentation(0.40, 0.1, 0.9, "s", "RT60 of a simulated room; target: 20 ms early, tail of 0.2 s"),
    "talker_speed": Augmentation(0.60, 0.82, 1.22, "times", "played at this speed: another pitch and vocal tract"),
    "talker_response": Augmentation(0.50, 0, 6, "dB", "random smooth response of the talker"),
}
"""By name. The values of ``room`` come with the simulated responses."""
# fmt: on


def draw_plan(rng: np.random.Generator) -> Plan:
    """Draw what happens in a scene."""
    plan: Plan = {}
    left: dict[str, float] = {}
    for name, kind in AUGMENTATIONS.items():
        if kind.group:
            # One draw per group, which its members use up one after another.
            draw = left.setdefault(kind.group, rng.random())
            left[kind.group] = draw - kind.share
            happens = 0 <= draw < kind.share
        else:
            happens = rng.random() < kind.share
        if happens:
            plan[name] = kind.draw(rng)
    return plan


def markdown() -> str:
    """The table as NOTES.md has it."""
    lines = ["| augmentation | share | range | effect | excludes |", "|---|---:|---|---|---|"]
    for name, kind in AUGMENTATIONS.items():
        span = f"{kind.low:g} to {kind.high:g} {kind.unit}" if kind.high > kind.low else f"{kind.high:g} {kind.unit}"
        lines.append(
            f"| {name} | {100 * kind.share:g} % | {span if kind.unit else ''} | {kind.effect} | {kind.group} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table into NOTES.md."""
    before, rest = NOTES.read_text().split("<!-- table: scenes -->\n")
    _, after = rest.split("<!-- end -->", 1)
    NOTES.write_text(f"{before}<!-- table: scenes -->\n{markdown()}<!-- end -->{after}")


if __name__ == "__main__":
    main()
