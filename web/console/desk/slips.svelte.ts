import { language, t } from "../../shared/language.svelte.ts";
import { notify } from "../../shared/notices.svelte.ts";
import { soundDone } from "../../shared/sound.ts";
import { tellProblem } from "../../shared/telling.ts";
import type { Slip, StaffApi } from "../api.ts";

/** Slips on paper: by the desk's own printer where it has one, else as a page that the browser prints or saves. */
export class Slips {
  /** Whether the desk has a printer; null: not known yet. */
  printer = $state<boolean | null>(null);
  /** The slip that is being printed or read, by its id. */
  working = $state<string | null>(null);
  /** The page that is shown. */
  page = $state.raw<{ readonly slip: Slip; readonly html: string } | null>(null);
  #printed = $state.raw<ReadonlySet<string>>(new Set());
  readonly #api: StaffApi;

  constructor(api: StaffApi) {
    this.#api = api;
  }

  async read(): Promise<void> {
    if (this.printer !== null) return;
    this.printer = await this.#api.printer().then(
      ({ printer }) => printer,
      () => null,
    );
  }

  isPrinted(slip: Slip): boolean {
    return this.#printed.has(`${slip.kind} ${slip.id}`);
  }

  async print(slip: Slip): Promise<void> {
    await this.#work(slip, async () => {
      await this.#api.printSlip(slip, language.current);
      this.#printed = new Set([...this.#printed, `${slip.kind} ${slip.id}`]);
      soundDone();
      notify({ kind: "done", text: t("desk.slip_printed", { slip: t(`desk.slip.${slip.kind}`) }) });
    });
  }

  async show(slip: Slip): Promise<void> {
    await this.#work(slip, async () => {
      this.page = { slip, html: await this.#api.slipPage(slip, language.current) };
    });
  }

  async #work(slip: Slip, work: () => Promise<void>): Promise<void> {
    if (this.working !== null) return;
    this.working = slip.id;
    try {
      await work();
    } catch (error) {
      tellProblem(error);
    } finally {
      this.working = null;
    }
  }
}
