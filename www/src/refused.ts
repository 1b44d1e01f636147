// The word for a refused access as a position: `fault`, the first one; `fault:0x5`, the first with that code; `fault:F_TRANSLATION`,
// the first with that name; `fault:0x2:3`, the third with it.
import type { Course } from "iommu-view";

/** `fault`, `fault:CODE` or `fault:NAME`, its code in decimal digits or with 0x; with `:NTH` behind it the Nth such. */
export type Refused = "fault" | `fault:${string}`;

const CODE = /^(0x[\da-f]{1,4}|\d{1,5}|\d[\da-f]{0,3}h)$/i;
const NAME = /^[a-z][\w./ -]{0,60}$/i;

export const isRefused = (word: string | null | undefined): word is Refused => {
  const [first, which, nth, ...more] = (word ?? "").split(":");
  return (
    first === "fault" &&
    (which === undefined || CODE.test(which) || NAME.test(which)) &&
    (nth === undefined || /^[1-9]\d{0,4}$/.test(nth)) &&
    !more.length
  );
};

/** A name without case and punctuation: which of these a link keeps is chance. */
const bare = (name: string): string => name.toLowerCase().replace(/[^a-z\d]/g, "");

/** The position of the refused access that `word` means, if the run has it. */
export function refusedAt({ marks }: Course, word: Refused): number | null {
  const [, which, nth] = word.split(":");
  const found = marks.filter((mark) => {
    if (which === undefined) return mark.tone === "fault";
    // VT-d names the codes of interrupts `22h`.
    const hex = /^(\d[\da-f]*)h$/i.exec(which)?.[1];
    if (CODE.test(which)) return mark.code === Number(hex === undefined ? which.toLowerCase() : `0x${hex}`);
    return mark.name !== null && bare(mark.name) === bare(which);
  });
  return found[Number(nth ?? 1) - 1]?.at ?? null;
}
