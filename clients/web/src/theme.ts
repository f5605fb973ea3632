/** Light or dark: as the system has it, or as the user wants it on this device. */
import { signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";

const KEPT = "tidings-theme";
const COLOURS = { light: "#ffffff", dark: "#141d1c" };
const kept = localStorage.getItem(KEPT);

export const theme = signal<Theme>(kept === "light" || kept === "dark" ? kept : "auto");

export function setTheme(wanted: Theme): void {
  theme.value = wanted;
  localStorage.setItem(KEPT, wanted);
  document.documentElement.dataset["theme"] = wanted;
  // What a system draws around an installed application.
  const isDark = wanted === "dark" || (wanted === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.querySelector("meta[name=theme-color]")?.setAttribute("content", isDark ? COLOURS.dark : COLOURS.light);
}

setTheme(theme.value);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(theme.value));
