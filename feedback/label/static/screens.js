// @ts-check
// What can be played: canvases on which drives are drawn, and videos.
import { say } from "./say.js";
import { cameraFor, draw } from "./road.js";
import { figures, readDrive } from "./trace.js";

/**
 * @typedef {object} Screen
 * @property {number} duration [s]
 * @property {(time: number, playing: boolean, rate: number) => void} show
 */

/**
 * A drive on a canvas; its drive may be changed for another.
 * @param {HTMLElement} figure
 * @param {AbortSignal} signal
 */
export function driveScreen(figure, signal) {
  const canvas = /** @type {HTMLCanvasElement} */ (figure.querySelector("canvas"));
  const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  /** @type {import("./trace.js").Drive | null} */
  let drive = null;
  let time = 0;
  const redraw = () => {
    const width = canvas.clientWidth;
    if (!drive || !width) return;
    const camera = cameraFor(width, drive);
    const ratio = window.devicePixelRatio || 1;
    const size = [Math.round(width * ratio), Math.round(camera.height * ratio)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) {
      [canvas.width, canvas.height] = size;
      canvas.style.height = `${camera.height}px`;
    }
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw(ctx, camera, drive, time);
  };
  const observer = new ResizeObserver(redraw);
  observer.observe(canvas);
  signal.addEventListener("abort", () => observer.disconnect());
  return {
    duration: 0,
    /** @param {number} now */
    show(now) {
      time = now;
      redraw();
    },
    /** @param {string} text the trace */
    load(text) {
      drive = readDrive(text);
      this.duration = drive.duration;
      canvas.setAttribute("aria-label", describe(figure, drive));
      redraw();
      return drive;
    },
    get drive() {
      return drive;
    },
  };
}

/**
 * @param {HTMLElement} figure
 * @param {import("./trace.js").Drive} drive
 */
function describe(figure, drive) {
  const found = figures(drive);
  const name = figure.querySelector("figcaption")?.textContent ?? "";
  return say("drive_summary", {
    name,
    seconds: drive.duration.toFixed(1),
    start: Math.round(3.6 * found.start),
    end: Math.round(3.6 * found.end),
    changes: found.changes,
    braking: found.braking.toFixed(1),
    gap: Number.isFinite(found.gap) ? say("gap", { seconds: found.gap.toFixed(1) }) : say("no_leader"),
    crash: say(Number.isFinite(drive.crash) ? "drive_collision" : "drive_no_collision"),
  });
}

/**
 * A video, kept in step with the others.
 * @param {HTMLElement} figure
 * @param {() => void} changed its duration has become known
 * @returns {Screen}
 */
export function videoScreen(figure, changed) {
  const video = /** @type {HTMLVideoElement} */ (figure.querySelector("video"));
  video.loop = false;
  video.addEventListener("loadedmetadata", changed);
  return {
    get duration() {
      return Number.isFinite(video.duration) ? video.duration : 0;
    },
    show(time, playing, rate) {
      const wanted = Math.min(time, Number.isFinite(video.duration) ? video.duration : 0);
      const { seekable } = video; // nothing but its beginning, where the server sends it in one piece
      const reachable = seekable.length > 0 ? seekable.end(seekable.length - 1) : 0;
      const apart = Math.abs(video.currentTime - wanted) > (playing ? 0.25 * rate : 0.01);
      if (apart && (wanted === 0 || wanted <= reachable)) video.currentTime = wanted;
      video.playbackRate = rate;
      if (playing && video.paused && !video.ended) video.play().catch(() => {});
      else if (!playing && !video.paused) video.pause();
    },
  };
}
