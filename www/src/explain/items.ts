// What the core reads in a log, as elements: items with their fields and causes, and stories of what belongs together.
import { el, press } from "./element";
import { inLanguage } from "./href";
import { strings, type Lang } from "./strings";
import type { LogCause, LogItem, LogStory } from "./types";

/** What an item needs of the box. */
export interface Around {
  lang: Lang;
  /** Marks lines of the paste; none where the text is not in the box. */
  select: ((first: number, last: number) => void) | null;
  /** Opens a scenario at the read that fails. */
  open: (scenario: string) => void;
}

/** A button that marks lines. */
function lines(first: number, last: number, { lang, select }: Around): HTMLElement {
  const text = strings[lang].line(first, last);
  return select ? press("explain-lines", text, () => select(first, last)) : el("span", "explain-place", text);
}

const mark = (lang: Lang) => el("span", "explain-mark", `~ ${strings[lang].inferred}`);

/** Where a link leads, in the language of the answer. */
const goesOn = (href: string, lang: Lang) => inLanguage(href, lang === "zh" ? 1 : 0);

/** A link to the scenario of the page that shows this kind of trouble. */
function example(preset: string, lang: Lang): HTMLElement {
  const link = el("a", "explain-preset", strings[lang].preset(preset));
  link.href = goesOn(`#p=${preset}`, lang);
  return link;
}

/** What belongs together, one after the other. */
export function storyOf({ title, moments }: LogStory, around: Around): HTMLElement {
  const rows = moments.map((moment) => {
    const time = moment.time === null ? "" : ` ${moment.time.toFixed(6)} s`;
    return el("li", "", lines(moment.line, moment.line, around), `${time} ${moment.text}`);
  });
  return el("section", "explain-story", el("h3", "explain-title", title), el("ol", "", ...rows));
}

function causeOf(cause: LogCause, lang: Lang): HTMLElement {
  const say = strings[lang];
  const entry = el(
    "li",
    "",
    cause.text,
    el("p", "explain-tell", el("b", "", say.tell), " ", cause.howToTell),
  );
  const evidence = (name: string, clues: string[]) => {
    if (clues.length > 0)
      entry.append(el("p", "explain-tell", el("b", "", name), " ", clues.join(say.between)));
  };
  evidence(say.because, cause.because);
  evidence(say.despite, cause.despite);
  evidence(say.seenIn, cause.seenIn);
  if (cause.preset !== null) entry.append(el("p", "explain-tell", example(cause.preset, lang)));
  return entry;
}

/** One item. */
export function itemOf(item: LogItem, around: Around): HTMLElement {
  const { lang } = around;
  const say = strings[lang];
  const head = el("div", "explain-head", el("h3", "explain-title", item.title));
  if (item.kind !== "boot") head.append(lines(item.first, item.last, around));
  if (item.times > 1) head.append(el("span", "explain-times", say.times(item.times)));
  const entry = el("li", `explain-item is-${item.kind}`, head);
  if (item.quote !== null) entry.append(el("pre", "explain-quote", item.quote));
  if (item.nearest !== null) {
    const source = item.source === null ? "" : ` (${item.source})`;
    entry.append(el("p", "explain-nearest", `${say.nearest} `, el("code", "", item.nearest), source));
  }
  if (item.fields.length > 0) {
    const rows = item.fields.map((field) => {
      const meaning = el("td", "", field.meaning === field.value ? "" : field.meaning);
      if (field.inferred) meaning.prepend(mark(lang), " ");
      const name = el("th", "", field.name);
      name.scope = "row";
      const value = el("td", "", field.value ? el("code", "", field.value) : "");
      return el("tr", field.inferred ? "is-inferred" : "", name, value, meaning);
    });
    entry.append(el("div", "explain-scroll", el("table", "explain-fields", el("tbody", "", ...rows))));
  }
  const { scenario } = item;
  if (scenario !== null) {
    const text = item.kind === "tables" ? say.openTables : say.open;
    entry.append(press("explain-open", text, () => around.open(scenario)));
  }
  if (item.preset !== null) entry.append(el("p", "explain-tell", example(item.preset, lang)));
  if (item.rungs.length > 0) {
    const links = item.rungs.map(({ at, name }) => {
      const link = el("a", "explain-rung", name);
      link.href = goesOn(at, lang);
      return el("li", "", link);
    });
    entry.append(el("p", "explain-tell", say.rungs(links.length)), el("ul", "explain-rungs", ...links));
  }
  if (item.causes.length > 0) {
    entry.append(
      el("h4", "explain-causes", say.causes, " ", mark(lang)),
      el("ol", "explain-cause-list", ...item.causes.map((cause) => causeOf(cause, lang))),
    );
  }
  return entry;
}
