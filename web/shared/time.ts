/** A time of the server (RFC 3339, UTC) in the reader's zone: "2 Jan 2026, 14:05". */
export function formatTime(at: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
}

/** Only the time of day, for lists of today: "14:05". */
export function formatTimeOfDay(at: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { timeStyle: "short" }).format(new Date(at));
}
