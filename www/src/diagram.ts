// The picture, drawn from the core's layout: cells become pixels, nothing is decided here. It is as large as its
// pane lets it be; when that would make it too small to read, it scrolls and follows what the step touches.
import type { Scene, ScenePiece } from "iommu-view";
import type { App } from "./app";
import type { SceneWish } from "./protocol";
import { h } from "./dom";
import { icon } from "./icons";
import { legend } from "./legend";
import { cellWidth, measureCell, midX, Picture, put, ROW, size } from "./picture";
import { presenting } from "./present";
import { covered, sheetOf, taken } from "./sheet";
import type { Place } from "./store";
import type { Key } from "./strings";

/** Below this the words cannot be read: 11 px, and 13 px from the last row of a room. */
const smallest = () => (presenting() ? 1.083 : 0.917);
/** As large as a picture becomes by itself. */
const largest = () => (presenting() ? 2.5 : 1.3);
/** The lowest row in which words keep off the borders above and below them. */
const LOWEST = 14.5;
/** No picture needs more cells across. */
const WIDEST = 220;
/** So high a pane has room for a picture as it is (31 rows); lower it asks for one of fewer rows, until it is higher again. So
 *  it does where so few cells across leave columns below each other. */
const [LOW, HIGH] = [412, 428];
const NARROW = 88;
const LARGEST = 2.5;
/** So many names are told of what is pointed at. */
const NAMED = 5;

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Where the picture's pane becomes wider or narrower with what is opened. */
export interface Panes {
  /** Says how the page is laid out now: the pane is as wide whenever that is the same. */
  now(): string;
  /** Says how it will be laid out at a position with such a way. */
  then(at: number, way: readonly Place[]): string;
  /** Measures with the page laid out for it. */
  tried(at: number, way: readonly Place[], measure: () => void): void;
  /** Measures, when nothing else is done, with the page laid out the other way, unless that layout is known. */
  foresee(known: (layout: string) => boolean, measure: () => void): void;
}

