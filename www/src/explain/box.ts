// The box that a fault log is pasted into, and what the core reads in it.
import { samples } from "./samples";
import { strings, type Lang } from "./strings";
import type { Item, Report } from "./types";

export interface Host {
  /** The core's reader: JSON of a `Report`. */
  explainLog: (log: string, zh: boolean) => string;
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

/** Bytes of a file that are read: a boot log of several weeks. */
const LARGEST = 16 << 20;

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
  let report: Report = { lines: 0, items: [] };
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
    void take(file.files?.[0]);
    file.value = "";
  });
  row.append(pick, file, clear);
  const summary = el("p", "explain-summary");
  summary.setAttribute("role", "status");
  const list = el("ol", "explain-items");
  const more = el("button", "explain-more");
  more.type = "button";
  const element = el("section", "explain", heading, lead, input, row, summary, list, more);
  element.setAttribute("aria-labelledby", heading.id);

  function read() {
    clearTimeout(timer);
    shown = PAGE;
    report = JSON.parse(host.explainLog(input.value, lang === "zh")) as Report;
    show();
  }

  function show() {
    const say = strings[lang];
    const count = (...kinds: Item["kind"][]) =>
      report.items.filter((item) => kinds.includes(item.kind)).length;
    summary.textContent = say.summary(
      count("fault"),
      count("status", "tables"),
      count("unknown"),
      report.lines,
    );
    list.replaceChildren(...report.items.slice(0, shown).map(one));
    const left = report.items.length - shown;
    more.hidden = left <= 0;
    more.textContent = say.more(Math.min(left, PAGE));
  }

  /** A file instead of a paste; what is far too large would only stop the page. */
  async function take(chosen: File | undefined) {
    if (!chosen) return;
    if (chosen.size > LARGEST) {
      summary.textContent = strings[lang].tooLarge(chosen.name);
      return;
    }
    input.value = await chosen.text();
    read();
  }

  /** Marks lines of the paste, so that a reader sees what an item is about. */
  function select(item: Item) {
    const starts = [0];
    for (let at = input.value.indexOf("\n"); at >= 0; at = input.value.indexOf("\n", at + 1))
      starts.push(at + 1);
    input.focus();
    input.setSelectionRange(starts[item.first - 1] ?? 0, (starts[item.last] ?? input.value.length + 1) - 1);
    input.scrollTop = (input.scrollHeight / starts.length) * Math.max(0, item.first - 2);
  }

  function one(item: Item): HTMLElement {
    const say = strings[lang];
    const where = el("button", "explain-lines", say.line(item.first, item.last));
    where.type = "button";
    where.addEventListener("click", () => select(item));
    const head = el("div", "explain-head", el("h3", "explain-title", item.title), where);
    if (item.times > 1) head.append(el("span", "explain-times", say.times(item.times)));
    const entry = el("li", `explain-item is-${item.kind}`, head);
    if (item.kind === "unknown") {
      const quoted = input.value.split("\n", item.first)[item.first - 1] ?? "";
      entry.append(el("pre", "explain-quote", quoted.trim().slice(0, 400)));
    }
    if (item.nearest) {
      entry.append(
        el(
          "p",
          "explain-nearest",
          `${say.nearest} `,
          el("code", "", item.nearest),
          ` (${item.source ?? ""})`,
        ),
      );
    }
    if (item.fields.length > 0) {
      const rows = item.fields.map((field) => {
        const meaning = el("td", "", field.meaning === field.value ? "" : field.meaning);
        if (field.inferred) meaning.prepend(el("span", "explain-mark", `~ ${say.inferred}`), " ");
        const name = el("th", "", field.name);
        name.scope = "row";
        return el(
          "tr",
          field.inferred ? "is-inferred" : "",
          name,
          el("td", "", el("code", "", field.value)),
          meaning,
        );
      });
      entry.append(el("div", "explain-scroll", el("table", "explain-fields", el("tbody", "", ...rows))));
    }
    if (item.scenario !== undefined) {
      const scenario = item.scenario;
      const open = el("button", "explain-open", item.kind === "tables" ? say.openTables : say.open);
      open.type = "button";
      open.addEventListener("click", () => host.open(scenario));
      entry.append(open);
    }
    if (item.causes.length > 0) {
      const causes = item.causes.map((cause) =>
        el("li", "", cause.text, el("p", "explain-tell", el("b", "", say.tell), " ", cause.howToTell)),
      );
      entry.append(
        el("h4", "explain-causes", say.causes, " ", el("span", "explain-mark", `~ ${say.inferred}`)),
        el("ol", "explain-cause-list", ...causes),
      );
    }
    return entry;
  }

  function relabel() {
    const say = strings[lang];
    element.lang = lang === "zh" ? "zh-CN" : "en";
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
    void take(dropped);
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
      lang = next;
      relabel();
      read();
    },
    explain: (log) => {
      input.value = log;
      read();
    },
    focus: () => input.focus(),
  };
}
