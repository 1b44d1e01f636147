// The box that texts of a running system are put into, and what the core reads in them: a log, a machine, a trace.
import { accountOf } from "./account";
import { el, press } from "./element";
import { joined, LARGEST, LARGEST_FILE } from "./files";
import { itemOf, storyOf, type Around } from "./items";
import { traceView } from "./lanes";
import { samples } from "./samples";
import { strings, type Lang } from "./strings";
import type { LogItem, Reading, TextReader } from "./types";

export interface Host extends TextReader {
  /** Opens a scenario at the read that fails. */
  open: (scenario: string) => void;
  /** Opens the scenario of a machine. */
  openMachine: (scenario: string) => void;
}

export interface ExplainBox {
  element: HTMLElement;
  /** Says everything again, in this language. */
  setLang: (lang: Lang) => void;
  /** Reads this text in place of the one that is there. */
  explain: (text: string) => void;
  /** Puts the cursor where a text is pasted. */
  focus: () => void;
}

/** What is shown first: what was refused, then what was complained of, then what only tells of the machine. */
const ORDER: readonly string[] = ["fault", "software", "boot", "status", "tables", "unknown"];

/** Items shown at first, and with each press of "more". */
const PAGE = 50;

export function explainBox(host: Host, initial: Lang): ExplainBox {
  let lang = initial;
  let reading: Reading | null = null;
  let items: LogItem[] = [];
  /** A text is being read. */
  let busy = false;
  /** A file that is too large for the box, read from where it is. */
  let apart: File | null = null;
  let shown = PAGE;
  /** The event of the trace that is shown. */
  let position = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const heading = el("h2", "explain-heading");
  heading.id = "explain-heading";
  const lead = el("p", "explain-lead");
  const input = el("textarea", "explain-input");
  input.rows = 6;
  input.spellcheck = false;
  input.autocapitalize = "off";
  input.setAttribute("wrap", "off");
  const tryOne = el("span");
  const row = el("p", "explain-samples", tryOne);
  for (const { name, log } of samples) row.append(press("explain-sample", name, () => put(log)));
  const file = el("input");
  file.type = "file";
  file.multiple = true;
  file.hidden = true;
  const pick = press("explain-file", "", () => file.click());
  file.addEventListener("change", () => {
    void takeFiles([...(file.files ?? [])]);
    file.value = "";
  });
  const clear = press("explain-clear", "", () => {
    put("");
    input.focus();
  });
  row.append(pick, file, clear);
  const summary = el("p", "explain-summary");
  summary.setAttribute("role", "status");
  const progress = el("progress", "explain-progress");
  const stop = press("explain-stop", "", () => host.enough());
  const going = el("p", "explain-going", progress, " ", stop);
  going.hidden = true;
  const accounts = el("div", "explain-stories");
  const stories = el("div", "explain-stories");
  const list = el("ol", "explain-items");
  const more = press("explain-more", "", () => {
    shown += PAGE;
    show();
  });
  const element = el(
    "section",
    "explain",
    heading,
    lead,
    input,
    row,
    summary,
    going,
    accounts,
    stories,
    list,
    more,
  );
  element.setAttribute("aria-labelledby", heading.id);

  /** Puts a text into the box, and reads it. */
  function put(text: string) {
    input.value = text;
    apart = null;
    read();
  }

  function read() {
    clearTimeout(timer);
    if (input.value.length > LARGEST) {
      reading = null;
      show();
      summary.textContent = strings[lang].pasteTooLarge;
      return;
    }
    shown = PAGE;
    position = 0;
    busy = true;
    summary.textContent = strings[lang].reading(apart?.name ?? "");
    void take(host.read(apart ?? new Blob([input.value]), lang === "zh", progressed));
  }

  /** Shows how far a long reading is. */
  function progressed(done: number) {
    going.hidden = done >= 1 && progress.value === 0;
    progress.value = done;
  }

  /** Shows a reading once it is there, if nothing newer was asked for. */
  async function take(coming: Promise<Reading | null>) {
    try {
      const come = await coming;
      if (!come) return;
      busy = false;
      reading = come;
      show();
    } catch (error) {
      busy = false;
      summary.textContent = String(error);
    }
  }

  function show() {
    const say = strings[lang];
    going.hidden = true;
    progress.value = 0;
    const log = reading?.log;
    items = (log?.items ?? []).slice().sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
    const count = (...kinds: string[]) => items.filter((item) => kinds.includes(item.kind)).length;
    summary.textContent = say.summary({
      faults: count("fault"),
      others: count("status", "software", "tables"),
      unknown: count("unknown"),
      quiet: log?.quiet ?? 0,
      lines: log?.lines ?? 0,
      machine: reading?.machine != null,
      trace: reading?.trace != null,
    });
    const around: Around = { lang, select: apart ? null : select, open: host.open };
    accounts.replaceChildren(...told(around));
    stories.replaceChildren(...(log?.stories ?? []).map((story) => storyOf(story, around)));
    list.replaceChildren(...items.slice(0, shown).map((item) => itemOf(item, around)));
    const left = items.length - shown;
    more.hidden = left <= 0;
    more.textContent = say.more(Math.min(left, PAGE));
  }

  /** What the text tells of a machine and of its DMA events. */
  function told(around: Around): HTMLElement[] {
    const say = strings[lang];
    const { machine, scenario = "", trace } = reading ?? {};
    const out: HTMLElement[] = [];
    if (trace) {
      const at = (wanted: number) => host.moment(wanted, lang === "zh");
      out.push(traceView(at, position, around, (now) => (position = now)));
      out.push(accountOf(say.trace, trace, around));
    }
    if (machine) {
      const open = press("explain-open", say.openMachine, () => host.openMachine(scenario));
      out.push(accountOf(say.machine, machine, around, ...(scenario ? [open] : [])));
    }
    return out;
  }

  /** Files instead of a paste. */
  async function takeFiles(chosen: readonly File[]) {
    const say = strings[lang];
    const [first] = chosen;
    if (!first) return;
    const bytes = chosen.reduce((sum, one) => sum + one.size, 0);
    if (chosen.length === 1 && bytes > LARGEST_FILE) summary.textContent = say.tooLarge(first.name);
    else if (chosen.length > 1 && bytes > LARGEST) summary.textContent = say.tooLargeTogether;
    else if (bytes <= LARGEST) put(await joined(chosen));
    else {
      input.value = "";
      apart = first;
      read();
    }
  }

  /** Marks lines of the paste, so that a reader sees what an item is about. */
  function select(first: number, last: number) {
    const starts = [0];
    for (let at = input.value.indexOf("\n"); at >= 0; at = input.value.indexOf("\n", at + 1))
      starts.push(at + 1);
    input.focus();
    input.setSelectionRange(starts[first - 1] ?? 0, (starts[last] ?? input.value.length + 1) - 1);
    input.scrollTop = (input.scrollHeight / starts.length) * Math.max(0, first - 2);
  }

  function relabel() {
    const say = strings[lang];
    element.lang = lang === "zh" ? "zh-Hans" : "en";
    heading.textContent = say.heading;
    lead.textContent = say.lead;
    input.placeholder = say.placeholder;
    input.setAttribute("aria-label", say.label);
    tryOne.textContent = say.samples;
    clear.textContent = say.clear;
    pick.textContent = say.file;
    stop.textContent = say.stop;
    progress.setAttribute("aria-label", say.reading(""));
    file.setAttribute("aria-label", say.file);
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    apart = null;
    timer = setTimeout(read, 150);
  });
  // Without this the browser would leave the page for the file.
  element.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    element.classList.add("is-over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("is-over"));
  element.addEventListener("drop", (event) => {
    element.classList.remove("is-over");
    const dropped = [...(event.dataTransfer?.files ?? [])];
    if (dropped.length === 0) return;
    event.preventDefault();
    void takeFiles(dropped);
  });

  relabel();
  show();
  return {
    element,
    setLang: (next) => {
      if (next === lang) return;
      lang = next;
      relabel();
      if (busy || input.value.length > LARGEST) read();
      else void take(host.say(lang === "zh"));
    },
    explain: put,
    focus: () => input.focus(),
  };
}
