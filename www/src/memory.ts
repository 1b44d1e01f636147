// Bytes of memory as they stand at the position, with pages of tables named.
import type { App } from "./app";
import { h } from "./dom";
import type { OwnMemory } from "iommu-view";

/** Narrower than this, a row holds half as many bytes: its text must be seen beside them. */
const WIDE = 540;

export function memory(app: App): { element: HTMLElement; show: () => Promise<void> } {
  const { t } = app;
  // An address that the reader asked for; without one, what was touched last is shown.
  let at = "";
  let around = false;
  // Physical memory, or a device's own, by its requester id.
  let of: number | null = null;
  const whose = h("select", {
    "aria-label": t("whoseMemory"),
    hidden: true,
    onchange: () => {
      of = whose.value === "" ? null : Number(whose.value);
      [at, around] = ["0x0", false];
      app.set({ followed: null });
      void show();
    },
  });
  const input = h("input.address", {
    type: "text",
    "aria-label": t("address"),
    placeholder: t("touchedLast"),
    spellcheck: "false",
  });
  /** The memories there are, said anew only when they are others: a reader may have the list open. */
  let offered = "[]";
  const offer = (memories: OwnMemory[]) => {
    if (!memories.some((m) => m.requester === of)) of = null;
    const said = JSON.stringify(memories);
    if (said === offered) return;
    offered = said;
    whose.hidden = memories.length === 0;
    whose.replaceChildren(
      h("option", { value: "" }, t("physicalMemory")),
      ...memories.map((m) => h("option", { value: m.requester }, `${m.name}${t("is")}${t("ownMemory")}`)),
    );
  };
  const kind = h("p.kind", {});
  const body = h("tbody", {});
  const show = async () => {
    const { followed, position, lang, course } = app.state;
    // An address that is followed stays when it is followed no more.
    if (followed) [of, at, around] = [null, followed, true];
    const across = element.clientWidth < WIDE ? 8 : 16;
    offer(course?.memories ?? []);
    const dump = await app.machine.ask("dump", 0, position, of, at, around, across, lang);
    whose.value = String(dump.requester ?? "");
    if (document.activeElement !== input) input.value = (!around && at) || (dump.rows[0]?.at ?? "");
    kind.textContent = dump.kind;
    body.replaceChildren(
      ...dump.rows.map((r) =>
        h(
          "tr",
          { class: r.touched ? "touched" : "" },
          h(
            "th",
            {
              scope: "row",
              class: dump.requester === null && r.at === lineOf(followed, across) ? "followed" : "",
            },
            r.at,
          ),
          h("td", {}, groups(r.bytes)),
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
          if (!/^((0x)?[0-9a-f]{1,16})?$/i.test(typed)) return input.setAttribute("aria-invalid", "true");
          input.removeAttribute("aria-invalid");
          [at, around] = [/^(0x|$)/i.test(typed) ? typed : `0x${typed}`, false];
          of = whose.value === "" ? null : Number(whose.value);
          app.set({ followed: null });
          void show();
        },
      },
      whose,
      input,
      h("button", { type: "submit" }, t("go")),
    ),
    kind,
    h("div.scroll", { tabindex: 0, role: "region", "aria-label": t("memory") }, h("table.hex", {}, body)),
  );
  return { element, show };
}

/** Two words of a row, apart. */
const groups = (bytes: string[]) => {
  const half = bytes.length / 2;
  return `${bytes.slice(0, half).join(" ")}  ${bytes.slice(half).join(" ")}`;
};

/** The row that an address is in. */
const lineOf = (at: string | null, across: number) =>
  at === null ? null : `0x${(BigInt(at) & ~BigInt(across - 1)).toString(16)}`;
