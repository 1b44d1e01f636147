// The picture, drawn from the core's layout: cells become pixels, nothing is decided here.
import type { Scene, SceneWire } from "iommu-view";
import type { App } from "./app";
import { h, s, styled } from "./dom";
import { t } from "./strings";

const FONT = 12;
const ROW = 17;

/** How wide a cell is in the font that is really there. */
let cell = 0;
function cellWidth(): number {
  if (cell) return cell;
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return 8;
  context.font = `${FONT}px ${getComputedStyle(styled).getPropertyValue("--mono")}`;
  cell = context.measureText("0".repeat(100)).width / 100;
  return cell;
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export function diagram(app: App): HTMLElement {
  const holder = h("div.picture", { id: "diagram" });
  const box = h("section.diagram", { "aria-label": t("diagram") }, holder);
  let asked = 0;
  const draw = async () => {
    if (!app.state.course) return;
    const mine = ++asked;
    const cells = Math.max(36, Math.floor((holder.clientWidth - 2) / cellWidth()));
    const scene = await app.core.ask("scene", 0, app.state.position, Math.min(cells, 132), app.state.lang);
    if (mine === asked) holder.replaceChildren(picture(scene, app));
  };
  app.on((_, changed) => {
    if (changed.has("view")) void draw();
  });
  let width = 0;
  new ResizeObserver(() => {
    if (Math.abs(holder.clientWidth - width) < cellWidth()) return;
    width = holder.clientWidth;
    void draw();
  }).observe(holder);
  return box;
}

const x = (cells: number) => cells * cellWidth();
const midX = (cells: number) => (cells + 0.5) * cellWidth();
const y = (row: number) => (row + 0.5) * ROW;
const half = (rows: number) => (rows * ROW) / 2;

export function picture(scene: Scene, app: App): SVGElement {
  const width = x(scene.width);
  const height = scene.height * ROW;
  const svg = s("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-label": scene.summary || t("diagram"),
    "font-size": FONT,
  });
  svg.append(
    s("defs", {}, head("head"), head("head-lit"), head("head-stale")),
    ...scene.pieces.map((p) =>
      s(
        "g",
        {
          class: `piece ${p.kind}${p.touch ? ` touch ${p.touch}` : ""}`,
          onclick: () => app.set({ followed: p.first }),
        },
        s("rect", {
          x: midX(p.x),
          y: half(p.top),
          width: x(p.width - 1),
          height: half(p.bottom - p.top),
        }),
        s("title", {}, p.hint),
      ),
    ),
    ...scene.rules.map(([rx, ry, cells]) =>
      s("line", {
        class: cells < 0 ? "rule tick" : "rule",
        x1: midX(rx),
        x2: midX(rx + Math.abs(cells) - 1),
        y1: y(ry),
        y2: y(ry),
      }),
    ),
    ...scene.wires.map(wire),
    ...scene.actors.map((a) =>
      s("rect", {
        class: `actor ${a.kind}${a.touch ? ` touch ${a.touch}` : ""}`,
        x: midX(a.x),
        y: y(a.y),
        width: x(a.width - 1),
        height: (a.height - 1) * ROW,
        rx: 4,
      }),
    ),
    ...scene.texts.map((text) =>
      s(
        "text",
        {
          class: text.role,
          x: x(text.x),
          y: y(text.y),
          textLength: text.text.length > 1 ? x(text.cells) : undefined,
          "dominant-baseline": "central",
          "xml:space": "preserve",
        },
        text.text,
      ),
    ),
  );
  if (scene.token) svg.append(token(scene.token.path, scene.token.stepFrom, scene.token.fate));
  return svg;
}

function head(id: string): SVGElement {
  return s(
    "marker",
    {
      id,
      viewBox: "0 0 8 8",
      refX: 7,
      refY: 4,
      markerWidth: 8,
      markerHeight: 8,
      markerUnits: "userSpaceOnUse",
      orient: "auto",
    },
    s("path", { d: "M0 0 8 4 0 8z" }),
  );
}

function path(points: [number, number][]): string {
  return points.map(([px, py], i) => `${i ? "L" : "M"}${midX(px)} ${y(py)}`).join("");
}

function wire(w: SceneWire): SVGElement {
  const mark = w.touch ? "head-lit" : w.state === "stale" ? "head-stale" : "head";
  return s(
    "g",
    { class: `wire ${w.kind} ${w.state}${w.touch ? ` touch ${w.touch}` : ""}` },
    s("path", { class: "halo", d: path(w.points) }),
    s("path", { class: "stroke", d: path(w.points), "marker-end": `url(#${mark})` }),
    s("title", {}, w.hint),
  );
}

/** The token with the way it came; what this step added is walked, unless the reader wants no motion. */
function token(corners: [number, number][], from: number, fate: string): SVGElement {
  const [px, py] = corners.at(-1) ?? [0, 0];
  const sign = fate === "dead" ? "✕" : "";
  const dot = s(
    "g",
    { class: `token ${fate}`, transform: `translate(${midX(px)} ${y(py)})` },
    s("circle", { r: 8 }),
    s("text", { "text-anchor": "middle", "dominant-baseline": "central" }, sign),
  );
  const way = corners.slice(Math.max(0, from - 1));
  if (!calm.matches && way.length > 1) {
    const frames = way.map(([fx, fy]) => ({ transform: `translate(${midX(fx)}px, ${y(fy)}px)` }));
    dot.animate(frames, { duration: 420, easing: "ease-in-out" });
  }
  return s("g", { class: "way" }, s("path", { d: path(corners) }), dot);
}
