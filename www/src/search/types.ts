// What is searched: written by tools/search.mjs when the page is built, loaded when somebody searches.

/** A text in English and in Chinese. */
export type Both = readonly [en: string, zh: string];

export interface Stage {
  title: Both;
  scenarios: string[];
}

export interface Scenario {
  name: string;
  title: Both;
  answer: Both;
  notes: Both[];
  /** Other words for what it is about: topics, documents, the terms that its texts use. */
  more: string;
  /** Fault codes that it expects: `0x5`. */
  codes: string[];
}

export interface Term {
  name: Both;
  meaning: Both;
  /** Other words for it, and the first letters of its pinyin. */
  also: string;
  /** The scenarios whose texts use it. */
  scenarios: string[];
}

export interface Fault {
  /** Whose: `VT-d`. */
  arch: string;
  /** In hexadecimal: `0x5`. */
  code: string;
  name: string;
  meaning: Both;
  section: string;
  /** The scenarios that end at it. */
  scenarios: string[];
}

export interface Index {
  path: Stage[];
  scenarios: Scenario[];
  chapters: { title: Both; terms: Term[] }[];
  faults: Fault[];
}
