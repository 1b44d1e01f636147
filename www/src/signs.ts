// A sign for each tone: nothing is said by colour alone.
export const SIGNS: Record<string, string> = {
  plain: "·",
  good: "✓",
  miss: "○",
  stale: "◆",
  fault: "✕",
  invalidate: "–",
  interrupt: "▲",
};
