// The gallery's search: which cards a query finds, and, over the cards, terms, fault codes and the log reader's door.
import { loadSearch } from "../search/load";
import type { Results, Search } from "../search/match";
import type { Both, Index } from "../search/types";
import { explainLink, faultItem, termItem, type Words } from "../search/items";

/** Terms and codes shown over the cards. */
const MOST = 6;

export class Finder {
  /** A log as it was pasted, with its lines. */
  pasted = "";

  constructor(
    private readonly into: HTMLElement,
    private readonly lang: 0 | 1,
  ) {}

  load(): Promise<Search> {
    return loadSearch();
  }

  /** The names of the scenarios found, the best first; null where nothing is searched. */
  async find(query: string): Promise<string[] | null> {
    if (!query.trim()) {
      this.pasted = "";
      this.into.replaceChildren();
      return null;
    }
    const search = await this.load();
    const results = search.find(query);
    this.show(search.index, query, results);
    return results.scenarios.map((scenario) => scenario.name);
  }

  private show(index: Index, query: string, results: Results): void {
    const words = JSON.parse(this.into.dataset.words ?? "{}") as Words;
    const title = new Map(index.scenarios.map((s) => [s.name, s.title]));
    const pick = (both: Both) => both[this.lang];
    const scenario = (name: string) => ({
      href: `./#p=${name}${this.lang ? "&lang=zh" : ""}`,
      title: pick(title.get(name) ?? [name, name]),
    });
    const items = [
      ...results.faults.slice(0, MOST).map((fault) => faultItem(fault, this.lang, results.words, scenario)),
      ...results.terms.slice(0, MOST).map((term) => termItem(term, this.lang, results.words, scenario)),
    ];
    const log = this.pasted.trim() ? this.pasted : query;
    this.into.replaceChildren(
      ...(results.log ? [explainLink(log, words, this.lang)] : []),
      ...(results.instead ? [paragraph(words.instead.replace("{words}", results.instead))] : []),
      ...(items.length ? [list(items)] : []),
    );
  }
}

function paragraph(text: string): HTMLElement {
  const p = document.createElement("p");
  p.className = "instead";
  p.textContent = text;
  return p;
}

function list(items: HTMLElement[]): HTMLElement {
  const ul = document.createElement("ul");
  ul.className = "found-terms";
  ul.append(...items);
  return ul;
}
