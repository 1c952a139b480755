/**
 * What the handset keeps through a reload: the trip's token, the last basket the server told, the queue of actions,
 * the order. All of it in local storage under one prefix, so that the end of a visit leaves nothing behind.
 */

/** The part of the browser's Storage that is used; tests bring their own. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

const PREFIX = "unqueue.handset.";

/** A Storage that lives as long as the page, for browsers that refuse the real one. */
export class MemoryShelf implements Shelf {
  readonly #items = new Map<string, string>();

  get length(): number {
    return this.#items.size;
  }
  key(index: number): string | null {
    return [...this.#items.keys()][index] ?? null;
  }
  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.#items.set(key, value);
  }
  removeItem(key: string): void {
    this.#items.delete(key);
  }
}

/** The browser's local storage; where it is switched off, the page's memory (the basket is still at the server). */
export function browserShelf(): Shelf {
  try {
    const probe = `${PREFIX}probe`;
    localStorage.setItem(probe, "1");
    localStorage.removeItem(probe);
    return localStorage;
  } catch {
    return new MemoryShelf();
  }
}

/** JSON values by short names on a shelf. */
export class Keep {
  readonly #shelf: Shelf;

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  read<T>(name: string): T | null {
    const text = this.#shelf.getItem(PREFIX + name);
    if (text === null) return null;
    try {
      return JSON.parse(text) as T;
    } catch {
      return null;
    }
  }

  write(name: string, value: unknown): void {
    if (value === null || value === undefined) this.#shelf.removeItem(PREFIX + name);
    else this.#shelf.setItem(PREFIX + name, JSON.stringify(value));
  }

  /** The names that begin so, in order. */
  names(beginning: string): string[] {
    const names: string[] = [];
    for (let index = 0; index < this.#shelf.length; index += 1) {
      const key = this.#shelf.key(index);
      if (key?.startsWith(PREFIX + beginning)) names.push(key.slice(PREFIX.length));
    }
    return names.sort();
  }

  /** Forgets everything of the visit. */
  clear(): void {
    for (const name of this.names("")) this.#shelf.removeItem(PREFIX + name);
  }

  /** Whether a storage event of another tab is about our things (`null` means that all was cleared). */
  static owns(key: string | null): boolean {
    return key === null || key.startsWith(PREFIX);
  }
}
