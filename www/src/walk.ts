// The walk as a table; a nested one also as the grid of its reads.
import type { GridCell, GridRow, Walk, WalkRow } from "iommu-view";
import { address } from "./addresses";
import type { App } from "./app";
import { cut } from "./cut";
import { h } from "./dom";
import { each, key } from "./put";

/** The walk of the position that is shown: a read more is a row more, and what was there stays. */
export function walkTable(app: App): { element: HTMLElement; show: (walk: Walk | null) => void } {
  const { t } = app;
  const element = h("div.walk", { id: "walk" });
  const body = h("tbody", {});
  const reads = h(
    "table.reads",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, t("level")),
        h("th", { scope: "col" }, t("index")),
        h("th", { scope: "col" }, t("entryAt"), h("br", {}), t("raw")),
        h("th", { scope: "col" }, t("leads")),
      ),
    ),
    body,
  );
  const parts = (walk: Walk | null): Part[] => {
    if (!walk) return [["none", () => h("p.quiet", {}, t("noWalk"))]];
    const { input, space, request, grid: read, result, failed } = walk;
    const out: Part[] = [
      [
        key("lookup", input, space, request),
        () => h("p.lookup", {}, address(app, input), ` ${space}${request}`),
      ],
    ];
    if (read.length) out.push([key("grid", read), () => grid(read, app)]);
    if (walk.rows.length) out.push(["reads", () => reads]);
    if (result)
      out.push([key("result", result, failed), () => h(failed ? "p.result.failed" : "p.result", {}, result)]);
    return out;
  };
  let shown: string | null = null;
  const show = (walk: Walk | null) => {
    const all = key("walk", walk);
    if (all === shown) return;
    shown = all;
    each(body, walk?.rows.flatMap((row, i) => rows(row, walk.rows, i, app)) ?? []);
    each(element, parts(walk));
    // With the next frame: the layout that this needs is then the one that is shown.
    requestAnimationFrame(() => reveal(element));
  };
  return { element, show };
}

/** What stands in a table or a pane: all that it shows, and how it is drawn. */
type Part = readonly [key: string, make: () => Node];

/** Scrolls the pane around, and never the page, to the current read. */
function reveal(body: HTMLElement): void {
  let pane: HTMLElement | null = body;
  while (pane && getComputedStyle(pane).overflowY !== "auto") pane = pane.parentElement;
  const rows = [...body.querySelectorAll<HTMLElement>(".reads .current, .cutting")];
  const [first, last] = [rows[0], rows.at(-1)];
  if (!pane || !first || !last) return;
  const room = pane.getBoundingClientRect();
  // The grid of a nested walk stays at the top of the pane.
  const grid = body.querySelector<HTMLElement>(".grid");
  const held = grid && getComputedStyle(grid).position === "sticky" ? grid.offsetHeight + 8 : 0;
  const above = first.getBoundingClientRect().top - room.top - held;
  const below = last.getBoundingClientRect().bottom - room.bottom;
  if (above < 0) pane.scrollTop += above;
  else if (below > 0) pane.scrollTop += Math.min(below, above);
}

/** A row; before it the name of a stage that begins, after the current one the address cut into its indexes. */
function rows(row: WalkRow, all: WalkRow[], i: number, app: App): Part[] {
  const before = all[i - 1];
  const out: Part[] = [[key("row", row), () => rowOf(row, app)]];
  const { stage, depth } = row;
  if (stage !== before?.stage || depth !== before.depth)
    out.unshift([
      key("stage", stage, depth),
      () => h("tr.stage", {}, h("th", { colspan: 4, scope: "colgroup" }, depth ? `↳ ${stage}` : stage)),
    ]);
  const indexes = row.current ? cut(row, all, app) : null;
  if (indexes) out.push([key("cut", all), () => h("tr.cutting", {}, h("td", { colspan: 4 }, indexes))]);
  return out;
}

function rowOf(row: WalkRow, app: App): HTMLElement {
  return h(
    "tr",
    {
      class: [row.current ? "current" : "", row.refused ? "refused" : "", row.depth ? "below" : ""].join(" "),
      "aria-current": row.current ? "step" : null,
      title: `${row.entry} · ${row.section}`,
    },
    h(
      "td",
      {},
      h(
        "button.link",
        { type: "button", onclick: () => void app.time.go(row.position) },
        row.level ? `${row.level}` : row.entry,
      ),
    ),
    h("td.index", {}, row.bits ? h("span.bits", {}, row.bits) : "", h("span", {}, String(row.index))),
    h(
      "td.where-read",
      {},
      address(app, row.at),
      h("span.value", {}, ...row.raw.slice(0, 1).map((w) => h("code", {}, w))),
    ),
    h(
      "td",
      {},
      row.to ? address(app, row.to) : "",
      row.verdict ? h("small", {}, row.to ? ` ${row.verdict}` : `✕ ${row.verdict}`) : "",
    ),
  );
}

/** Stage 2 reads stand under their level, the stage 1 entry that they lead to at the right. */
function grid(gridRows: GridRow[], app: App): HTMLElement {
  const { t } = app;
  const levels = [
    ...new Set(gridRows.flatMap((row) => row.cells.filter((c) => !c.first).map((c) => c.level))),
  ];
  levels.sort((a, b) => b - a);
  return h(
    "table.grid",
    {},
    h("caption", {}, t("grid")),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("td", {}),
        h("th", { scope: "colgroup", colspan: levels.length }, t("stage2")),
        h("th", { scope: "col", rowspan: 2 }, t("stage1")),
      ),
      h("tr", {}, h("td", {}), ...levels.map((level) => h("th", { scope: "col" }, String(level)))),
    ),
    h(
      "tbody",
      {},
      ...gridRows.map((row) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, row.level ? t("levelN", row.level) : t("final")),
          ...levels.map((level) =>
            cellOf(
              row.cells.find((c) => !c.first && c.level === level),
              app,
            ),
          ),
          cellOf(
            row.cells.find((c) => c.first),
            app,
          ),
        ),
      ),
    ),
  );
}

function cellOf(cell: GridCell | undefined, app: App): HTMLElement {
  if (!cell) return h("td", {});
  const classes = [cell.first ? "first" : "", cell.current ? "current" : "", cell.refused ? "refused" : ""];
  return h(
    "td",
    {},
    h(
      "button",
      {
        type: "button",
        class: classes.join(" "),
        "aria-current": cell.current ? "step" : null,
        onclick: () => void app.time.go(cell.position),
      },
      String(cell.number),
    ),
  );
}
