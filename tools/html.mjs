// What the tools that write pages share.

/** A text as HTML shows it, also in an attribute. */
export const escape = (text) =>
  String(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

/** A text as HTML shows it, with what stands between backticks as code. */
export const coded = (text) =>
  escape(text)
    .split("`")
    .map((part, i) => (i % 2 ? `<code>${part}</code>` : part))
    .join("");

/** A template with its `<!--NAME-->` and `{{NAME}}` filled in; names that `parts` does not have stay. */
export const fillIn = (template, parts) =>
  template.replace(/<!--([A-Z]+)-->|\{\{([A-Z]+)\}\}/g, (all, a, b) => parts[a ?? b] ?? all);

/** The link of a page to itself in its other language. */
export const inOther = ({ lang, label, href }) =>
  `<a id="lang" lang="${lang}" hreflang="${lang}" href="${href}">${label}</a>`;

/** What terms mean, each with its meaning beside it. */
export const meanings = (terms) => {
  const items = terms.map(
    ([name, meaning]) => `<div><dt>${escape(name)}</dt><dd>${escape(meaning)}</dd></div>`,
  );
  return `<dl>${items.join("")}</dl>`;
};
