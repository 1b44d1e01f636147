// Second texts for a comparison: the scenario's own change, the original, and one word changed where it says
// strict or lazy, translated or passed through, small or large pages, ACS on or off.

import type { App } from "./app";

export interface Variant {
  label: string;
  text: string;
}

/** One statement's word, and what it may be instead. Texts in quotes are never touched. */
const WORDS: [statement: RegExp, instead: string[]][] = [
  [/^(\s*iommu\s+)(strict|lazy|pass-through|off)\b/m, ["strict", "lazy", "pass-through", "off"]],
  [/^(\s*(?:map|vm|domain)\b[^"\n]*\bpage\s+)(4K|2M|1G)\b/m, ["4K", "2M"]],
];

function words(text: string): Variant[] {
  return WORDS.flatMap(([statement, instead]) => {
    const found = statement.exec(text);
    if (!found) return [];
    const [, before, now] = found;
    const label = (word: string) =>
      `${before?.trim().split(/\s+/)[0] === "iommu" ? "iommu" : "page"} ${word}`;
    return instead
      .filter((word) => word !== now)
      .map((word) => ({ label: label(word), text: text.replace(statement, `$1${word}`) }));
  });
}

/** Access Control Services at every port, or at none. */
function acs(text: string): Variant[] {
  const port = /^(\s*(?:rootport|port|switch)\s[^"#\n]*?)(\s+acs)?(\s*(?:#.*)?)$/gm;
  if (!port.test(text)) return [];
  const on = text.replace(port, (_, start: string, _acs, end: string) => `${start} acs${end}`);
  const off = text.replace(port, (_, start: string, _acs, end: string) => `${start}${end}`);
  return [
    { label: "acs", text: on },
    { label: "no acs", text: off },
  ];
}

/** All that this run can be compared with. */
export function variants({ state, t }: App): Variant[] {
  const original = state.gallery.find((c) => c.name === state.preset)?.text;
  const all: Variant[] = [];
  if (original && original !== state.good) all.push({ label: t("withOriginal"), text: original });
  if (state.head?.changed) all.push({ label: t("withChange"), text: state.head.changed });
  all.push(...words(state.good), ...acs(state.good));
  return all.filter((v) => v.text !== state.good);
}
