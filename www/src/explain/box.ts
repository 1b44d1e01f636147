// The box that a fault log is pasted into, and what the core reads in it.
import { samples } from "./samples";
import { strings, type Lang } from "./strings";
import type { LogCause, LogItem, LogReader, LogReport, LogStory } from "./types";

export interface Host extends LogReader {
  /** Opens a scenario at the read that fails. */
  open: (scenario: string) => void;
}

export interface ExplainBox {
  element: HTMLElement;
  /** Says everything again, in this language. */
  setLang: (lang: Lang) => void;
  /** Reads this log in place of the one that is there. */
  explain: (log: string) => void;
  /** Puts the cursor where a log is pasted. */
  focus: () => void;
}

/** Bytes of a file, or characters of a paste, that are read: a boot log of several weeks. */
const LARGEST = 16 << 20;

/** What is shown first: what was refused, then what was complained of, then what only tells of the machine. */
const ORDER: readonly string[] = ["fault", "software", "boot", "status", "tables", "unknown"];

/** Items shown at first, and with each press of "more". */
const PAGE = 50;

/** A new element with a class and children. */
function el<K extends keyof HTMLElementTagNameMap>(tag: K, name = "", ...children: (Node | string)[]) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...children);
  return element;
}

export function explainBox(host: Host, initial: Lang): ExplainBox {
  let lang = initial;
  let report: LogReport | null = null;
  let items: LogItem[] = [];
  let reading = false;
  let shown = PAGE;
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
  const clear = el("button", "explain-clear");
  clear.type = "button";
  const row = el("p", "explain-samples", tryOne);
  for (const { name, log } of samples) {
    const button = el("button", "explain-sample", name);
    button.type = "button";
    button.addEventListener("click", () => {
      input.value = log;
      read();
    });
    row.append(button);
  }
  const file = el("input");
  file.type = "file";
  file.hidden = true;
  const pick = el("button", "explain-file");
  pick.type = "button";
  pick.addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    void takeFile(file.files?.[0]);
    file.value = "";
  });
  row.append(pick, file, clear);
  const summary = el("p", "explain-summary");
  summary.setAttribute("role", "status");
  const stories = el("div", "explain-stories");
  const list = el("ol", "explain-items");
  const more = el("button", "explain-more");
  more.type = "button";
  const element = el("section", "explain", heading, lead, input, row, summary, stories, list, more);
  element.setAttribute("aria-labelledby", heading.id);

  function read() {
    clearTimeout(timer);
    if (input.value.length > LARGEST) {
      report = null;
      show();
      summary.textContent = strings[lang].pasteTooLarge;
      return;
    }
    shown = PAGE;
    reading = true;
    summary.textContent = strings[lang].reading;
    void take(host.read(input.value, lang === "zh"));
  }

  /** Shows a report once it is there, if nothing newer was asked for. */
  async function take(coming: Promise<LogReport | null>) {
    try {
      const come = await coming;
      if (!come) return;
      reading = false;
      report = come;
      show();
    } catch (error) {
      reading = false;
      summary.textContent = String(error);
    }
  }

  function show() {
    const say = strings[lang];
    items = (report?.items ?? []).slice().sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
    const count = (...kinds: string[]) => items.filter((item) => kinds.includes(item.kind)).length;
    summary.textContent = say.summary(
      count("fault"),
      count("status", "software", "tables"),
      count("unknown"),
      report?.quiet ?? 0,
      report?.lines ?? 0,
    );
    stories.replaceChildren(...(report?.stories ?? []).map(story));
    list.replaceChildren(...items.slice(0, shown).map(one));
    const left = items.length - shown;
    more.hidden = left <= 0;
    more.textContent = say.more(Math.min(left, PAGE));
  }

  /** A file instead of a paste; what is far too large would only stop the page. */
  async function takeFile(chosen: File | undefined) {
    if (!chosen) return;
    if (chosen.size > LARGEST) {
      summary.textContent = strings[lang].tooLarge(chosen.name);
      return;
    }
    input.value = await chosen.text();
    read();
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

  /** A button that marks lines. */
  function lines(first: number, last: number): HTMLElement {
    const button = el("button", "explain-lines", strings[lang].line(first, last));
    button.type = "button";
    button.addEventListener("click", () => select(first, last));
    return button;
  }

  const mark = () => el("span", "explain-mark", `~ ${strings[lang].inferred}`);

  /** A link to the scenario of the page that shows this kind of trouble. */
  function example(preset: string): HTMLElement {
    const link = el("a", "explain-preset", strings[lang].preset(preset));
    link.href = `#p=${preset}`;
    return link;
  }

  /** What belongs together, one after the other. */
  function story({ title, moments }: LogStory): HTMLElement {
    const rows = moments.map((moment) => {
      const time = moment.time === null ? "" : ` ${moment.time.toFixed(6)} s`;
      return el("li", "", lines(moment.line, moment.line), `${time} ${moment.text}`);
    });
    return el("section", "explain-story", el("h3", "explain-title", title), el("ol", "", ...rows));
  }

  function why(cause: LogCause): HTMLElement {
    const say = strings[lang];
    const entry = el(
      "li",
      "",
      cause.text,
      el("p", "explain-tell", el("b", "", say.tell), " ", cause.howToTell),
    );
    const evidence = (name: string, clues: string[]) => {
      if (clues.length > 0)
        entry.append(el("p", "explain-tell", el("b", "", name), " ", clues.join(say.between)));
    };
    evidence(say.because, cause.because);
    evidence(say.despite, cause.despite);
    evidence(say.seenIn, cause.seenIn);
    if (cause.preset !== null) entry.append(el("p", "explain-tell", example(cause.preset)));
    return entry;
  }

  function one(item: LogItem): HTMLElement {
    const say = strings[lang];
    const head = el("div", "explain-head", el("h3", "explain-title", item.title));
    if (item.kind !== "boot") head.append(lines(item.first, item.last));
    if (item.times > 1) head.append(el("span", "explain-times", say.times(item.times)));
    const entry = el("li", `explain-item is-${item.kind}`, head);
    if (item.quote !== null) entry.append(el("pre", "explain-quote", item.quote));
    if (item.nearest !== null) {
      const source = item.source === null ? "" : ` (${item.source})`;
      entry.append(el("p", "explain-nearest", `${say.nearest} `, el("code", "", item.nearest), source));
    }
    if (item.fields.length > 0) {
      const rows = item.fields.map((field) => {
        const meaning = el("td", "", field.meaning === field.value ? "" : field.meaning);
        if (field.inferred) meaning.prepend(mark(), " ");
        const name = el("th", "", field.name);
        name.scope = "row";
        const value = el("td", "", field.value ? el("code", "", field.value) : "");
        return el("tr", field.inferred ? "is-inferred" : "", name, value, meaning);
      });
      entry.append(el("div", "explain-scroll", el("table", "explain-fields", el("tbody", "", ...rows))));
    }
    const { scenario } = item;
    if (scenario !== null) {
      const open = el("button", "explain-open", item.kind === "tables" ? say.openTables : say.open);
      open.type = "button";
      open.addEventListener("click", () => host.open(scenario));
      entry.append(open);
    }
    if (item.preset !== null) entry.append(el("p", "explain-tell", example(item.preset)));
    if (item.rung !== null) {
      const link = el("a", "explain-rung", say.rung);
      link.href = item.rung;
      entry.append(el("p", "explain-tell", link));
    }
    if (item.causes.length > 0) {
      entry.append(
        el("h4", "explain-causes", say.causes, " ", mark()),
        el("ol", "explain-cause-list", ...item.causes.map(why)),
      );
    }
    return entry;
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
    file.setAttribute("aria-label", say.file);
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
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
    const dropped = event.dataTransfer?.files[0];
    if (!dropped) return;
    event.preventDefault();
    void takeFile(dropped);
  });
  clear.addEventListener("click", () => {
    input.value = "";
    read();
    input.focus();
  });
  more.addEventListener("click", () => {
    shown += PAGE;
    show();
  });

  relabel();
  show();
  return {
    element,
    setLang: (next) => {
      if (next === lang) return;
      lang = next;
      relabel();
      if (reading || input.value.length > LARGEST) read();
      else void take(host.say(lang === "zh"));
    },
    explain: (log) => {
      input.value = log;
      read();
    },
    focus: () => input.focus(),
  };
}
