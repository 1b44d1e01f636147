// Finds scenarios, terms and fault codes for a query: every word has to occur somewhere; where counts. A line of a log
// is compared by how much of it occurs instead.
import type { Both, Fault, Index, Scenario, Term } from "./types";
import { code, fold, isHan, looksLikeLog, messageWords, words } from "./words";

export interface Results {
  scenarios: Scenario[];
  terms: Term[];
  faults: Fault[];
  /** The query reads like a line of a log. */
  log: boolean;
  /** What was looked for instead, where nothing has the words as they were typed. */
  instead: string | null;
  /** The words to mark in what is shown. */
  words: string[];
}

const some = (found: { scenarios: unknown[]; terms: unknown[]; faults: unknown[] }) =>
  found.scenarios.length + found.terms.length + found.faults.length > 0;

interface Field {
  text: string;
  /** The text without spaces and underscores: `pagetable` finds "page table". */
  tight: string;
  weight: number;
}

interface Entry<T> {
  of: T;
  fields: Field[];
  codes: string[];
}

const field = (weight: number, ...texts: (string | Both)[]): Field => {
  const text = fold(texts.flat().join(" \n "));
  return { text, tight: text.replace(/[\s_]+/g, ""), weight };
};

/** What may stand before a Chinese word that is one character: nothing of a longer word. */
const BEFORE = /(^|[^\p{Script=Han}]|[个的同一该每本这各到在给从把和与用是属])$/u;

/** How well a word fits a field: whole words above the beginnings of others, these above the rest; 0 when it does not occur. */
function fit(word: string, { text, tight, weight }: Field): number {
  const at = text.indexOf(word);
  if (at < 0)
    return word.length > 4 && !isHan(word) && tight.includes(word.replaceAll("_", "")) ? weight / 3 : 0;
  // 域 is no word of 总线域; longer Chinese words are hardly ever parts of others.
  if (isHan(word)) {
    const whole =
      word.length > 1 ||
      text
        .split(word)
        .slice(0, -1)
        .some((before) => BEFORE.test(before));
    return whole ? weight : weight / 3;
  }
  const written = word.replace(/[.+]/g, "\\$&");
  if (new RegExp(`(?<![a-z0-9])${written}(?:e?s)?(?![a-z0-9])`).test(text)) return weight;
  return new RegExp(`(?<![a-z0-9])${written}`).test(text) ? weight / 2 : weight / 3;
}

/** The best fit of a word to an entry. A Chinese word that does not occur whole is looked for in pairs of characters. */
function best(word: string, entry: Entry<unknown>): number {
  const number = code(word);
  if (number !== null && entry.codes.includes(number)) return 12;
  const whole = Math.max(...entry.fields.map((one) => fit(word, one)));
  if (whole > 0 || !isHan(word) || word.length < 3) return whole;
  const pairs = Array.from({ length: word.length - 1 }, (_, i) => word.slice(i, i + 2));
  return Math.max(
    ...entry.fields.map((one) => (pairs.every((pair) => fit(pair, one) > 0) ? one.weight / 2 : 0)),
  );
}

/** Every word has to occur; the sum of the fits. */
function all(query: string[], entry: Entry<unknown>): number {
  let sum = 0;
  for (const word of query) {
    const fits = best(word, entry);
    if (fits === 0) return 0;
    sum += fits;
  }
  return sum;
}

export class Search {
  private readonly scenarios: Entry<Scenario>[];
  private readonly terms: Entry<Term>[];
  private readonly faults: Entry<Fault>[];
  private vocabulary: Set<string> | null = null;

  constructor(readonly index: Index) {
    this.scenarios = index.scenarios.map((of) => ({
      of,
      codes: of.codes,
      fields: [field(8, of.title, of.name), field(4, of.answer), field(3, ...of.notes), field(2, of.more)],
    }));
    this.terms = index.chapters
      .flatMap((chapter) => chapter.terms)
      .map((of) => ({ of, codes: [], fields: [field(8, of.name), field(2, of.meaning), field(4, of.also)] }));
    this.faults = index.faults.map((of) => ({
      of,
      codes: [of.code],
      fields: [field(8, of.name), field(4, of.meaning), field(2, of.arch)],
    }));
  }

  find(query: string): Results {
    if (looksLikeLog(query)) return this.message(query);
    const wanted = words(query);
    const found = this.words(wanted);
    const none = { log: false, instead: null, words: wanted };
    if (some(found) || wanted.length === 0) return { ...found, ...none };
    // A slip of the fingers, then what has at least some of the words.
    const near = wanted.map((word) => this.near(word) ?? word);
    const again = this.words(near);
    if (near.join() !== wanted.join() && some(again))
      return { ...again, log: false, instead: near.join(" "), words: near };
    const shared =
      wanted.length > 1 || isHan(wanted[0] ?? "") ? this.sharing(near, Math.ceil(near.length / 2)) : [];
    const having = near.filter((word) => this.scenarios.some((entry) => best(word, entry) > 0));
    return {
      ...found,
      ...none,
      scenarios: shared,
      instead: shared.length ? having.join(" ") : null,
      words: near,
    };
  }

