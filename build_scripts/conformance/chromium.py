"""Run tests in Chromium, with its fake microphone and camera, through Playwright."""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from build_scripts.chromium import launch

from .compare import Outcome

__all__ = ["Chromium", "chromium"]

FLAGS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--host-resolver-rules=MAP nonexistent.*.test ~NOTFOUND, MAP *.test 127.0.0.1",
    "--disable-popup-blocking",
)

GRACE_S = 30
"""Seconds after the end of a test until a browser that does not answer is killed."""


class Chromium:
    """A browser, started again if it crashes."""

    name = "chromium"

    def __init__(self, driver: Playwright) -> None:
        self.driver = driver
        self.browser: Browser = launch(driver, *FLAGS)
        self.version = self.browser.version

    def run(self, url: str, limit: float) -> Outcome:
        """Load a test in a fresh profile and wait for its outcome, ``limit`` seconds at most."""
        if not self.browser.is_connected():
            self.browser = launch(self.driver, *FLAGS)
        processes = self.browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        (own_id,) = (int(each["id"]) for each in processes if each["type"] == "browser")
        # Playwright's calls wait without a limit for a page that hangs.
        watchdog = threading.Timer(limit + GRACE_S, os.kill, (own_id, signal.SIGKILL))
        watchdog.start()
        try:
            context = self.browser.new_context(ignore_https_errors=True)
            try:
                return self._run(context.new_page(), url, limit)
            finally:
                context.close()
        except PlaywrightError as error:
            return Outcome(f"CRASH: {error.message.splitlines()[0]}")
        finally:
            watchdog.cancel()

    def _run(self, page: Page, url: str, limit: float) -> Outcome:
        messages: list[dict[str, Any]] = []
        page.context.expose_binding("conformanceReport", lambda source, text: messages.append(json.loads(text)))
        page.on("dialog", lambda dialog: dialog.dismiss())
        crash = {"kind": "outcome", "status": "CRASH", "subtests": {}, "tag": False}
        page.on("crash", lambda _: messages.append(crash))
        page.goto(url, wait_until="commit")
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            while messages:
                message = messages.pop(0)
                if message["kind"] == "outcome":
                    return Outcome(message["status"], message["subtests"], message["tag"])
                self._act(page, message)
            page.wait_for_timeout(20)
        return Outcome("NO ANSWER")

    def _act(self, page: Page, message: dict[str, Any]) -> None:
        problem = ""
        try:
            if message["kind"] == "click":
                page.mouse.click(message["x"], message["y"])
            else:
                self._permit(page, message["name"], message["state"])
        except PlaywrightError as error:
            problem = error.message
        page.evaluate("([id, problem]) => conformanceAnswer(id, problem)", [message["id"], problem])

    def _permit(self, page: Page, name: str, state: str) -> None:
        session = page.context.new_cdp_session(page)
        target = session.send("Target.getTargetInfo")["targetInfo"]
        setting = {
            "permission": {"name": name},
            "setting": state,
            "origin": page.evaluate("() => location.origin"),
            "browserContextId": target["browserContextId"],
        }
        self.browser.new_browser_cdp_session().send("Browser.setPermission", setting)


@contextlib.contextmanager
def chromium() -> Iterator[Chromium]:
    """Start Chromium.

    Raises
    ------
    FileNotFoundError
        It is not installed.
    """
    with sync_playwright() as driver:
        runner = Chromium(driver)
        try:
            yield runner
        finally:
            runner.browser.close()
