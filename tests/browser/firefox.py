"""Firefox over WebDriver BiDi, which it supports natively, with PulseAudio's null sink as its sound card.

Without a sound card Firefox's audio contexts do not run. A second null sink, played to by a looping recording, is the
microphone.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import websocket

PREFERENCES = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.autoplay.default": 0,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}
"""No prompts, no traffic of its own, audio without a gesture, loopback calls."""

PATIENCE = 240
"""Longest wait for an answer, in seconds."""


class Firefox:
    """One page of a Firefox with a fresh profile."""

    def __init__(self, port: int) -> None:
        self.socket = websocket.create_connection(
            f"ws://127.0.0.1:{port}/session", timeout=PATIENCE, suppress_origin=True
        )
        self.numbers = itertools.count(1)
        self.complaints: list[str] = []
        """Errors on the console, and exceptions that nobody handled."""
        self.heard: Callable[[dict[str, Any]], None] = lambda event: None
        """Called with every event."""
        capabilities = {"alwaysMatch": {"acceptInsecureCerts": True}}
        self.version = self.command("session.new", capabilities=capabilities)["capabilities"]["browserVersion"]
        self.command("session.subscribe", events=["log.entryAdded"])
        self.context = self.command("browsingContext.getTree")["contexts"][0]["context"]

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a BiDi command; its result."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = self._receive()
            if message.get("id") == number:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['error']}: {message['message']}")
                return dict(message["result"])

    def _receive(self) -> dict[str, Any]:
        message = json.loads(self.socket.recv())
        if message["type"] == "event":
            if message["method"] == "log.entryAdded" and message["params"]["level"] == "error":
                self.complaints.append(message["params"]["text"])
            self.heard(message)
        return dict(message)

    def listen(self, seconds: float) -> None:
        """Wait for an event, no longer than this."""
        self.socket.settimeout(seconds)
        try:
            self._receive()
        except websocket.WebSocketTimeoutException:
            pass
        finally:
            self.socket.settimeout(PATIENCE)

    def open(self, url: str) -> None:
        """Load a page."""
        self.command("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def evaluate(self, function: str, argument: Any = None) -> Any:
        """Call a JavaScript function in the page; argument and result travel as JSON."""
        result = self.command(
            "script.callFunction",
            functionDeclaration=f"async (text) => JSON.stringify(await ({function})(JSON.parse(text)) ?? null)",
            arguments=[{"type": "string", "value": json.dumps(argument)}],
            awaitPromise=True,
            target={"context": self.context},
        )
        if result["type"] == "exception":
            raise RuntimeError(result["exceptionDetails"]["text"])
        return json.loads(result["result"]["value"])


@contextlib.contextmanager
def sound_card(recording: Path, folder: Path, rate: int = 48000) -> Iterator[dict[str, str]]:
    """Run PulseAudio with a silent loudspeaker and a microphone that hears ``recording`` over and over.

    Parameters
    ----------
    recording : Path
        A WAV file.
    folder : Path
        Home of the programs.
    rate : int
        Samples per second of loudspeaker and microphone.

    Yields
    ------
    dict of str to str
        Environment for programs that are to use it.
    """
    # A socket's path must be short.
    runtime = Path(tempfile.mkdtemp(prefix="pulse", dir="/tmp"))
    environment = os.environ | {
        "PULSE_SERVER": f"unix:{runtime}/socket",
        "PULSE_RUNTIME_PATH": str(runtime),
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(runtime),
    }
    modules = [
        f"module-native-protocol-unix auth-anonymous=1 socket={runtime}/socket",
        # Without norewinds it plays 2 s at a time, and every new audio context waits for the next time.
        f"module-null-sink sink_name=loudspeaker norewinds=1 rate={rate}",
        f"module-null-sink sink_name=room rate={rate} channels=1",
        "module-remap-source source_name=microphone master=room.monitor "
        "source_properties=device.description=Microphone",
    ]
    command = ["pulseaudio", "-n", "--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no"]
    command += [f"--load={module}" for module in modules]
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, runtime, ignore_errors=True)
        server = stack.enter_context(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        stack.callback(server.terminate)
        for _ in range(10 * PATIENCE):
            if (runtime / "socket").exists():
                break
            time.sleep(0.1)
        for choice in ("set-default-sink loudspeaker", "set-default-source microphone"):
            subprocess.run(["pactl", *choice.split()], env=environment, check=True)
        loop = f'while paplay --device=room "{recording}"; do :; done'
        player = stack.enter_context(subprocess.Popen(["sh", "-c", loop], env=environment, start_new_session=True))
        stack.callback(lambda: os.killpg(player.pid, 15))
        yield environment


@contextlib.contextmanager
def firefox(
    executable: str, environment: dict[str, str], profile: Path, preferences: Mapping[str, Any] | None = None
) -> Iterator[Firefox]:
    """Start a headless Firefox; ``preferences`` are in addition to the usual ones."""
    profile.mkdir()
    values = PREFERENCES | dict(preferences or {})
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in values.items()]
    (profile / "user.js").write_text("\n".join(lines))
    command = [executable, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port=0"]
    log = profile / "log.txt"
    with log.open("w") as out, subprocess.Popen(command, env=environment, stdout=out, stderr=out) as process:
        try:
            yield Firefox(debugging_port(log))
        finally:
            process.terminate()


def debugging_port(log: Path) -> int:
    """Wait until Firefox has written the address on which it listens."""
    for _ in range(10 * PATIENCE):
        found = re.search(r"listening on ws://.*:(\d+)", log.read_text(errors="replace"))
        if found:
            return int(found[1])
        time.sleep(0.1)
    raise RuntimeError(f"Firefox does not listen:\n{log.read_text(errors='replace')}")
