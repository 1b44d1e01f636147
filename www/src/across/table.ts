// One scenario on every architecture: a row for each idea, a column for each machine, and what differs marked. Every cell leads to its
// machine at that idea.
import type { Across, AcrossCell, AcrossColumn } from "iommu-view";
import type { App } from "../app";
import { openThere } from "../architecture";
import { carried } from "../carried";
import { h } from "../dom";
import { SIGNS, toneOf } from "../signs";

/** Which columns a reader wants to see, kept while the page is open. */
const hidden = new Set<string>();

export async function table(app: App, close: () => void): Promise<HTMLElement> {
  const { good, preset, lang, course, position } = app.state;
  const across = await app.machine.ask("across", good, preset, lang);
  const now = course?.ideas.findIndex((stop) => position <= stop.to) ?? -1;
  const here = columnOf(across, good);
  const box = h("div.across-table", {});
  const draw = () => box.replaceChildren(grid(app, across, { now, here }, close));
  const runs = across.columns.filter((c) => c.text !== null);
  const checks: HTMLInputElement[] = [];
  /** Two at least stay: one machine beside itself is no comparison. */
  const keepTwo = () => {
    const few = checks.filter((check) => check.checked).length <= 2;
    for (const check of checks) check.disabled = few && check.checked;
  };
  const choices = h(
    "fieldset.across-choices",
    {},
    h("legend", {}, app.t("architecture")),
    runs.map((column) => {
      const check = h("input", {
        type: "checkbox",
        checked: !hidden.has(column.name),
        onchange: () => {
          if (check.checked) hidden.delete(column.name);
          else hidden.add(column.name);
          keepTwo();
          draw();
        },
      });
      checks.push(check);
      return h("label", {}, check, ` ${column.title}`);
    }),
  );
  const missing = across.columns.filter((c) => c.text === null);
  const reasons = missing.map((c) => h("p.across-why", {}, h("b", {}, c.title), app.t("is"), c.why));
  keepTwo();
  draw();
  const all = carried
    ? ""
    : h("a", { href: lang === "zh" ? "rosetta.zh.html" : "rosetta.html" }, app.t("acrossAll"));
  return h("div.across-body", {}, h("p", {}, app.t("acrossHow"), " ", all), choices, ...reasons, box);
}

/** The column of the text that is shown. */
const columnOf = ({ columns }: Across, text: string): number => columns.findIndex((c) => c.text === text);

interface Here {
  /** The idea that is shown, and the column of the machine that shows it. */
  now: number;
  here: number;
}

function grid(app: App, across: Across, { now, here }: Here, close: () => void): HTMLElement {
  const shown = across.columns
    .map((column, n) => ({ column, n }))
    .filter(({ column }) => column.text !== null && !hidden.has(column.name));
  const row = here < 0 ? -1 : rowOf(app, across, here, now);
  return h(
    "table",
    {},
    h("caption.for-readers", {}, app.state.head?.title ?? ""),
    h("thead", {}, h("tr", {}, ...shown.map(({ column }) => h("th", { scope: "col" }, column.title)))),
    ...across.rows.map(({ text, cells, gap }, index) => {
      const beside = shown.flatMap(({ n }) => cells[n] ?? []);
      return h(
        "tbody",
        { "aria-current": index === row ? "step" : null },
        h(
          "tr",
          {},
          h(
            "th.across-idea",
            { scope: "rowgroup", colspan: shown.length },
            h("span.across-number", {}, `${index + 1}`),
            ` ${text}`,
          ),
        ),
        h(
          "tr",
          {},
          ...shown.map(({ column, n }) =>
            h("td", {}, ...cell(app, column, cells[n] ?? null, { text, gap, beside }, close)),
          ),
        ),
      );
    }),
  );
}

/** Whether there are two values: what differs is a matter of the machines that are shown. */
const differ = (values: (string | undefined)[]): boolean => new Set(values).size > 1;

/** The row of the idea that is shown: ladders of a family have their rungs in another order. */
function rowOf(app: App, across: Across, column: number, idea: number): number {
  const stop = app.state.course?.ideas[idea];
  return stop === undefined || app.state.position === app.state.course?.start
    ? -1
    : across.rows.findIndex(({ cells }) => cells[column]?.at === stop.to);
}

function cell(
  app: App,
  column: AcrossColumn,
  found: AcrossCell | null,
  row: { text: string; gap: string; beside: readonly AcrossCell[] },
  close: () => void,
): (HTMLElement | string)[] {
  const { t } = app;
  if (!found) return [h("span.across-none", {}, row.gap || t("acrossNone"))];
  const { outcome, facts, note, at } = found;
  const tone = outcome ? toneOf(outcome.kind) : null;
  const ends = differ(row.beside.map((one) => one.outcome?.word));
  const values = (name: string) =>
    row.beside.flatMap((one) => one.facts.filter((fact) => fact.name === name).map((fact) => fact.value));
  const go = async () => {
    close();
    const text = column.text ?? "";
    await openThere(app, text, column.preset ?? app.state.preset, null);
    await app.time.go(at);
  };
  return [
    note === row.text ? "" : h("p.across-note", {}, note),
    outcome && tone
      ? h(
          "p.across-end",
          { "data-differs": String(ends) },
          ends ? h("span", { title: t("acrossDiffers") }, "Δ ") : "",
          h("b", { "data-tone": tone }, `${SIGNS[tone] ?? ""} ${outcome.word}`),
          t("is"),
          outcome.text,
        )
      : "",
    h(
      "dl",
      {},
      ...facts.map(({ name, value }) => {
        const differs = differ(values(name));
        return h(
          "div",
          { "data-differs": String(differs) },
          h("dt", {}, differs ? h("span", { title: t("acrossDiffers") }, "Δ ") : "", name),
          h("dd", {}, value),
        );
      }),
    ),
    h(
      "button.across-go",
      { type: "button", "aria-label": `${t("acrossGo")}${t("is")}${column.title}`, onclick: () => void go() },
      t("acrossGo"),
    ),
  ];
}
