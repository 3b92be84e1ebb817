"""The page's switch between before and after: one cross-fade, whatever the page's clock does."""

from collections.abc import Callable

from conftest import Tab
from demo_page import start

SWITCHING = """async ([sound, flip]) => {
    const { Recording } = await import('./recording.js');
    // The audio thread moves on between any two lines of the page: here it surely does.
    for (const name of ['cancelScheduledValues', 'setValueAtTime', 'linearRampToValueAtTime', 'setTargetAtTime']) {
        const schedule = AudioParam.prototype[name];
        AudioParam.prototype[name] = function (...given) {
            const { currentTime } = sound.context;
            while (sound.context.currentTime < currentTime + 0.02);
            return schedule.apply(this, given);
        };
    }
    const recording = await Recording.start([sound.dry, sound.out]);
    for (let i = 0; i < 10; i++) {
        flip(i);
        const { currentTime } = sound.context;
        while (sound.context.currentTime < currentTime + 0.15) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const files = await recording.stop();
    return Promise.all(files.map(async (file) => new Int16Array(await file.arrayBuffer(), 44)));
}"""
"""Record ``dry`` and ``out`` of a graph while it goes to and fro between before and after."""


def test_the_switch_leaves_no_gap(open_tab: Callable[..., Tab], demo: str) -> None:
    """While both signals are the same, switching back and forth sounds like not switching."""
    tab = open_tab(demo, path="")
    tab.page.get_by_role("slider", name="Reduce noise by at most").press("Home")
    start(tab)
    largest = tab.evaluate(
        f"""async () => {{
          const flip = () => document.querySelector('[name=ear]:not(:checked)').click();
          const [dry, out] = await ({SWITCHING})([demo.sound, flip]);
          const most = (found) => dry.reduce((most, x, i) => Math.max(most, Math.abs(found(x, i))), 0);
          return {{ level: most((x) => x), difference: most((x, i) => x - out[i]) }};
        }}"""
    )
    assert largest["level"] > 1000
    assert largest["difference"] <= 6, "in steps of 16 bits"


def test_the_switch_fades_however_late_the_page_is(open_tab: Callable[..., Tab], isolated: str) -> None:
    """Between a steady sound and nothing: no step is larger than the fade's own, and each end is reached."""
    tab = open_tab(isolated, path="")
    found = tab.evaluate(
        f"""async () => {{
          const {{ Sound }} = await import('./sound.js');
          const sound = new Sound(480);
          const source = new ConstantSourceNode(sound.context);
          source.start();
          sound.play(source);
          sound.dry.disconnect(sound.wet);
          sound.hear('before');
          const flip = (i) => sound.hear(i % 2 ? 'before' : 'after');
          const [dry, out] = await ({SWITCHING})([sound, flip]);
          let [step, least, most] = [0, 32767, 0];
          // The first half second has the beginning of the sound, which comes at once.
          for (let i = 24000; i < out.length; i++) {{
            step = Math.max(step, Math.abs(out[i] - out[i - 1]));
            least = Math.min(least, out[i]);
            most = Math.max(most, out[i]);
          }}
          return {{ step, least, most, steady: dry.slice(24000).every((x) => x === 32767) }};
        }}"""
    )
    assert found["steady"]
    assert found["step"] < 32767 * 0.005, "in steps of 16 bits"
    assert found["least"] <= 3 and found["most"] >= 32764
