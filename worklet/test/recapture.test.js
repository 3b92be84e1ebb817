/** The exchange of microphones behind the clean track, with a fake browser. */
import assert from 'node:assert/strict';
import test, { beforeEach, mock } from 'node:test';
import { browserWith, PercepNet, Track, world } from './fake-capture.js';

/** @typedef {import('./fake-capture.js').Answer} Answer */

const { StandIn } = await import('../stand-in.js');
const { SuppressionKeeper, restoreSuppression } = await import('../recapture.js');

/** Let promises settle. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Let cross-fades end. */
async function settleFades() {
  await settle();
  mock.timers.tick(100);
}

/** A clean track of a page that asked for `asked`. @param {any} [asked] @param {(asked: any) => Answer} [answer] */
function microphone(asked = {}, answer = () => undefined) {
  const percepnet = new PercepNet();
  const raw = new Track();
  const standIn = new StandIn(/** @type {any} */ (raw), /** @type {any} */ (new Track()), /** @type {any} */ (percepnet), asked);
  const browser = browserWith(answer);
  const counts = { done: 0, refused: 0, lost: 0 };
  const lost = mock.fn();
  const keeper = new SuppressionKeeper(standIn, browser.getUserMedia, counts, { onLost: lost });
  return { percepnet, raw, standIn, asks: browser.asks, browser, counts, keeper, lost };
}

const OVERCONSTRAINED = Object.assign(new Error('deviceId'), { name: 'OverconstrainedError' });

/** As Chromium: while the microphone is open, nobody gets other processing. @param {() => any} standIn */
const whileClosed = (standIn) => () => (standIn().raw.readyState === 'live' ? OVERCONSTRAINED : undefined);

beforeEach(() => {
  world.permission = 'granted';
  world.obedient = false;
  Object.assign(document, { visibilityState: 'visible' });
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
});

test('after 5 s without an enhancer the browser suppresses; when the enhancer is ready, it no longer does', async () => {
  const { percepnet, raw, standIn, asks, counts } = microphone({ autoGainControl: false });
  mock.timers.tick(4999);
  await settle();
  assert.deepEqual(asks, []);
  mock.timers.tick(1);
  await settle();
  assert.equal(asks.length, 1);
  assert.deepEqual([asks[0].autoGainControl, asks[0].noiseSuppression, asks[0].deviceId], [false, { exact: true }, { exact: 'usb' }]);
  assert.equal(raw.readyState, 'live', 'the first microphone was cut off before the cross-fade was over');
  await settleFades();
  assert.equal(raw.readyState, 'ended');
  assert.equal(standIn.raw, percepnet.input);
  assert.equal(standIn.track.getSettings().noiseSuppression, true);
  const suppressed = standIn.raw;
  percepnet.become('ready');
  await settleFades();
  assert.deepEqual(asks[1].noiseSuppression, { exact: false });
  assert.deepEqual([suppressed.readyState, standIn.raw.readyState, percepnet.enabled], ['ended', 'live', true]);
  assert.deepEqual([counts, percepnet.fades], [{ done: 2, refused: 0, lost: 0 }, 0]);
});

test('what enhances while Python starts is an enhancer too', async () => {
  const { percepnet, asks } = microphone();
  mock.timers.tick(4000);
  percepnet.early = { tier: 'c20' };
  percepnet.dispatchEvent(new Event('playing'));
  mock.timers.tick(60_000);
  await settle();
  assert.deepEqual(asks, []);

  const slow = microphone();
  mock.timers.tick(5000);
  await settleFades();
  slow.percepnet.early = { tier: 'c20' };
  slow.percepnet.dispatchEvent(new Event('playing'));
  await settleFades();
  assert.deepEqual(slow.asks.map(({ noiseSuppression }) => noiseSuppression.exact), [true, false]);
  slow.percepnet.early = undefined;
  slow.percepnet.become('ready');
  await settleFades();
  assert.equal(slow.asks.length, 2);
});

test('where applyConstraints() switches it, the microphone stays open, and no permission is needed', async () => {
  world.obedient = true;
  world.permission = 'prompt';
  const { percepnet, raw, standIn, asks, counts } = microphone();
  percepnet.become('fallback', 'boot');
  await settle();
  assert.deepEqual([raw.applied.noiseSuppression, asks, standIn.raw === /** @type {any} */ (raw)], [true, [], true]);
  percepnet.become('ready');
  await settle();
  assert.deepEqual([raw.applied.noiseSuppression, counts], [false, { done: 2, refused: 0, lost: 0 }]);
});

