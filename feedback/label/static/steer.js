// @ts-check
// The scene driven again with a person's commands: the server simulates, the page shows.
import { say } from "./say.js";
import { fields } from "./swap.js";

/** @typedef {[decision: number, manoeuvre: string]} Command */

/**
 * A channel to the simulation: only the latest request counts.
 * @param {HTMLFormElement} form
 * @param {AbortSignal} signal
 */
export function createSteering(form, signal) {
  let latest = new AbortController();
  signal.addEventListener("abort", () => latest.abort());
  /**
   * @param {Command[]} commands
   * @returns {Promise<string | null>} the trace; null where a later request has overtaken it
   */
  return async (commands) => {
    latest.abort();
    const mine = new AbortController();
    latest = mine;
    const body = fields(form);
    body.set("actions", JSON.stringify(commands));
    const late = window.setTimeout(() => mine.abort(), 10000);
    try {
      const reply = await fetch(form.dataset.drive ?? "", { method: "POST", body, signal: mine.signal });
      if (!reply.ok) throw new Error(String(reply.status));
      return await reply.text();
    } catch (error) {
      if (latest !== mine || signal.aborted) return null;
      throw error;
    } finally {
      window.clearTimeout(late);
    }
  };
}

/**
 * The first decision that a command given at `time` can still change.
 * @param {number} time [s]
 * @param {number} dt [s]
 * @param {boolean} moving a little time passes before the command arrives
 */
export function decisionAt(time, dt, moving) {
  return Math.ceil((time + (moving ? 0.08 : 0)) / dt - 1e-6);
}

/** @param {number} decision @param {number} dt [s] */
export function secondOf(decision, dt) {
  return say("at_second", { seconds: (decision * dt).toFixed(1) });
}
