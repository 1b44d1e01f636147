// What a text tells of a machine or of its DMA events: sections of items, those that are wrong open.
import { el, press } from "./element";
import type { Around } from "./items";
import { strings } from "./strings";
import type { Account, AccountItem, AccountSection } from "./types";

function item(
  { text, line, place, details, scenario }: AccountItem,
  { lang, select, open }: Around,
): HTMLElement {
  const entry = el("li", "", text);
  if (line !== null && select) {
    entry.append(
      " ",
      press("explain-lines", strings[lang].line(line, line), () => select(line, line)),
    );
  } else if (place) entry.append(el("span", "explain-place", ` ${place}`));
  if (scenario !== null)
    entry.append(
      " ",
      press("explain-open", strings[lang].open, () => open(scenario)),
    );
  if (details.length > 0)
    entry.append(el("ul", "explain-details", ...details.map((one) => el("li", "", one))));
  return entry;
}

function section({ heading, wrong, items }: AccountSection, around: Around): HTMLElement {
  const list = el("ul", "explain-account-list", ...items.map((one) => item(one, around)));
  if (!heading) return list;
  const folded = el(
    "details",
    wrong ? "is-wrong" : "",
    el("summary", "", `${heading} · ${items.length}`),
    list,
  );
  folded.open = wrong;
  return folded;
}

/** An account under its title, with what can be done with it. */
export function accountOf(
  title: string,
  { sections }: Account,
  around: Around,
  ...actions: HTMLElement[]
): HTMLElement {
  const [first, ...rest] = sections;
  const told = [...(first ? [section(first, around)] : []), ...actions];
  return el(
    "section",
    "explain-account",
    el("h3", "explain-title", title),
    ...told,
    ...rest.map((one) => section(one, around)),
  );
}
