// Served as /resources/testharnessreport.js, which every test loads after the harness: passes the results to the runner.
/* global add_completion_callback, setup */
setup({ timeout_multiplier: PATIENCE, output: false });

// In the order of their numbers.
const conformanceStates = {
  file: ['OK', 'ERROR', 'TIMEOUT', 'PRECONDITION_FAILED'],
  subtest: ['PASS', 'FAIL', 'TIMEOUT', 'NOTRUN', 'PRECONDITION_FAILED'],
};

add_completion_callback((tests, harness) => {
  const subtests = {};
  for (const test of tests) subtests[test.name] = conformanceStates.subtest[test.status];
  const tag = performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/worklet/drop-in.js'));
  const outcome = { kind: 'outcome', status: conformanceStates.file[harness.status], subtests, tag };
  // Frames and windows that a test opens may have their own harness.
  if (window === window.top && !window.opener) window.conformanceReport(JSON.stringify(outcome));
});
