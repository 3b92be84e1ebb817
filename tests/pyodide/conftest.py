"""Serve the tests' runtime folder to pytest-pyodide with the headers that the page is served with."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from pytest_pyodide import get_global_config
from pytest_pyodide.runner import NodeRunner, SeleniumChromeRunner
from pytest_pyodide.server import spawn_web_server

from build_scripts.site.serve import ISOLATION

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


# Python starts in 4 s on an idle machine, in minutes on a very busy one: pytest-pyodide's 20 and 60 s are too short.
PATIENCE_S = 240
for runner in (NodeRunner, SeleniumChromeRunner):
    runner.script_timeout = PATIENCE_S

start_node = NodeRunner.init_node


def start_node_with_patience(self: NodeRunner, jspi: bool = False) -> None:
    """Start Node as the plugin does, and give each line of its protocol more than 60 s."""
    start_node(self, jspi)
    self.p.timeout = PATIENCE_S


NodeRunner.init_node = start_node_with_patience

set_script_timeout = SeleniumChromeRunner.set_script_timeout


def set_timeouts(self: SeleniumChromeRunner, timeout: float) -> None:
    """Wait for the driver's answer for longer than it waits for a script: Selenium would give up after 120 s."""
    set_script_timeout(self, timeout)
    self.driver.command_executor.client_config.timeout = timeout + 60


SeleniumChromeRunner.set_script_timeout = set_timeouts


@pytest.fixture(scope="session")
def web_server_main(request: pytest.FixtureRequest) -> Iterator[tuple[str, int, object]]:
    """Replace pytest-pyodide's server by one that isolates the page."""
    with spawn_web_server(request.config.option.dist_dir, extra_headers=ISOLATION) as server:
        yield server


@pytest.fixture
def publish(selenium, request):
    """Give bytes or float32 numbers an address that the interpreter can fetch: the driver's protocol is far slower."""
    files = []

    def write(name: str, array: np.ndarray) -> str:
        # Another process may serve files of the same name from the same folder.
        files.append(request.config.option.dist_dir / f"{os.getpid()}-{name}")
        files[-1].write_bytes(array.astype("u1" if array.dtype == np.uint8 else "<f4").tobytes())
        return f"{selenium.base_url}/{files[-1].name}"

    yield write
    for file in files:
        file.unlink()
