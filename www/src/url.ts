// The place in the address bar: which scenario, which step, which language.
export interface Place {
  preset: string | null;
  at: number | null;
  lang: string | null;
}

export function read(hash: string): Place {
  const params = new URLSearchParams(hash.replace(/^#/, ""));
  const at = params.has("at") ? Number(params.get("at")) : NaN;
  return {
    preset: params.get("p"),
    at: Number.isSafeInteger(at) && at >= 0 ? at : null,
    lang: params.get("lang"),
  };
}

export function write(preset: string | null, at: number | null, lang: string | null): string {
  const parts = [];
  if (preset) parts.push(`p=${encodeURIComponent(preset)}`);
  if (at !== null) parts.push(`at=${at}`);
  if (lang) parts.push(`lang=${lang}`);
  return `#${parts.join("&")}`;
}
