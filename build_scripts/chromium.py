"""The system's Chromium, started through Playwright."""

import os
import shutil
from typing import Any

from playwright.sync_api import Browser, Playwright

__all__ = ["launch"]

FLAGS = (
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    # No multicast DNS answers in a container. The address bar's popups, which nobody sees, are pages of their own: each
    # window spends a second of processor time on them, more than most pages that are opened take.
    "--disable-features=WebRtcHideLocalIpsWithMdns,WebUIOmniboxPopup,WebUIOmniboxAimPopup",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


def launch(driver: Playwright, *flags: str, **options: Any) -> Browser:
    """Start Chromium, headless, with these flags in addition to FLAGS, and Playwright's options.

    Raises
    ------
    FileNotFoundError
        It is not installed.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise FileNotFoundError("no Chromium found: install it (Debian: apt-get install chromium)")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return driver.chromium.launch(executable_path=program, args=[*FLAGS, *flags, *as_root], **options)
