// What the box and its worker say to each other. What is in a report is told by the core, in `explain::logs::answer` and
// `import::account`.
import type { Account, LogReport, TraceMoment } from "iommu-view";

export type {
  Account,
  AccountItem,
  AccountSection,
  LogCause,
  LogItem,
  LogReport,
  LogStory,
  TraceLane,
  TraceMoment,
} from "iommu-view";

/** What is in a text: a log, and what it tells of a machine and of its DMA events. */
export interface Reading {
  log: LogReport;
  machine: Account | null;
  /** The machine as a scenario; empty without one. */
  scenario: string;
  trace: Account | null;
}

/** A text to read, or, without one, the last text again in another language; an event of its trace; or that what was read so far
    is enough. */
export type Asked =
  | { id: number; text: Blob | null; zh: boolean }
  | { id: number; moment: number; zh: boolean }
  | { enough: true };

export type Answered = { id: number } & (
  | { reading: Reading }
  | { moment: TraceMoment | null }
  | { error: string }
  /** So much of the text is read, of 1. */
  | { done: number }
);

/** What reads texts. */
export interface TextReader {
  /** Reads a text. Another one, asked for meanwhile, ends this; then there is no reading. */
  read: (text: Blob, zh: boolean, progress: (done: number) => void) => Promise<Reading | null>;
  /** Says the last reading in a language. */
  say: (zh: boolean) => Promise<Reading | null>;
  /** Gives an event of the trace of the last reading, with what is mapped around it. */
  moment: (position: number, zh: boolean) => Promise<TraceMoment | null>;
  /** Ends the reading that goes on, with what was read so far. */
  enough: () => void;
}
