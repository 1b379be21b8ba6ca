// @ts-check
// The palette of the road, and its two brushes.

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", sans-serif';
export const COLOUR = {
  grass: "#46583f", asphalt: "#3a3d42", mark: "#dededa", header: "#181a1e", quiet: "#b9bec5",
  white: "#ffffff", ego: "#ff5caa", glass: "#1e222a", red: "#ff4534", post: "#ffffff",
};
// Orange over cream to blue: the order and the ends survive every common colour blindness.
const SPEEDS = [0, 12, 22, 30, 40]; // [m/s]
const STOPS = [[225, 80, 20], [245, 160, 60], [246, 236, 200], [130, 190, 235], [60, 130, 235]];

/** @param {number} speed [m/s] */
export function speedColour(speed) {
  const i = Math.max(0, Math.min(SPEEDS.length - 2, SPEEDS.findIndex((stop) => stop > speed) - 1));
  const last = speed >= SPEEDS[SPEEDS.length - 1];
  const u = last ? 1 : (speed - SPEEDS[i]) / (SPEEDS[i + 1] - SPEEDS[i]);
  const j = last ? SPEEDS.length - 2 : i;
  return `rgb(${STOPS[j].map((low, c) => Math.round(low + u * (STOPS[j + 1][c] - low))).join(" ")})`;
}

/** @param {CanvasRenderingContext2D} ctx @param {string} colour @param {number} x @param {number} y @param {number} w @param {number} h */
export function fill(ctx, colour, x, y, w, h) {
  ctx.fillStyle = colour;
  ctx.fillRect(x, y, w, h);
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} w @param {number} h @param {number} radius @param {string} colour */
export function box(ctx, x, y, w, h, radius, colour) {
  ctx.beginPath();
  ctx.roundRect(x, y, w, h, radius);
  ctx.fillStyle = colour;
  ctx.fill();
}
