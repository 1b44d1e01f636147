// The address bar: which scenario, which step, which language (docs/links.md). A preset's name is read here, so that the
// first scenario needs no machine; a text that a link carries is read by the machine.
import type { Depth } from "iommu-view";
import { isDepth } from "./depth";
import { isRefused, type Refused } from "./refused";

export interface Place {
  /** As it was written. */
  hash: string;
  preset: string | null;
  at: number | null;
  /** A refused access is where to stand, wherever that is. */
  refused: Refused | null;
  lang: "en" | "zh" | null;
  theme: string | null;
  /** A log to be explained; empty where only the reader for it is wanted. */
  explain: string | null;
  /** How far stops are opened. */
  depth: Depth | null;
  /** Parameters that are known but have a value that can't be, as written: they are passed over. */
  ignored: string[];
  /** The fragment carries a text, or something that is to be looked at closely. */
  packed: boolean;
}

const THEMES = ["auto", "light", "dark"];
/** What an embed shows; this page shows all. */
const VIEWS = ["diagram", "walk", "full"];
/** Positions are below this. */
const END = 2 ** 32;

export function read(hash: string): Place {
  const fragment = hash.replace(/^#/, "");
  const params = new URLSearchParams(fragment);
  const ignored: string[] = [];
  /** A parameter's value, if it can be. */
  const take = <T extends string>(name: string, can: (value: string) => value is T): T | null => {
    const value = params.get(name);
    if (value === null || can(value)) return value;
    ignored.push(`${name}=${value}`);
    return null;
  };
  const one =
    (choices: string[]) =>
    (value: string): value is string =>
      choices.includes(value);
  const refused = params.get("at");
  const position = (value: string): value is string => /^\d{1,10}$/.test(value) && Number(value) < END;
  const at = isRefused(refused) ? null : take("at", position);
  take("view", one(VIEWS));
  return {
    hash,
    preset: params.get("p"),
    at: at === null ? null : Number(at),
    refused: isRefused(refused) ? refused : null,
    lang: take("lang", (value): value is "en" | "zh" => value === "en" || value === "zh"),
    theme: take("theme", one(THEMES)),
    explain: params.get("explain"),
    depth: take("depth", (value): value is Depth => isDepth(value)),
    ignored,
    // What begins like neither a preset nor a parameter of ours is a text, or damaged; a preset on another machine is turned to it.
    packed:
      params.has("arch") ||
      (fragment !== "" && !/^(p|at|lang|theme|view|depth|explain)=|^explain(&|$)/.test(fragment)),
  };
}

/** The fragment of a preset, or of a text as `head` has it packed, at a step. */
export function write(head: string, at: number | null, lang: string | null, depth: string | null): string {
  const more = { at, lang, depth };
  return Object.entries(more).reduce(
    (all, [key, value]) => (value === null ? all : `${all}&${key}=${value}`),
    head,
  );
}
