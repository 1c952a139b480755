import { defineConfig } from "vite";
import { SCREENS, screenConfig, type Screen } from "./screens.ts";

/**
 * For `npm run dev` only: `SCREEN=handset UNQUEUE_SERVER=http://127.0.0.1:8000 npm run dev` serves one screen with
 * live reload and passes the API on to a running server.
 */
const screen = (process.env["SCREEN"] ?? "handset") as Screen;
if (!SCREENS.includes(screen)) throw new Error(`SCREEN must be one of ${SCREENS.join(", ")}`);
const target = process.env["UNQUEUE_SERVER"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  ...screenConfig(screen),
  base: "/",
  logLevel: "info",
  server: { proxy: Object.fromEntries(["/api", "/lanes", "/state", "/events"].map((path) => [path, { target }])) },
});
