import { messages, type MessageKey } from "./messages.ts";
import { fillIn, type ParametersOf } from "./messages/format.ts";

/** The two languages every text is kept in. */
export type Language = "zh" | "en";

/** Locales for numbers, amounts and dates; British English because it writes the day before the month by name. */
export const LOCALES: Record<Language, string> = { zh: "zh-CN", en: "en-GB" };

let storageKey: string | null = null;
let current = $state<Language>(fromBrowser());

function fromBrowser(): Language {
  if (typeof navigator === "undefined") return "en";
  return (navigator.languages[0] ?? navigator.language).toLowerCase().startsWith("zh") ? "zh" : "en";
}

function show(language: Language): void {
  current = language;
  if (typeof document !== "undefined") document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

/** The shopper's language: read `language.current` in a template and the template follows it. */
export const language = {
  get current(): Language {
    return current;
  },
  get locale(): string {
    return LOCALES[current];
  },
  /** Call once per screen, with a key of its own: screens of one store share an origin. */
  start(screen: string): void {
    storageKey = `unqueue.${screen}.language`;
    const kept = localStorage.getItem(storageKey);
    show(kept === "zh" || kept === "en" ? kept : fromBrowser());
  },
  set(chosen: Language): void {
    if (storageKey !== null) localStorage.setItem(storageKey, chosen);
    show(chosen);
  },
  toggle(): void {
    this.set(current === "zh" ? "en" : "zh");
  },
  /** Forgets the choice, for the next shopper at this handset. */
  forget(): void {
    if (storageKey !== null) localStorage.removeItem(storageKey);
    show(fromBrowser());
  },
};

/**
 * A message of the catalogue in the language in use, with its parameters filled in.
 *
 * `t("basket.count", { count: 3 })` → “3 件商品” or “3 items”. The parameters are checked by the compiler.
 */
export function t<K extends MessageKey>(key: K, ...values: ParametersOf<(typeof messages)[K]>): string {
  return fillIn(messages[key][current], values[0] ?? {});
}

/** The same in a language named, for the few places that show both side by side. */
export function tIn<K extends MessageKey>(
  chosen: Language,
  key: K,
  ...values: ParametersOf<(typeof messages)[K]>
): string {
  return fillIn(messages[key][chosen], values[0] ?? {});
}

/** Of a thing that the server names in both languages: its text in the language in use, else in the other. */
export function inLanguage(named: { zh?: string | null; en?: string | null }): string {
  return (current === "zh" ? named.zh || named.en : named.en || named.zh) ?? "";
}

/** The name of a product or store (`name_zh`, `name_en`) in the language in use, else in the other. */
export function nameOf(named: { name_zh?: string | null; name_en?: string | null }): string {
  return inLanguage({ zh: named.name_zh ?? null, en: named.name_en ?? null });
}
