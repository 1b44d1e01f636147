// The question at the end of a scenario of the path. The machine makes it, its answer and the reason of every choice.
import type { CheckChoice, CheckQuestion } from "iommu-view";
import type { App } from "../app";
import { h } from "../dom";
import { pathWords, type PathWords } from "./words";

/** A box for the question, which comes when the machine has made it; it stays empty for a scenario that has none. */
export function check(app: App, name: string): HTMLElement {
  const say = pathWords(app.state.lang);
  const box = h("section.check", { "aria-label": say("check"), hidden: true });
  void app.machine.ask("checkQuestion", 0, name, app.state.lang).then((found) => {
    if (!found) return;
    box.hidden = false;
    box.replaceChildren(...parts(box, found, say));
  });
  return box;
}

/** Nothing takes the focus by itself: a reader's next Space is meant for the run. */
function parts(box: HTMLElement, { text, choices }: CheckQuestion, say: PathWords): HTMLElement[] {
  const reason = h("p.reason", { role: "status" });
  const buttons = choices.map((choice) =>
    h("button.choice", { type: "button", onclick: () => answer(choice) }, choice.text),
  );
  const answer = (given: CheckChoice) => {
    const button = buttons[choices.indexOf(given)];
    if (!button) return;
    button.dataset.answer = given.right ? "right" : "wrong";
    button.setAttribute("aria-pressed", "true");
    // A wrong answer may be followed by another; a right one is the last.
    if (given.right) box.dataset.answered = "right";
    reason.dataset.tone = given.right ? "good" : "fault";
    reason.replaceChildren(
      h("b", {}, `${given.right ? "✓" : "✕"} ${say(given.right ? "right" : "wrong")}`),
      ` ${given.reason}`,
    );
  };
  return [
    h("p.asked", {}, `${say("check")}${say("is")}`, ...coded(text)),
    h("div.choices", { role: "group", "aria-label": text }, ...buttons),
    reason,
  ];
}

/** A text with what stands between backticks as code. */
const coded = (text: string): (string | HTMLElement)[] =>
  text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
