// What `explainLog` of the core answers, parsed.

export interface Report {
  /** How many lines were read. */
  lines: number;
  items: Item[];
}

export interface Item {
  kind: "fault" | "status" | "tables" | "unknown";
  /** First and last line, counted from 1. */
  first: number;
  last: number;
  title: string;
  arch: string;
  /** How often the same fault occurs. */
  times: number;
  fields: Field[];
  causes: Cause[];
  /** A scenario that ends at the same fault. */
  scenario?: string;
  /** For a line that is not understood: the known form it resembles most, and who prints that. */
  nearest?: string;
  source?: string;
}

export interface Field {
  name: string;
  value: string;
  meaning: string;
  inferred: boolean;
}

export interface Cause {
  text: string;
  howToTell: string;
}
