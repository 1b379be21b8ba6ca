// @ts-check
// A correction of driving: an instant, a better manoeuvre, and both drives side by side.
import { mayMove } from "./playback.js";
import { block, say } from "./say.js";
import { createSteering, decisionClock } from "./steer.js";

const LEAD = 1.5; // [s] shown before the instant

/**
 * @param {HTMLElement} main
 * @param {import("./presence.js").PageData} page
 * @param {import("./playback.js").Player} player
 * @param {ReturnType<typeof import("./screens.js").driveScreen>} policy
 * @param {ReturnType<typeof import("./screens.js").driveScreen>} mine
 * @param {AbortSignal} signal
 */
export function startRepair(main, page, player, policy, mine, signal) {
  const form = /** @type {HTMLFormElement} */ (main.querySelector("#answer"));
  const select = main.querySelector("#start");
  const submit = main.querySelector("[data-complete]");
  const outcome = main.querySelector("#outcome");
  if (!(select instanceof HTMLSelectElement) || !policy.drive) return;
  const clock = decisionClock(policy.drive, page.settings.steps ?? 0);
  const steer = createSteering(form, signal);
  let tried = false;
  /** @param {string} text */
  const tell = (text) => { if (outcome) outcome.textContent = text; };
  const chosen = () => /** @type {HTMLInputElement | null} */ (
    form.querySelector("[name=manoeuvre]:checked"));
  const start = () => Number(select.value);

  /** The instant that is shown becomes the one to change. */
  const takeInstant = () => {
    const values = [...select.options].map((option) => Number(option.value));
    const shown = clock.decisionAt(player.time, false);
    select.value = String(Math.max(values[0], Math.min(shown, values[values.length - 1])));
  };

  const simulate = async () => {
    const what = chosen()?.value;
    block(submit, "incomplete", true);
    if (!what) return;
    tell(say("simulating"));
    try {
      const trace = await steer([[start(), what]]);
      if (trace === null) return;
      mine.load(trace);
      main.querySelector("#mine")?.setAttribute("data-ready", "");
      tried = true;
      block(submit, "incomplete", false);
      tell(say("simulated", { what: say(what), when: clock.told(start()) }));
      player.from = Math.max(0, clock.timeOf(start()) - LEAD);
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
    player.seek(clock.timeOf(start()));
    void simulate();
  }, { signal });
  form.addEventListener("change", (event) => {
    if (/** @type {HTMLInputElement} */ (event.target).name === "manoeuvre") void simulate();
  }, { signal });
  player.listen(() => {
    if (!tried && !player.playing) takeInstant();
  });
  nameInstants(select, clock);
  block(submit, "incomplete", true);
  void simulate();
}

/**
 * The instants by the clock of the drive; what comes before its first state cannot be seen.
 * @param {HTMLSelectElement} select
 * @param {ReturnType<typeof decisionClock>} clock
 */
function nameInstants(select, clock) {
  const first = clock.decisionAt(0, false);
  for (const option of [...select.options]) {
    const decision = Number(option.value);
    if (decision < first && !option.selected) option.remove();
    else option.textContent = clock.told(decision);
  }
}
