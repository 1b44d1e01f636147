// A scene of the core as SVG: each cell of its grid at its place, the token walking its way.
import type { Scene, ScenePiece, SceneText, SceneToken, SceneWire } from "iommu-view";
import { s } from "./dom";
import { Layer } from "./layer";

const FONT = 12;
/** A row's height: enough for a Chinese word, which is two cells wide. Where the picture would not fit its pane, less. */
export const ROW = 16;

/** How wide a cell is in the font that is really there. */
let cell = 0;
export const cellWidth = (): number => cell || 8;

/** Measures it, in the style that an element is in. */
export function measureCell(from: Element): void {
  if (cell) return;
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return;
  context.font = `${FONT}px ${getComputedStyle(from).getPropertyValue("--mono")}`;
  cell = context.measureText("0".repeat(100)).width / 100;
}

const x = (cells: number) => cells * cellWidth();
export const midX = (cells: number) => (cells + 0.5) * cellWidth();
const y = (at: number, row: number) => (at + 0.5) * row;
/** From the middle of a line of text down to its baseline: the same line for Latin and for Chinese. */
const BASE = 4.2;
/** A Chinese glyph stands as high as a Latin capital with its accent, not as wide as its two cells. */
const WIDE_FONT = 13;

/** How large a scene is with rows of that height. */
export const size = (scene: Scene, row: number) => ({ width: x(scene.width), height: scene.height * row });

export interface How {
  /** What the picture is called where it says nothing about itself. */
  label: string;
  choose: (piece: ScenePiece) => void;
  point: (piece: ScenePiece | null, at: Element | null) => void;
}

