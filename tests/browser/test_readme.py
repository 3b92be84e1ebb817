"""The README's snippet for an audio graph of your own, run unchanged."""

import re
from collections.abc import Callable

from conftest import ROOT, Tab

README = (ROOT / "worklet" / "README.md").read_text(encoding="utf-8")
IMPORT = "import { PercepNet } from 'percepnet-wasm';"


def test_the_readmes_graph_is_enhanced(open_tab: Callable[..., Tab], isolated: str) -> None:
    """Without a bundler, so from the address at which the modules are served."""
    (snippet,) = [text for text in re.findall(r"```js\n(.*?)```", README, re.DOTALL) if "createNode" in text]
    assert IMPORT in snippet
    code = snippet.replace(IMPORT, "const { PercepNet } = await import('/worklet/percepnet.js');")
    tab = open_tab(isolated)
    tab.evaluate(f"async () => {{ {code}\n Object.assign(window, {{ context, percepnet, node }}); }}")
    tab.wait("percepnet.playing === 'enhanced'")
    assert tab.evaluate("node instanceof AudioWorkletNode && context.state === 'running'")
    assert tab.complaints == [] and tab.uncaught == []
