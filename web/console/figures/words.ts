import { language, t } from "../../shared/language.svelte.ts";
import { formatMoney } from "../../shared/money.ts";
import type { Share, Spread } from "./types.ts";

/** Figures as people read them, and from how many cases they come. */
export interface Told {
  readonly value: string;
  readonly cases: string;
  readonly few: boolean;
}

export function percent(value: number | null): string {
  if (value === null) return "–";
  return new Intl.NumberFormat(language.locale, {
    style: "percent",
    maximumFractionDigits: value !== 0 && value < 0.001 ? 3 : value < 0.1 ? 2 : 1,
  }).format(value);
}

export function whole(value: number): string {
  return new Intl.NumberFormat(language.locale, { maximumFractionDigits: 1 }).format(value);
}

/** `90` → "1 min 30 s". Times are counted in whole seconds, so that the shortest are only known to be under one. */
export function seconds(value: number | null): string {
  if (value === null) return "–";
  if (value === 0) return t("figures.under_second");
  if (value < 120) return t("figures.seconds", { count: whole(value) });
  return t("figures.minutes", { minutes: Math.floor(value / 60), seconds: Math.round(value % 60) });
}

export function money(amount_minor: number, currency: string): string {
  return formatMoney({ amount_minor, currency }, language.locale);
}

/** Marks what comes from few cases. */
export function marked(cases: string, few: boolean): string {
  return few ? t("figures.few", { cases }) : cases;
}

export function toldShare(share: Share, few_cases: number): Told {
  if (share.value === null) return { value: "–", cases: t("figures.none"), few: true };
  const few = share.cases < few_cases;
  const counts = { count: whole(share.count), cases: whole(share.cases) };
  const cases = t("figures.cases_between", { ...counts, low: percent(share.low), high: percent(share.high) });
  return { value: percent(share.value), cases: marked(cases, few), few };
}

export function toldSpread(spread: Spread, few_cases: number): Told {
  if (spread.cases === 0) return { value: "–", cases: t("figures.none"), few: true };
  const few = spread.cases < few_cases;
  const value = `${seconds(spread.p50_s)} / ${seconds(spread.p95_s)}`;
  return { value, cases: marked(t("figures.from", { cases: spread.cases }), few), few };
}
