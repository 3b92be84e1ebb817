"""The adapters, called at run time by the vendors' own code; that part of the code needs no server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clients import client_site
from conftest import ENGINES, Tab

from build_scripts.site.serve import serve

SCENES = """async (engine) => {
    const settled = (percepnet) => harness.untilState(percepnet, 'ready', 'fallback');
    const plain = () => harness.microphone();
    const level = async (track) => {
        const [text] = await harness.recordTracks([track], 24000);
        const samples = harness.decode(text);
        return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    };
    const heard = async (track) => {
        for (let i = 0; i < 100; i++) if ((await level(track)) > 1e-3) return true;
        return false;
    };
    window.scenes = {
        async livekit() {
            const { LocalAudioTrack } = await import('/vendor/livekit.js');
            const { LiveKitProcessor } = await import('/worklet/adapters/livekit.js');
            const track = new LocalAudioTrack(await plain(), undefined, true, new AudioContext());
            // What publishing does.
            track.sender = new RTCPeerConnection().addTrack(track.mediaStreamTrack);
            const processor = new LiveKitProcessor({ engine });
            await track.setProcessor(processor);
            const { processedTrack, percepnet } = processor;
            const found = { name: track.getProcessor().name, sent: track.sender.track === processedTrack };
            found.state = await settled(percepnet);
            found.engine = percepnet.engine;
            found.heard = await heard(processedTrack);
            await track.replaceTrack(await plain(), { userProvidedTrack: true });
            found.sameAfterReplacing = processor.processedTrack === processedTrack && processor.percepnet === percepnet;
            found.heardAfterReplacing = await heard(processedTrack);
            // Another audio context, as when a room is joined.
            await track.setAudioContext(new AudioContext());
            found.sameAfterContext = processor.processedTrack === processedTrack;
            await track.stopProcessor();
            found.destroyed = percepnet.state;
            found.ended = processedTrack.readyState;
            found.rawAgain = track.mediaStreamTrack.readyState;
            await track.setProcessor(processor);
            found.again = processor.processedTrack.readyState;
            track.stop();
            return found;
        },
        async twilio() {
            const { TwilioProcessor } = await import('/worklet/adapters/twilio.js');
            const device = new Twilio.Device('header.payload.signature', { logLevel: 'silent' });
            const processor = new TwilioProcessor({ engine });
            await device.audio.addProcessor(processor);
            await harness.until(() => device.audio.availableInputDevices.size > 0); // it lists them by itself
            const [first] = device.audio.availableInputDevices.values();
            await device.audio.setInputDevice(first.deviceId);
            const { processedStream } = device.audio;
            const { percepnet } = processor;
            const found = { sent: processedStream === device.audio.localProcessedStream };
            const [track] = processedStream.getAudioTracks();
            found.state = await settled(percepnet);
            found.engine = percepnet.engine;
            found.heard = await heard(track);
            await device.audio.unsetInputDevice();
            found.destroyed = percepnet.state;
            found.ended = track.readyState;
            device.destroy();
            return found;
        },
        async chime() {
            const { DefaultDeviceController, NoOpLogger } = await import('/vendor/chime.js');
            const { ChimeTransformDevice } = await import('/worklet/adapters/chime.js');
            const controller = new DefaultDeviceController(new NoOpLogger(), { enableWebAudio: true });
            const [first] = (await controller.listAudioInputDevices()).filter(({ deviceId }) => deviceId);
            const device = new ChimeTransformDevice(first.deviceId, { engine });
            const stream = await controller.startAudioInput(device);
            const { percepnet } = device;
            const found = { state: await settled(percepnet), engine: percepnet.engine };
            found.heard = await heard(stream.getAudioTracks()[0]);
            await harness.untilPlaying(percepnet, 'enhanced');
            await device.mute(true);
            await harness.untilPlaying(percepnet, 'bypassed');
            await device.mute(false);
            await harness.untilPlaying(percepnet, 'enhanced');
            const { start } = await device.createAudioNode(DefaultDeviceController.getAudioContext());
            found.nodeIsKept = start === (await device.createAudioNode(start.context)).start;
            found.suppression = (await device.intrinsicDevice()).noiseSuppression;
            await controller.stopAudioInput();
            await device.stop();
            found.destroyed = percepnet.state;
            // A context that the enhancer cannot work in: the voice passes.
            const odd = new ChimeTransformDevice(first.deviceId, { engine });
            const other = await odd.createAudioNode(new AudioContext({ sampleRate: 22050 })).catch(() => undefined);
            found.passes = other?.start instanceof AudioNode;
            await odd.stop();
            return found;
        },
    };
}"""

EXPECTED = {
    "livekit": {
        "name": "percepnet",
        "sent": True,
        "state": "ready",
        "heard": True,
        "sameAfterReplacing": True,
        "heardAfterReplacing": True,
        "sameAfterContext": True,
        "destroyed": "destroyed",
        "ended": "ended",
        "rawAgain": "live",
        "again": "live",
    },
    "twilio": {"sent": True, "state": "ready", "heard": True, "destroyed": "destroyed", "ended": "ended"},
    "chime": {
        "state": "ready",
        "heard": True,
        "nodeIsKept": True,
        "suppression": False,
        "destroyed": "destroyed",
        "passes": True,
    },
}


@pytest.fixture(scope="module")
def address(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the site with the vendors' kits."""
    with serve(client_site(dist, tmp_path_factory.mktemp("adapters") / "site")) as url:
        yield url


# An adapter does not know what the engine is: each is tried with one of them.
@pytest.mark.parametrize(("platform", "engine"), zip(EXPECTED, ENGINES, strict=True))
def test_adapter(open_tab: Callable[..., Tab], address: str, platform: str, engine: str) -> None:
    """The kit makes, plays, re-inputs, mutes and stops it."""
    tab = open_tab(address, "apps/kits.html")
    tab.evaluate("async () => { window.harness = await import('/tests/harness.js'); }")
    tab.evaluate(SCENES, engine)
    found = tab.evaluate(f"() => scenes.{platform}()")
    print(found)
    assert found == EXPECTED[platform] | {"engine": engine}
    assert tab.uncaught == []
