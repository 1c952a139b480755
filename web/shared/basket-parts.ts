import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

/** A basket on its way to a kiosk as QR codes; src/unqueue/passes/baskets.py says what is in it, and why. */
const PREFIX = "UQB1";
const PART_BYTES = 260;
const PARTS_MAX = 99;
const DIGEST_BYTES = 8;
const SEAL_BYTES = 16;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Whether this browser can pack a basket: Chrome 103, Firefox 113, Safari 16.4. */
export function canPack(): boolean {
  try {
    return new CompressionStream("deflate-raw") !== null;
  } catch {
    return false;
  }
}

/** What the parts of a basket say, in order. Throws a `RangeError` for more than a kiosk collects. */
export async function partsOf(trip: string, body: unknown, key: string): Promise<readonly string[]> {
  const id = hexToBytes(trip);
  const packed = await deflated(utf8ToBytes(JSON.stringify(body)));
  const sealed = hmac(sha256, hexToBytes(key), concatBytes(utf8ToBytes(PREFIX), id, packed));
  return split(concatBytes(id, sealed.slice(0, SEAL_BYTES), packed));
}

/** A content as parts of about the same size. */
export function split(content: Uint8Array, part_bytes = PART_BYTES): readonly string[] {
  const count = Math.ceil(content.length / part_bytes);
  if (count > PARTS_MAX) throw new RangeError("the basket is too large to be shown");
  const size = Math.ceil(content.length / count);
  const basket = base32(sha256(content).slice(0, DIGEST_BYTES));
  const two = (number: number) => String(number).padStart(2, "0");
  return Array.from({ length: count }, (_, index) => {
    const part = content.subarray(index * size, (index + 1) * size);
    return `${PREFIX}${basket}${two(index + 1)}${two(count)}${base32(part)}`;
  });
}

/** RFC 4648 section 6, without padding. */
export function base32(bytes: Uint8Array): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}

async function deflated(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
