// @ts-check
// The line above the road: speed, pedals and time gap of the car that is judged.
import { box, COLOUR, fill, FONT, speedColour } from "./paint.js";
import { say } from "./say.js";

/** @typedef {import("./road.js").Camera} Camera */
/** @typedef {import("./trace.js").Vehicle} Vehicle */

/**
 * @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {Vehicle} ego
 * @param {import("./trace.js").Moment} moment
 */
export function drawHeader(ctx, camera, ego, moment) {
  const { header, width } = camera;
  const narrow = width < 420;
  const middle = header / 2 + 0.5;
  fill(ctx, COLOUR.header, 0, 0, width, header);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  ctx.font = `600 ${narrow ? 13 : 15}px ${FONT}`;
  ctx.fillStyle = COLOUR.ego;
  ctx.fillText(`${Math.round(3.6 * ego.speed)} km/h`, 10, middle);
  drawPedal(ctx, narrow ? 92 : 112, middle, narrow ? 18 : 26, moment.crashed ? 0 : ego.accel);
  ctx.font = `${narrow ? 12 : 14}px ${FONT}`;
  ctx.fillStyle = COLOUR.white;
  let gap = say("no_leader");
  if (moment.leader) gap = moment.gap < 9.95 ? say("gap", { seconds: moment.gap.toFixed(1) }) : say("gap_long");
  const left = narrow ? 142 : 184;
  if (!moment.crashed) {
    ctx.fillText(gap, left, middle);
    if (ego.accel < -0.6) {
      const after = left + ctx.measureText(gap).width + 14;
      ctx.fillStyle = "#ff9b8f";
      ctx.fillText(say("braking"), after, middle);
    }
  } else {
    ctx.font = `700 ${narrow ? 13 : 15}px ${FONT}`;
    const text = say("collision");
    box(ctx, left, middle - 10, ctx.measureText(text).width + 14, 20, 4, "#b42318");
    ctx.fillStyle = COLOUR.white;
    ctx.fillText(text, left + 7, middle);
  }
  if (width >= 520) drawLegend(ctx, camera);
}

/**
 * To the right of the middle: speeding up; to the left, red: braking.
 * @param {CanvasRenderingContext2D} ctx @param {number} left @param {number} y
 * @param {number} half width of either side [px] @param {number} accel [m/s2]
 */
function drawPedal(ctx, left, y, half, accel) {
  fill(ctx, "#3b4048", left, y - 4, 2 * half, 8);
  const share = Math.max(-1, Math.min(1, accel < 0 ? accel / 5 : accel / 2.5));
  const from = left + half + Math.min(0, share * half);
  fill(ctx, accel < 0 ? COLOUR.red : "#8fd3b0", from, y - 4, Math.abs(share * half), 8);
  fill(ctx, COLOUR.white, left + half - 0.75, y - 6, 1.5, 12);
}

/** @param {CanvasRenderingContext2D} ctx @param {Camera} camera */
function drawLegend(ctx, { header, width }) {
  const [scale, right] = [Math.min(110, width / 7), width - 66];
  ctx.font = `11px ${FONT}`;
  ctx.fillStyle = COLOUR.quiet;
  ctx.textAlign = "right";
  ctx.fillText("0", right - scale - 6, header / 2 + 0.5);
  ctx.textAlign = "left";
  ctx.fillText("140 km/h", right + 6, header / 2 + 0.5);
  for (let i = 0; i < scale; i++) {
    fill(ctx, speedColour((140 / 3.6) * (i / scale)), right - scale + i, header / 2 - 4, 1.5, 8);
  }
}
