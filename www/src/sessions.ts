// The runs that a worker keeps, by slot. WebAssembly gives no memory back, so that what all of them take at once is bounded: a
// large run that is not looked at is let go, and run again when it is; it comes out the same.
import { Session } from "iommu-wasm";

interface Kept {
  run: Session | null;
  text: string;
  /** Its reader stopped it: to run it again would not end there. */
  stopped: boolean;
}

/** Bytes of runs that are kept beside the one that is opened or looked at. */
const BESIDE = 16 << 20;

export class Sessions {
  private readonly kept = new Map<number, Kept>();

  /** The run of a slot. */
  get(slot: number): Session {
    const found = this.kept.get(slot);
    if (!found) throw new Error("no run");
    if (!found.run) {
      this.makeRoom(slot);
      found.run = new Session(found.text, "en");
    }
    return found.run;
  }
  /** Takes a run in place of the one that was in the slot. */
  put(slot: number, run: Session, text: string, stopped: boolean): void {
    this.drop(slot);
    this.kept.set(slot, { run, text, stopped });
  }
  drop(slot: number): void {
    this.kept.get(slot)?.run?.free();
    this.kept.delete(slot);
  }
  /** Lets large runs go until those that are kept take little; not one that `slot` is compared with. */
  makeRoom(slot: number): void {
    const others = [...this.kept].filter(([at, { run, stopped }]) => at !== (slot ^ 1) && run && !stopped);
    const bytes = ([, { run }]: [number, Kept]) => run?.bytes() ?? 0;
    let taken = others.reduce((sum, other) => sum + bytes(other), 0);
    for (const other of others.sort((a, b) => bytes(b) - bytes(a))) {
      if (taken <= BESIDE) return;
      taken -= bytes(other);
      other[1].run?.free();
      other[1].run = null;
    }
  }
  /** Bytes of the run that a slot is compared with. */
  beside(slot: number): number {
    return this.kept.get(slot ^ 1)?.run?.bytes() ?? 0;
  }
}
