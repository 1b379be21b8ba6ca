// @ts-check
// A takeover or a demonstration: commands on the run, each simulated from its decision on.
import { showCommands, showDriver, showPressed } from "./cockpit.js";
import { mayMove } from "./playback.js";
import { announce, block, say } from "./say.js";
import { createSteering, decisionClock } from "./steer.js";

/** @typedef {import("./steer.js").Command} Command */

/**
 * @param {HTMLElement} main
 * @param {import("./presence.js").PageData} page
 * @param {import("./playback.js").Player} player
 * @param {ReturnType<typeof import("./screens.js").driveScreen>} screen
 * @param {AbortSignal} signal
 */
export function startTakeover(main, page, player, screen, signal) {
  const form = /** @type {HTMLFormElement} */ (main.querySelector("#answer"));
  const field = form.querySelector("[name=actions]");
  const submit = main.querySelector("[data-complete]");
  if (!(field instanceof HTMLInputElement) || !screen.drive) return;
  const steps = page.settings.steps ?? screen.drive.states.length;
  const clock = decisionClock(screen.drive, steps);
  const steer = createSteering(form, signal);
  /** @type {Command[]} */
  let commands = readCommands(field.value);
  /** @type {Command[]} what is on the screen */
  let shown = [];
  let given = 0; // [s] time of the drive at which the latest command was given

  /** @param {Command[]} next */
  const change = async (next) => {
    commands = next;
    field.value = JSON.stringify(next);
    showCommands(main, next, clock, (command) => {
      announce(say("command_removed"));
      void change(next.filter((other) => other !== command));
    });
    block(submit, "incomplete", next.length === 0);
    block(submit, "simulating", true);
    const parting = firstDifference(shown, next);
    player.limit = clock.timeOf(parting);
    try {
      const trace = next.length ? await steer(next) : page.traces[0] ?? "";
      if (trace === null) return;
      screen.load(trace);
      shown = next;
      block(submit, "simulating", false);
    } catch {
      commands = shown;
      field.value = JSON.stringify(shown);
      showCommands(main, shown, clock, () => {});
      player.pause();
      announce(say("drive_failed"));
    }
    player.limit = Infinity;
    player.refresh();
  };

  /** @param {string} manoeuvre */
  const command = (manoeuvre) => {
    let decision = Math.max(page.settings.start ?? 0, clock.decisionAt(player.time, player.playing));
    const rewound = player.time < given - 1e-6;
    const kept = rewound ? commands.filter(([other]) => other < decision) : commands;
    const latest = kept[kept.length - 1]?.[0] ?? -1;
    decision = Math.max(decision, latest + 1); // two keys at once: one decision after the other
    if (decision >= steps) {
      announce(say("reached_end"));
      return;
    }
    given = player.time;
    announce(say("took_over", { what: say(manoeuvre), when: clock.told(decision) }));
    void change([...kept, [decision, manoeuvre]]);
    player.play();
  };

  for (const button of main.querySelectorAll("[data-manoeuvre]")) {
    button.addEventListener("click", () => {
      command(button.getAttribute("data-manoeuvre") ?? "");
    }, { signal });
  }
  main.querySelector('[data-do="clear"]')?.addEventListener("click", () => {
    given = 0;
    player.seek(0);
    void change([]);
    if (page.kind === "intervention") player.play();
    else player.pause();
  }, { signal });
  player.listen(() => {
    showDriver(main, page.kind, player, commands, clock);
    showPressed(main, player.time, commands, clock);
  });
  const loop = main.querySelector('[data-do="loop"]');
  if (loop instanceof HTMLInputElement) loop.checked = false; // one's own drive is not a clip
  player.pause();
  player.seek(0);
  void change(commands);
  if (page.kind === "intervention" && mayMove()) player.play();
}

/** @param {string} text @returns {Command[]} */
function readCommands(text) {
  try {
    return JSON.parse(text || "[]");
  } catch {
    return [];
  }
}

/**
 * The first decision that two lists of commands do not share.
 * @param {Command[]} one
 * @param {Command[]} other
 */
function firstDifference(one, other) {
  let i = 0;
  while (i < one.length && i < other.length && String(one[i]) === String(other[i])) i++;
  return Math.min(one[i]?.[0] ?? Infinity, other[i]?.[0] ?? Infinity);
}
