import { existsSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";
import { SCREENS, screenConfig, type Screen } from "./screens.ts";

// `npm run build` builds every screen; `npm run build -- handset lane` only those named.
const named = process.argv.slice(2);
const unknown = named.filter((name) => !(SCREENS as readonly string[]).includes(name));
if (unknown.length > 0) {
  console.error(`No such screen: ${unknown.join(", ")}. There are: ${SCREENS.join(", ")}.`);
  process.exit(2);
}
for (const screen of named.length > 0 ? (named as Screen[]) : SCREENS) {
  if (!existsSync(join(import.meta.dirname, screen, "index.html"))) {
    console.error(`web/${screen}/index.html is missing`);
    process.exit(2);
  }
  const started = performance.now();
  await build(screenConfig(screen));
  console.log(`built ${screen} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
