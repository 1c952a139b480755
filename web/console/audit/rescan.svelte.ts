import { asProblem, type Problem } from "../../shared/api.ts";
import { inLanguage } from "../../shared/language.svelte.ts";
import { notify } from "../../shared/notices.svelte.ts";
import { soundDone, soundLook } from "../../shared/sound.ts";
import { tellProblem } from "../../shared/telling.ts";
import { uuid } from "../../shared/uuid.ts";
import type { StaffApi } from "../api.ts";
import { counts, judge, withoutLast, type Entry } from "./counting.ts";
import type { AuditArticle, AuditScan, Comparison, StaffAudit } from "./types.ts";

/** One rescan: what was scanned so far, what is asked about it, and what comes of it. Kept for this tab until it ends. */
export class Rescan {
  audit = $state.raw<StaffAudit | null>(null);
  problem = $state.raw<Problem | null>(null);
  entries = $state.raw<readonly Entry[]>([]);
  /** A scan that may be the same item: someone must say. */
  doubt = $state.raw<Entry | null>(null);
  comparison = $state.raw<Comparison | null>(null);
  busy = $state(false);
  readonly counted = $derived(counts(this.entries));
  readonly #api: StaffApi;
  readonly #order: string;
  readonly #key: string;
  /** The id of a result that may have arrived: sent again, it is the same one. */
  #id = uuid();
  #looking: Promise<void> = Promise.resolve();

  constructor(api: StaffApi, order: string) {
    this.#api = api;
    this.#order = order;
    this.#key = `unqueue.console.rescan.${order}`;
    this.entries = this.#kept();
  }

  async read(): Promise<void> {
    try {
      this.audit = await this.#api.audit(this.#order);
      this.problem = null;
    } catch (error) {
      this.problem = asProblem(error);
    }
  }

  /** Looks at scanned codes one after the other, however fast they come. */
  scanned(code: string): void {
    const at_ms = Math.round(performance.now() + performance.timeOrigin);
    this.#looking = this.#looking.then(() => this.#look({ at_ms, code }));
  }

  /** One more of an article of the order, where its code can't be scanned. */
  tapped(article: AuditArticle): void {
    const at_ms = Math.round(performance.now() + performance.timeOrigin);
    const { key, name_zh, name_en, weight_g, quantity, chosen } = article;
    const seen = { key, name_zh, name_en, weight_g, ordered: quantity, chosen };
    this.#take([...this.entries, { scan: { at_ms, article: key }, seen }]);
  }

  less(key: string): void {
    this.#take(withoutLast(this.entries, key));
  }

  answer(said: "another" | "same"): void {
    const { doubt } = this;
    if (doubt === null) return;
    this.doubt = null;
    this.#take([...this.entries, { ...doubt, scan: { ...doubt.scan, said } }]);
  }

  async compare(): Promise<void> {
    await this.#work(async () => {
      await this.#looking; // a scan that is on its way counts, too
      if (this.doubt !== null) return;
      this.comparison = await this.#api.compareAudit(this.#order, this.#scans());
    });
  }

  /** Takes what was compared to the books; whether that worked. */
  async conclude(): Promise<boolean> {
    const { comparison } = this;
    if (comparison === null) return false;
    return await this.#work(async () => {
      const body = { id: this.#id, comparison_id: comparison.id, scans: this.#scans() };
      this.audit = await this.#api.concludeAudit(this.#order, body);
      soundDone();
      this.again();
    });
  }

  /** Back to counting, with nothing counted. */
  again(): void {
    this.#id = uuid();
    this.comparison = null;
    this.doubt = null;
    this.#take([]);
  }

  /** Back to counting, with what was counted. */
  back(): void {
    this.comparison = null;
  }

  async #look(scan: AuditScan): Promise<void> {
    if (this.doubt !== null || this.comparison !== null) {
      soundLook();
      return;
    }
    try {
      const entry = { scan, seen: await this.#api.lookAtAudit(this.#order, scan) };
      const judged = judge(this.entries, entry);
      if (judged === "same_trigger") return;
      if (judged === "doubtful") {
        this.doubt = entry;
        soundLook();
        return;
      }
      this.#take([...this.entries, entry]);
    } catch (error) {
      tellProblem(error);
    }
  }

  async #work(work: () => Promise<void>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    try {
      await work();
      return true;
    } catch (error) {
      const problem = asProblem(error);
      soundLook();
      notify({ kind: "look", text: inLanguage(problem) });
      // What was looked at is not what the server has: look again.
      if (problem.permanent && problem.status === 409) this.comparison = null;
      return false;
    } finally {
      this.busy = false;
    }
  }

  #scans(): AuditScan[] {
    return this.entries.map(({ scan }) => scan);
  }

  #take(entries: readonly Entry[]): void {
    this.entries = entries;
    if (entries.length === 0) sessionStorage.removeItem(this.#key);
    else sessionStorage.setItem(this.#key, JSON.stringify(entries));
  }

  #kept(): readonly Entry[] {
    try {
      const kept: unknown = JSON.parse(sessionStorage.getItem(this.#key) ?? "[]");
      return Array.isArray(kept) ? (kept as Entry[]) : [];
    } catch {
      return [];
    }
  }
}
