let waiting: ServiceWorker | null = null;

/**
 * Has the service worker keep the page's own files, on secure pages of a built handset. A newer version waits until
 * `takeOver` is called: changing scripts in the middle of a visit could lose what is on the screen.
 */
export function keepShellFresh(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  navigator.serviceWorker
    .register("./service-worker.js", { updateViaCache: "none" })
    .then((registration) => {
      waiting = registration.waiting;
      registration.addEventListener("updatefound", () => {
        const found = registration.installing;
        found?.addEventListener("statechange", () => {
          // The first one of all has nothing to wait for.
          if (found.state === "installed" && navigator.serviceWorker.controller !== null) waiting = found;
        });
      });
    })
    // Without it (a certificate that the browser doesn't trust) the handset works, except for a reload without network.
    .catch((error: unknown) => console.warn("service worker:", error));
}

/** Between two visits: changes to the newer version, if one has arrived. */
export function takeOver(): void {
  if (waiting === null) return;
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  waiting.postMessage("take-over");
  waiting = null;
}
