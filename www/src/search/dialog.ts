// Search over everything: questions, terms, fault codes; with nothing typed it is the list of all there is. Arrow keys go
// through what was found, Enter opens the first. A pasted log is handed to the log reader.
import type { App } from "../app";
import { h } from "../dom";
import { inLanguage } from "../explain/href";
import type { Progress } from "../path/progress";
import { pathWords } from "../path/words";
import { faultItem, highlit, termItem } from "./items";
import { loadSearch } from "./load";
import { excerpt, type Search } from "./match";
import type { Both, Scenario } from "./types";

const MOST_TERMS = 5;

/** Fills the dialog; gives what is to be done each time it is opened. */
export async function fillDialog(
  dialog: HTMLDialogElement,
  app: App,
  progress: Progress,
  explain: (log: string) => void,
): Promise<() => void> {
  const search = await loadSearch();
  const { lang } = app.state;
  const column = lang === "zh" ? 1 : 0;
  const say = pathWords(lang);
  const pick = (both: Both) => both[column];
  const byName = new Map(search.index.scenarios.map((s) => [s.name, s]));
  const order = search.index.path.flatMap((stage) => stage.scenarios);
  /** A log as it was pasted, with its lines. */
  let pasted = "";

  const input = h("input", {
    type: "search",
    id: "search-query",
    placeholder: say("searchHint"),
    "aria-label": say("searchTitle"),
    autocomplete: "off",
    spellcheck: "false",
  });
  const status = h("p.for-readers", { role: "status" });
  const results = h("div.results", { id: "search-results" });
  const close = h("button.icon", { "aria-label": app.t("close"), title: app.t("close") }, "✕");
  const top = h("form.search-top", { method: "dialog" }, input, close);

  const href = (name: string) => inLanguage(`#p=${name}`, column);
  const scenario = (name: string) => ({
    href: href(name),
    title: pick(byName.get(name)?.title ?? [name, name]),
  });
  const link = (s: Scenario, wanted: string[]): HTMLElement => {
    const nth = order.indexOf(s.name) + 1;
    const why = wanted.length ? excerpt([pick(s.answer), ...s.notes.map(pick)], wanted) : "";
    return h(
      "li",
      {},
      h(
        "a.hit",
        { href: href(s.name) },
        h(
          "b",
          {},
          nth ? h("span.nth", {}, `${nth}. `) : "",
          ...highlit(pick(s.title), wanted),
          progress.has(s.name) ? h("span.done", { title: say("read") }, " ✓") : "",
        ),
        why ? h("span.why", {}, ...highlit(why, wanted)) : "",
      ),
    );
  };
  const section = (title: string, items: HTMLElement[], list: "ul" | "ol" = "ul") =>
    items.length ? [h("h3", {}, title), h(list, {}, ...items)] : [];

  const everything = (): HTMLElement[] => [
    ...search.index.path.flatMap((stage) =>
      section(
        pick(stage.title),
        stage.scenarios.flatMap((name) => byName.get(name) ?? []).map((s) => link(s, [])),
      ),
    ),
    ...section(
      say("more"),
      search.index.scenarios.filter((s) => !order.includes(s.name)).map((s) => link(s, [])),
    ),
    h(
      "details.all-terms",
      {},
      h("summary", {}, say("allTerms")),
      ...search.index.chapters.flatMap(({ title, terms }) =>
        section(
          pick(title),
          terms.map((term) => termItem(term, column, [], scenario)),
        ),
      ),
    ),
  ];
  const found = (query: string, { find }: { find: Search["find"] }): HTMLElement[] => {
    const { scenarios, terms, faults, log, instead, words } = find(query);
    const others = [
      ...faults.slice(0, MOST_TERMS).map((fault) => faultItem(fault, column, words, scenario)),
      ...terms.slice(0, MOST_TERMS).map((term) => termItem(term, column, words, scenario)),
    ];
    status.textContent = say("found", scenarios.length + faults.length + terms.length);
    const hand = () => {
      dialog.close();
      explain(pasted.trim() ? pasted : query);
    };
    return [
      ...(log
        ? [
            h(
              "p.found-log",
              {},
              h("span", {}, say("looksLikeLog")),
              h(
                "button.primary.hit",
                { type: "button", id: "explain-found", onclick: hand },
                say("explainLog"),
              ),
            ),
          ]
        : []),
      ...(instead ? [h("p.instead", {}, say("instead").replace("{words}", instead))] : []),
      ...section(
        say("questions"),
        scenarios.map((s) => link(s, words)),
      ),
      ...(others.length ? [h("h3", {}, say("terms")), h("ul.found-terms", {}, ...others)] : []),
      ...(scenarios.length + others.length || log ? [] : [h("p.instead", {}, say("nothing"))]),
    ];
  };
  const show = () => {
    const query = input.value.trim();
    if (!query) {
      pasted = "";
      status.textContent = "";
    }
    results.replaceChildren(...(query ? found(query, { find: (text) => search.find(text) }) : everything()));
    results.scrollTop = 0;
  };

  const hits = () => [...results.querySelectorAll<HTMLElement>(".hit, .found-in a, summary")];
  input.addEventListener("input", (event) => {
    // While a word is composed (pinyin, kana), its letters are not what is searched.
    if (!(event as InputEvent).isComposing) show();
  });
  input.addEventListener("compositionend", show);
  // The lines of a log that is pasted stay lines: a field of one line would run them together.
  input.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (!text.trim().includes("\n")) return;
    event.preventDefault();
    pasted = text;
    input.value = text
      .trim()
      .replace(/\s*\n\s*/g, " ")
      .slice(0, 400);
    show();
  });
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.isComposing) return;
    const all = hits();
    const at = all.indexOf(document.activeElement as HTMLElement);
    if (event.key === "ArrowDown") all[at + 1]?.focus();
    else if (event.key === "ArrowUp") (at > 0 ? all[at - 1] : input)?.focus();
    else if (event.key === "Enter" && document.activeElement === input) all[0]?.click();
    else {
      // What is typed over a result goes on in the field.
      if (event.key.length === 1 && at >= 0 && event.key !== " " && !event.ctrlKey && !event.metaKey)
        input.focus();
      return;
    }
    event.preventDefault();
  });
  results.addEventListener("click", (event) => {
    if ((event.target as Element).closest("a[href]")) dialog.close();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.replaceChildren(top, status, results);
  return () => {
    show();
    input.select();
    input.focus();
  };
}