test('where an open microphone keeps its processing, it is faded out, stopped and opened anew', async () => {
  const { percepnet, raw, standIn, browser, asks, counts } = microphone();
  browser.answer = whileClosed(() => standIn);
  percepnet.become('fallback', 'boot');
  await settle();
  assert.deepEqual([asks.length, percepnet.fades, raw.readyState], [2, 1, 'ended']);
  assert.deepEqual([standIn.raw.readyState, standIn.track.getSettings().noiseSuppression], ['live', true]);
  assert.equal(standIn.raw, percepnet.input);
  percepnet.become('ready');
  await settle();
  assert.deepEqual([percepnet.fades, standIn.raw.getSettings().noiseSuppression], [2, false]);
  assert.deepEqual(counts, { done: 2, refused: 0, lost: 0 });
});

test('if that cannot be opened, it is reopened as it was; failing that too, the track ends and it is reported', async () => {
  const back = microphone();
  back.browser.answer = ({ noiseSuppression }) => (noiseSuppression === false ? undefined : OVERCONSTRAINED);
  back.percepnet.become('fallback', 'boot');
  await settle();
  assert.deepEqual([back.standIn.raw.readyState, back.standIn.track.readyState], ['live', 'live']);
  assert.deepEqual([back.standIn.raw === /** @type {any} */ (back.raw), back.counts], [false, { done: 0, refused: 1, lost: 0 }]);

  const gone = microphone();
  gone.browser.answer = () => OVERCONSTRAINED;
  const ended = mock.fn();
  gone.standIn.track.addEventListener('ended', ended);
  gone.percepnet.become('fallback', 'boot');
  await settle();
  assert.deepEqual([gone.standIn.track.readyState, gone.percepnet.destroyed], ['ended', 1]);
  assert.deepEqual([ended.mock.callCount(), gone.lost.mock.callCount(), gone.counts.lost], [1, 1, 1]);
});

test('a failure that lasts is answered at once, one that may pass after 5 s, and not if it has passed', async () => {
  for (const [code, after] of /** @type {[string, number][]} */ ([['boot', 1], ['enhancer', 1], ['stalled', 0], ['overload', 0], ['suspended', 0]])) {
    const { percepnet, asks } = microphone();
    percepnet.become('ready');
    percepnet.become('fallback', code);
    await settle();
    assert.equal(asks.length, after, code);
  }
  const { percepnet, asks } = microphone();
  percepnet.become('fallback', 'stalled');
  mock.timers.tick(4000);
  percepnet.become('ready');
  mock.timers.tick(10_000);
  await settle();
  assert.deepEqual(asks, []);
});

test('a page that declined suppression, or required it, keeps its one capture', async () => {
  for (const noiseSuppression of [false, { ideal: false }, { exact: true }]) {
    const { percepnet, raw, asks } = microphone({ noiseSuppression });
    percepnet.become('fallback', 'boot');
    await settle();
    assert.deepEqual([asks, raw.applied], [[], undefined]);
  }
});

test('if a second capture comes muted, mutes the first, is refused or does not come, the first stays, and that is counted', async () => {
  /** @type {((raw: Track) => Answer)[]} */
  const answers = [
    (raw) => {
      raw.muted_ = true; // as Safari on iOS
      return Object.assign(new Track(), { noiseSuppression: false });
    },
    () => Object.assign(new Track(), { muted_: true }),
    () => Object.assign(new Error('refused'), { name: 'NotAllowedError' }),
    () => new Promise(() => {}),
  ];
  for (const answer of answers) {
    const { percepnet, raw, standIn, browser, counts } = microphone();
    browser.answer = () => answer(raw);
    percepnet.become('fallback', 'boot');
    await settle();
    mock.timers.tick(10_000);
    await settle();
    assert.deepEqual([standIn.raw === /** @type {any} */ (raw), raw.readyState, counts], [true, 'live', { done: 0, refused: 1, lost: 0 }]);
  }
});

