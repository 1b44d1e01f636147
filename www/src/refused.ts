// The word for a refused access as a position: `fault`, the first one; `fault:0x5`, the first with that code; `fault:0x2:3`, the
// third with it.
import type { Course } from "iommu-view";

/** `fault`, `fault:CODE` or `fault:CODE:NTH`, its code in decimal digits or with 0x. */
export type Refused = "fault" | `fault:${string}`;

export const isRefused = (word: string | null | undefined): word is Refused =>
  /^fault(:(0x[\da-f]{1,4}|\d{1,5})(:[1-9]\d{0,4})?)?$/i.test(word ?? "");

/** The position of the refused access that `word` means, if the run has it. */
export function refusedAt({ marks }: Course, word: Refused): number | null {
  const [, code, nth] = word.split(":");
  const found = marks.filter((mark) =>
    code === undefined ? mark.tone === "fault" : mark.code === Number(code.toLowerCase()),
  );
  return found[Number(nth ?? 1) - 1]?.at ?? null;
}
