// The walk as a table; a nested one also as the grid of its reads.
import type { GridRow, Walk, WalkRow } from "iommu-view";
import type { App } from "./app";
import { h } from "./dom";
import { t } from "./strings";

export function walkTable(walk: Walk | null, app: App): HTMLElement {
  const body = h("div.walk", { id: "walk" });
  if (!walk) {
    body.append(h("p.quiet", {}, t("noWalk")));
    return body;
  }
  body.append(
    h("p.lookup", {}, h("code", {}, walk.input), ` ${walk.space}`, walk.request ? ` (${walk.request})` : ""),
    walk.grid.length ? grid(walk.grid, app) : "",
    h(
      "div.scroll",
      { tabindex: 0, role: "group", "aria-label": t("walk") },
      h(
        "table.reads",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ...(["level", "index", "entryAt", "raw", "leads"] as const).map((k) =>
              h("th", { scope: "col" }, t(k)),
            ),
          ),
        ),
        h("tbody", {}, ...walk.rows.flatMap((row, i) => rows(row, walk.rows[i - 1], app))),
      ),
    ),
    walk.result ? h(walk.failed ? "p.result.failed" : "p.result", {}, walk.result) : "",
  );
  queueMicrotask(() => body.querySelector(".scroll .current")?.scrollIntoView?.({ block: "nearest" }));
  return body;
}

function rows(row: WalkRow, before: WalkRow | undefined, app: App): HTMLElement[] {
  const cells = h(
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
        { type: "button", onclick: () => void app.go(row.position) },
        row.level ? `${row.level}` : row.entry,
      ),
    ),
    h("td", {}, row.bits ? h("span.bits", {}, `${row.bits}`) : "", ` ${row.index}`),
    h("td", {}, h("code", {}, row.at)),
    h("td", {}, ...row.raw.slice(0, 1).map((w) => h("code", {}, w))),
    h("td", {}, row.to ? h("code", {}, row.to) : "", row.verdict ? h("small", {}, ` ${row.verdict}`) : ""),
  );
  if (row.stage === before?.stage && row.depth === before.depth) return [cells];
  return [
    h("tr.stage", {}, h("th", { colspan: 5, scope: "colgroup" }, row.depth ? `↳ ${row.stage}` : row.stage)),
    cells,
  ];
}

function grid(gridRows: GridRow[], app: App): HTMLElement {
  return h(
    "table.grid",
    {},
    h("caption", {}, t("grid")),
    ...gridRows.map((row) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, row.level ? `${t("level")} ${row.level}` : t("final")),
        ...row.cells.map((cell) =>
          h(
            "td",
            {},
            h(
              "button",
              {
                type: "button",
                class: [
                  cell.first ? "first" : "",
                  cell.current ? "current" : "",
                  cell.refused ? "refused" : "",
                ].join(" "),
                "aria-current": cell.current ? "step" : null,
                onclick: () => void app.go(cell.position),
              },
              String(cell.number),
            ),
          ),
        ),
      ),
    ),
  );
}
