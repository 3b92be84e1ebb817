"""The examples for React and Vue, run by React and Vue: a clean track, another microphone, and nothing left behind."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clients import client_site
from conftest import Tab, decode
from measure import ENOUGH, align, not_cleaned, soon

from build_scripts.site.serve import serve
from percepnet_wasm.constants import SAMPLE_RATE


@pytest.fixture(scope="module")
def address(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the site with the examples."""
    with serve(client_site(dist, tmp_path_factory.mktemp("examples") / "site")) as url:
        yield url


@pytest.mark.parametrize("kit", ["react", "vue"])
def test_a_component_gets_a_clean_track_and_releases_it(open_tab: Callable[..., Tab], address: str, kit: str) -> None:
    """React runs it in strict mode, where every effect happens twice."""
    tab = open_tab(address, path="apps/examples.html")
    tab.evaluate(
        """async (kit) => {
          window.harness = await import('/tests/harness.js');
          const { mount } = await import(`/vendor/${kit}-page.js`);
          window.raw = await harness.microphone();
          window.component = mount(document.getElementById('place'), raw);
        }""",
        kit,
    )
    tab.wait("document.querySelector('output').textContent === 'ready'")
    tab.wait("clean !== raw && percepnet.playing === 'enhanced'")
    soon(
        lambda: not_cleaned(
            *align(
                *map(decode, tab.evaluate("(seconds) => harness.recordTracks([raw, clean], seconds * 48000)", ENOUGH)),
                SAMPLE_RATE,
            )
        )
    )
    tab.evaluate(
        """async () => {
          window.first = clean;
          raw.stop();
          component.change((window.raw = await harness.microphone()));
        }"""
    )
    tab.wait("percepnet.playing === 'enhanced'")
    assert tab.evaluate("clean === first && clean.readyState === 'live'")
    tab.evaluate("component.unmount()")
    tab.wait("percepnet.state === 'destroyed' && first.readyState === 'ended'")
    assert tab.complaints == [] and tab.uncaught == []
