"""The article's Python: stages of a clip, and edited copies of the enhancer that work, fail or differ."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import workshop
from signals import talk
from workshop import COPY, STAGES, Fault

import percepnet_wasm
from percepnet_wasm.constants import SAMPLE_RATE

SUGGESTIONS = json.loads((Path(workshop.__file__).parent / "suggestions.json").read_text())
SOURCES = workshop.sources()


@pytest.fixture(scope="module")
def parts():
    """Speech and noise of one short sentence."""
    clip = talk()
    end = clip.beginning(sentences=1)
    return clip.clean[:end], clip.noise[:end]


def run(parts, edits=None, snr_db=5.0):
    return workshop.run(*parts, snr_db, edits or {}, lambda what, share: None)


@pytest.fixture(scope="module")
def original(parts):
    return run(parts)


def score(result, stage, name="si_sdr"):
    return result["stages"][stage][name]


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 12.0])
def test_a_mix_has_the_ratio_asked_for(parts, snr_db):
    clean, noisy = workshop.mix(*parts, snr_db)
    noise = noisy - clean
    power = np.mean(clean.astype(float).reshape(-1)[: len(clean) // 480 * 480].reshape(-1, 480) ** 2, axis=1)
    speech = power[power > power.max() * 1e-4].mean()
    assert 10 * np.log10(speech / np.mean(noise.astype(float) ** 2)) == pytest.approx(snr_db, abs=0.05)
    assert np.abs(noisy).max() <= 0.98 + 1e-6


def test_a_short_noise_is_repeated_and_silence_is_refused(parts):
    clean, noise = parts
    _, noisy = workshop.mix(clean, noise[:4800], 0.0)
    speech, _ = workshop.mix(clean, noise[:4800], 0.0)
    added = noisy - speech
    np.testing.assert_allclose(added[:4800], added[4800:9600], atol=1e-6)
    with pytest.raises(ValueError, match="no speech"):
        workshop.mix(np.zeros(48000, np.float32), noise, 0.0)
    with pytest.raises(ValueError, match="no speech"):
        workshop.mix(clean[:100], noise, 0.0)
    with pytest.raises(ValueError, match="noise is silent"):
        workshop.mix(clean, np.zeros(48000, np.float32), 0.0)


def test_scores_rise_where_a_step_should_help(original):
    noisy, magnitudes, gains, comb = (score(original, name) for name in STAGES[:4])
    assert comb > gains > noisy and magnitudes > gains
    assert score(original, "network") > noisy
    noisy, magnitudes, gains = (score(original, name, "stoi") for name in STAGES[:3])
    assert magnitudes > gains > noisy
    assert score(original, "clean") is None


def test_a_cleaner_mix_scores_higher_at_every_stage(parts, original):
    cleaner = run(parts, snr_db=15.0)
    for name in STAGES[:-1]:
        assert score(cleaner, name) > score(original, name), name


def test_everything_is_on_one_clock(parts, original):
    samples, frames = len(parts[0]), original["frames"]
    assert frames == samples // 480 + 1
    for stage in original["stages"].values():
        assert stage["samples"].shape == (samples,) and stage["samples"].dtype == np.float32
        assert stage["picture"].shape == (frames * original["rows"],) and stage["picture"].dtype == np.uint8
    for name, values in original["maps"].items():
        assert values.shape == (frames * original["bands"],), name
    assert len(original["period"]) == len(original["correlation"]) == len(original["future"]) == frames
    # The network's frames belong to the oracle's: where it is right, both move together.
    guessed, ideal = original["maps"]["network_gains"], original["maps"]["plain_gains"]
    assert np.corrcoef(guessed, ideal)[0, 1] > 0.5


def test_the_network_is_the_enhancer(parts, original):
    _, noisy = workshop.mix(*parts, 5.0)
    np.testing.assert_allclose(original["stages"]["network"]["samples"], percepnet_wasm.enhance(noisy), atol=1e-4)


def test_a_picture_shows_a_tone_where_it_is(original):
    tone = np.sin(2 * np.pi * 1000 * np.arange(24000) / SAMPLE_RATE).astype(np.float32)
    picture = workshop._picture(tone, 60.0).reshape(-1, original["rows"])
    row = int(picture[25].argmax())
    assert row * workshop.TOP_HZ / original["rows"] == pytest.approx(1000, abs=30)


def test_an_edit_without_effect_changes_nothing_and_leaves_the_package_alone(parts, original):
    before = dict(sys.modules)
    edited = run(parts, {"signal.postfilter": SOURCES["signal.postfilter"] + "\n# mine\n"})
    for name in STAGES:
        np.testing.assert_allclose(
            edited["stages"][name]["samples"], original["stages"][name]["samples"], atol=1e-4, err_msg=name
        )
    for name, module in before.items():
        if name.split(".")[0] == "percepnet_wasm":
            assert sys.modules[name] is module
    assert sys.modules["percepnet_wasm.signal.postfilter"] is not sys.modules[f"{COPY}.signal.postfilter"]


@pytest.mark.parametrize("suggestion", SUGGESTIONS, ids=lambda s: f"{s['module']}: {s['title']}")
def test_each_suggestion_fits_the_source_and_is_heard(parts, original, suggestion):
    source = SOURCES[suggestion["module"]]
    assert source.count(suggestion["find"]) == 1, "the source has changed: change suggestions.json too"
    edited = run(parts, {suggestion["module"]: source.replace(suggestion["find"], suggestion["replace"])})
    stage = suggestion["listen"]
    assert stage in STAGES
    before, after = (result["stages"][stage]["samples"] for result in (original, edited))
    assert np.sum((after - before) ** 2) > 0.002 * np.sum(before**2), "hardly to be heard"


def edited_postfilter(find: str, replace: str) -> dict[str, str]:
    assert SOURCES["signal.postfilter"].count(find) == 1
    return {"signal.postfilter": SOURCES["signal.postfilter"].replace(find, replace)}


def line_of(text: str, module: str = "signal.postfilter") -> int:
    return SOURCES[module][: SOURCES[module].index(text)].count("\n") + 1


def test_a_syntax_error_names_its_line(parts):
    with pytest.raises(Fault, match="SyntaxError") as caught:
        run(parts, edited_postfilter("warped = gains *", "warped = = gains *"))
    assert (caught.value.module, caught.value.line) == ("signal.postfilter", line_of("warped = gains"))


def test_a_runtime_error_names_the_line_of_the_edited_file(parts):
    with pytest.raises(Fault, match=r"NameError: name 'gians' is not defined \(in envelope_postfilter\)") as caught:
        run(parts, edited_postfilter("warped = gains *", "warped = gians *"))
    assert (caught.value.module, caught.value.line) == ("signal.postfilter", line_of("warped = gains"))


def test_an_error_that_shows_elsewhere_is_reported_there(parts):
    with pytest.raises(Fault, match="ValueError") as caught:
        run(parts, edited_postfilter("return warped * compensation[:, None]", "return warped[0, :3]"))
    assert caught.value.module == "signal.synthesis" and caught.value.line


def test_a_result_that_is_not_sound_is_refused(parts):
    with pytest.raises(Fault, match="NaN or infinity"):
        run(parts, edited_postfilter("return warped * compensation[:, None]", "return warped * np.float32('nan')"))


def test_only_stages_can_be_edited(parts):
    with pytest.raises(Fault, match="kernel.library cannot be edited: choose one of signal.stft"):
        run(parts, {"kernel.library": ""})


def test_a_fault_is_gone_with_its_cause(parts, original):
    with pytest.raises(Fault):
        run(parts, edited_postfilter("BETA = 0.02", "BETA = "))
    assert score(run(parts), "4-postfilter") == pytest.approx(score(original, "4-postfilter"))


class Foreign:
    """A JavaScript object as Pyodide hands it over."""

    def __init__(self, value):
        self.value = value

    def to_py(self):
        return self.value


def test_the_page_gets_faults_as_plain_values(parts):
    clean, noise = (Foreign(memoryview(part)) for part in parts)
    bad = workshop.run_in_page(clean, noise, 5.0, Foreign({"signal.comb": "def"}), lambda *_: None)
    assert bad["fault"]["module"] == "signal.comb" and bad["fault"]["line"] == 1
    silent = workshop.run_in_page(
        Foreign(memoryview(np.zeros(48000, np.float32))), noise, 5.0, Foreign({}), lambda *_: None
    )
    assert "no speech" in silent["fault"]["text"]
