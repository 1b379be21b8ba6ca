// @ts-check
// A correction of driving: an instant, a better manoeuvre, and both drives side by side.
import { mayMove } from "./playback.js";
import { block, say } from "./say.js";
import { createSteering, decisionAt, secondOf } from "./steer.js";

const LEAD = 1.5; // [s] shown before the instant

/**
 * @param {HTMLElement} main
 * @param {import("./playback.js").Player} player
 * @param {ReturnType<typeof import("./screens.js").driveScreen>} policy
 * @param {ReturnType<typeof import("./screens.js").driveScreen>} mine
 * @param {AbortSignal} signal
 */
export function startRepair(main, player, policy, mine, signal) {
  const form = /** @type {HTMLFormElement} */ (main.querySelector("#answer"));
  const select = main.querySelector("#start");
  const submit = main.querySelector("[data-complete]");
  const outcome = main.querySelector("#outcome");
  if (!(select instanceof HTMLSelectElement) || !policy.drive) return;
  const { dt } = policy.drive;
  const steer = createSteering(form, signal);
  let tried = false;
  /** @param {string} text */
  const tell = (text) => { if (outcome) outcome.textContent = text; };

  /** The instant that is shown becomes the one to change. */
  const takeInstant = () => {
    const values = [...select.options].map((option) => Number(option.value));
    const wanted = Math.max(values[0], Math.min(decisionAt(player.time, dt, false), values[values.length - 1]));
    select.value = String(wanted);
  };

  const simulate = async () => {
    const chosen = /** @type {HTMLInputElement | null} */ (form.querySelector("[name=manoeuvre]:checked"));
    block(submit, "incomplete", true);
    if (!chosen) return;
    tell(say("simulating"));
    try {
      const trace = await steer([[Number(select.value), chosen.value]]);
      if (trace === null) return;
      mine.load(trace);
      main.querySelector("#mine")?.setAttribute("data-ready", "");
      tried = true;
      block(submit, "incomplete", false);
      tell(say("simulated", { what: say(chosen.value), when: secondOf(Number(select.value), dt) }));
      player.from = Math.max(0, Number(select.value) * dt - LEAD);
      player.seek(player.from);
      if (mayMove()) player.play();
    } catch {
      tell(say("drive_failed"));
    }
  };

  main.querySelector('[data-do="here"]')?.addEventListener("click", () => {
    player.pause();
    takeInstant();
    void simulate();
  }, { signal });
  select.addEventListener("change", () => {
    player.pause();
    player.seek(Number(select.value) * dt);
    void simulate();
  }, { signal });
  form.addEventListener("change", (event) => {
    if (/** @type {HTMLInputElement} */ (event.target).name !== "manoeuvre") return;
    if (!tried && !player.playing) takeInstant();
    void simulate();
  }, { signal });
  block(submit, "incomplete", true);
  void simulate();
}
