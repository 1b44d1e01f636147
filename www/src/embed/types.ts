// What the embed is to the page around it: its events, its methods. These types are also those of the npm package.

/** One step's meaning: the field's own terms, as on the page. */
export type Tone = "plain" | "good" | "miss" | "stale" | "fault" | "invalidate" | "interrupt";

/** Where the run stands. */
export interface StepDetail {
  /** How many steps of the trace are done. */
  position: number;
  /** How many there are. */
  length: number;
  /** What the step means. */
  tone: Tone;
  /** The step in one sentence, in the embed's language. Text, never HTML. */
  sentence: string;
}

/** The run is there and its picture is asked for. */
export interface ReadyDetail extends StepDetail {
  /** The scenario's title. Text, never HTML. */
  title: string;
}

/** What went wrong. */
export interface ErrorDetail {
  /** An attribute's value, a source that could not be loaded, the scenario's own text, or the machine. */
  kind: "attribute" | "source" | "scenario" | "machine";
  /** For the reader, in the embed's language. Text, never HTML. */
  message: string;
  /** Where in the scenario, from 1. */
  line: number | null;
  column: number | null;
}

export interface IommuPlaygroundEventMap {
  ready: CustomEvent<ReadyDetail>;
  step: CustomEvent<StepDetail>;
  fault: CustomEvent<StepDetail>;
  error: CustomEvent<ErrorDetail>;
}

/** A position: a count of steps, an end of the run, or its first fault, of any code or of one. */
export type Place = number | "start" | "end" | "fault" | `fault:${string}`;

/** What `load` takes: one of the four, and where to stand. */
export interface LoadOptions {
  /** The fragment of a link, with its `#`. */
  link?: string;
  preset?: string;
  scenario?: string;
  src?: string;
  at?: Place;
}
