// The answer's sheet and the picture: below it, it takes room; over it, it covers the lower end.

/** The sheet of the run that a picture shows, where there is one: in the page, or in the picture's own frame. */
export const sheetOf = (picture: HTMLElement): HTMLElement | null =>
  picture.closest(".shown")?.querySelector<HTMLElement>(":scope > .over") ??
  picture.closest("main")?.querySelector<HTMLElement>(":scope > .over") ??
  null;

const below = (sheet: HTMLElement): boolean => getComputedStyle(sheet).position === "static";

/** How many pixels of the picture's room its answer has taken, standing below it. */
export function taken(picture: HTMLElement): number {
  const sheet = sheetOf(picture);
  return sheet && !sheet.hidden && below(sheet) ? sheet.offsetHeight : 0;
}

/** How many pixels of its lower end lie under the answer. */
export function covered(picture: HTMLElement): number {
  const sheet = sheetOf(picture);
  if (!sheet || sheet.hidden || below(sheet)) return 0;
  return Math.max(0, picture.getBoundingClientRect().bottom - sheet.getBoundingClientRect().top);
}