/** The picture of the run in a slot: 0 is the one shown, 1 the one it is compared with. */
export function diagram(app: App, slot: 0 | 1 = 0, panes?: Panes): HTMLElement {
  const { t } = app;
  const holder = h("div.picture", { id: slot ? "diagram-other" : "diagram" });
  // A text that does not run leaves the picture of another: whose that is stands above it.
  const whose = h("p.whose", { role: "status", hidden: true });
  // It takes the lines that it needs, and the picture and the sign that there is more of it begin below them.
  new ResizeObserver(() => box.style.setProperty("--whose", `${whose.offsetHeight}px`)).observe(whose);
  const tip = h("p.tip", { hidden: true, "aria-hidden": "true" });
  /** The reader's own size; none is as large as fits. */
  let wish: number | null = null;
  const zoom = (key: Key, sign: Parameters<typeof icon>[0], act: () => void) =>
    h("button.icon", { type: "button", title: t(key), "aria-label": t(key), onclick: act }, icon(sign));
  const closer = h(
    "button.icon",
    {
      type: "button",
      id: slot ? "unfocus-other" : "unfocus",
      hidden: true,
      onclick: () => app.set({ focus: null }),
    },
    "✕",
  );
  const tools = h(
    "div.tools",
    { role: "group", "aria-label": t("diagram") },
    closer,
    zoom("zoomOut", "minus", () => resize(1 / 1.2)),
    zoom("zoomFit", "fit", () => resize(null)),
    zoom("zoomIn", "plus", () => resize(1.2)),
    slot ? "" : legend(t),
  );
  const edges = ["up", "down", "left", "right"].map((edge) =>
    h("i.more", { "data-edge": edge, "aria-hidden": "true" }),
  );
  const box = h(
    "section.diagram",
    { "aria-label": slot ? t("otherRun") : t("diagram") },
    whose,
    holder,
    ...edges,
    tip,
    tools,
  );

  let scene: Scene | null = null;
  let scale = 1;
  let row = ROW;
  let asked = 0;
  let last = { x: -1, y: -1, position: -1 };

  const position = () => (slot ? (app.state.other?.view.position ?? 0) : app.state.position);

  /** How large the pane is in each layout of the page: a picture that another layout is wanted with is requested once. */
  const rooms = new Map<string, typeof room>();
  // Read once for every size: to ask while a step is shown would make the browser lay everything out twice.
  let room = { x: 0, y: 0, whole: 0, flows: false, low: false };
  let inset = 0;
  /** How many of its lowest pixels are under the answer. */
  let under = 0;
  /** Measures the pane; in a layout that is only tried it keeps the size that it has. */
  const measure = (tried?: boolean) => {
    // In a document that is shown nowhere nothing has a style.
    if (!holder.isConnected || !holder.ownerDocument.defaultView) return;
    measureCell(holder);
    const style = getComputedStyle(holder);
    const free = (...sides: string[]) => sides.reduce((sum, side) => sum - (parseFloat(side) || 0), 0);
    inset = parseFloat(style.paddingLeft) || 0;
    const y = holder.clientHeight + free(style.paddingTop, style.paddingBottom);
    const whole = y + taken(box);
    const flows = style.overflowY !== "auto";
    const x = holder.clientWidth + free(style.paddingLeft, style.paddingRight);
    const lowest = (room.low ? HIGH : LOW) * (presenting() ? 1.18 : 1);
    const measured = {
      x,
      y,
      // Where the answer stands below and not over it, the picture keeps its size when that comes.
      whole,
      flows,
      low: !flows && (whole < lowest || cellsIn(x) < NARROW),
    };
    if (panes) rooms.set(panes.now(), measured);
    if (!tried) room = measured;
  };
  const cellsIn = (width: number) =>
    Math.min(WIDEST, Math.max(36, Math.floor((width - 2) / (cellWidth() * smallest()))));
  /** How large the pane is: of the layout that the page has by now, where that was measured before. */
  const now = () => (panes && rooms.get(panes.now())) ?? room;
  const roomFor = (at: number, way: readonly Place[]): Pick<typeof room, "x" | "low"> => {
    if (!panes) return room;
    const then = panes.then(at, way);
    if (!rooms.has(then)) panes.tried(at, way, () => measure(true));
    return rooms.get(then) ?? room;
  };
  const wished = ({ x, low }: Pick<typeof room, "x" | "low">): SceneWish => ({
    width: cellsIn(x),
    low,
    focus: app.state.focus,
  });

  /** What was asked for ahead of a step: of which run, at which position, in which width and language. */
  interface Ready {
    of: unknown;
    at: number;
    lang: string;
    wish: SceneWish;
    scene: Scene;
  }
  let ready: Ready | null = null;
  const run = () => (slot ? app.state.other?.course : app.state.course);
  const wishFor = (at: number, way: readonly Place[]): SceneWish | null =>
    run() && room.x > 0 ? wished(roomFor(at, way)) : null;
  const take = (at: number, wanted: SceneWish, picture: Scene) => {
    asked++;
    ready = { of: run(), at, lang: app.state.lang, wish: wanted, scene: picture };
  };
  const fits = (r: Ready) =>
    r.of === run() &&
    r.at === position() &&
    r.wish.width === cellsIn(now().x) &&
    r.wish.low === now().low &&
    r.lang === app.state.lang &&
    r.wish.focus === app.state.focus;
  app.draws({ slot, wish: wishFor, take });

  const draw = async () => {
    if (!run() || (slot && !app.state.other) || room.x <= 0) return;
    if (!ready || !fits(ready)) {
      const mine = ++asked;
      const { lang } = app.state;
      const [of, at, wish] = [run(), position(), wished(now())];
      const { width, low, focus } = wish;
      const picture = await app.machine.ask("scene", slot, at, width, low, focus, lang);
      if (mine !== asked) return;
      ready = { of, at, lang, wish, scene: picture };
    }
    // In the size that the pane is about to have, where that is known: the browser lays both out at once.
    if (holder.isConnected) room = now();
    show(ready);
  };
  const show = ({ scene: now, at }: Ready) => {
    scene = now;
    const from = last;
    const end = scene.token?.path.at(-1) ?? [-1, -1];
    last = { x: end[0], y: end[1], position: at };
    const moved = at > from.position && (end[0] !== from.x || end[1] !== from.y);
    fit();
    drawn.show(
      scene,
      app.state.followed,
      moved && from.position >= 0 && !calm.matches ? app.state.speed : null,
      row,
    );
    if (!drawn.element.parentNode) {
      holder.append(drawn.element);
      sizes.observe(drawn.element);
      const sheet = sheetOf(box);
      if (sheet) sheets.observe(sheet);
    }
    follow(from.position >= 0 && at !== from.position);
    // What is written may stand elsewhere now, in a picture of the same size.
    if (box.dataset.more) requestAnimationFrame(more);
  };

  const drawn = new Picture({
    label: t("diagram"),
    // What is folded is looked at closer; everything else has an address to follow.
    choose: ({ kind, column, first, last }) =>
      app.set(kind === "fold" ? { focus: { column, first, last } } : { followed: first }),
    point: (piece, at) => point(piece, at),
  });
  // Once the browser has laid it out: to ask while a step is shown would make it do that twice.
  const sizes = new ResizeObserver(() => more());
  /** What lies under the answer can be scrolled out of it: looked at when either has another size, and not at each step. */
  const cover = () => {
    under = covered(box);
    box.style.setProperty("--covered", `${under}px`);
  };
  const sheets = new ResizeObserver(() => {
    cover();
    more();
    follow();
  });

  /** What is pointed at, in words. */
  let pointing: ReturnType<typeof setTimeout> | undefined;
  const point = (piece: ScenePiece | null, at: Element | null) => {
    clearTimeout(pointing);
    tip.hidden = !piece;
    if (!piece || !at) return;
    tip.textContent = piece.kind === "fold" ? `${piece.hint}\n${t("openFold")}` : piece.hint;
    settle(at);
    // Its other names, and who can reach it: a little later; where the machine is not there yet, to who rests on it.
    if ("landing" in document.documentElement.dataset || ["gap", "fold"].includes(piece.kind)) return;
    pointing = setTimeout(() => void named(piece, at), app.machine.runs ? 150 : 700);
  };
  const named = async (piece: ScenePiece, at: Element) => {
    const mine = pointing;
    const where = position();
    const found = await app.machine.ask("names", slot, where, piece.column, piece.first, app.state.lang);
    if (!found || mine !== pointing || tip.hidden || where !== position()) return;
    const others = found.names
      .slice(0, NAMED)
      .map((n) => `= ${n.text} ${n.stale ? t("legendStale") : n.perms}`);
    if (found.names.length > NAMED) others.push(`+${found.names.length - NAMED} ${t("andMore")}`);
    tip.textContent = [piece.hint, ...others].join("\n");
    settle(at);
  };
  const settle = (at: Element) => {
    const spot = at.getBoundingClientRect();
    const frame = box.getBoundingClientRect();
    const left = Math.min(spot.left - frame.left, frame.width - tip.offsetWidth - 8);
    const below = spot.bottom - frame.top + 4;
    const above = spot.top - frame.top - tip.offsetHeight - 4;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${below + tip.offsetHeight > frame.height && above > 0 ? above : below}px`;
  };

  const fit = () => {
    if (!scene) return;
    const full = size(scene, ROW);
    const whole = Math.min(room.x / full.width, room.flows ? 1 : room.whole / full.height, largest());
    const fitting = Math.max(whole, Math.min(smallest(), room.x / full.width));
    // Rather than out of sight, things are closer to each other (by what a float holds); not where they are out of sight even so.
    const wanted = room.flows ? ROW : Math.floor((16 * room.whole) / scene.height / fitting) / 16;
    // Also where there is no room to measure: hidden, or in a document that has none.
    row = wanted >= 0.8 * LOWEST ? Math.min(ROW, Math.max(LOWEST, wanted)) : ROW;
    scale = wish ?? fitting;
    put(drawn.element, "width", full.width * scale);
    put(drawn.element, "height", scene.height * row * scale);
  };
  /** Where across a sign of 28 x 20 px, so far down in the picture, lies over nothing that is written: in the middle, or beside it. */
  const free = (top: number): number => {
    const middle = holder.clientWidth / 2;
    if (!scene) return middle - 14;
    const left = Math.max(0, (room.x - size(scene, row).width * scale) / 2) + inset - holder.scrollLeft;
    const line = row * scale;
    const words = scene.texts
      .map(({ x, middle, cells }) => {
        const from = left + x * cellWidth() * scale;
        return { from, to: from + cells * cellWidth() * scale, at: (middle / 4) * line };
      })
      .filter(({ at }) => at + line / 2 > top && at - line / 2 < top + 20);
    for (let off = 0; off < middle - 20; off += 8)
      for (const at of [middle - off, middle + off])
        if (words.every(({ from, to }) => to < at - 16 || from > at + 16)) return at - 14;
    return middle - 14;
  };
  /** Says at which edges the picture goes on out of sight. Asked first and written then: in turns the browser would lay out for each. */
  const more = () => {
    const { scrollTop, scrollLeft, clientHeight, clientWidth, scrollHeight, scrollWidth } = holder;
    const across = [free(scrollTop + 4), free(scrollTop + clientHeight - under - 24)];
    across.forEach((x, at) => edges[at]?.style.setProperty("left", `${x}px`));
    const all = [
      scrollTop > 4 ? "up" : "",
      scrollHeight - clientHeight - scrollTop > 4 ? "down" : "",
      scrollLeft > 4 ? "left" : "",
      scrollWidth - clientWidth - scrollLeft > 4 ? "right" : "",
    ];
    const said = all.filter(Boolean).join(" ");
    if (box.dataset.more !== said) box.dataset.more = said;
  };
  holder.addEventListener("scroll", more, { passive: true });
  const resize = (by: number | null) => {
    wish = by === null ? null : Math.min(LARGEST, Math.max(0.4, scale * by));
    fit();
    follow();
  };
  /** Scrolls to the token, or to what the step touches, when it cannot be seen; after a step also the page. */
  const follow = (stepped = false) => {
    if (!scene) return;
    const touched = scene.pieces.find((p) => p.touch);
    // At an end where nothing moves, as when the kernel refuses, it is who acts.
    const acts = position() === run()?.length && scene.actors.find((a) => a.touch);
    const spot =
      scene.token?.path.at(-1) ??
      (touched && [touched.x, (touched.top + touched.bottom) / 4]) ??
      (acts ? [acts.x + acts.width / 2, acts.y + acts.height / 2] : undefined);
    if (!spot) return;
    const { width, height } = size(scene, row);
    const all = width * scale <= room.x + 1 && height * scale <= room.y - under + 1;
    if (all && !room.flows) return;
    const [left, top] = [midX(spot[0]) * scale, (spot[1] + 0.5) * row * scale];
    const into = (now: number, room: number, at: number) => {
      const margin = Math.min(3 * ROW, room / 4);
      return at < now + margin ? at - margin * 2 : at > now + room - margin ? at - room + margin * 2 : now;
    };
    // With the next frame: by then all views have drawn, and the layout that this needs is the one that is shown.
    requestAnimationFrame(() => {
      holder.scrollTo({
        left: into(holder.scrollLeft, holder.clientWidth, left),
        top: into(holder.scrollTop, holder.clientHeight - under, top),
        behavior: calm.matches ? "auto" : "smooth",
      });
      if (stepped && !slot && room.flows) followInPage(holder, top);
      more();
    });
  };

  holder.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      resize(event.deltaY < 0 ? 1.1 : 1 / 1.1);
    },
    { passive: false },
  );
  app.on((state, changed) => {
    if (slot && changed.has("other")) box.hidden = !state.other;
    if (!slot && ["troubles", "text", "good", "head"].some((key) => changed.has(key as keyof typeof state))) {
      const stale = state.troubles.length > 0 && state.text !== state.good && state.head !== null;
      if (stale === whose.hidden) box.classList.toggle("old", stale);
      whose.hidden = !stale;
      whose.textContent = stale ? t("pictureOf", state.head?.title) : "";
    }
    if (changed.has("focus")) {
      closer.hidden = !state.focus;
      // A crowd of devices has no addresses.
      const { first, last, column } = state.focus ?? { first: "", last: "", column: "fold:" };
      const range = column.startsWith("fold:") ? "" : `: ${first} .. ${last}`;
      closer.title = closer.ariaLabel = `${t("wholeColumn")}${range}`;
    }
    if (changed.has(slot ? "other" : "view") || changed.has("focus")) void draw();
    // Only marked anew: of a run that is just opened nothing is shown yet.
    else if (changed.has("followed") && ready && fits(ready)) show(ready);
  });
  let seen = { x: 0, y: 0 };
  new ResizeObserver(() => {
    measure();
    panes?.foresee(
      (layout) => rooms.has(layout) || !holder.isConnected,
      () => measure(true),
    );
    cover();
    const size = { x: holder.clientWidth, y: holder.clientHeight };
    if (Math.abs(size.x - seen.x) < cellWidth() && Math.abs(size.y - seen.y) < 1) return;
    seen = size;
    if (!ready || !fits(ready)) void draw();
    else {
      const was = row;
      fit();
      if (row !== was) drawn.show(ready.scene, app.state.followed, null, row);
      more();
      // The answer took some of its room: what moved stays in sight.
      follow();
    }
  }).observe(holder);
  return box;
}

/** Where the picture flows with the page: scrolls that, unless the reader looks at something else, or it is not ours. */
function followInPage(holder: HTMLElement, top: number): void {
  const drawn = holder.firstElementChild;
  if (!drawn || holder.getRootNode() !== document) return;
  let [from, to] = [0, innerHeight];
  for (const bar of document.querySelectorAll("section.stage, .transport")) {
    if (getComputedStyle(bar).position !== "sticky") continue;
    const { top, bottom } = bar.getBoundingClientRect();
    if (bottom < innerHeight / 2) from = Math.max(from, bottom);
    else to = Math.min(to, top);
  }
  const { top: upper, bottom: lower } = drawn.getBoundingClientRect();
  const at = upper + top;
  const looking = Math.min(lower, to) - Math.max(upper, from) > 4 * ROW;
  if (!looking || (at > from + 2 * ROW && at < to - 2 * ROW)) return;
  scrollBy({ top: at - (from + to) / 2, behavior: calm.matches ? "auto" : "smooth" });
}
