// Where on the newcomer's path the scenario is: its number, the way back and the way on.
import type { App } from "../app";
import { h } from "../dom";
import { lesson, short } from "./order";
import { pathWords, type PathKey } from "./words";

export function pathBar(app: App): HTMLElement {
  const say = pathWords(app.state.lang);
  const turn = (key: PathKey, id: string, sign: string) =>
    h("button.icon", { type: "button", id, "aria-label": say(key), title: say(key) }, sign);
  const [back, on] = [turn("previous", "path-previous", "‹"), turn("next", "path-next", "›")];
  const count = h("span", { id: "path-count" });
  const box = h("nav.path-bar", { "aria-label": say("path"), hidden: true }, back, count, on);
  back.addEventListener("click", () => go(-1));
  on.addEventListener("click", () => go(1));
  const go = (by: 1 | -1) => {
    const here = lesson(app.state.gallery, app.state.preset);
    const to = by > 0 ? here?.next : here?.previous;
    if (to) void app.choose(to.name);
  };
  app.on((state, changed) => {
    if (!changed.has("preset") && !changed.has("gallery")) return;
    const here = lesson(state.gallery, state.preset);
    box.hidden = !here;
    if (!here) return;
    count.textContent = say("nth", here.nth, here.of);
    const label = (button: HTMLButtonElement, key: PathKey, title: string | undefined) => {
      button.disabled = !title;
      button.title = title ? `${say(key)}${say("is")}${short(title)}` : say(key);
    };
    label(back, "previous", here.previous?.title);
    label(on, "next", here.next?.title);
  });
  return box;
}
