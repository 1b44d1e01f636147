// The gallery: filters the cards that are there, copies links. The page is whole without it.
import { browserStorage as storage } from "../storage";
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

interface Wish {
  q: string;
  difficulty: string;
  topic: string;
}

const NAMES = ["q", "difficulty", "topic"] as const;

/** What the address asks for: `#q=rmrr&topic=faults`. */
function asked(): Wish {
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

/** Every word has to occur; a card that has none of them goes. */
function fits(card: HTMLElement, wish: Wish): boolean {
  const words = wish.q.toLowerCase().split(/\s+/).filter(Boolean);
  const { terms = "", difficulty, topics = "" } = card.dataset;
  return (
    words.every((word) => terms.includes(word)) &&
    (!wish.difficulty || wish.difficulty === difficulty) &&
    (!wish.topic || topics.split(" ").includes(wish.topic))
  );
}

function show(wish: Wish): void {
  let left = 0;
  for (const card of cards) {
    card.hidden = !fits(card, wish);
    if (!card.hidden) left++;
  }
  count.textContent = counts[Math.min(left, 2) as 0 | 1 | 2].replace("{n}", String(left));
  reset.hidden = NAMES.every((name) => !wish[name]);
}

/** The address of what is shown, so that it can be linked; the other language gets the same. */
function keep(wish: Wish): void {
  const params = new URLSearchParams();
  for (const name of NAMES) if (wish[name]) params.set(name, wish[name]);
  const hash = params.size ? `#${params}` : "";
  history.replaceState(null, "", `${location.pathname}${location.search}${hash}`);
  other.hash = hash;
}

function changed(): void {
  const wish = chosen();
  show(wish);
  keep(wish);
}

/** `#swiotlb` alone is a card to jump to; the rest of the page's fragments are filters. */
function arrive(): void {
  const wish = asked();
  choose(wish);
  show(wish);
  other.hash = location.hash;
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const card = button.closest<HTMLElement>(".card");
  if (!card) return;
  const here = new URL(card.querySelector<HTMLAnchorElement>("h3 a")?.href ?? location.href);
  const embed = new URL("embed.js", location.href);
  const text =
    button.dataset.copy === "link"
      ? here.href
      : `<script defer src="${embed}"></script>\n<iommu-playground preset="${card.id}"></iommu-playground>`;
  try {
    await navigator.clipboard.writeText(text);
    toast.textContent = list.dataset.copied ?? "";
    toast.classList.remove("long");
    setTimeout(() => (toast.textContent = ""), 2000);
  } catch {
    // No clipboard (plain http, or refused): the text to copy by hand.
    toast.textContent = `${list.dataset.refused}\n${text}`;
    toast.classList.add("long");
  }
}

apply();
find("#theme").addEventListener("click", turn);
other.addEventListener("click", () => storage.remember("lang", other.lang.startsWith("zh") ? "zh" : "en"));
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", changed);
reset.addEventListener("click", () => {
  choose({ q: "", difficulty: "", topic: "" });
  changed();
  search.focus();
});
list.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLButtonElement>("button[data-copy]");
  if (button) void copy(button);
});
addEventListener("hashchange", arrive);
document.addEventListener("keydown", (event) => {
  const typing = (event.target as Element).matches?.("input:not([type=radio])");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    search.focus();
  }
  if (event.key === "Escape" && typing && search.value) {
    search.value = "";
    changed();
  }
});
arrive();
document.documentElement.dataset.ready = "";
