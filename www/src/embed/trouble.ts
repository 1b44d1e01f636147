// Why there is no run, in words that say what to do.
import type { State } from "../store";
import { words, type Lang } from "../strings";
import { EmbedError } from "./source";
import { word } from "./words";
import { has } from "../own";

let refused = "";
// A worker that a policy refuses says nothing of it by itself.
document.addEventListener("securitypolicyviolation", (event) => {
  if (/^(worker-src|child-src|script-src|require-trusted-types-for)/.test(event.effectiveDirective))
    refused = event.effectiveDirective;
});

/** What `App.open` left behind, or what was thrown. */
export function explained(from: unknown, lang: Lang): EmbedError {
  const state = isState(from) ? from : null;
  const first = state?.troubles[0];
  if (first) {
    const ask = first.suggestion ? words(lang)("didYouMean", first.suggestion) : "";
    const more = ask && (lang === "zh" ? `（${ask}）` : ` ${ask}`);
    const place = `${first.line}:${first.column}`;
    return new EmbedError(
      "scenario",
      word("failed", lang, { value: place, reason: `${first.message}${more}` }),
      first.line,
      first.column,
    );
  }
  const reason = state ? state.message : from instanceof Error ? from.message : String(from);
  if (/Content.Security.Policy|unsafe-eval|blocked by CSP/i.test(reason))
    return new EmbedError("machine", word("policy", lang));
  if (refused === "require-trusted-types-for" || /TrustedScriptURL/.test(reason))
    return new EmbedError("machine", word("trustedPolicy", lang));
  if (refused) return new EmbedError("machine", word("workerPolicy", lang));
  return new EmbedError("machine", word("noMachine", lang, { reason }));
}

const isState = (value: unknown): value is State =>
  typeof value === "object" && value !== null && has(value, "troubles");
