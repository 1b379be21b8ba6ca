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
 * When decisions are made on the clock of a drive. A trace may begin with the state after the first
 * decision, which can then not be seen.
 * @param {import("./trace.js").Drive} drive
 * @param {number} steps decisions in the scene
 */
export function decisionClock({ dt, states }, steps) {
  const before = steps - (states.length - 1); // decisions before the first state
  /** @param {number} decision */
  const timeOf = (decision) => Math.max(0, (decision - before) * dt);
  return {
    timeOf,
    /**
     * The first decision that a command given at `time` can still change.
     * @param {number} time [s]
     * @param {boolean} moving a little time passes before the command arrives
     */
    decisionAt: (time, moving) => before + Math.ceil((time + (moving ? 0.08 : 0)) / dt - 1e-6),
    /** @param {number} decision */
    told: (decision) => say("at_second", { seconds: timeOf(decision).toFixed(1) }),
  };
}
