let registration: ServiceWorkerRegistration | null = null;
let idle = false;

/**
 * Has the service worker keep the page's own files, on secure pages of a built handset. A newer version waits for the
 * time between two visits: changing scripts in the middle of one could lose what is on the screen.
 */
export function keepShellFresh(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  navigator.serviceWorker
    .register("./service-worker.js", { updateViaCache: "none" })
    .then((registered) => {
      registration = registered;
      registered.addEventListener("updatefound", () => {
        registered.installing?.addEventListener("statechange", takeOver);
      });
      takeOver();
    })
    // Without it (a certificate that the browser doesn't trust) the handset works, except for a reload without network.
    .catch((error: unknown) => console.warn("service worker:", error));
}

/** Tells whether nobody is shopping: then a newer version is looked for, and taken. */
export function betweenVisits(is: boolean): void {
  idle = is;
  if (!is) return;
  takeOver();
  void registration?.update().catch(() => undefined); // without network there is nothing newer to be had
}

function takeOver(): void {
  const waiting = registration?.waiting;
  // The first version of all is not waiting for anyone.
  if (!idle || !waiting || navigator.serviceWorker.controller === null) return;
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  waiting.postMessage("take-over");
}