  private words(query: string[]) {
    const ranked = <T>(entries: Entry<T>[]): T[] =>
      entries
        .map((entry) => ({ of: entry.of, score: query.length ? all(query, entry) : 0 }))
        .filter(({ score }) => score > 0)
        .sort((a, b) => b.score - a.score)
        .map(({ of }) => of);
    const [scenarios, terms] = [ranked(this.scenarios), ranked(this.terms)];
    // A term is found by its meaning too: then the scenarios that use it are what is meant.
    const through = scenarios.length ? [] : terms.flatMap((term) => term.scenarios);
    return {
      scenarios: scenarios.length ? scenarios : this.index.scenarios.filter((s) => through.includes(s.name)),
      terms,
      faults: ranked(this.faults),
    };
  }

  /** The scenarios that share the most of some words; rare words count more. */
  private sharing(wanted: string[], least: number): Scenario[] {
    const fits = wanted.map((word) => this.scenarios.map((entry) => Math.min(8, best(word, entry))));
    const rarity = fits.map((row) => {
      const having = row.filter((fit) => fit > 0).length;
      return having === 0 ? 0 : Math.log(1 + row.length / having);
    });
    const scored = this.scenarios.map((entry, i) => ({
      of: entry.of,
      shared: fits.filter((row) => (row[i] ?? 0) > 0).length,
      score: fits.reduce((sum, row, word) => sum + (rarity[word] ?? 0) * (row[i] ?? 0), 0),
    }));
    const top = Math.max(...scored.map(({ score }) => score), 0);
    return scored
      .filter(({ score, shared }) => score > top / 2 && shared >= least)
      .sort((a, b) => b.score - a.score)
      .slice(0, 5)
      .map(({ of }) => of);
  }

  /** The scenarios about what a line of a log says, and its fault code. */
  private message(line: string): Results {
    const wanted = messageWords(line);
    const scenarios = this.sharing(wanted, 2);
    const reason = /(?:fault )?reason (?:0x)?0*([0-9a-f]{1,2})\b/i.exec(line)?.[1];
    const faults = this.faults
      .filter(
        ({ of }) => of.arch === "VT-d" && reason !== undefined && of.code === `0x${reason.toLowerCase()}`,
      )
      .map(({ of }) => of);
    return { scenarios, terms: [], faults, log: true, instead: null, words: wanted };
  }

  /** The nearest word that occurs, one slip away (two in a long word): letters swapped, missing, too many, wrong. */
  private near(word: string): string | null {
    if (word.length < 5 || !/^[a-z]+$/.test(word)) return null;
    this.vocabulary ??= new Set(
      [...this.scenarios, ...this.terms, ...this.faults].flatMap((entry) =>
        entry.fields.flatMap(({ text }) => text.match(/[a-z]{4,}/g) ?? []),
      ),
    );
    if (this.vocabulary.has(word)) return null;
    const most = word.length > 7 ? 2 : 1;
    let found: string | null = null;
    let least = most + 1;
    for (const other of this.vocabulary) {
      if (other[0] !== word[0] || Math.abs(other.length - word.length) > most) continue;
      const far = distance(word, other);
      if (far < least) [found, least] = [other, far];
    }
    return found;
  }
}

/** Letters to change, add, drop or swap (Damerau and Levenshtein, adjacent swaps only). */
function distance(a: string, b: string): number {
  let older: number[] = [];
  let before = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((before[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (before[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (older[j - 2] ?? 0) + 1);
      row.push(least);
    }
    [older, before] = [before, row];
  }
  return before[b.length] ?? 0;
}

/** The part of some texts that has the most of the words, for showing why something was found. */
export function excerpt(texts: string[], wanted: string[]): string {
  let found = texts[0] ?? "";
  let most = 0;
  for (const text of texts) {
    const folded = fold(text);
    const has = wanted.filter((word) => folded.includes(word)).length;
    if (has > most) [found, most] = [text, has];
  }
  return found;
}

/** A text cut where the words are: odd parts are to be marked. */
export function marked(text: string, wanted: string[]): string[] {
  const parts = wanted
    .filter((word) => word.length > 1 || isHan(word))
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return parts.length ? text.split(new RegExp(`(${parts.join("|")})`, "gi")) : [text];
}
