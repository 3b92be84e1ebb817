/**
 * One file, beside the page or in a folder above it, for hosts whose headers cannot be set and for visits without a network:
 *
 *     <script src="service-worker.js"></script>        a classic script, above the page's others
 *
 * In the page it registers itself as the service worker; there it
 *  - isolates: adds COOP and COEP to pages and workers that the host sends without them, which gives the page
 *    SharedArrayBuffer. The page that registers it is reloaded once. An isolated page is left alone.
 *                                                                                      data-isolate="false" turns it off
 *  - keeps the enhancer's files (and here the page's) for use offline, once the enhancer has been started: a page that is
 *    only read downloads nothing for it.                                               data-offline="false" turns it off
 *    On localhost they are kept only with data-offline="true", because files change there during development.
 *
 * data-files is the folder that holds worklet/ and runtime/, if it is not this file's own.
 *
 * Exactly one complete version is kept: each file is checked against the hash that the build wrote below, nothing is served
 * from the cache before everything is there, and the next version takes over when no page uses the last one any more.
 */
(() => {
  /** Files relative to the folder, with their hashes. The build writes both lines; unbuilt, nothing is kept. */
  const FILES = /** @type {Record<string, string>} */ ({});
  const VERSION = '';

  const scope = /** @type {any} */ (globalThis);
  if (scope.document) void page(document.currentScript);
  else work();

  // ---------------------------------------------------------------- in the page

  /** @param {any} script */
  async function page(script) {
    const container = navigator.serviceWorker;
    const started = new Promise((resolve) => addEventListener('percepnetready', resolve, { once: true }));
    // A frame is isolated only inside an isolated page, whose own tag takes care of both.
    if (!container || !isSecureContext || !script?.src || window.top !== window) return;
    const folder = new URL('./', script.src).href;
    if (!location.href.startsWith(folder)) {
      return console.error(`percepnet: service-worker.js serves pages in ${folder}: put it next to this page or above it`);
    }
    const present = await container.getRegistration();
    const at = (present?.active ?? present?.waiting ?? present?.installing)?.scriptURL;
    if (at && new URL(at).pathname !== new URL(script.src).pathname) {
      return console.warn(`percepnet: the page already has a service worker (${at}), so service-worker.js does nothing`);
    }
    const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname);
    const offline = VERSION !== '' && attribute(script, 'offline', !local);
    const ours = container.controller?.scriptURL.includes('isolate=1') ?? false;
    // Isolated by the host's own headers: it does not need ours.
    const isolate = attribute(script, 'isolate', true) && (ours || !crossOriginIsolated);
    if (!isolate && !offline) return await leave(present);

    const address = new URL(script.src);
    address.search = String(
      new URLSearchParams({
        isolate: isolate ? '1' : '0',
        offline: offline ? '1' : '0',
        files: new URL(script.dataset.files ?? './', script.dataset.files ? document.baseURI : folder).href,
      }),
    );
    try {
      const registration = await container.register(address, { scope: folder });
      if (isolate && !crossOriginIsolated) return await reloadOnce(registration);
      if (isolate) sessionStorage.removeItem('percepnet-reloaded');
      if (offline) await keepOnce(registration, started);
    } catch (error) {
      console.warn('percepnet: service-worker.js could not be registered; the page works without it:', error);
    }
  }

  /** Switched off, or no longer needed. @param {ServiceWorkerRegistration | undefined} registration */
  async function leave(registration) {
    if (!registration) return;
    await registration.unregister();
    const names = (await caches.keys()).filter((name) => name.startsWith(prefixOf(registration)));
    await Promise.all(names.map((name) => caches.delete(name)));
  }

  /** All paths of an origin share its caches: the names of ours begin with our scope. @param {ServiceWorkerRegistration} registration */
  function prefixOf({ scope }) {
    return `percepnet ${scope} `;
  }

  /** @param {HTMLScriptElement} script @param {string} name @param {boolean} otherwise */
  function attribute({ dataset }, name, otherwise) {
    const text = dataset[name];
    if (text === undefined) return otherwise;
    if (text !== 'true' && text !== 'false') {
      console.error(`percepnet: data-${name}="${text}" is ignored: it must be true or false`);
      return otherwise;
    }
    return text === 'true';
  }

  /** At most once per tab until it succeeds: a page that cannot be isolated must not reload forever. @param {any} registration */
  async function reloadOnce(registration) {
    if (sessionStorage.getItem('percepnet-reloaded')) {
      return console.warn('percepnet: the page could not be isolated (see Hosts in the README), so it falls back from shared memory to messages');
    }
    const worker = registration.installing ?? registration.waiting ?? registration.active;
    // The page is about to be reloaded, so it does not matter that it came from the previous version.
    worker.postMessage('activate');
    await new Promise((resolve) => {
      const look = () => (worker.state === 'activated' || worker.state === 'redundant') && resolve(undefined);
      worker.addEventListener('statechange', look);
      look();
    });
    sessionStorage.setItem('percepnet-reloaded', '1');
    location.reload();
  }

  /**
   * Nobody should pay for 22 MB that they may never use: wait until the enhancer has been started, and do nothing in data saving
   * mode.
   *
   * @param {any} registration
   * @param {Promise<unknown>} started percepnet.js says so by the event `percepnetready` of the window
   */
  async function keepOnce(registration, started) {
    if (/** @type {any} */ (navigator).connection?.saveData) return;
    await started;
    await navigator.serviceWorker.ready;
    registration.active?.postMessage('keep');
  }

  /** Runs in the empty page between two versions. */
  async function giveWay() {
    const next = (await navigator.serviceWorker.getRegistration())?.waiting;
    const look = () => next?.state === 'installed' || next?.state === 'activating' || location.reload();
    next?.addEventListener('statechange', look);
    next?.postMessage('activate');
    look();
  }

  // ---------------------------------------------------------------- in the service worker

  function work() {
    const { registration, caches } = scope;
    const options = new URLSearchParams(scope.location.search);
    const isolate = options.get('isolate') === '1';
    const offline = options.get('offline') === '1';
    const base = options.get('files') ?? registration.scope;
    const prefix = prefixOf(registration);
    const name = prefix + VERSION;
    /** How often a page may make way for the next version, which takes over as soon as this one is idle. */
    const RENEWALS = 5;
    /** Header that records the hash of a kept file. */
    const HASH = 'X-Percepnet-Hash';
    const complete = new URL('?complete', registration.scope).href;
    const addresses = new Map(Object.entries(FILES).map(([path, hash]) => [new URL(path, base).href, hash]));
    const home = new URL('index.html', registration.scope).href;
    let whole = false;
    let renewals = 0;
    /** @type {Promise<void> | undefined} */
    let keeping;

    // The first version starts at once and fills its cache on command. Where files are kept already, a later version is
    // installed with all of its files or not at all.
    scope.addEventListener('install', (/** @type {any} */ event) => {
      if (registration.active && offline) event.waitUntil(others().then((kept) => (kept.length > 0 ? keep() : undefined)));
    });
    scope.addEventListener('activate', (/** @type {any} */ event) => event.waitUntil(sweep()));
    scope.addEventListener('message', (/** @type {any} */ event) => {
      if (event.data === 'activate') event.waitUntil(scope.skipWaiting());
      if (event.data === 'keep' && offline) event.waitUntil(keep());
    });
    scope.addEventListener('fetch', (/** @type {any} */ event) => {
      const { request } = event;
      const address = new URL(request.url);
      if (request.method !== 'GET' || request.headers.has('Range')) return;
      // Documents and workers decide on isolation. Responses of other hosts are left to the browser and their CORS headers.
      const host = request.mode === 'navigate' || /worker$/.test(request.destination);
      address.search = address.hash = '';
      const file = address.href === registration.scope ? home : address.href;
      const ours = offline && addresses.has(file);
      if (!ours && !(isolate && host && address.origin === scope.location.origin)) return;
      event.respondWith(answer(request, ours && file, host));
    });

    /** @param {Request} request @param {string | false} file its address in the cache @param {boolean} host */
    async function answer(request, file, host) {
      const response = (await makeWay(request)) ?? (await kept(file)) ?? (await fetch(request));
      return isolate && host ? isolated(response) : response;
    }

    /** @param {string | false} file */
    async function kept(file) {
      const cache = file && (await isWhole());
      return cache ? cache.match(file) : undefined;
    }

    /** @param {Response} response */
    function isolated(response) {
      const headers = new Headers(response.headers);
      // Headers cannot be added to an opaque redirect; a host that isolates its pages in its own way is left alone.
      if (response.status === 0 || headers.has('Document-Isolation-Policy')) return response;
      // Where the browser supports it: images and scripts of other hosts still load, without cookies.
      const credentialless = /Chrom|Firefox/.test(navigator.userAgent);
      const policies = {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': credentialless ? 'credentialless' : 'require-corp',
      };
      for (const [policy, value] of Object.entries(policies)) if (!headers.has(policy)) headers.set(policy, value);
      const { status, statusText } = response;
      const empty = status === 204 || status === 205 || status === 304;
      return new Response(empty ? null : response.body, { status, statusText, headers });
    }

    /**
     * Let the waiting version take over when the only page of the last one is reloaded, so that versions are never mixed.
     *
     * The browser then terminates this worker, and requests that it still has may never be answered (seen in Chromium 156): so
     * the answer is an empty page that requests nothing until the next version is active.
     *
     * @param {Request} request
     * @returns {Promise<Response | undefined>} that empty page, if that is the case
     */
    async function makeWay(request) {
      if (!registration.waiting || renewals >= RENEWALS) return;
      // A new tab requests its page like this while others stay open.
      if (request.destination !== 'document' || request.cache === 'default') return;
      if ((await scope.clients.matchAll({ type: 'window' })).length > 1) return;
      renewals++;
      const page = `<!doctype html><link rel="icon" href="data:,"><script>(${giveWay})()</script>`;
      // If that does not work, it reloads all the same.
      return new Response(page, { headers: { Refresh: '10', 'Content-Type': 'text/html' } });
    }

    /** @returns {Promise<Cache | undefined>} our cache, once it is complete */
    async function isWhole() {
      if (!(await caches.has(name))) return; // not begun yet, or switched off: opening it would create it
      const cache = await caches.open(name);
      whole ||= Boolean(await cache.match(complete));
      return whole ? cache : undefined;
    }

    function keep() {
      keeping ??= fill().finally(() => (keeping = undefined));
      return keeping;
    }

    async function fill() {
      if (await isWhole()) return;
      const cache = await caches.open(name);
      const older = await Promise.all((await others()).map((/** @type {string} */ each) => caches.open(each)));
      for (const [address, hash] of addresses) {
        if (await cache.match(address)) continue;
        /** @type {Response | undefined} */
        let response;
        for (const old of older) response ??= await unchanged(old, address, hash);
        // The browser refuses bytes with another hash, for example while a version is being deployed. They may also come from
        // its own cache, since hosts tell versions apart only by the second: then the file is fetched again.
        response ??= await fetch(address, { cache: 'no-cache', integrity: hash }).catch(() =>
          fetch(address, { cache: 'reload', integrity: hash }),
        );
        if (!response.ok) throw new Error(`${address}: ${response.status}`);
        const headers = new Headers(response.headers);
        headers.set(HASH, hash);
        // A new response, since a page does not accept one that was redirected.
        await cache.put(address, new Response(response.body, { headers }));
      }
      await cache.put(complete, new Response(VERSION));
    }

    /** @param {Cache} cache @param {string} address @param {string} hash @returns {Promise<Response | undefined>} */
    async function unchanged(cache, address, hash) {
      const response = await cache.match(address);
      return response?.headers.get(HASH) === hash ? response : undefined;
    }

    /** @returns {Promise<string[]>} names of our caches of other versions */
    async function others() {
      return (await caches.keys()).filter((/** @type {string} */ each) => each.startsWith(prefix) && (each !== name || !offline));
    }

    async function sweep() {
      await Promise.all((await others()).map((/** @type {string} */ each) => caches.delete(each)));
    }
  }
})();
