import { asProblem, Problem, serverNow } from "../shared/api.ts";
import { listen } from "../shared/events.ts";
import { t } from "../shared/language.svelte.ts";
import { staffApi, type Exit, type Floor, type StaffApi } from "./api.ts";
import { inOrder, SHOP_FLOOR } from "./calls.ts";
import { placeOf } from "./places.ts";
import { oneAtATime } from "./reading.ts";

const SETTLE_MS = 120; // several events of one matter arrive together: read once
const POLL_MS_LIVE = 30_000;
const POLL_MS_LOST = 5_000;

/** The shop floor as the server tells it: read at each event, and by the clock where events don't come through. */
export class FloorWatch {
  floor = $state.raw<Floor | null>(null);
  /** Why the last reading failed; null while `floor` is how things are. */
  problem = $state.raw<Problem | null>(null);
  /** When `floor` was read. */
  read_at = $state("");
  /** Events come through. */
  #connected = $state(false);
  /** What is shown is how things are: events come through, and what they tell of could be read. */
  readonly live = $derived(this.#connected && this.problem === null);
  /** The server's time, once a second. */
  now_ms = $state(serverNow());
  readonly calls = $derived(inOrder(this.floor?.calls ?? []));
  readonly #api: StaffApi;
  readonly #token: string;
  readonly #onEnded: () => void;
  /** Who else reads when something happens: by the event's name, null when anything may have. */
  readonly #hearers = new Set<(event: string | null) => void>();
  readonly read = oneAtATime(() => this.#read());

  constructor(token: string, onEnded: () => void) {
    this.#api = staffApi(token);
    this.#token = token;
    this.#onEnded = onEnded;
  }

  /** What a call's place is called: “Lane 1”, “Kiosk 1”. */
  placeName(id: string): string {
    if (id === SHOP_FLOOR) return t("console.shop_floor");
    const { kind, name } = placeOf(this.floor, id);
    return t(`console.${kind}`, { name }).trim();
  }

  /** The exit that goes on at a lane, or in a side bay. */
  exit(id: string | null): Exit | undefined {
    const floor = this.floor;
    const at_lanes = floor?.lanes.flatMap(({ exit }) => exit ?? []) ?? [];
    return [...at_lanes, ...(floor?.bays.flatMap(({ exits }) => exits) ?? [])].find((one) => one.id === id);
  }

  /** Have `hear` called at each event, and now and then in any case, until the returned function is called. */
  onNews(hear: (event: string | null) => void): () => void {
    this.#hearers.add(hear);
    return () => this.#hearers.delete(hear);
  }

  #tell(event: string | null): void {
    for (const hear of this.#hearers) hear(event);
  }

  /** Watches until the returned function is called. */
  start(): () => void {
    let soon: ReturnType<typeof setTimeout> | undefined;
    let poll: ReturnType<typeof setTimeout> | undefined;
    const clock = setInterval(() => (this.now_ms = serverNow()), 1000);
    const repeat = () => {
      const again = () => {
        this.#tell(null);
        void this.read().then(repeat);
      };
      clearTimeout(poll);
      poll = setTimeout(again, this.live ? POLL_MS_LIVE : POLL_MS_LOST);
    };
    const look = () =>
      void this.read().then(() => {
        if (this.problem !== null) repeat(); // sooner than by the clock
      });
    const stop = listen({
      whileHidden: true,
      token: this.#token,
      onEvent: ({ event }) => {
        this.#tell(event);
        clearTimeout(soon);
        soon = setTimeout(look, SETTLE_MS);
      },
      onConnect: () => {
        this.#connected = true;
        this.#tell(null);
        look();
      },
      onDisconnect: () => {
        // Called at each attempt that fails: only the first one quickens the clock.
        if (!this.#connected) return;
        this.#connected = false;
        repeat();
      },
    });
    look();
    repeat();
    return () => {
      stop();
      clearInterval(clock);
      clearTimeout(soon);
      clearTimeout(poll);
    };
  }

  async #read(): Promise<void> {
    try {
      this.floor = await this.#api.floor();
      this.problem = null;
      this.now_ms = serverNow();
      this.read_at = new Date(this.now_ms).toISOString();
    } catch (error) {
      if (error instanceof Problem && error.status === 401) this.#onEnded();
      else this.problem = asProblem(error);
    }
  }
}
