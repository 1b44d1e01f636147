// One machine for all embeds of a page: one worker, one WebAssembly instance, slots of its own for each embed.
import { WorkerMachine, type Machine } from "../machine";
import type { Api, Args, Progress, Result } from "../protocol";
import { settings } from "./settings";

/** The worker; through a blob where the script came from elsewhere, since browsers start no worker from there. */
function spawn(): Worker {
  const script = new URL("worker.js", settings.base);
  if (self.origin !== "null" && script.origin === self.origin) return new Worker(script);
  const base = JSON.stringify(settings.base);
  const text = `self.iommuBase=${base};importScripts(${JSON.stringify(script.href)})`;
  const blob = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  return new Worker(blob);
}

const shared = new WorkerMachine(spawn);
/** How often the shared worker was ended: what ran in it before is gone. */
let ended = 0;
let seats = 0;

/** Requests about a run begin with its slot. */
const isAboutRun = (args: unknown[]): args is [number, ...unknown[]] => typeof args[0] === "number";

/** One embed's place at the shared machine. */
export class Seat implements Machine {
  readonly runs = true;
  onProgress: ((progress: Progress) => void) | null = null;
  private readonly first = 2 * seats++;
  private opened: Args<"open"> | null = null;
  private since = ended;

  async ask<K extends keyof Api>(name: K, ...args: Args<K>): Promise<Result<K>> {
    if (!isAboutRun(args)) return shared.ask(name, ...args);
    if (name === "open") this.opened = args as unknown as Args<"open">;
    else if (this.since !== ended && this.opened) {
      // The worker was ended for another embed's sake: run again what ran here.
      const [slot, text, lang] = this.opened;
      this.since = ended;
      await shared.ask("open", this.first + slot, text, lang);
    }
    if (name === "open") this.since = ended;
    const mine = [this.first + args[0], ...args.slice(1)] as unknown as Args<K>;
    return shared.ask(name, ...mine);
  }
  halt(): void {
    shared.halt();
  }
  stop(): void {
    ended++;
    shared.stop();
  }
  leave(): void {
    if (this.opened) void shared.ask("close", this.first);
    this.opened = null;
  }
}
