"""Under the Content-Security-Policy that worklet/README.md gives, the script tag does all that it does without one."""

from collections.abc import Callable

from conftest import AlteredSite, Tab

from build_scripts.site.serve import serve

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types percepnet"
)

PAGE = """<!doctype html><title>test</title><link rel="icon" href="/icon.svg">
<script src="/tests/note-violations.js"></script><script src="/worklet/drop-in.js"></script>
<script>window.inline = true;</script>"""

NOTE = """window.violations = [];
addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`);
});"""

ENHANCE = """async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const instance = (await percepnet).instances[0];
    while (instance.state === 'loading') await new Promise((resolve) => setTimeout(resolve, 50));
    const told = { state: instance.state, why: String(instance.reason ?? ''), inline: 'inline' in window };
    stream.getTracks().forEach((track) => track.stop());
    return { ...told, violations: window.violations };
}"""


def test_the_script_tag_enhances_under_a_strict_policy(altered: AlteredSite, open_tab: Callable[..., Tab]):
    (altered.folder / "csp.html").write_text(PAGE)
    (altered.folder / "tests" / "note-violations.js").write_text(NOTE)
    with serve(altered.folder, headers={"Content-Security-Policy": POLICY}) as url:
        found = open_tab(url, "csp.html").evaluate(ENHANCE)
    assert found["state"] == "ready", found
    # The policy blocks only the page's own inline script: so it was in force, and nothing else violated it.
    assert found["inline"] is False
    assert [text.split()[:2] for text in found["violations"]] == [["script-src-elem", "inline"]], found["violations"]