/** Sets an attribute that may be as it is wanted: the browser is told of changes only. */
export function put(element: Element, name: string, value: string | number): void {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/** The drawing. Each kind of thing is a layer of it, so that a step replaces only what it changes. */
export class Picture {
  readonly element: SVGElement;
  /** At which speed the token walks what the step added; not at all when there is none. */
  private walk: number | null = null;
  private followed: string | null = null;
  private shown: readonly ScenePiece[] = [];
  /** How high a row is. */
  private row = ROW;
  private readonly wires = new Layer<SceneWire>("marks-layer layer", (w) => wire(w, this.row));
  private readonly heads = new Layer<SceneWire>("marks-layer layer", (w) => arrowhead(w, this.row));
  private readonly pieces = new Layer<[ScenePiece, boolean]>("pieces layer", ([shown, followed]) => [
    piece(shown, followed, this.row, this.how),
  ]);
  private readonly rules = new Layer<Scene["rules"][number]>("layer", (r) => rule(r, this.row));
  private readonly trails = new Layer<SceneToken>("layer", (t) => trail(t, this.row));
  private readonly links = new Layer<Corner[]>("layer", (points) => link(points, this.row));
  private readonly actors = new Layer<Scene["actors"][number]>("layer", (a) => actor(a, this.row));
  private readonly texts = new Layer<SceneText>("layer", (text) => written(text, this.row));
  private readonly tokens = new Layer<SceneToken>(
    "layer",
    (shown) => [...delivered(shown, this.row), token(shown, this.walk, this.row)],
    tokenKey,
  );

  constructor(private readonly how: How) {
    for (const { element } of [this.wires, this.heads]) element.setAttribute("aria-hidden", "true");
    const marks = [this.rules, this.trails, this.links, this.actors, this.texts, this.tokens];
    this.element = s(
      "svg",
      {
        role: "group",
        "font-size": FONT,
        onkeydown: (event: KeyboardEvent) => walkPieces(event, this.element),
      },
      s("defs", {}, head("head"), head("head-lit"), head("head-stale")),
      // Below the boxes, whose borders they end at; they pass beside or between them.
      this.wires.element,
      this.heads.element,
      this.pieces.element,
      s(
        "g",
        { "aria-hidden": "true", class: "marks-layer layer" },
        marks.map(({ element }) => element),
      ),
    );
  }

  /** Draws a scene over the one before, in rows of that height. */
  show(scene: Scene, followed: string | null, walk: number | null, row: number): void {
    // What was drawn in other rows is drawn anew.
    if (row !== this.row) for (const layer of Object.values(this)) if (layer instanceof Layer) layer.forget();
    [this.followed, this.walk, this.row] = [followed, walk, row];
    const { width, height } = size(scene, row);
    put(this.element, "viewBox", `0 0 ${width} ${height}`);
    put(this.element, "aria-label", scene.summary || this.how.label);
    this.wires.show(scene.wires);
    this.heads.show(covered(scene.wires));
    this.showPieces(scene.pieces);
    // The boxes have their own borders: only marks inside them are drawn.
    this.rules.show(scene.rules.filter(([, , cells]) => cells < 0));
    this.trails.show(scene.token ? [scene.token] : []);
    this.links.show(scene.links);
    this.actors.show(scene.actors);
    // A letter that the token stands right beside makes half a cell of room for its sign.
    const [tx, ty] = scene.token?.path.at(-1) ?? [];
    this.texts.show(
      scene.texts.map((text) =>
        text.role === "letter" && text.x + 1 === tx && text.middle >> 2 === ty
          ? { ...text, x: text.x - 0.5 }
          : text,
      ),
    );
    this.tokens.show(scene.token ? [scene.token] : []);
  }

  /** Ranges; one of them can be reached by Tab, the others from there with the arrows up and down. */
  private showPieces(all: ScenePiece[]): void {
    const { followed } = this;
    const { activeElement } = this.element.getRootNode() as Document | ShadowRoot;
    const had = activeElement ? this.shown[this.pieces.drawn.findIndex(([e]) => e === activeElement)] : null;
    const byKey = had && activeElement?.matches(":focus-visible");
    this.shown = all;
    this.pieces.show(all.map((p) => [p, followed !== null && named(p) && holds(p, followed)]));
    const stop = all.find((p) => named(p) && p.touch) ?? all.find(named);
    this.pieces.drawn.forEach(([element], i) => {
      const p = all[i];
      if (element && p && named(p)) put(element, "tabindex", p === stop ? 0 : -1);
    });
    // A fold parts when it is opened, and with the size of the picture: the keyboard stays where it was.
    if (had && !activeElement?.isConnected) {
      const stays = (p: ScenePiece) => named(p) && p.column === had.column && meets(p, had, byKey === true);
      this.pieces.drawn[all.findIndex(stays)]?.[0]?.focus({ preventScroll: true });
    }
  }
}

const named = (p: ScenePiece) => p.kind !== "gap";

const rule = ([rx, ry, cells]: Scene["rules"][number], row: number) => [
  s("line", {
    class: "rule",
    x1: midX(rx),
    x2: midX(rx - cells - 1),
    y1: y(ry, row),
    y2: y(ry, row),
  }),
];

const link = (points: Corner[], row: number) => [
  s("path", { class: "link", d: path(reaching(points, [1, 1]), row) }),
];

const actor = (a: Scene["actors"][number], row: number) => [
  s("rect", {
    class: `actor ${a.kind}${a.touch ? ` touch ${a.touch}` : ""}`,
    x: midX(a.x),
    y: y(a.y, row),
    width: x(a.width - 1),
    height: (a.height - 1) * row,
    rx: 4,
  }),
];

function piece(p: ScenePiece, followed: boolean, row: number, how: How): SVGElement {
  const classes = ["piece", p.kind];
  if (p.touch) classes.push("touch", p.touch);
  if (followed) classes.push("followed");
  const reach = named(p)
    ? {
        role: "button",
        "aria-label": p.hint.replaceAll("\n", ", "),
        "data-piece": `${p.column}/${p.first}`,
        onclick: () => how.choose(p),
        onfocus: (event: Event) => how.point(p, event.currentTarget as Element),
        onblur: () => how.point(null, null),
      }
    : {};
  return s(
    "g",
    {
      class: classes.join(" "),
      ...reach,
      onmouseenter: (event: Event) => how.point(p, event.currentTarget as Element),
      onmouseleave: () => how.point(null, null),
    },
    s("rect", {
      x: midX(p.x),
      y: (p.top * row) / 2,
      width: x(p.width - 1),
      height: ((p.bottom - p.top) * row) / 2,
    }),
  );
}

const holds = (p: ScenePiece, address: string) => {
  const at = BigInt(address);
  return BigInt(p.first) <= at && at <= BigInt(p.last);
};

const meets = (p: ScenePiece, was: ScenePiece, inPart: boolean) =>
  p.first === was.first || (inPart && (holds(was, p.first) || holds(p, was.first)));

function walkPieces(event: KeyboardEvent, svg: SVGElement): void {
  const way = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  const all = [...svg.querySelectorAll<SVGElement>("[data-piece]")];
  const at = all.indexOf(event.target as SVGElement);
  if (at < 0) return;
  if (way) {
    event.preventDefault();
    const next = all[at + way];
    all[at]?.setAttribute("tabindex", "-1");
    next?.setAttribute("tabindex", "0");
    next?.focus();
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    event.stopPropagation();
    (event.target as SVGElement).dispatchEvent(new MouseEvent("click"));
  }
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

/** A text in runs: wide glyphs fill two cells each by their size, not by space between them. */
function written(text: SceneText, row: number): SVGElement[] {
  let at = text.x;
  const runs =
    text.text.match(
      /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]+|[^\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]+/gu,
    ) ?? [];
  const base = (text.middle * row) / 4;
  return runs.map((run) => {
    const wide = /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]/u.test(run);
    const cells = [...run].length * (wide ? 2 : 1);
    const element = s(
      "text",
      {
        class: text.role,
        x: x(at) + (wide ? (2 * cellWidth() - WIDE_FONT) / 2 : 0),
        y: base + BASE + (wide ? 0.5 : 0),
        "font-size": wide ? WIDE_FONT : undefined,
        "letter-spacing": wide ? 2 * cellWidth() - WIDE_FONT : undefined,
        textLength: !wide && run.length > 1 && run.trim() ? x(cells) : undefined,
        "xml:space": "preserve",
      },
      run,
    );
    at += cells;
    return element;
  });
}

