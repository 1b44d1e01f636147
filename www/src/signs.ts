// A sign for each tone and each outcome: nothing is said by colour alone.
import type { OutcomeKind, PageTone } from "iommu-view";

export const SIGNS: Readonly<Record<string, string>> = {
  plain: "·",
  good: "✓",
  miss: "○",
  stale: "◆",
  wrong: "≠",
  fault: "✕",
  invalidate: "–",
  interrupt: "▲",
} satisfies Record<PageTone | "wrong", string>;

/** The tone that an outcome has. */
const TONES: Readonly<Record<OutcomeKind, string>> = {
  arrived: "good",
  refused: "fault",
  wrong: "wrong",
  lost: "wrong",
  mapped: "plain",
  unmapped: "invalidate",
  answered: "good",
  interrupted: "interrupt",
  done: "plain",
};

export const toneOf = (kind: OutcomeKind): string => TONES[kind];
