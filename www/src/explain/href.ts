/** The link that hands a log to the page's reader. */
export const explainHref = (log: string, lang: 0 | 1): string =>
  `#explain=${encodeURIComponent(log.slice(0, 100_000))}${lang ? "&lang=zh" : ""}`;
