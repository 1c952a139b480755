import assert from "node:assert/strict";
import { test } from "node:test";
import { messages } from "./messages.ts";
import { fillIn, parameterNames } from "./messages/format.ts";

test("every message is there in both languages and takes the same parameters", () => {
  for (const [key, { zh, en }] of Object.entries(messages)) {
    assert.ok(zh.trim() !== "" && en.trim() !== "", `${key} is empty`);
    assert.deepEqual(parameterNames(zh), parameterNames(en), key);
  }
});

test("no key is written twice in two parts of the catalogue", async () => {
  const parts = [
    "common",
    "handset",
    "lane",
    "kiosk",
    "console",
    "signin",
    "figures",
    "overrides",
    "desk",
    "shop",
    "demo",
  ];
  const loaded = await Promise.all(parts.map((part) => import(`./messages/${part}.ts`)));
  const keys = loaded.flatMap((part: Record<string, object>) => Object.keys(Object.values(part)[0] ?? {}));
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(keys.length, Object.keys(messages).length);
});

test("parameters are filled in, and counted words agree", () => {
  assert.equal(fillIn("{name}：{count} 件", { name: "牛奶", count: 2 }), "牛奶：2 件");
  assert.equal(fillIn("{count:item|items} in {place}", { count: 1, place: "it" }), "1 item in it");
  assert.equal(fillIn("{count:item|items} in {place}", { count: 0, place: "it" }), "0 items in it");
  assert.throws(() => fillIn("{name}", {}), /name is missing/);
});
