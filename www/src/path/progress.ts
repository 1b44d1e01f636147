// Which scenarios the reader has been through, kept in the browser. A browser that keeps nothing, or nonsense in what
// it kept, costs only the remembering.

interface Kept {
  recall(key: string): string | null;
  remember(key: string, value: string): void;
}

const KEY = "done";
/** As many names as are believed: what is longer was not written here. */
const MOST = 500;

/** The names of the scenarios that were finished. */
export function done(kept: Kept): ReadonlySet<string> {
  try {
    const names: unknown = JSON.parse(kept.recall(KEY) ?? "[]");
    if (!Array.isArray(names) || names.length > MOST) return new Set();
    return new Set(
      names.filter((name): name is string => typeof name === "string" && /^[\w-]{1,64}$/.test(name)),
    );
  } catch {
    return new Set();
  }
}

/** Marks a scenario as finished; returns the names with it, whether or not they could be kept. */
export function finish(kept: Kept, before: ReadonlySet<string>, name: string): ReadonlySet<string> {
  if (before.has(name)) return before;
  // Another tab may have finished others meanwhile.
  const names = new Set([...done(kept), ...before, name]);
  kept.remember(KEY, JSON.stringify([...names]));
  return names;
}

/** What the reader has finished, for the views of one page. */
export class Progress {
  private names: ReadonlySet<string>;
  private listeners: (() => void)[] = [];

  constructor(private readonly kept: Kept) {
    this.names = done(kept);
  }
  has(name: string): boolean {
    return this.names.has(name);
  }
  count(names: readonly string[]): number {
    return names.filter((name) => this.names.has(name)).length;
  }
  finish(name: string): void {
    const before = this.names;
    this.names = finish(this.kept, before, name);
    if (this.names !== before) for (const listener of this.listeners) listener();
  }
  /** Registers what is to be drawn anew when a scenario is finished. */
  on(listener: () => void): void {
    this.listeners.push(listener);
  }
  /** Forgets all listeners: the page is built anew. */
  clear(): void {
    this.listeners = [];
  }
}
