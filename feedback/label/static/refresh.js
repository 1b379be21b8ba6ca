// @ts-check
// Pages that look again by themselves: the one that waits, and the dashboard.
import { announce } from "./say.js";
import { swap } from "./swap.js";

const EVERY = { wait: 3000, dashboard: 5000 }; // [ms]

/**
 * @param {HTMLElement} main
 * @param {(main: HTMLElement) => void} begin
 * @param {AbortSignal} signal
 */
export function startRefresh(main, begin, signal) {
  const kind = main.dataset.page;
  if (kind !== "wait" && kind !== "dashboard") return;
  const timer = window.setTimeout(look, EVERY[kind]);
  signal.addEventListener("abort", () => window.clearTimeout(timer));

  async function look() {
    if (document.hidden || (kind === "dashboard" && isReading(main))) {
      document.addEventListener("visibilitychange", look, { once: true, signal });
      window.setTimeout(() => { if (!signal.aborted && !document.hidden) void look(); }, 5000);
      return;
    }
    try {
      const reply = await fetch(location.pathname, { headers: { Accept: "text/html" }, signal });
      const found = new DOMParser().parseFromString(await reply.text(), "text/html");
      if (signal.aborted || !reply.ok) throw new Error("not now");
      const quiet = found.getElementById("main")?.dataset.page === kind;
      if (swap(found, reply.url, begin, { quiet }) && !quiet) announce(found.title);
    } catch {
      if (!signal.aborted) window.setTimeout(look, 5000);
    }
  }
}

/** Nothing is swapped under a person's hands. @param {HTMLElement} main */
function isReading(main) {
  const chosen = window.getSelection();
  const selects = chosen !== null && !chosen.isCollapsed && main.contains(chosen.anchorNode);
  return selects || main.querySelector("details[open]") !== null
    || main.querySelector("[tabindex='0']:focus, summary:focus") !== null;
}
