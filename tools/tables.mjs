// The tables that put all architectures side by side, as HTML: what the command line tool says of them, made by running the
// machines.
import { execFileSync } from "node:child_process";
import { coded, escape } from "./html.mjs";

const WORDS = {
  en: { see: "see it", none: "none" },
  zh: { see: "看它发生", none: "没有" },
};

let known;

/** All tables, by language. */
export const tables = () =>
  (known ??= JSON.parse(
    execFileSync("target/debug/iommu-play", ["rosetta", "--json"], {
      encoding: "utf8",
      maxBuffer: 64 << 20,
    }),
  ));

/** The section of the gallery: which scenario runs on which machine. The others are of the page of all machines. */
export const SCENARIOS = "scenarios";

/** A bar as long as its part of the row's largest count. */
const bar = (count, most) =>
  `<svg class="bar-of" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect width="${((100 * count) / Math.max(most, 1)).toFixed(1)}" height="6" /></svg>`;

/** Records and lines of a log keep their shape: they follow the code in a ladder. */
const line = (text, n, name) => (name === "ladder" && n > 0 ? `<code>${escape(text)}</code>` : escape(text));

function cell({ lines, count, link }, { most, lang, name, about }) {
  if (!lines.length) return `<td class="none">${WORDS[lang].none}</td>`;
  const chart = count === null ? "" : bar(count, most);
  const text = lines.map((text, n) => line(text, n, name)).join("<br />");
  if (!link) return `<td>${text}${chart}</td>`;
  const href = `./${escape(link)}${lang === "zh" ? "&amp;lang=zh" : ""}`;
  // Where a scenario runs, the tick itself leads there.
  if (name === SCENARIOS) return `<td><a href="${href}" aria-label="${escape(about)}">${text}</a></td>`;
  return `<td>${text}${chart} <a href="${href}">${WORDS[lang].see}</a></td>`;
}

/** A section of these tables as HTML: a heading, what it is about, and its table, whose rows have a cell for each machine. */
export function section({ name, title, lead, rows }, columns, lang) {
  const body = rows.map((row) => {
    const most = Math.max(...row.cells.map((c) => c.count ?? 0));
    const note = row.note ? `<small>${coded(row.note)}</small>` : "";
    const cells = row.cells.map((c, n) =>
      cell(c, { most, lang, name, about: `${columns[n]}: ${c.lines[0] === "✓" ? row.name : c.lines[0]}` }),
    );
    return `<tr><th scope="row">${escape(row.name)}${note}</th>${cells.join("")}</tr>`;
  });
  const head = columns.map((column) => `<th scope="col">${escape(column)}</th>`).join("");
  return `<section aria-labelledby="${name}">
  <h2 id="${name}">${escape(title)}</h2>
  ${lead ? `<p>${coded(lead)}</p>` : ""}
  <div class="wide${name === SCENARIOS ? " narrow" : ""}" tabindex="0" role="group" aria-labelledby="${name}"><table>
    <thead><tr><td></td>${head}</tr></thead>
    <tbody>${body.join("\n")}</tbody>
  </table></div>
</section>`;
}
