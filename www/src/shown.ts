// All that is shown of one position, put together beside the machine: the page requests it in one message, however many answers it is.
import type { Stop, TermUse } from "iommu-view";
import { above, indexAt } from "./depth";
import type { Api, Args, Result, Shown, Wanted } from "./protocol";
import type { Lang } from "./strings";

/** What answers the parts: the machine, or a recording, which does not know all of them. */
export type Part = <K extends keyof Api>(
  name: K,
  ...args: Args<K>
) => Result<K> | undefined | Promise<Result<K> | undefined>;

/** Is a stop open at a position: is what is inside it on the way there? `level` is its place on the way, from 0. */
export const isOpen = (
  stop: Stop,
  level: number,
  { at, depth, levels }: Pick<Wanted, "at" | "depth" | "levels">,
): boolean => stop.children > 0 && (above(stop, depth) || stop.to !== at || level + 1 < levels);

/** Puts the answer together; nothing where one of its parts is not known. */
export async function shown(
  part: Part,
  slot: number,
  wanted: Wanted,
  lang: Lang,
): Promise<Shown | undefined> {
  const { at, scene, beside } = wanted;
  const picture = (of: number, position: number, wish: Wanted["scene"]) =>
    wish ? part("scene", of, position, wish.width, wish.low, wish.focus, lang) : null;
  const inside: Stop[][] = [];
  const texts = [...wanted.texts];
  let { open, level } = wanted;
  // Bounded by how deep stops are inside each other.
  while (open) {
    const { depth, from, to } = open;
    const stops = await part("inside", slot, depth, from, to, lang);
    if (!stops) return undefined;
    inside.push(stops);
    const stop = stops[indexAt(stops, at)];
    if (!stop) break;
    texts.push(...told(stop));
    level += 1;
    open = isOpen(stop, level, wanted) ? stop : null;
  }
  const terms: [string, TermUse[]][] = [];
  for (const text of texts) {
    const uses = await part("terms", text, lang);
    if (!uses) return undefined;
    terms.push([text, uses]);
  }
  const [view, drawn] = [await part("view", slot, at, lang), await picture(slot, at, scene)];
  const other = beside && {
    view: await part("view", slot + 1, beside.at, lang),
    scene: await picture(slot + 1, beside.at, beside.scene),
  };
  if (!view || drawn === undefined || (other && (!other.view || other.scene === undefined))) return undefined;
  return { view, scene: drawn, beside: other as Shown["beside"], inside, terms };
}

/** What a stop says. */
export const told = ({ sentence, outcome }: Stop): string[] =>
  [sentence, outcome?.text ?? ""].filter((text) => text !== "");
