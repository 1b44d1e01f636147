// Light or dark, as the playground's page keeps it.
import { browserStorage as storage } from "../storage";

export function apply(): void {
  const theme = storage.recall("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
}

export function turn(): void {
  const root = document.documentElement;
  const dark =
    root.dataset.theme === "dark" ||
    (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
  storage.remember("theme", root.dataset.theme);
}
