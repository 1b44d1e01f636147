// Signs of the controls, drawn: fonts do not have them everywhere.
import { s } from "./dom";

const PATHS = {
  start: "M3 2v12M13 3 6 8l7 5z",
  back: "M12 3 4 8l8 5z",
  step: "M4 3l8 5-8 5z",
  play: "M5 3l8 5-8 5z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  end: "M13 2v12M3 3l7 5-7 5z",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  signs: "M2 2h4v4H2zM10 2h4v4h-4zM2 10h4v4H2zM12 9l3 3-3 3-3-3z",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
};

export function icon(name: keyof typeof PATHS): SVGElement {
  return s(
    "svg",
    { class: "sign-icon", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
    s("path", { d: PATHS[name], class: name === "fit" ? "open" : null }),
  );
}
