// @ts-check
// What is seen at the wheel: who drives, which key was pressed, and the commands so far.
import { say } from "./say.js";

/** @typedef {import("./steer.js").Command} Command */
/** @typedef {ReturnType<typeof import("./steer.js").decisionClock>} Clock */

const FLASH = 1; // [s] for which a key looks pressed

/**
 * The command in force at a time.
 * @param {Command[]} commands
 * @param {number} time [s]
 * @param {Clock} clock
 */
function inForce(commands, time, clock) {
  return commands.filter(([decision]) => clock.timeOf(decision) <= time + 1e-6).pop();
}

/**
 * @param {HTMLElement} main
 * @param {string} kind
 * @param {import("./playback.js").Player} player
 * @param {Command[]} commands
 * @param {Clock} clock
 */
export function showDriver(main, kind, player, commands, clock) {
  const driver = main.querySelector("#driver");
  const latest = inForce(commands, player.time, clock);
  let text = say("policy_drives");
  if (player.time >= player.limit) text = say("simulating");
  else if (player.time >= player.duration - 0.01) text = say(commands.length ? "end_yours" : "end_policy");
  else if (latest) text = say("you_drive", { what: say(latest[1]), when: clock.told(latest[0]) });
  else if (kind === "demonstration" && !player.playing) text = say("start_hint");
  if (driver && driver.textContent !== text) driver.textContent = text;
  driver?.toggleAttribute("data-you", latest !== undefined);
}

/**
 * @param {HTMLElement} main
 * @param {number} time [s]
 * @param {Command[]} commands
 * @param {Clock} clock
 */
export function showPressed(main, time, commands, clock) {
  const pressed = new Set(commands
    .filter(([decision]) => time >= clock.timeOf(decision) - 0.5 && time < clock.timeOf(decision) + FLASH)
    .map(([, manoeuvre]) => manoeuvre));
  for (const button of main.querySelectorAll("[data-manoeuvre]")) {
    button.toggleAttribute("data-held", pressed.has(button.getAttribute("data-manoeuvre") ?? ""));
  }
}

/**
 * @param {HTMLElement} main
 * @param {Command[]} commands
 * @param {Clock} clock
 * @param {(command: Command) => void} remove
 */
export function showCommands(main, commands, clock, remove) {
  const list = main.querySelector("#commands");
  list?.replaceChildren(...commands.map((command) => {
    const words = { what: say(command[1]), when: clock.told(command[0]) };
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "chip";
    button.textContent = `${say("took_over", words)}  ×`;
    button.setAttribute("aria-label", say("remove_command", words));
    button.addEventListener("click", () => remove(command));
    item.append(button);
    return item;
  }));
}
