// One machine for all embeds of a page: one worker, one WebAssembly instance, slots of its own for each embed.
import { RecordedFirst, WorkerMachine, type Machine } from "../machine";
import type { Api, Args, Progress, Result } from "../protocol";
import { Files, Recording } from "../recording";
import { loader, scriptUrl } from "../trusted";
import { settings } from "./settings";

/** The worker; through a blob where the script came from elsewhere, since browsers start no worker from there. */
function spawn(): Worker {
  const script = new URL("worker.js", settings.base);
  if (self.origin !== "null" && script.origin === self.origin) return new Worker(scriptUrl(script.href));
  const text = loader(settings.base, script.href);
  const blob = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  return new Worker(scriptUrl(blob));
}

const shared = new WorkerMachine(spawn);
/** Those that have a run, or wait for one. */
const seats = new Map<number, Seat>();
shared.onProgress = (progress) => seats.get(progress.slot >> 1)?.onProgress?.(progress);
let next = 0;

/** Requests about a run begin with its slot. */
const isAboutRun = (args: unknown[]): args is [number, ...unknown[]] => typeof args[0] === "number";

/** One embed's place at the shared machine. */
class Seat implements Machine {
  readonly runs = true;
  onProgress: ((progress: Progress) => void) | null = null;
  private readonly number = next++;
  private readonly first = 2 * this.number;

  async ask<K extends keyof Api>(name: K, ...args: Args<K>): Promise<Result<K>> {
    if (!isAboutRun(args)) return shared.ask(name, ...args);
    seats.set(this.number, this);
    const mine = [this.first + args[0], ...args.slice(1)] as unknown as Args<K>;
    return shared.ask(name, ...mine);
  }
  halt(): void {
    shared.halt(this.first);
  }
  stop(): void {
    shared.stop(this.first);
  }
  /** Forgets its run, and ends it if it goes on. */
  leave(): void {
    if (!seats.delete(this.number)) return;
    void shared.ask("close", this.first).catch(() => undefined);
  }
}

const recorded = new Files((name) => new URL(name, settings.base));

/** One embed's machine: where files can be read, a recording of its preset until it asks for more. */
export const seated = (): Machine =>
  self.origin === "null" ? new Seat() : new RecordedFirst(new Seat(), new Recording(recorded));
