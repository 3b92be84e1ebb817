/** One system in a Worker: {action: 'load' | 'run', ...} in, {answer} or {error} out. */
import { measure } from './measure.mjs';
import { make } from './subjects.mjs';

/** @type {import('./measure.mjs').Subject} */
let subject;

onmessage = async ({ data }) => {
  try {
    if (data.action === 'load') {
      subject = await make(data.system, data.setting, data.warmUp);
      postMessage({ answer: subject.facts });
    } else {
      postMessage({ answer: await measure(subject, data.turn) });
    }
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
