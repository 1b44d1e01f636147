// What the box and its worker say to each other. What is in a report is told by the core, in `explain::logs::answer`.
import type { LogReport } from "iommu-view";

export type { LogCause, LogItem, LogReport, LogStory } from "iommu-view";

/** A text to read, or, without one, the last text again in another language. */
export interface Asked {
  id: number;
  text: string | null;
  zh: boolean;
}

export type Answered = { id: number } & ({ report: LogReport } | { error: string });

/** What reads logs. */
export interface LogReader {
  /** Reads a text. Another one, asked for meanwhile, ends this; then there is no report. */
  read: (text: string, zh: boolean) => Promise<LogReport | null>;
  /** Says the last report in a language. */
  say: (zh: boolean) => Promise<LogReport | null>;
}
