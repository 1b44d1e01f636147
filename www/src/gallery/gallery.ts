// The gallery: finds among the cards that are there, shows which were read, copies links. The page is whole without it.
import { copyText } from "../copy";
import { done } from "../path/progress";
import { browserStorage as storage } from "../storage";
import { Finder } from "./finder";
import { apply, turn } from "./theme";

const find = <E extends Element>(selector: string): E => {
  const element = document.querySelector<E>(selector);
  if (!element) throw new Error(`the page has no ${selector}`);
  return element;
};

const form = find<HTMLFormElement>("#filters");
const search = find<HTMLInputElement>("#search");
const count = find<HTMLElement>("#count");
const reset = find<HTMLButtonElement>("#reset");
const list = find<HTMLElement>("#cards");
const other = find<HTMLAnchorElement>("#lang");
const toast = find<HTMLElement>("#toast");
const cards = [...list.querySelectorAll<HTMLElement>(".card")];
const counts = JSON.parse(count.dataset.counts ?? "[]") as [string, string, string];
const chinese = document.documentElement.lang.startsWith("zh");
const finder = new Finder(find("#also"), chinese ? 1 : 0);

interface Wish {
  q: string;
  difficulty: string;
  topic: string;
}

const NAMES = ["q", "difficulty", "topic"] as const;

/** What the address requests: `#q=rmrr&topic=faults`. */
function requested(): Wish {
  const params = new URLSearchParams(location.hash.slice(1));
  return {
    q: params.get("q") ?? "",
    difficulty: params.get("difficulty") ?? "",
    topic: params.get("topic") ?? "",
  };
}

function chosen(): Wish {
  const data = new FormData(form);
  const value = (name: string) => data.get(name)?.toString() ?? "";
  return { q: search.value, difficulty: value("difficulty"), topic: value("topic") };
}

function choose(wish: Wish): void {
  search.value = wish.q;
  for (const group of ["difficulty", "topic"] as const) {
    const radios = [...form.querySelectorAll<HTMLInputElement>(`[name="${group}"]`)];
    const radio = radios.find((r) => r.value === wish[group]) ?? radios[0];
    if (radio) radio.checked = true;
  }
}

let requests = 0;

/** Shows the cards that fit, the best first where words are searched. */
async function show(wish: Wish): Promise<void> {
  const mine = ++requests;
  document.documentElement.dataset.asked = String(mine);
  const ranked = await finder.find(wish.q);
  if (mine !== requests) return;
  const place = new Map(ranked?.map((name, i) => [name, i]));
  const fits = (card: HTMLElement) =>
    (!ranked || place.has(card.id)) &&
    (!wish.difficulty || wish.difficulty === card.dataset.difficulty) &&
    (!wish.topic || (card.dataset.topics ?? "").split(" ").includes(wish.topic));
  for (const card of cards) card.hidden = !fits(card);
  const order = ranked ? [...cards].sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0)) : cards;
  list.append(...order);
  const left = cards.filter((card) => !card.hidden).length;
  count.textContent = (counts[Math.min(left, 2) as 0 | 1 | 2] ?? "").replace("{n}", String(left));
  reset.hidden = NAMES.every((name) => !wish[name]);
  document.documentElement.dataset.shown = String(mine);
}

/** The address of what is shown, so that it can be linked; the other language gets the same. */
function keep(wish: Wish): void {
  const params = new URLSearchParams();
  for (const name of NAMES) if (wish[name]) params.set(name, wish[name]);
  const hash = params.size ? `#${params}` : "";
  history.replaceState(null, "", `${location.pathname}${location.search}${hash}`);
  other.hash = hash;
}

async function changed(): Promise<void> {
  const wish = chosen();
  keep(wish);
  await show(wish);
}

/** `#swiotlb` alone is a card to jump to; the rest of the page's fragments are filters. */
function arrive(): Promise<void> {
  const wish = requested();
  choose(wish);
  other.hash = location.hash;
  return show(wish);
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const card = button.closest<HTMLElement>(".card");
  if (!card) return;
  const here = new URL(card.querySelector<HTMLAnchorElement>("h3 a")?.href ?? location.href);
  const embed = new URL("embed.js", location.href);
  const text =
    button.dataset.copy === "link"
      ? here.href
      : `<script defer src="${embed}"></script>\n<iommu-playground preset="${card.id}"${chinese ? ' lang="zh"' : ""}></iommu-playground>`;
  const copied = await copyText(text);
  toast.classList.toggle("long", !copied);
  toast.replaceChildren((copied ? list.dataset.copied : list.dataset.refused) ?? "");
  if (copied) {
    setTimeout(() => toast.replaceChildren(), 2000);
    return;
  }
  // The text, marked, to be copied by hand.
  const area = document.createElement("textarea");
  Object.assign(area, { value: text, readOnly: true, rows: 3, ariaLabel: list.dataset.refused ?? "" });
  area.addEventListener("blur", () => toast.replaceChildren());
  toast.append(area);
  area.select();
}

/** Ticks what was read, in the path and on the cards. */
function tick(): void {
  const read = done(storage);
  const path = document.querySelectorAll<HTMLElement>(".path [data-name]");
  for (const one of [...path, ...cards]) {
    const name = one.dataset.name ?? one.id;
    one.toggleAttribute("data-done", read.has(name));
  }
  const progress = find<HTMLElement>("#progress");
  const finished = [...path].filter((one) => read.has(one.dataset.name ?? "")).length;
  if (finished) progress.textContent = (progress.dataset.words ?? "").replace("{n}", String(finished));
}

apply();
tick();
find("#theme").addEventListener("click", turn);
other.addEventListener("click", () => storage.remember("lang", other.lang.startsWith("zh") ? "zh" : "en"));
form.addEventListener("submit", (event) => event.preventDefault());
// While a word is composed (pinyin, kana), its letters are not what is searched.
form.addEventListener("input", (event) => {
  if (!(event as InputEvent).isComposing) void changed();
});
search.addEventListener("compositionend", () => void changed());
search.addEventListener("focus", () => finder.load());
// The lines of a log that is pasted stay lines: a field of one line would run them together.
search.addEventListener("paste", (event) => {
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (!text.trim().includes("\n")) return;
  event.preventDefault();
  finder.pasted = text;
  search.value = text
    .trim()
    .replace(/\s*\n\s*/g, " ")
    .slice(0, 400);
  void changed();
});
reset.addEventListener("click", () => {
  choose({ q: "", difficulty: "", topic: "" });
  void changed();
  search.focus();
});
list.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLButtonElement>("button[data-copy]");
  if (button) void copy(button);
});
addEventListener("hashchange", () => void arrive());
addEventListener("storage", tick);
addEventListener("pageshow", tick);
document.addEventListener("keydown", (event) => {
  const typing = (event.target as Element).matches?.("input:not([type=radio]), textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
  }
  if (event.key === "Escape" && typing && !event.isComposing && search.value) {
    search.value = "";
    void changed();
  }
});
await arrive();
document.documentElement.dataset.ready = "";
