// Bytes of memory as they stand at the position, with pages of tables named.
import type { App } from "./app";
import { h } from "./dom";
import { t } from "./strings";

const ROWS = 16;

export function memory(app: App): { element: HTMLElement; show: () => Promise<void> } {
  let at = "0x0";
  let own = false;
  const input = h("input.address", {
    type: "text",
    value: at,
    "aria-label": t("address"),
    spellcheck: "false",
  });
  const kind = h("p.kind", {});
  const body = h("tbody", {});
  const show = async () => {
    const { view, followed, position, lang } = app.state;
    // The page follows what steps touch until the reader asks for an address.
    if (followed) at = row(followed);
    else if (!own && view?.touched) at = row(view.touched);
    if (document.activeElement !== input) input.value = at;
    const dump = await app.core.ask("dump", 0, position, at, ROWS, lang);
    kind.textContent = dump.kind;
    body.replaceChildren(
      ...dump.rows.map((r) =>
        h(
          "tr",
          { class: r.touched ? "touched" : "" },
          h("th", { scope: "row", class: r.at === lineOf(followed) ? "followed" : "" }, r.at),
          h("td", {}, r.bytes.slice(0, 8).join(" "), "  ", r.bytes.slice(8).join(" ")),
          h("td.text", {}, r.text),
        ),
      ),
    );
  };
  const element = h(
    "div.memory",
    {},
    h(
      "form",
      {
        onsubmit: (event: Event) => {
          event.preventDefault();
          const typed = input.value.trim().replaceAll("_", "");
          if (!/^(0x)?[0-9a-f]{1,16}$/i.test(typed)) return input.setAttribute("aria-invalid", "true");
          input.removeAttribute("aria-invalid");
          own = true;
          at = typed.startsWith("0x") ? typed : `0x${typed}`;
          app.state.followed = null;
          void show();
        },
      },
      input,
      h("button", { type: "submit" }, t("go")),
    ),
    kind,
    h("div.scroll", { tabindex: 0, role: "region", "aria-label": t("memory") }, h("table.hex", {}, body)),
  );
  return { element, show };
}

/** A little before the touched row, so that it is seen among its neighbours. */
function row(touched: string): string {
  const value = BigInt(touched);
  const page = value & ~0xfffn;
  const start = (value & ~0xfn) - 0x40n;
  return `0x${(start > page ? start : page).toString(16)}`;
}

/** The row of sixteen bytes that an address is in. */
const lineOf = (at: string | null) => (at === null ? null : `0x${(BigInt(at) & ~0xfn).toString(16)}`);
