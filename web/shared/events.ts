/** One server-sent event, already parsed: its name and its JSON. */
export interface ServerEvent {
  readonly event: string;
  readonly data: unknown;
}

/**
 * Parses `text/event-stream` (HTML Standard, 9.2.6) from pieces of text as they arrive. Comments (keep-alives) and
 * events without JSON are left out.
 *
 * `new EventParser().push('event: order\ndata: {"id":"1"}\n\n')` → `[{ event: "order", data: { id: "1" } }]`.
 */
export class EventParser {
  #rest = "";
  #event = "message";
  #data: string[] = [];

  push(piece: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    // A CR at the end of a piece may be half of a CR LF: it waits for the next one.
    const text = this.#rest + piece;
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = this.#line(line);
      if (event !== null) events.push(event);
    }
    return events;
  }

  #line(line: string): ServerEvent | null {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    if (field === "data") this.#data.push(value);
    return null;
  }

  #dispatch(): ServerEvent | null {
    const event = this.#event;
    const data = this.#data.join("\n");
    this.#event = "message";
    this.#data = [];
    try {
      return data === "" ? null : { event, data: JSON.parse(data) as unknown };
    } catch {
      return null;
    }
  }
}

export interface EventsOptions {
  /** Where from; `/api/events` unless told. The lane's page says `./events`. */
  readonly url?: string;
  readonly token?: string | null;
  readonly onEvent: (event: ServerEvent) => void;
  /** Called at each connection, the first included: an event may have been missed, so read the state again. */
  readonly onConnect?: () => void;
  readonly onDisconnect?: () => void;
  /** Listen also while nobody can see the page, as who must be called does. */
  readonly whileHidden?: boolean;
}

const SILENCE_MS_MAX = 40_000; // the server speaks at least every 15 s
const WAIT_MS_MIN = 500;
const WAIT_MS_MAX = 15_000;
const HIDDEN_MS = 3_000; // a page that nobody sees gives its connection back: a browser has six for each store

/**
 * Listens to server-sent events until the returned function is called. Over fetch and not EventSource, because that
 * cannot send the bearer token. Reconnects with growing pauses, at once when the network or the page comes back, takes
 * a connection that is silent for 40 s as dead, and rests while the page is hidden.
 */
export function listen(options: EventsOptions): () => void {
  const url = options.url ?? "/api/events";
  let stopped = false;
  let wait_ms = WAIT_MS_MIN;
  let connection: AbortController | null = null;
  let wake: (() => void) | null = null;

  async function connect(): Promise<void> {
    const controller = (connection = new AbortController());
    let watchdog = setTimeout(() => controller.abort(), SILENCE_MS_MAX);
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (options.token) headers["Authorization"] = `Bearer ${options.token}`;
    try {
      const init: RequestInit = { headers, signal: controller.signal, cache: "no-store", credentials: "omit" };
      const response = await fetch(url, init);
      if (!response.ok || response.body === null) return;
      options.onConnect?.();
      const parser = new EventParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || stopped) return;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => controller.abort(), SILENCE_MS_MAX);
        wait_ms = WAIT_MS_MIN;
        for (const event of parser.push(value)) options.onEvent(event);
      }
    } catch {
      // A lost connection and an abort of our own look the same here; both mean: try again unless stopped.
    } finally {
      clearTimeout(watchdog);
      controller.abort();
      if (!stopped) options.onDisconnect?.();
    }
  }

  function nudge(): void {
    wait_ms = WAIT_MS_MIN;
    wake?.();
  }

  let hiding: ReturnType<typeof setTimeout> | undefined;
  const rests = () => options.whileHidden !== true && document.visibilityState === "hidden";

  function onVisibility(): void {
    clearTimeout(hiding);
    if (document.visibilityState === "visible") nudge();
    else if (rests()) hiding = setTimeout(() => connection?.abort(), HIDDEN_MS);
  }

  async function run(): Promise<void> {
    while (!stopped) {
      await connect();
      if (stopped) return;
      await new Promise<void>((resolve) => {
        const timer = rests() ? undefined : setTimeout(resolve, wait_ms * (0.75 + Math.random() / 2));
        wake = () => (clearTimeout(timer), resolve());
      });
      wake = null;
      wait_ms = Math.min(wait_ms * 2, WAIT_MS_MAX);
    }
  }

  addEventListener("online", nudge);
  document.addEventListener("visibilitychange", onVisibility);
  void run();
  return () => {
    stopped = true;
    clearTimeout(hiding);
    removeEventListener("online", nudge);
    document.removeEventListener("visibilitychange", onVisibility);
    connection?.abort();
    wake?.();
  };
}
