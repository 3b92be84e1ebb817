"""Run tests in Firefox, with its fake microphone and camera, over WebDriver BiDi."""

import contextlib
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import websocket

from tests.browser.firefox import Firefox, firefox, sound_card

from .compare import Outcome
from .server import ALL_HOSTS

__all__ = ["Gecko", "gecko"]

PREFERENCES = {
    "dom.disable_open_during_load": False,
    "media.navigator.streams.fake": True,
    "network.dns.localDomains": ",".join(ALL_HOSTS),
}
"""A generated tone and picture, the tests' hosts, windows without a click."""

FAILURES = (RuntimeError, OSError, websocket.WebSocketException)
"""A refused command; a browser that is gone; one that does not answer."""

REPORT = "(channel) => { window.conformanceReport = channel; }"


class Gecko:
    """A Firefox, started again if it crashes; each test gets a tab of its own."""

    name = "firefox"

    def __init__(self, start: Callable[[], AbstractContextManager[Firefox]]) -> None:
        self.start, self.running = start, contextlib.ExitStack()
        self.messages: list[dict[str, Any]] = []
        self._open()
        self.version = self.browser.version

    def _open(self) -> None:
        self.running.close()
        self.browser = self.running.enter_context(self.start())
        self.browser.heard = self._heard
        self.browser.command("session.subscribe", events=["script.message"])
        channel = {"type": "channel", "value": {"channel": "conformance"}}
        self.browser.command("script.addPreloadScript", functionDeclaration=REPORT, arguments=[channel])

    def _heard(self, event: dict[str, Any]) -> None:
        if event["method"] == "script.message" and event["params"]["channel"] == "conformance":
            self.messages.append(json.loads(event["params"]["data"]["value"]))

    def run(self, url: str, limit: float) -> Outcome:
        """Load a test in a fresh tab and wait for its outcome, ``limit`` seconds at most."""
        self.messages.clear()
        try:
            context = self.browser.command("browsingContext.create", type="tab")["context"]
            outcome = self._run(context, url, limit)
        except FAILURES as error:
            outcome = Outcome(f"CRASH: {str(error).splitlines()[0]}")
        try:
            for each in self.browser.command("browsingContext.getTree")["contexts"]:
                if each["context"] != self.browser.context:
                    self.browser.command("browsingContext.close", context=each["context"])
        except FAILURES:
            self._open()
        return outcome

    def _run(self, context: str, url: str, limit: float) -> Outcome:
        self.browser.command("browsingContext.navigate", context=context, url=url, wait="none")
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            while self.messages:
                message = self.messages.pop(0)
                if message["kind"] == "outcome":
                    return Outcome(message["status"], message["subtests"], message["tag"])
                self._act(context, message)
            self.browser.listen(0.5)
        return Outcome("NO ANSWER")

    def _act(self, context: str, message: dict[str, Any]) -> None:
        problem = ""
        try:
            if message["kind"] == "click":
                pointer = [
                    {"type": "pointerMove", "x": round(message["x"]), "y": round(message["y"])},
                    {"type": "pointerDown", "button": 0},
                    {"type": "pointerUp", "button": 0},
                ]
                actions = [{"type": "pointer", "id": "mouse", "actions": pointer}]
                self.browser.command("input.performActions", context=context, actions=actions)
            elif message["state"] != "granted":  # as it is already, and BiDi cannot set it for microphones
                origin = self._call(context, "() => location.origin")["result"]["value"]
                self.browser.command(
                    "permissions.setPermission",
                    descriptor={"name": message["name"]},
                    state=message["state"],
                    origin=origin,
                )
        except RuntimeError as error:
            problem = str(error)
        answer = json.dumps([message["id"], problem])
        self._call(context, f"() => conformanceAnswer(...{answer})")

    def _call(self, context: str, function: str) -> dict[str, Any]:
        target = {"context": context}
        return self.browser.command(
            "script.callFunction", functionDeclaration=function, awaitPromise=False, target=target
        )


@contextlib.contextmanager
def gecko(recording: Path) -> Iterator[Gecko]:
    """Start Firefox with a silent sound card, without which its audio does not run.

    Parameters
    ----------
    recording : Path
        A WAV file for the sound card's microphone, which the tests do not use.

    Raises
    ------
    FileNotFoundError
        It is not installed, or PulseAudio is not.
    """
    executable = shutil.which("firefox") or shutil.which("firefox-esr")
    if executable is None or not all(map(shutil.which, ("pulseaudio", "pactl", "paplay"))):
        raise FileNotFoundError(
            "no Firefox with PulseAudio found (Debian: apt-get install firefox-esr pulseaudio pulseaudio-utils)"
        )
    profiles = itertools.count()
    with tempfile.TemporaryDirectory() as folder, sound_card(recording, Path(folder)) as environment:
        runner = Gecko(lambda: firefox(executable, environment, Path(folder) / f"{next(profiles)}", PREFERENCES))
        try:
            yield runner
        finally:
            runner.running.close()
