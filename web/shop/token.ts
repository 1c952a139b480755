/**
 * The order's token, out of the page's own address: `tokenOf("/o/9f3b")` → "9f3b", and null on any other address. It
 * stays in memory: whoever has the QR code has it anyway, and a browser's storage outlives the visit.
 */
export function tokenOf(pathname: string): string | null {
  const found = /^\/o\/([^/]+)\/?$/.exec(pathname);
  if (found === null) return null;
  try {
    return decodeURIComponent(found[1]!);
  } catch {
    return null;
  }
}