type Corner = [number, number];

function path(points: Corner[], row: number): string {
  return points.map(([px, py], i) => `${i ? "L" : "M"}${midX(px)} ${y(py, row)}`).join("");
}

/** A way whose ends go so many cells further, as they point: to the borders of what they join. */
function reaching(points: Corner[], by: [number, number]): Corner[] {
  const [tail, head] = [points[0], points.at(-1)];
  const [second, before] = [points[1], points.at(-2)];
  if (!tail || !head || !second || !before) return points;
  const out = (end: Corner, inner: Corner, cells: number): Corner => [
    end[0] + (end[0] >= inner[0] ? cells : -cells),
    end[1],
  ];
  return [out(tail, second, by[0]), ...points.slice(1, -1), out(head, before, by[1])];
}

/** Where another begins at the head of one, the ground around that other lies over the head and cuts what leads to it. */
function covered(wires: SceneWire[]): SceneWire[] {
  const begun = new Set(wires.map((w) => String(w.points[0])));
  return wires.filter((w) => begun.has(String(w.points.at(-1))));
}

/** Its way: two cells further is the border; behind a letter four. */
const wayOf = (w: SceneWire) => reaching(w.points, [w.touching[0] ? 2 : 4, w.touching[1] ? 2 : 4]);
const markOf = (w: SceneWire) =>
  `url(#${w.touch ? "head-lit" : w.state === "stale" ? "head-stale" : "head"})`;

const looks = (w: SceneWire) => `wire ${w.kind} ${w.state}${w.touch ? ` touch ${w.touch}` : ""}`;

