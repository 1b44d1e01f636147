// What search shows besides scenarios: a term, a fault code, the way to the log reader. The same on every page.
import { h } from "../dom";
import { explainHref } from "../explain/href";
import { marked } from "./match";
import type { Fault, Term } from "./types";

/** Words around what was found, in the reader's language. */
export interface Words {
  /** Says that it looks like a log. */
  log: string;
  /** Names the button that explains it. */
  explain: string;
  /** What was looked for instead, at `{words}`. */
  instead: string;
}

type Scenario = (name: string) => { href: string; title: string };

/** Scenarios named under a term or a code. */
const NAMED = 3;

/** A text with the words that were searched marked in it. */
export const highlit = (text: string, wanted: string[]): (string | HTMLElement)[] =>
  marked(text, wanted).map((part, i) => (i % 2 ? h("mark", {}, part) : part));

function scenarios(names: string[], scenario: Scenario): HTMLElement | string {
  if (!names.length) return "";
  const links = names.slice(0, NAMED).map((name) => {
    const { href, title } = scenario(name);
    return h("li", {}, h("a", { href }, title));
  });
  return h("ul.found-in", {}, ...links);
}

export function termItem(term: Term, lang: 0 | 1, wanted: string[], scenario: Scenario): HTMLElement {
  return h(
    "li.found-term",
    {},
    h("b", {}, ...highlit(term.name[lang], wanted)),
    h("span", {}, ...highlit(term.meaning[lang], wanted)),
    scenarios(term.scenarios, scenario),
  );
}

export function faultItem(fault: Fault, lang: 0 | 1, wanted: string[], scenario: Scenario): HTMLElement {
  return h(
    "li.found-term",
    {},
    h("b", {}, h("code", {}, `${fault.arch} ${fault.code}`), ` ${fault.name}`),
    h("span", {}, ...highlit(fault.meaning[lang], wanted)),
    scenarios(fault.scenarios, scenario),
  );
}

export function explainLink(log: string, words: Words, lang: 0 | 1): HTMLElement {
  return h(
    "p.found-log",
    {},
    h("span", {}, words.log),
    h("a.button", { href: `./${explainHref(log, lang)}` }, words.explain),
  );
}
