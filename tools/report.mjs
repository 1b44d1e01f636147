// Tables that commands write into docs/, and their places there.

/** A Markdown table. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

export const ratio = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(0));

/** `page` with `text` between the marks called `name`. */
export function between(page, name, text) {
  const [begin, end] = [`<!-- ${name}: written by a command -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no place for ${name}`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}
