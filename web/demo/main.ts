import { mount, type Component } from "svelte";
import "../shared/base.css";
import { language } from "../shared/language.svelte.ts";

// One door, three rooms; each brings only its own furniture.
const ROOMS: Readonly<Record<string, () => Promise<{ default: Component }>>> = {
  "/demo/shop": () => import("./ShopRoom.svelte"),
  "/demo/kiosk": () => import("./KioskRoom.svelte"),
  "/demo/lane": () => import("./LaneRoom.svelte"),
};

language.start("demo");
const room = ROOMS[location.pathname.replace(/\/$/, "")] ?? (() => import("./Landing.svelte"));
void room().then(({ default: Room }) => mount(Room, { target: document.getElementById("app")! }));
