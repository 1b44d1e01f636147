// Is anything under way? Requests without an answer, and what waits for its time: a pause in typing, an address to write.
import type { Machine } from "./machine";
import type { Api, Args, Progress, Result } from "./protocol";

export class Work {
  private count = 0;

  constructor(private readonly changed: (busy: boolean) => void = () => undefined) {}

  /** Begins something; the function that is returned ends it, once. */
  begin(): () => void {
    if (this.count++ === 0) this.changed(true);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      // What follows an answer begins before this one counts as over.
      setTimeout(() => {
        if (--this.count === 0) this.changed(false);
      });
    };
  }
}

/** A machine whose requests are counted as work. */
export class CountedMachine implements Machine {
  constructor(
    private readonly machine: Machine,
    private readonly work: Work,
  ) {}

  get runs(): boolean {
    return this.machine.runs;
  }
  ask<K extends keyof Api>(name: K, ...args: Args<K>): Promise<Result<K>> {
    return this.machine.ask(name, ...args).finally(this.work.begin());
  }
  get onProgress(): ((progress: Progress) => void) | null {
    return this.machine.onProgress;
  }
  set onProgress(listener) {
    this.machine.onProgress = listener;
  }
  halt(): void {
    this.machine.halt();
  }
  stop(): void {
    this.machine.stop();
  }
  leave(): void {
    this.machine.leave();
  }
}
