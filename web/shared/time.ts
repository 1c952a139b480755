import { storeZone } from "./api.ts";

/** A time of the server (RFC 3339, UTC) by the store's clock, as receipts have it: "2 Jan 2026, 14:05". */
export function formatTime(at: string, locale: string, zone = storeZone()): string {
  return inZone({ dateStyle: "medium", timeStyle: "short" }, at, locale, zone);
}

/** Only the day: "2 Jan 2026". */
export function formatDay(at: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(new Date(at));
}

/** Only the time of day, for lists of today: "14:05". */
export function formatTimeOfDay(at: string, locale: string, zone = storeZone()): string {
  return inZone({ timeStyle: "short" }, at, locale, zone);
}

function inZone(style: Intl.DateTimeFormatOptions, at: string, locale: string, zone: string | undefined): string {
  return new Intl.DateTimeFormat(locale, { ...style, ...(zone === undefined ? {} : { timeZone: zone }) }).format(
    new Date(at),
  );
}
