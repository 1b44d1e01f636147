// The address bar: which scenario, which step, which language (docs/links.md). A preset's name is read here, so that the
// first scenario needs no machine; a text that a link carries is read by the machine.
export interface Place {
  preset: string | null;
  at: number | null;
  lang: string | null;
  theme: string | null;
  /** A log to be explained; empty where only the reader for it is wanted. */
  explain: string | null;
  /** How far stops are opened; as it is written, right or wrong. */
  depth: string | null;
  /** The fragment carries a text, or something that is to be looked at closely. */
  packed: boolean;
}

const THEMES = ["auto", "light", "dark"];

export function read(hash: string): Place {
  const fragment = hash.replace(/^#/, "");
  const params = new URLSearchParams(fragment);
  const at = /^\d{1,9}$/.test(params.get("at") ?? "") ? Number(params.get("at")) : null;
  const lang = params.get("lang");
  const theme = params.get("theme") ?? "";
  // What begins like neither a preset nor a parameter of ours is a text, or damaged.
  const packed = fragment !== "" && !/^(p|at|lang|theme|view|depth|explain)=|^explain$/.test(fragment);
  return {
    preset: params.get("p"),
    at,
    lang: lang === "en" || lang === "zh" ? lang : null,
    theme: THEMES.includes(theme) ? theme : null,
    explain: params.get("explain"),
    depth: params.get("depth"),
    packed,
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