test('a capture that arrives after it was given up is closed', async () => {
  const { percepnet, browser } = microphone();
  /** @type {(track: any) => void} */
  let arrive = () => {};
  browser.answer = () => new Promise((resolve) => (arrive = resolve));
  percepnet.become('fallback', 'boot');
  await settle();
  mock.timers.tick(10_000);
  await settle();
  const tooLate = new Track();
  arrive(tooLate);
  await settle();
  assert.equal(tooLate.readyState, 'ended', 'a second capture was left open');
});

test('where the user would be prompted, nothing is opened or stopped', async () => {
  world.permission = 'prompt';
  const { percepnet, raw, asks, counts } = microphone();
  percepnet.become('fallback', 'boot');
  await settle();
  assert.deepEqual([asks, raw.readyState, counts], [[], 'live', { done: 0, refused: 1, lost: 0 }]);
});

test('if switching back is refused, suppression is left to the browser: two in a row degrade the voice', async () => {
  const { percepnet, standIn, browser } = microphone();
  percepnet.become('fallback', 'boot');
  await settleFades();
  world.permission = 'prompt';
  percepnet.become('ready');
  await settle();
  assert.equal(percepnet.enabled, false);
  standIn.setEnabled(true);
  assert.equal(percepnet.enabled, false);
  assert.equal(standIn.track.getSettings().noiseSuppression, true);
  assert.equal(browser.asks.length, 1);
});

test('a hidden page is not asked for its microphone until it is visible again', async () => {
  Object.assign(document, { visibilityState: 'hidden' });
  const { percepnet, asks } = microphone();
  percepnet.become('fallback', 'boot');
  await settle();
  assert.deepEqual(asks, []);
  Object.assign(document, { visibilityState: 'visible' });
  document.dispatchEvent(new Event('visibilitychange'));
  await settle();
  assert.equal(asks.length, 1);
});

test('a microphone that is released in the meantime is not reopened', async () => {
  for (const answers of [1, 2]) {
    const { percepnet, standIn, browser, keeper } = microphone();
    standIn.onReleased = () => keeper.end();
    const track = new Track();
    /** @type {(track: any) => void} */
    let arrive = () => {};
    browser.answer = () => (browser.asks.length < answers ? OVERCONSTRAINED : new Promise((resolve) => (arrive = resolve)));
    percepnet.become('fallback', 'boot');
    await settle();
    standIn.track.stop();
    arrive(track);
    await settle();
    assert.deepEqual([track.readyState, percepnet.destroyed], ['ended', 1]);
  }
});

test('switched off, it stays off behind the same track; its constraints are those of the page', async () => {
  const { percepnet, raw, standIn } = microphone();
  standIn.track.enabled = false;
  percepnet.become('fallback', 'boot');
  await settle();
  assert.deepEqual([raw.enabled, standIn.raw.enabled], [false, false]);
  standIn.track.enabled = true;
  assert.equal(standIn.raw.enabled, true);
  await standIn.track.applyConstraints({ noiseSuppression: true });
  assert.deepEqual(/** @type {any} */ (standIn.raw).applied, { noiseSuppression: true });
});

test('before the page has its track, it gets one as it asked', async () => {
  for (const [answer, suppressed, expected] of /** @type {[() => Answer, boolean | undefined, any][]} */ ([
    [() => undefined, true, { done: 1, refused: 0, lost: 0 }],
    [() => new Error('refused'), undefined, { done: 0, refused: 0, lost: 1 }],
    [() => new Track({ noiseSuppression: false }), false, { done: 0, refused: 1, lost: 0 }],
  ])) {
    const counts = { done: 0, refused: 0, lost: 0 };
    const raw = new Track();
    const track = await restoreSuppression(/** @type {any} */ (raw), {}, browserWith(answer).getUserMedia, counts);
    assert.deepEqual([raw.readyState, track?.getSettings().noiseSuppression, counts], ['ended', suppressed, expected]);
  }
  const raw = /** @type {any} */ (new Track());
  const counts = { done: 0, refused: 0, lost: 0 };
  assert.equal(await restoreSuppression(raw, { noiseSuppression: false }, browserWith(() => undefined).getUserMedia, counts), raw);
  assert.deepEqual([raw.readyState, counts], ['live', { done: 0, refused: 0, lost: 0 }]);
});
