import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceName, fromBase64url, toBase64url } from "./passkeys.ts";

test("base64url there and back", () => {
  const bytes = new Uint8Array([251, 255, 0, 1]);
  assert.equal(toBase64url(bytes.buffer), "-_8AAQ");
  assert.deepEqual([...fromBase64url("-_8AAQ")], [...bytes]);
});

test("a passkey is called after its device", () => {
  const known = {
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)": "iPhone",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9)": "Android",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)": "Mac",
    "Mozilla/5.0 (X11; Linux x86_64)": "Linux",
    curl: "",
  };
  for (const [user_agent, name] of Object.entries(known)) assert.equal(deviceName(user_agent), name);
});
