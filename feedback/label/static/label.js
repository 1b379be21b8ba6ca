// @ts-check
// The page comes alive: every part of <main> is started, and again when <main> is swapped.
import { startGroups } from "./groups.js";
import { startKeys } from "./keys.js";
import { startMenu } from "./menu.js";
import { createPlayer, mayMove } from "./playback.js";
import { startPresence } from "./presence.js";
import { startRefresh } from "./refresh.js";
import { startRepair } from "./repair.js";
import { driveScreen, videoScreen } from "./screens.js";
import { startSwap } from "./swap.js";
import { startTakeover } from "./takeover.js";
import { startTexts } from "./texts.js";

let parts = new AbortController();

/** @param {HTMLElement} main */
function begin(main) {
  parts.abort();
  parts = new AbortController();
  const { signal } = parts;
  startRefresh(main, begin, signal);
  const first = main.querySelector("input[autofocus]");
  if (first instanceof HTMLInputElement) first.select(); // a suggestion is typed over
  const data = main.querySelector("#page");
  if (!data) return;
  /** @type {import("./presence.js").PageData} */
  const page = JSON.parse(data.textContent ?? "{}");
  startPresence(main, page, signal);
  startGroups(main, signal);
  startTexts(main, signal);
  startClips(main, page, signal);
}

/**
 * @param {HTMLElement} main
 * @param {import("./presence.js").PageData} page
 * @param {AbortSignal} signal
 */
function startClips(main, page, signal) {
  const bar = main.querySelector("#transport");
  if (!(bar instanceof HTMLElement)) return;
  /** @type {import("./screens.js").Screen[]} */
  const screens = [];
  const player = createPlayer(bar, screens, signal);
  const drives = [];
  for (const figure of main.querySelectorAll("[data-screen]")) {
    if (!(figure instanceof HTMLElement)) continue;
    if (figure.dataset.screen === "video") {
      screens.push(videoScreen(figure, player.refresh));
      continue;
    }
    const screen = driveScreen(figure, signal);
    player.frame = screen.load(page.traces[Number(figure.dataset.place)] ?? "{}").dt;
    drives.push(screen);
    screens.push(screen);
  }
  const mine = main.querySelector("#mine");
  player.refresh();
  if (mayMove() && page.kind !== "demonstration") player.play();
  if (mine instanceof HTMLElement && drives.length) {
    const screen = driveScreen(mine, signal);
    screens.push(screen);
    startRepair(main, page, player, drives[0], screen, signal);
  }
  if (main.querySelector("[data-takeover]") && drives.length) {
    startTakeover(main, page, player, drives[0], signal);
  }
}

startMenu();
startKeys();
startSwap(begin);
const main = document.getElementById("main");
if (main) begin(main);
