"""Under the Content-Security-Policy that worklet/README.md gives, the script tag does all that it does without one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ENGINES, AlteredSite, Tab

from build_scripts.site.serve import serve

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types percepnet"
)

PAGE = """<!doctype html><title>test</title><link rel="icon" href="/icon.svg">
<script src="/tests/note-violations.js"></script><script src="/worklet/drop-in.js" data-engine="{engine}"></script>
<script>window.inline = true;</script>"""

NOTE = """window.violations = [];
addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`);
});"""

ENHANCE = """async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const instance = (await percepnet).instances[0];
    const slow = ['stalled', 'overload']; // which a busy machine may be
    const failed = () => instance.state === 'fallback' && !slow.includes(instance.reason.code);
    const heard = () => instance.state === 'ready' && instance.playing === 'enhanced';
    while (!heard() && !failed()) await new Promise((resolve) => setTimeout(resolve, 50));
    const { state, engine, reason } = instance;
    stream.getTracks().forEach((track) => track.stop());
    return { state, engine, why: String(reason ?? ''), inline: 'inline' in window, violations: window.violations };
}"""


@pytest.mark.parametrize("engine", ENGINES)
def test_the_script_tag_enhances_under_a_strict_policy(
    altered: AlteredSite, open_tab: Callable[..., Tab], engine: str
) -> None:
    (altered.folder / "csp.html").write_text(PAGE.format(engine=engine))
    (altered.folder / "tests" / "note-violations.js").write_text(NOTE)
    with serve(altered.folder, headers={"Content-Security-Policy": POLICY}) as url:
        found = open_tab(url, "csp.html").evaluate(ENHANCE)
    assert [found["state"], found["engine"]] == ["ready", engine], found
    # The policy blocks only the page's own inline script: so it was in force, and nothing else violated it.
    assert found["inline"] is False
    assert [text.split()[:2] for text in found["violations"]] == [["script-src-elem", "inline"]], found["violations"]


SOUNDS = """async () => {
    for (;;) {
        const [text] = await harness.recordTracks([clean], 9600);
        if (harness.decode(text).some((sample) => Math.abs(sample) > 0.01)) return true;
    }
}"""


@pytest.mark.parametrize("engine", ENGINES)
def test_a_policy_that_forbids_webassembly_leaves_the_raw_voice(
    site: Path, open_tab: Callable[..., Tab], engine: str
) -> None:
    """One event says why, and what to do."""
    policy = POLICY.replace(" 'wasm-unsafe-eval'", "")
    with serve(site, headers={"Content-Security-Policy": policy}) as url:
        tab = open_tab(url)
        tab.evaluate("async (engine) => { await harness.enhanceMicrophone({ engine }); }", engine)
        tab.wait("percepnet.state === 'fallback'")
        assert tab.evaluate(SOUNDS)
    (event,) = tab.events("fallback")
    assert event["code"] in ("boot", "model")
    assert "restart()" in event["message"] and "unsafe-eval" in event["message"]
    assert tab.uncaught == []
