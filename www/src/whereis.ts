// "What address is this?": all names of an address where the run stands now, who can reach the byte, through which entries.
import type { Whereabouts, WhereName } from "iommu-view";
import { address } from "./addresses";
import type { App } from "./app";
import { h } from "./dom";

export function whereIs(app: App): { element: HTMLElement; show: () => Promise<void> } {
  const { t } = app;
  let asked = "";
  const input = h("input.address", {
    type: "text",
    id: "where-address",
    placeholder: "0x…",
    "aria-label": t("whatAddress"),
    spellcheck: "false",
    autocomplete: "off",
  });
  const out = h("div.where-out", { role: "status" });
  let turn = 0;
  const show = async () => {
    const { followed, view, position, lang, course } = app.state;
    if (followed) asked = followed;
    if (document.activeElement !== input) input.value = asked;
    const what = asked || view?.touched;
    if (!what || !course) return out.replaceChildren(h("p.quiet", {}, t("whereHint")));
    const mine = ++turn;
    const found = await app.machine.ask("whereIs", 0, position, what, lang);
    if (mine !== turn) return;
    out.replaceChildren(
      ...(asked ? [] : [h("p.quiet", {}, `${t("whereTouched")} ${what}`)]),
      ...(found.length ? found.map((f) => one(app, f)) : [h("p.quiet", {}, t("nobodys"))]),
    );
  };
  const element = h(
    "div.whereis",
    {},
    h(
      "form",
      {
        onsubmit: (event: Event) => {
          event.preventDefault();
          asked = input.value.trim();
          // A number is followed in the picture too; a name of the scenario is only looked up.
          const number = /^(0x)?[0-9a-f_]{1,20}$/i.test(asked) && /\d/.test(asked[0] ?? "");
          if (number) app.set({ followed: asked.replaceAll("_", "") });
          else {
            app.set({ followed: null });
            void show();
          }
        },
      },
      h("label", { for: "where-address" }, t("whatAddress")),
      input,
      h("button", { type: "submit" }, t("go")),
    ),
    out,
  );
  return { element, show };
}

function one(app: App, found: Whereabouts): HTMLElement {
  const { t } = app;
  return h(
    "section.whereabouts",
    {},
    h("h3", {}, found.asked.text),
    h(
      "p",
      {},
      "→ ",
      found.pa ? [address(app, found.pa), " "] : "",
      h("span", {}, found.pa ? `(${found.thing})` : found.thing),
    ),
    entries(app, found.asked),
    found.names.length ? h("h4", {}, t("whoReaches")) : "",
    h(
      "ul.names",
      {},
      ...found.names.map((name) => h("li", { "data-stale": name.stale ? "yes" : null }, said(app, name))),
    ),
  );
}

function said(app: App, name: WhereName): (Node | string)[] {
  const { t } = app;
  const note = name.stale ? h("b.stale", {}, t("legendStale")) : h("code.perms", {}, name.perms);
  return [h("span", {}, name.text), " ", note, entries(app, name)];
}

/** The table entries on the way, folded until they are asked for. */
function entries(app: App, name: WhereName): HTMLElement | string {
  const { t } = app;
  if (!name.through.length) return "";
  return h(
    "details.through",
    {},
    h("summary", {}, `${name.through.length} ${t("entriesOnTheWay")}`),
    h(
      "ol",
      {},
      ...name.through.map((step) =>
        h(
          "li",
          {},
          h("span", {}, step.entry),
          " ",
          address(app, step.at),
          " ",
          h("code", {}, `= ${step.raw}`),
        ),
      ),
    ),
  );
}
