// The three depths of a run, and where a position is in them.
import type { Depth, Stop } from "iommu-view";
import type { Place } from "./store";

export const DEPTHS = ["idea", "operation", "read"] as const satisfies readonly Depth[];

export const isDepth = (word: string | null | undefined): word is Depth =>
  (DEPTHS as readonly string[]).includes(word ?? "");

const rank = (depth: Depth): number => DEPTHS.indexOf(depth);

/** Is a stop above what a reader of this depth stops at? */
export const above = (stop: Stop, depth: Depth): boolean => rank(stop.depth) < rank(depth);

/** The level of a way at which stepping stops: what is further in was opened. */
export function baseLevel(way: readonly Place[], depth: Depth): number {
  const found = way.findIndex(({ stop }) => !above(stop, depth));
  return found < 0 ? way.length - 1 : found;
}

/** The first of sorted numbers above `at`. */
export function after(sorted: ArrayLike<number>, at: number): number | null {
  const found = firstAbove(sorted.length, (i) => (sorted[i] as number) > at);
  return found < sorted.length ? (sorted[found] as number) : null;
}

/** The last of sorted numbers below `at`. */
export function before(sorted: ArrayLike<number>, at: number): number | null {
  const found = firstAbove(sorted.length, (i) => (sorted[i] as number) >= at);
  return found > 0 ? (sorted[found - 1] as number) : null;
}

/** The index of the stop that a position is in; -1 outside of all. */
export function indexAt(stops: readonly Stop[], position: number): number {
  const found = firstAbove(stops.length, (i) => (stops[i] as Stop).to >= position);
  const stop = stops[found];
  return stop && stop.from < position ? found : -1;
}

/** How many of sorted numbers are below `at`. */
export const below = (sorted: ArrayLike<number>, at: number): number =>
  firstAbove(sorted.length, (i) => (sorted[i] as number) >= at);

/** The first index for which something holds that then holds for all after it. */
function firstAbove(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
