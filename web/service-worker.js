/**
 * One file, beside the page or above it, for hosts whose headers cannot be set and for visits without a network:
 *
 *     <script src="service-worker.js"></script>        a classic script, above the page's others
 *
 * In the page it registers itself as the service worker; there it
 *  - isolates: adds COOP and COEP to pages and workers that the host sends without, so that the page has SharedArrayBuffer.
 *    The page that registers it is reloaded once. An isolated page is left alone.      data-isolate="false" turns it off
 *  - keeps the enhancer's files (and here the page's) for use offline.                 data-offline="false" turns it off
 *    On localhost they are kept only with data-offline="true": there files change under one's hands.
 *
 * data-files is the folder that holds worklet/ and runtime/, if it is not this file's own.
 *
 * What is kept is one version, whole: each file is checked against the hash that the build wrote below, nothing is served
 * from the cache before all of it is there, and the next version takes over when no page uses the last one any more.
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
    // A frame is isolated only inside an isolated page, whose own tag sees to both.
    if (!container || !isSecureContext || !script?.src || window.top !== window) return;
    const folder = new URL('./', script.src).href;
    if (!location.href.startsWith(folder)) {
      return console.error(`percepnet: service-worker.js serves pages in ${folder}: put it beside this page or above it`);
    }
    const present = await container.getRegistration();
    const at = (present?.active ?? present?.waiting ?? present?.installing)?.scriptURL;
    if (at && new URL(at).pathname !== new URL(script.src).pathname) {
      return console.warn(`percepnet: the page has a service worker already (${at}): service-worker.js stays out`);
    }
    const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname);
    const offline = VERSION !== '' && attribute(script, 'offline', !local);
    const ours = container.controller?.scriptURL.includes('isolate=1') ?? false;
    // Isolated by the host's own headers: it needs ours neither now nor later.
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
      if (offline) await keepSoon(registration);
    } catch (error) {
      console.warn('percepnet: service-worker.js could not be registered, the page goes on without:', error);
    }
  }

  /** Switched off, or needed no more. @param {ServiceWorkerRegistration | undefined} registration */
  async function leave(registration) {
    if (!registration) return;
    await registration.unregister();
    const names = (await caches.keys()).filter((name) => name.startsWith(prefixOf(registration)));
    await Promise.all(names.map((name) => caches.delete(name)));
  }

  /** An origin's caches are one pool for all its paths: ours begin with our scope. @param {ServiceWorkerRegistration} registration */
  function prefixOf({ scope }) {
    return `percepnet ${scope} `;
  }

  /** @param {HTMLScriptElement} script @param {string} name @param {boolean} otherwise */
  function attribute({ dataset }, name, otherwise) {
    const text = dataset[name];
    if (text === undefined) return otherwise;
    if (text !== 'true' && text !== 'false') {
      console.error(`percepnet: data-${name}="${text}" is ignored: give true or false`);
      return otherwise;
    }
    return text === 'true';
  }

  /** Once in a tab until it has helped: a page that cannot be isolated must not go round in circles. @param {any} registration */
  async function reloadOnce(registration) {
    if (sessionStorage.getItem('percepnet-reloaded')) {
      return console.warn('percepnet: the page could not be isolated (see Hosts in the README): messages are used instead');
    }
    const worker = registration.installing ?? registration.waiting ?? registration.active;
    // The page is about to go, so it is no matter that it was made by the version before.
    worker.postMessage('activate');
    await new Promise((resolve) => {
      const look = () => (worker.state === 'activated' || worker.state === 'redundant') && resolve(undefined);
      worker.addEventListener('statechange', look);
      look();
    });
    sessionStorage.setItem('percepnet-reloaded', '1');
    location.reload();
  }

  /** When the page has what it needs itself. Those who save data are not served in advance. @param {any} registration */
  async function keepSoon(registration) {
    if (/** @type {any} */ (navigator).connection?.saveData) return;
    if (document.readyState !== 'complete') await new Promise((resolve) => addEventListener('load', resolve));
    await navigator.serviceWorker.ready;
    registration.active?.postMessage('keep');
  }

  /** In the empty page between two versions. */
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
    /** Times that a page may make way for the next version: which takes over as soon as nothing is asked of this one. */
    const RENEWALS = 5;
    /** Where the hash of a kept file is written down. */
    const HASH = 'X-Percepnet-Hash';
    const complete = new URL('?complete', registration.scope).href;
    const addresses = new Map(Object.entries(FILES).map(([path, hash]) => [new URL(path, base).href, hash]));
    const home = new URL('index.html', registration.scope).href;
    let whole = false;
    let renewals = 0;
    /** @type {Promise<void> | undefined} */
    let keeping;

    // The first version goes to work at once and fills its cache when asked; a later one comes with everything or not at all.
    scope.addEventListener('install', (/** @type {any} */ event) => {
      if (registration.active && offline) event.waitUntil(keep());
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
      // Documents and workers decide on isolation. What other hosts send is left to the browser and their CORS headers.
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
      // An opaque redirect has no headers to add to; a host that isolates its pages its own way is not corrected.
      if (response.status === 0 || headers.has('Document-Isolation-Policy')) return response;
      // Where the browser knows it: other hosts' pictures and scripts go on loading, without cookies.
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
     * Let the version that waits take over when the only page of the last one is being reloaded: nothing is mixed.
     *
     * The browser ends this worker to make room, and what is asked of it then may never be answered (seen in Chromium 156): so the
     * page is an empty one which asks for nothing until the next version is at work.
     *
     * @param {Request} request
     * @returns {Promise<Response | undefined>} that empty page, if so
     */
    async function makeWay(request) {
      if (!registration.waiting || renewals >= RENEWALS) return;
      // A new tab asks for its page without this, while the others go on.
      if (request.destination !== 'document' || request.cache === 'default') return;
      if ((await scope.clients.matchAll({ type: 'window' })).length > 1) return;
      renewals++;
      const page = `<!doctype html><link rel="icon" href="data:,"><script>(${giveWay})()</script>`;
      // Should that be in vain, it is asked for again all the same.
      return new Response(page, { headers: { Refresh: '10', 'Content-Type': 'text/html' } });
    }

    /** @returns {Promise<Cache | undefined>} our cache, once everything is in it */
    async function isWhole() {
      if (!(await caches.has(name))) return; // not begun yet, or switched off: opening it would make it anew
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
        // The browser refuses bytes with another hash: those of a version that is being deployed, or of somebody else. Some
        // are from its own cache, since a host may tell versions apart by the second only: then all of the file is fetched.
        response ??= await fetch(address, { cache: 'no-cache', integrity: hash }).catch(() =>
          fetch(address, { cache: 'reload', integrity: hash }),
        );
        if (!response.ok) throw new Error(`${address}: ${response.status}`);
        const headers = new Headers(response.headers);
        headers.set(HASH, hash);
        // Made anew, since a page does not take a response that was redirected.
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
