/** What lies in the kiosk's tray for this visitor: what came since the page was opened, or since it was taken. */
export function lyingThere(
  tray: Readonly<Record<string, number>>,
  taken: Readonly<Record<string, number>> | null,
): { name: string; count: number }[] {
  if (taken === null) return [];
  return Object.entries(tray)
    .map(([name, count]) => ({ name, count: count - (taken[name] ?? 0) }))
    .filter(({ count }) => count > 0);
}
