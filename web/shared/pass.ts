import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, hexToBytes } from "@noble/hashes/utils.js";
import type { Rotation } from "./types.ts";

/** Bytes of a link, as src/unqueue/passes/rotation.py has it. */
const LINK_LENGTH = 12;

/**
 * The links of an exit pass by their step, computed once. A screen needs no network to show the next one, and what it
 * showed before tells nothing about it.
 */
export function linksOf({ seed, pass_id, steps }: Rotation): readonly Uint8Array[] {
  const id = hexToBytes(pass_id);
  const hashed = (value: Uint8Array) => sha256(concatBytes(id, value)).slice(0, LINK_LENGTH);
  const links = [hashed(fromBase64(seed))];
  while (links.length <= steps) links.push(hashed(links.at(-1)!));
  return links.reverse();
}

/** Which step is shown at a time (milliseconds since 1970 by the server's clock), and how long it still is. */
export function stepAt({ issued_s, step_s, steps }: Rotation, now_ms: number): { step: number; left_ms: number } {
  const since_ms = Math.max(0, now_ms - issued_s * 1000);
  const step_ms = step_s * 1000;
  return { step: Math.min(steps, Math.floor(since_ms / step_ms)), left_ms: step_ms - (since_ms % step_ms) };
}

/** What the screen shows in a step. */
export function textOf({ stem }: Rotation, link: Uint8Array): string {
  return `${stem}.${toBase64(link)}`;
}

function fromBase64(text: string): Uint8Array {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** Without padding, as RFC 4648 section 5 has it for addresses. */
function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
