// @ts-check
// One clock for everything that plays: together from the start, at one speed.
import { say } from "./say.js";

/** @typedef {import("./screens.js").Screen} Screen */

const REST = 0.8; // [s] at the end before it begins again

/**
 * @param {HTMLElement} bar the transport of the page
 * @param {Screen[]} screens
 * @param {AbortSignal} signal
 */
export function createPlayer(bar, screens, signal) {
  const part = (/** @type {string} */ name) => bar.querySelector(`[data-do="${name}"]`);
  const slider = /** @type {HTMLInputElement} */ (part("seek"));
  const playButton = /** @type {HTMLElement} */ (part("play"));
  const loopBox = /** @type {HTMLInputElement} */ (part("loop"));
  const clock = /** @type {HTMLElement} */ (bar.querySelector(".time"));
  /** @type {(() => void)[]} */
  const listeners = [];
  let last = 0;
  let rest = 0;

  const player = {
    time: 0,
    playing: false,
    rate: readRate(bar),
    frame: 0.5, // [s] that a step forward or back goes
    from: 0, // [s] where it begins again
    limit: Infinity, // [s] what is shown of the drive is known up to here
    get duration() {
      return Math.max(0, ...screens.map((screen) => screen.duration));
    },
    play() {
      if (player.playing) return;
      if (player.time >= player.duration - 0.01) player.time = player.from;
      player.playing = true;
      last = performance.now();
      requestAnimationFrame(tick);
      show();
    },
    pause() {
      player.playing = false;
      show();
    },
    /** @param {number} time */
    seek(time) {
      player.time = Math.min(Math.max(0, time), player.duration);
      rest = 0;
      show();
    },
    /** @param {() => void} listener called whenever something is shown */
    listen(listener) {
      listeners.push(listener);
    },
    refresh: show,
  };

  /** @param {number} now */
  function tick(now) {
    if (!player.playing || signal.aborted) return;
    const passed = Math.min(0.1, Math.max(0, (now - last) / 1000));
    last = now;
    advance(passed);
    show();
    if (player.playing) requestAnimationFrame(tick);
  }

  /** @param {number} passed [s] */
  function advance(passed) {
    const end = player.duration;
    if (player.time < end) {
      player.time = Math.min(end, Math.max(player.time, player.limit), player.time + passed * player.rate);
    } else if (!loopBox.checked) {
      player.playing = false;
    } else if ((rest += passed) > REST) {
      rest = 0;
      player.time = player.from;
    }
  }

  function show() {
    for (const screen of screens) screen.show(player.time, player.playing, player.rate);
    slider.max = String(player.duration);
    slider.value = String(player.time);
    slider.setAttribute("aria-valuetext", say("time_of", {
      seconds: player.time.toFixed(1), total: player.duration.toFixed(1),
    }));
    slider.style.setProperty("--done", `${(100 * player.time) / (player.duration || 1)}%`);
    clock.textContent = `${player.time.toFixed(1)} / ${player.duration.toFixed(1)} s`;
    bar.toggleAttribute("data-playing", player.playing);
    playButton.setAttribute("aria-label", say(player.playing ? "pause" : "play"));
    for (const listener of listeners) listener();
  }

  /** @param {number} frames */
  const step = (frames) => {
    player.pause();
    player.seek((Math.round(player.time / player.frame) + frames) * player.frame);
  };
  bar.addEventListener("click", (event) => {
    const name = /** @type {Element} */ (event.target).closest("button")?.dataset.do;
    if (name === "play") player.playing ? player.pause() : player.play();
    else if (name === "back") step(-1);
    else if (name === "forward") step(1);
  }, { signal });
  slider.addEventListener("input", () => {
    const wanted = Number(slider.value);
    player.playing = false;
    player.seek(wanted);
  }, { signal });
  bar.addEventListener("change", (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.dataset.do !== "speed") return;
    player.rate = Number(input.value);
    remember(input.value);
  }, { signal });
  return player;
}

/** @typedef {ReturnType<typeof createPlayer>} Player */

/**
 * The speed this person chose last.
 * @param {HTMLElement} bar
 */
function readRate(bar) {
  let stored = null;
  try {
    stored = localStorage.getItem("speed");
  } catch {
    // No storage: the usual speed.
  }
  for (const input of bar.querySelectorAll('[data-do="speed"]')) {
    if (input instanceof HTMLInputElement && input.value === stored) input.checked = true;
  }
  const checked = /** @type {HTMLInputElement | null} */ (bar.querySelector('[data-do="speed"]:checked'));
  return Number(checked?.value ?? 1);
}

/** @param {string} rate */
function remember(rate) {
  try {
    localStorage.setItem("speed", rate);
  } catch {
    // No storage: for this page only.
  }
}

/** Whether things may move by themselves. */
export function mayMove() {
  return !window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
