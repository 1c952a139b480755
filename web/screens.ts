import { readdir, readFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { transformWithEsbuild, type InlineConfig, type Plugin } from "vite";

/** Every screen is a folder here with an index.html, and a folder of the same name in the Python package. */
export const SCREENS = ["handset", "lane", "kiosk", "console", "shop", "demo"] as const;
export type Screen = (typeof SCREENS)[number];

const HERE = import.meta.dirname;

/**
 * A screen's Vite configuration. Screens are built one by one, so that each folder holds all it needs: the lane's
 * and the kiosk's are served by their own computers, the others by the merchant server.
 */
export function screenConfig(screen: Screen): InlineConfig {
  return {
    configFile: false,
    root: join(HERE, screen),
    // The pay page answers at /o/<token> and the demo's at / and /demo/<page>, so their assets need an absolute
    // address; all others work under any prefix.
    base: screen === "shop" || screen === "demo" ? `/${screen}/` : "./",
    logLevel: "warn",
    plugins: [
      svelte({ configFile: false, compilerOptions: { runes: true } }),
      ...(screen === "handset" ? [serviceWorker(join(HERE, screen, "service.worker.ts"))] : []),
    ],
    worker: { format: "es" },
    build: {
      outDir: join(HERE, "..", "src", "unqueue", "web_dist", screen),
      emptyOutDir: true,
      target: "es2022",
      modulePreload: { polyfill: false },
      // The policy of the pages forbids data: addresses for scripts and fonts, so nothing is inlined.
      assetsInlineLimit: 0,
      reportCompressedSize: false,
    },
  };
}

/** Compiles the service worker last, with the list of files that make the shell and a name that changes with them. */
function serviceWorker(source: string): Plugin {
  return {
    name: "unqueue-service-worker",
    apply: "build",
    enforce: "post",
    async generateBundle(_options, bundle) {
      const publicDir = join(source, "..", "public");
      const hash = createHash("sha256");
      const files = ["./"];
      for (const name of Object.keys(bundle).sort()) {
        const file = bundle[name]!;
        hash.update(name).update(file.type === "chunk" ? file.code : file.source);
        if (name !== "index.html" && !name.endsWith(".map")) files.push(name);
      }
      for (const name of (await readdir(publicDir)).sort()) {
        hash.update(name).update(await readFile(join(publicDir, name)));
        files.push(name);
      }
      const compiled = await transformWithEsbuild(await readFile(source, "utf8"), source, {
        minify: true,
        define: { SHELL_FILES: JSON.stringify(files), SHELL_VERSION: JSON.stringify(hash.digest("hex").slice(0, 16)) },
      });
      this.emitFile({ type: "asset", fileName: "service-worker.js", source: compiled.code });
    },
  };
}
