// @ts-check
// A takeover or a demonstration: commands on the run, each simulated from the next decision on.
import { mayMove } from "./playback.js";
import { announce, block, say } from "./say.js";
import { createSteering, decisionAt, secondOf } from "./steer.js";

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
  const field = /** @type {HTMLInputElement | null} */ (form.querySelector("[name=actions]"));
  const drive = screen.drive;
  if (!field || !drive) return;
  const { dt } = drive;
  const steps = page.settings.steps ?? drive.states.length - 1;
  const first = page.settings.start ?? 0;
  const original = page.traces[0] ?? "";
  const steer = createSteering(form, signal);
  const list = /** @type {HTMLElement} */ (main.querySelector("#commands"));
  const driver = main.querySelector("#driver");
  /** @type {Command[]} */
  let commands = readCommands(field.value);
  let ended = false;

  /** @param {Command[]} next */
  const change = async (next) => {
    commands = next;
    field.value = JSON.stringify(next);
    showCommands(list, next, dt, (command) => void change(next.filter((other) => other !== command)));
    const known = next.length ? next[next.length - 1][0] * dt : 0;
    block(main.querySelector("[data-complete]"), "simulating", true);
    try {
      const trace = next.length ? await steer(next) : original;
      if (trace === null) return;
      screen.load(trace);
      player.limit = Infinity;
      player.refresh();
      ready();
    } catch {
      player.pause();
      player.limit = Infinity;
      if (driver) driver.textContent = say("drive_failed");
      if (known > player.time) player.seek(known);
    }
  };

  const ready = () => {
    const enough = page.kind === "demonstration" ? ended || commands.length > 0 : commands.length > 0;
    block(main.querySelector("[data-complete]"), "simulating", false);
    block(main.querySelector("[data-complete]"), "incomplete", !enough);
  };

  /** @param {string} manoeuvre */
  const command = (manoeuvre) => {
    const decision = Math.max(first, decisionAt(player.time, dt, player.playing));
    if (decision >= steps) {
      announce(say("reached_end"));
      return;
    }
    player.limit = Math.max(player.time, decision * dt);
    announce(say("took_over", { what: say(manoeuvre), when: secondOf(decision, dt) }));
    void change([...commands.filter(([other]) => other < decision), [decision, manoeuvre]]);
    player.play();
  };

  for (const button of main.querySelectorAll("[data-manoeuvre]")) {
    button.addEventListener("click", () => {
      command(/** @type {HTMLElement} */ (button).dataset.manoeuvre ?? "");
    }, { signal });
  }
  main.querySelector('[data-do="clear"]')?.addEventListener("click", () => {
    void change([]);
    player.seek(0);
    ended = false;
    if (page.kind === "intervention") player.play();
  }, { signal });
  player.listen(() => {
    if (player.time >= player.duration - 0.01) ended = true;
    if (driver) showDriver(driver, page.kind, player, commands, dt);
    showPressed(main, player.time, commands, dt);
    if (ended) ready();
  });
  prepare(main, page.kind, player);
  if (commands.length) void change(commands);
  else showCommands(list, commands, dt, () => {});
  block(main.querySelector("[data-complete]"), "incomplete", !commands.length);
}

/** A drive of one's own is not repeated by itself. @param {HTMLElement} main @param {string} kind @param {import("./playback.js").Player} player */
function prepare(main, kind, player) {
  const loop = main.querySelector('[data-do="loop"]');
  if (loop instanceof HTMLInputElement) loop.checked = false;
  player.pause();
  player.seek(0);
  if (kind === "intervention" && mayMove()) player.play();
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
 * Who drives at this moment.
 * @param {Element} driver @param {string} kind @param {import("./playback.js").Player} player
 * @param {Command[]} commands @param {number} dt
 */
function showDriver(driver, kind, player, commands, dt) {
  const held = commands.filter(([decision]) => decision * dt <= player.time + 1e-6).pop();
  let text = say("policy_drives");
  if (held) text = say("you_drive", { what: say(held[1]), when: secondOf(held[0], dt) });
  else if (kind === "demonstration") text = say("start_hint");
  else if (player.time >= player.duration - 0.01) text = say("reached_end");
  if (driver.textContent !== text) driver.textContent = text;
  driver.toggleAttribute("data-you", held !== undefined);
}

/** @param {HTMLElement} main @param {number} time @param {Command[]} commands @param {number} dt */
function showPressed(main, time, commands, dt) {
  const held = commands.filter(([decision]) => decision * dt <= time + 1e-6).pop();
  for (const button of main.querySelectorAll("[data-manoeuvre]")) {
    button.toggleAttribute("data-held", button.getAttribute("data-manoeuvre") === held?.[1]);
  }
}

/**
 * @param {HTMLElement} list @param {Command[]} commands @param {number} dt
 * @param {(command: Command) => void} remove
 */
function showCommands(list, commands, dt, remove) {
  list.replaceChildren(...commands.map((command) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "chip";
    button.textContent = `${secondOf(command[0], dt)} ${say(command[1])} ×`;
    button.setAttribute("aria-label", say("remove_command", {
      what: say(command[1]), when: secondOf(command[0], dt),
    }));
    button.addEventListener("click", () => {
      announce(say("command_removed"));
      remove(command);
    });
    item.append(button);
    return item;
  }));
}
