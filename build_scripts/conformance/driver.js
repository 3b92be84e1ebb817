// Served as /resources/testdriver-vendor.js: the runner does what the tests ask the browser's driver for.
(() => {
  const waiting = new Map();
  const ask = (kind, details) => new Promise((resolve, reject) => {
    const id = Math.random();
    waiting.set(id, { resolve, reject });
    window.conformanceReport(JSON.stringify({ kind, id, ...details }));
  });
  window.conformanceAnswer = (id, problem) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (problem) reject(new Error(problem));
    else resolve();
  };
  const internal = window.test_driver_internal;
  internal.in_automation = true;
  internal.click = (element, { x, y }) => ask('click', { x, y });
  internal.set_permission = ({ descriptor, state }) => ask('permission', { name: descriptor.name, state });
})();
