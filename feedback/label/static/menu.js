// @ts-check
// Theme, help and copying: what every page offers.
import { announce, say } from "./say.js";

export function startMenu() {
  showTheme();
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    const theme = target.closest("[data-theme-choice]")?.getAttribute("data-theme-choice");
    if (typeof theme === "string") chooseTheme(theme);
    if (target.closest('[data-do="help"]')) openHelp();
    if (target instanceof HTMLDialogElement) target.close();
    const copied = target.closest("[data-copy]")?.getAttribute("data-copy");
    if (copied) void copy(copied, /** @type {HTMLElement} */ (target.closest("[data-copy]")));
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(target)) menu.removeAttribute("open");
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = document.querySelector("details.menu[open]");
    if (event.key !== "Escape" || !menu) return;
    menu.removeAttribute("open");
    menu.querySelector("summary")?.focus();
  });
}

/** @param {string} theme "light", "dark" or "": the system's */
function chooseTheme(theme) {
  const root = document.documentElement;
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  try {
    if (theme) localStorage.setItem("theme", theme);
    else localStorage.removeItem("theme");
  } catch {
    // No storage: until the page is left.
  }
  showTheme();
}

function showTheme() {
  const theme = document.documentElement.dataset.theme ?? "";
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.getAttribute("data-theme-choice") === theme));
  }
}

function openHelp() {
  const help = document.getElementById("help");
  if (help instanceof HTMLDialogElement && !help.open) help.showModal();
}

/**
 * @param {string} id of a text field
 * @param {HTMLElement} button
 */
async function copy(id, button) {
  const field = document.getElementById(id);
  if (!(field instanceof HTMLInputElement)) return;
  let done = false;
  try {
    await navigator.clipboard.writeText(field.value);
    done = true;
  } catch {
    field.select(); // without a secure connection there is no clipboard, but there is Ctrl+C
    done = document.execCommand("copy");
  }
  const text = say(done ? "copied" : "copy_failed");
  const label = button.querySelector("span");
  if (label) label.textContent = text;
  announce(text);
}
