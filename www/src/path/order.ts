// The newcomer's path: which scenario is which lesson, and what comes before and after it.
import type { Card } from "iommu-view";

export interface Lesson {
  card: Card;
  /** Its number, from 1. */
  nth: number;
  of: number;
  previous: Card | null;
  next: Card | null;
}

/** The scenarios of the path, in order. */
export const path = (gallery: readonly Card[]): Card[] =>
  gallery.filter((card) => card.path !== null).sort((a, b) => (a.path ?? 0) - (b.path ?? 0));

/** The lesson that a scenario is; nothing for one that is not on the path. */
export function lesson(gallery: readonly Card[], name: string | null): Lesson | null {
  const cards = path(gallery);
  const index = cards.findIndex((card) => card.name === name);
  const card = cards[index];
  if (!card) return null;
  return {
    card,
    nth: index + 1,
    of: cards.length,
    previous: cards[index - 1] ?? null,
    next: cards[index + 1] ?? null,
  };
}

/** The question of a title alone: what follows it is for those who look closer. */
export const short = (title: string): string => title.replace(/(?<=[?？]).+$/, "");
