/**
 * Keeps the shell of the handset (page, scripts, decoder, icons), so that a reload without network shows the basket.
 * Answers of the API are never kept: what a shopper bought lives in the page's own storage and leaves with them.
 */
declare const SHELL_FILES: readonly string[]; // both are filled in by the build
declare const SHELL_VERSION: string;

// The compiler takes every worker for a plain one.
const worker = self as unknown as ServiceWorkerGlobalScope;
const PREFIX = "unqueue-handset-shell-";
const SHELL = PREFIX + SHELL_VERSION;

worker.addEventListener("install", (event) => {
  const requests = SHELL_FILES.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(requests)));
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(dropOldShells().then(() => worker.clients.claim()));
});

worker.addEventListener("message", (event) => {
  // The page asks for this between two visits, when nothing can be lost by changing its scripts.
  if (event.data === "take-over") void worker.skipWaiting();
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || !url.href.startsWith(worker.registration.scope)) return;
  event.respondWith(answer(request));
});

async function dropOldShells(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith(PREFIX) && name !== SHELL).map((name) => caches.delete(name)),
  );
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(SHELL);
  const key = request.mode === "navigate" ? worker.registration.scope : request;
  return (await cache.match(key, { ignoreSearch: request.mode === "navigate" })) ?? fetch(request);
}
