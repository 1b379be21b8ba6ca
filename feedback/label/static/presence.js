// @ts-check
// How long the question has been looked at, and the sign of life that keeps it ours.
import { announce, block, say, showAlert } from "./say.js";
import { fields } from "./swap.js";

const IDLE = 5 * 60; // [s] without a key or a touch after which nobody is there

/**
 * @typedef {{ kind: string, lease: number, wait: number, settings: Record<string, number>,
 *   traces: (string | null)[] }} PageData
 */

/** @returns {() => number} seconds of being visible */
function stopwatch(/** @type {AbortSignal} */ signal) {
  let seen = 0;
  let since = document.hidden ? NaN : performance.now();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && !Number.isNaN(since)) seen += performance.now() - since;
    since = document.hidden ? NaN : performance.now();
  }, { signal });
  return () => (seen + (Number.isNaN(since) ? 0 : performance.now() - since)) / 1000;
}

/**
 * @param {HTMLElement} main
 * @param {PageData} page
 * @param {AbortSignal} signal
 */
export function startPresence(main, page, signal) {
  const form = main.querySelector("#answer");
  if (!(form instanceof HTMLFormElement)) return;
  const seconds = stopwatch(signal);
  openAfter(main, page.wait, seconds, signal);
  document.addEventListener("submit", (event) => {
    const submitter = /** @type {SubmitEvent} */ (event).submitter;
    if (event.target !== form) return;
    if (submitter?.getAttribute("aria-disabled") === "true") {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (submitter.dataset.blocked?.includes("wait")) announce(say("too_soon"));
    }
    const field = form.elements.namedItem("seconds");
    if (field instanceof HTMLInputElement) field.value = seconds().toFixed(2);
  }, { capture: true, signal });
  beat(form, page.lease, signal);
}

/**
 * @param {HTMLElement} main
 * @param {number} wait
 * @param {() => number} seconds
 * @param {AbortSignal} signal
 */
function openAfter(main, wait, seconds, signal) {
  const buttons = [...main.querySelectorAll("[data-waits]")];
  const look = () => {
    if (signal.aborted) return;
    const left = wait - seconds();
    for (const button of buttons) block(button, "wait", left > 0);
    if (left > 0) window.setTimeout(look, Math.max(50, 1000 * left));
  };
  look();
}

/**
 * @param {HTMLFormElement} form
 * @param {number} lease
 * @param {AbortSignal} signal
 */
function beat(form, lease, signal) {
  let active = performance.now();
  const touch = () => { active = performance.now(); };
  for (const name of ["pointerdown", "pointermove", "keydown", "wheel"]) {
    document.addEventListener(name, touch, { signal, passive: true });
  }
  const renew = async () => {
    if (document.hidden || performance.now() - active > 1000 * IDLE) return;
    try {
      const reply = await fetch("/heartbeat", { method: "POST", body: fields(form), signal });
      if (reply.status !== 409 || signal.aborted) return;
      window.clearInterval(timer);
      showAlert(say("lease_lost"), { next: true });
    } catch {
      // The next beat, or the answer itself, will tell.
    }
  };
  const timer = window.setInterval(renew, Math.max(2000, (1000 * lease) / 3));
  signal.addEventListener("abort", () => window.clearInterval(timer));
  document.addEventListener("visibilitychange", renew, { signal });
}