/** Its last leg once more. */
const arrowhead = (w: SceneWire, row: number) => [
  s(
    "g",
    { class: `${looks(w)} again` },
    s("path", { class: "stroke", d: path(wayOf(w).slice(-2), row), "marker-end": markOf(w) }),
  ),
];

function wire(w: SceneWire, row: number): SVGElement[] {
  const d = path(wayOf(w), row);
  const drawn = s(
    "g",
    { class: looks(w) },
    s("path", { class: "halo", d }),
    s("path", { class: "stroke", d, "marker-end": markOf(w) }),
    s("title", {}, w.hint),
  );
  return [drawn];
}

/** The way the token came, and stronger what this step added. */
function trail(token: SceneToken, row: number): SVGElement[] {
  const classes = `way ${token.fate}${token.shortcut ? " shortcut" : ""}`;
  const past = s("path", { class: "past", d: path(token.path.slice(0, token.stepFrom + 1), row) });
  const leg = s("path", { class: "leg", d: path(token.path.slice(token.stepFrom), row) });
  const drawn = s("g", { class: classes }, past, leg);
  if (!token.interrupt) return [drawn];
  // Once the bytes are there, the interrupt that said so has its own way beside theirs, also along one street.
  const d = path(token.interrupt.path, row);
  const own = s(
    "g",
    { class: "way interrupt", transform: "translate(3 3)" },
    s("path", { class: "past", d }),
  );
  return [drawn, own];
}

/** Where that interrupt was delivered. */
function delivered({ interrupt }: SceneToken, row: number): SVGElement[] {
  const [x, at] = interrupt?.path.at(-1) ?? [];
  if (!interrupt || x === undefined || at === undefined) return [];
  const place = { class: "interrupt-mark", transform: `translate(${midX(x)} ${y(at, row)})` };
  return [s("g", place, s("title", {}, interrupt.label), s("path", { d: DIAMOND }))];
}

/** An interrupt's shape. */
const DIAMOND = "M0 -8 8 0 0 8 -8 0z";

/** The sign on the token: its fate is not said by colour alone. */
const FATES: Readonly<Record<string, string>> = { arrived: "✓", dead: "✕", stale: "!", wrong: "≠" };

/** Where it has come to, and as what: one that only came another way stays. */
const tokenKey = ({ path: corners, fate, label, interrupt }: SceneToken) => [
  corners.at(-1),
  fate,
  label,
  interrupt?.path.at(-1),
];

function token(
  { path: corners, stepFrom, fate, label }: SceneToken,
  walk: number | null,
  row: number,
): SVGElement {
  const [px, py] = corners.at(-1) ?? [0, 0];
  const dot = s(
    "g",
    { class: `token ${fate}`, transform: `translate(${midX(px)} ${y(py, row)})` },
    s("title", {}, label),
    fate === "interrupt" ? s("path", { d: DIAMOND }) : s("circle", { r: 7 }),
    s("text", { "text-anchor": "middle", y: BASE, "font-size": FONT }, FATES[fate] ?? ""),
  );
  const way = corners.slice(stepFrom);
  if (walk !== null && way.length > 1) {
    // At an even pace along the wires.
    const spots = way.map(([fx, fy]) => ({ x: midX(fx), y: y(fy, row) }));
    const lengths = spots.map((p, i) => {
      const before = spots[i - 1] ?? p;
      return Math.abs(p.x - before.x) + Math.abs(p.y - before.y);
    });
    const all = lengths.reduce((sum, l) => sum + l, 0) || 1;
    let gone = 0;
    const frames = spots.map((p, i) => {
      gone += lengths[i] ?? 0;
      return { transform: `translate(${p.x}px, ${p.y}px)`, offset: Math.min(1, gone / all) };
    });
    dot.animate(frames, { duration: Math.min(900, 250 + all) / walk, easing: "ease-in-out" });
  }
  return dot;
}
