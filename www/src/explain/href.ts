/** A link of the page that goes on in its language, also in a tab of its own. */
export const inLanguage = (href: string, lang: 0 | 1): string => (lang ? `${href}&lang=zh` : href);

/** The link that hands a log to the page's reader. */
export const explainHref = (log: string, lang: 0 | 1): string =>
  inLanguage(`#explain=${encodeURIComponent(log.slice(0, 100_000))}`, lang);
