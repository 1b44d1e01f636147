// The chart of a scenario whose answer is a number: a quantity along, what the machine counted up. Every point is a run of
// the machine; a slider chooses a value, says its counts, and runs the scenario with it. A table says the same.
import type { Sweep } from "iommu-view";
import type { App } from "../app";
import { h, s } from "../dom";
import { pathWords, type PathWords } from "../path/words";

const SIZE = { width: 440, height: 180, left: 44, right: 12, top: 10, bottom: 24 };
/** Lines are told apart without colour too. */
const MARKS = ["●", "■", "▲", "◆"];
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];

/** A box for the chart, which comes when the machine has run; it stays empty where nothing is counted. */
export function chart(app: App, name: string): HTMLElement {
  const { lang } = app.state;
  const say = pathWords(lang);
  const box = h("figure.chart", { hidden: true });
  const machine = app.state.head?.machine ?? "";
  void app.machine.ask("sweep", name, machine, lang).then((sweep) => {
    if (!sweep?.curves.length) return;
    box.hidden = false;
    box.append(...parts(app, sweep, say));
  });
  return box;
}

function parts(app: App, sweep: Sweep, say: PathWords): HTMLElement[] {
  const values = sweep.curves[0]?.points.map((point) => point.value) ?? [];
  const here = Math.max(0, sweep.curves[0]?.points.findIndex((point) => point.here) ?? 0);
  const plot = h("div.plot", {});
  const said = h("output.said", { for: "chart-value" });
  const slider = h("input", {
    type: "range",
    id: "chart-value",
    min: 0,
    max: values.length - 1,
    value: here,
    "aria-label": sweep.quantity,
  });
  const run = h("button", { type: "button", id: "chart-run" });
  const show = () => {
    const at = Number(slider.value);
    const value = values[at] ?? "";
    slider.setAttribute("aria-valuetext", `${value}: ${counts(sweep, at)}`);
    said.replaceChildren(h("b", {}, `${sweep.quantity}: ${value}`), h("span", {}, counts(sweep, at)));
    run.textContent = say("runWith", value);
    plot.replaceChildren(drawn(sweep, values, at));
  };
  slider.addEventListener("input", show);
  // Its keys are its own, not those of time.
  slider.addEventListener("keydown", (event) => {
    if (/^(Arrow|Home|End|Page)/.test(event.key)) event.stopPropagation();
  });
  run.addEventListener("click", () => {
    const text = sweep.texts[Number(slider.value)];
    if (text) void app.open(text, app.state.preset);
  });
  show();
  const legend = h(
    "ul.legend-curves",
    {},
    ...sweep.curves.map((curve, i) =>
      h("li", { "data-curve": i }, h("b", {}, MARKS[i % MARKS.length] ?? ""), ` ${curve.name}`),
    ),
  );
  return [
    h(
      "figcaption",
      {},
      h("b", {}, say("chart", sweep.quantity, sweep.counted)),
      " ",
      h("small", {}, say("chartOf")),
    ),
    plot,
    legend,
    h("div.chart-controls", {}, slider, run),
    said,
    h("details", {}, h("summary", {}, say("asTable")), table(sweep, values)),
  ];
}

const counts = (sweep: Sweep, at: number): string =>
  sweep.curves.map((curve) => `${curve.name} ${curve.points[at]?.count ?? ""}`).join("; ");

/** The curves, with the chosen value marked. Values are as far apart as their places in the list. */
function drawn(sweep: Sweep, values: string[], at: number): SVGElement {
  const { width, height, left, right, top, bottom } = SIZE;
  const most = Math.max(1, ...sweep.curves.flatMap((curve) => curve.points.map((point) => point.count)));
  const x = (i: number) => left + (i * (width - left - right)) / Math.max(1, values.length - 1);
  const y = (count: number) => height - bottom - (count * (height - top - bottom)) / most;
  const ticks = [0, most / 2, most].map(Math.round);
  const text = (at: [number, number], content: string, anchor: string) =>
    s("text", { x: at[0], y: at[1], "text-anchor": anchor }, content);
  return s(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": `${sweep.counted}: ${counts(sweep, at)}`,
    },
    ...ticks.flatMap((count) => [
      s("path", { class: "grid", d: `M${left} ${y(count)}H${width - right}` }),
      text([left - 6, y(count) + 4], count.toLocaleString("en"), "end"),
    ]),
    s("path", { class: "chosen", d: `M${x(at)} ${top}V${height - bottom}` }),
    ...values.map((value, i) => text([x(i), height - 6], value, "middle")),
    ...sweep.curves.flatMap((curve, i) => [
      s("path", {
        class: "curve",
        "data-curve": i,
        "stroke-dasharray": DASHES[i % DASHES.length] ?? "",
        d: curve.points.map((point, j) => `${j ? "L" : "M"}${x(j)} ${y(point.count)}`).join(""),
      }),
      ...curve.points.map((point, j) =>
        s(
          "text",
          {
            class: j === at ? "point now" : "point",
            "data-curve": i,
            x: x(j),
            y: y(point.count) + 4,
            "text-anchor": "middle",
          },
          MARKS[i % MARKS.length] ?? "",
        ),
      ),
    ]),
  );
}

function table(sweep: Sweep, values: string[]): HTMLElement {
  return h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, sweep.quantity),
        ...sweep.curves.map((curve) => h("th", { scope: "col" }, curve.name)),
      ),
    ),
    h(
      "tbody",
      {},
      ...values.map((value, i) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, value),
          ...sweep.curves.map((curve) => h("td", {}, String(curve.points[i]?.count ?? ""))),
        ),
      ),
    ),
  );
}
