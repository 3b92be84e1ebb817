"""Serve the tests' runtime folder to pytest-pyodide with the headers that the page is served with."""

import os
from collections.abc import Iterator

import pytest
from pytest_pyodide import get_global_config
from pytest_pyodide.runner import NodeRunner, SeleniumChromeRunner
from pytest_pyodide.server import spawn_web_server
from serve import ISOLATION

# The browser and its driver are the system's: Selenium has nothing to look for in the network.
os.environ.setdefault("SE_OFFLINE", "true")
os.environ.setdefault("SE_AVOID_STATS", "true")

get_global_config().set_flags(
    "chrome",
    [
        "--js-flags=--expose-gc",
        "--disable-background-networking",
        "--disable-component-update",
        # Containers often have a /dev/shm of 64 MB.
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-quic",
        "--disable-sync",
        "--no-first-run",
    ],
)


# Python starts in 4 s on an idle machine, in more than pytest-pyodide's 20 s on a very busy one.
for runner in (NodeRunner, SeleniumChromeRunner):
    runner.script_timeout = 240


@pytest.fixture(scope="session")
def web_server_main(request: pytest.FixtureRequest) -> Iterator[tuple[str, int, object]]:
    """Replace pytest-pyodide's server by one that isolates the page."""
    with spawn_web_server(request.config.option.dist_dir, extra_headers=ISOLATION) as server:
        yield server
