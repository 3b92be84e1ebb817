"""Pages built with frameworks, whose constraints are Proxies, or with an import map: each gets its clean microphone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from both import IN_FIREFOX
from clients import client_site

from build_scripts.site.serve import serve


@pytest.fixture(scope="module")
def address(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the site with the clients."""
    with serve(client_site(dist, tmp_path_factory.mktemp("frameworks") / "site")) as url:
        yield url


@pytest.fixture(params=["chromium", IN_FIREFOX])
def visit(request: pytest.FixtureRequest, address: str) -> Callable[[str], Any]:
    """Open one of the pages."""

    def open_page(path: str) -> Any:
        if request.param == "chromium":
            return request.getfixturevalue("open_tab")(address, path)
        browser = request.getfixturevalue("firefox_with_sound").browser
        browser.complaints.clear()
        browser.open(address + path)
        return browser

    return open_page


CLICK = """async (name) => {
    const until = async (condition) => {
        while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
    };
    const button = () => [...document.querySelectorAll('button')].find((each) => each.textContent === name);
    await until(button);
    button().click();
    const labelled = () => document.querySelector('output').textContent !== '';
    await until(() => labelled() === (name === 'start'));
    const media = await percepnet;
    if (name === 'start') await until(() => media.instances[0].playing === 'enhanced');
    const { echoCancellation, autoGainControl } = track.getConstraints();
    const settings = track.getSettings();
    return {
        instances: media.instances.length,
        asked: [echoCancellation.ideal, autoGainControl],
        got: [settings.echoCancellation, settings.autoGainControl],
        state: track.readyState,
    };
}"""


@pytest.mark.parametrize("app", ["vue", "alpine", "import-map"])
def test_a_framework_gets_a_clean_microphone(visit: Callable[[str], Any], app: str) -> None:
    """The page starts, its constraints are read as it has them, and stopping turns the microphone off."""
    tab = visit(f"apps/{app}.html")
    as_asked = {"asked": [False, True], "got": [False, True]}
    assert tab.evaluate(CLICK, "start") == {"instances": 1, "state": "live", **as_asked}
    stopped = tab.evaluate(CLICK, "stop")
    assert (stopped["instances"], stopped["state"]) == (0, "ended")
    assert tab.complaints == []
