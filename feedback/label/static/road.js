// @ts-check
// One moment of a drive on a canvas: the road around the car that is judged, seen from above.
import { drawHeader } from "./hud.js";
import { box, COLOUR, fill, FONT, speedColour } from "./paint.js";
import { say } from "./say.js";
import { at } from "./trace.js";

/** @typedef {import("./trace.js").Drive} Drive */
/** @typedef {import("./trace.js").Vehicle} Vehicle */
/** @typedef {{ width: number, height: number, along: number, across: number, header: number,
 *   lanes: number, laneWidth: number }} Camera */

const VIEW = [-60, 120]; // [m] behind and ahead
const SHOULDER = 1.6; // [m]
const TRUCK = 8; // [m]
const PERIOD = 12; // [m] of the lane marks
/**
 * @param {number} width [CSS px]
 * @param {Drive} drive
 * @returns {Camera}
 */
export function cameraFor(width, drive) {
  const along = width / (VIEW[1] - VIEW[0]);
  const lane = Math.min(52, Math.max(33, 2.2 * along * drive.laneWidth));
  const across = lane / drive.laneWidth;
  const header = width < 420 ? 28 : 34;
  const height = Math.round(header + (drive.lanes * drive.laneWidth + 2 * SHOULDER) * across + 16);
  return { width, height, along, across, header, lanes: drive.lanes, laneWidth: drive.laneWidth };
}

/** @param {Camera} camera @param {number} x relative to the ego [m] */
const column = (camera, x) => (x - VIEW[0]) * camera.along;

/** @param {Camera} camera @param {number} y [m] */
function row(camera, y) {
  const middle = ((camera.lanes - 1) * camera.laneWidth) / 2;
  return (camera.header + camera.height) / 2 - (y - middle) * camera.across;
}

/**
 * @param {CanvasRenderingContext2D} ctx scaled so that a unit is a CSS pixel
 * @param {Camera} camera
 * @param {Drive} drive
 * @param {number} time [s]
 */
export function draw(ctx, camera, drive, time) {
  const moment = at(drive, time);
  const ego = moment.vehicles[0];
  if (!ego) return;
  drawRoad(ctx, camera, ego.x);
  if (drive.ramp) drawRamp(ctx, camera, drive.ramp, ego.x);
  drawTrail(ctx, camera, drive, time, ego.x);
  if (moment.leader) drawGap(ctx, camera, ego, moment.leader);
  const near = moment.vehicles.filter((other) => Math.abs(other.x - ego.x - 30) < 110);
  for (const vehicle of near.reverse()) drawVehicle(ctx, camera, vehicle, ego);
  for (const vehicle of near) drawLabel(ctx, camera, vehicle, ego);
  if (moment.crashed) drawCrash(ctx, camera, ego);
  drawHeader(ctx, camera, ego, moment);
}

/** @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {number} x of the ego [m] */
function drawRoad(ctx, camera, x) {
  const [right, left] = [-camera.laneWidth / 2, (camera.lanes - 0.5) * camera.laneWidth];
  const bottom = row(camera, right), top = row(camera, left);
  fill(ctx, COLOUR.grass, 0, 0, camera.width, camera.height);
  const shoulder = SHOULDER * camera.across;
  fill(ctx, COLOUR.asphalt, 0, top - shoulder, camera.width, bottom - top + 2 * shoulder);
  fill(ctx, COLOUR.mark, 0, top - 1, camera.width, 2);
  fill(ctx, COLOUR.mark, 0, bottom - 1, camera.width, 2);
  const first = Math.floor((x + VIEW[0]) / PERIOD);
  for (let i = first; i * PERIOD < x + VIEW[1]; i++) {
    const from = column(camera, i * PERIOD - x);
    for (let lane = 1; lane < camera.lanes; lane++) {
      fill(ctx, COLOUR.mark, from, row(camera, right + lane * camera.laneWidth) - 0.75, 4 * camera.along, 1.5);
    }
    if (i % 4 === 0) {
      for (const edge of [top - shoulder / 2, bottom + shoulder / 2]) {
        fill(ctx, COLOUR.post, from, edge - 2, Math.max(2, camera.along), 4);
      }
    }
  }
}

/**
 * Lane 0 as a ramp: grass before it begins and after it ends, with 30 m of taper.
 * @param {CanvasRenderingContext2D} ctx @param {Camera} camera
 * @param {[number, number]} ramp @param {number} x of the ego [m]
 */
function drawRamp(ctx, camera, ramp, x) {
  const inner = row(camera, camera.laneWidth / 2);
  const outer = row(camera, -camera.laneWidth / 2 - SHOULDER) + 1;
  const ends = [[ramp[0] - x, ramp[0] - 30 - x, -400], [ramp[1] - x - 30, ramp[1] - x, 600]];
  for (const [wide, narrow, far] of ends) {
    ctx.beginPath();
    ctx.moveTo(column(camera, far), inner);
    ctx.lineTo(column(camera, narrow), inner);
    ctx.lineTo(column(camera, wide), outer);
    ctx.lineTo(column(camera, far), outer);
    ctx.closePath();
    ctx.fillStyle = COLOUR.grass;
    ctx.fill();
    ctx.beginPath();
    ctx.moveTo(column(camera, far), inner);
    ctx.lineTo(column(camera, narrow), inner);
    ctx.lineTo(column(camera, wide), row(camera, -camera.laneWidth / 2));
    ctx.strokeStyle = COLOUR.mark;
    ctx.lineWidth = 2;
    ctx.stroke();
  }
}

/**
 * Where the ego was, a dot each half second: their distance is its speed.
 * @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {Drive} drive
 * @param {number} time [s] @param {number} x of the ego [m]
 */
function drawTrail(ctx, camera, drive, time, x) {
  const now = Math.floor(time / drive.dt + 1e-9);
  for (let i = Math.max(0, now - 9); i <= now; i++) {
    const past = drive.states[i]?.[0];
    if (!past || past[0] < x + VIEW[0] || past[0] > x) continue;
    ctx.globalAlpha = 0.2 + 0.07 * (i - now + 9);
    ctx.fillStyle = COLOUR.ego;
    ctx.beginPath();
    ctx.arc(column(camera, past[0] - x), row(camera, past[1]), 2, 0, 7);
    ctx.fill();
  }
  ctx.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {Vehicle} ego @param {Vehicle} leader */
function drawGap(ctx, camera, ego, leader) {
  const from = column(camera, ego.length / 2);
  const to = column(camera, leader.x - ego.x - leader.length / 2);
  if (to - from < 4) return;
  ctx.strokeStyle = COLOUR.quiet;
  ctx.globalAlpha = 0.7;
  ctx.lineWidth = 1;
  ctx.setLineDash([2, 3]);
  ctx.beginPath();
  ctx.moveTo(from, row(camera, ego.y));
  ctx.lineTo(to, row(camera, ego.y));
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

/**
 * Lengths are to scale; lanes are drawn wider than they are, and bodies with them, within reason.
 * @param {Camera} camera @param {Vehicle} vehicle
 */
function sizeOf(camera, vehicle) {
  const car = Math.max(11, 4.5 * camera.along);
  const thick = Math.min(0.31 * camera.laneWidth * camera.across, Math.max(7, 0.56 * car));
  return [Math.max(car, vehicle.length * camera.along), thick];
}

/** @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {Vehicle} vehicle @param {Vehicle} ego */
function drawVehicle(ctx, camera, vehicle, ego) {
  const isEgo = vehicle === ego;
  const [long, thick] = sizeOf(camera, vehicle);
  ctx.save();
  ctx.translate(column(camera, vehicle.x - ego.x), row(camera, vehicle.y));
  ctx.rotate(Math.max(-0.3, Math.min(0.3, (-vehicle.slope * camera.across) / camera.along)));
  box(ctx, -long / 2, -thick / 2, long, thick, 0.28 * thick, isEgo ? COLOUR.ego : speedColour(vehicle.speed));
  ctx.lineWidth = isEgo ? 1.75 : 1;
  ctx.strokeStyle = isEgo ? COLOUR.white : "rgb(20 22 26 / .8)";
  ctx.stroke();
  ctx.fillStyle = COLOUR.glass;
  if (vehicle.length > TRUCK) {
    ctx.fillRect(long / 2 - 0.95 * thick, -thick / 2, 1.2, thick);
    ctx.fillRect(long / 2 - 0.45 * thick, -0.3 * thick, 0.2 * thick, 0.6 * thick);
  } else {
    ctx.fillRect(0.12 * long, -0.3 * thick, 0.15 * long, 0.6 * thick);
    ctx.fillRect(-0.36 * long, -0.28 * thick, 0.08 * long, 0.56 * thick);
  }
  if (vehicle.accel < -0.6) {
    ctx.fillStyle = COLOUR.red;
    for (const side of [-1, 1]) ctx.fillRect(-long / 2 - 2.5, side * 0.34 * thick - 1.5, 3.5, 3);
  }
  ctx.restore();
}

/**
 * Speeds in km/h; the ego's in a flag of its own.
 * @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {Vehicle} vehicle @param {Vehicle} ego
 */
function drawLabel(ctx, camera, vehicle, ego) {
  const size = Math.max(10, Math.min(12, 0.31 * camera.laneWidth * camera.across));
  const [, thick] = sizeOf(camera, vehicle);
  const x = column(camera, vehicle.x - ego.x);
  const y = row(camera, vehicle.y) - thick / 2 - 3;
  const speed = String(Math.round(3.6 * vehicle.speed));
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  if (vehicle !== ego) {
    ctx.font = `${size}px ${FONT}`;
    ctx.fillStyle = COLOUR.mark;
    ctx.fillText(speed, x, y);
    return;
  }
  ctx.font = `600 ${size}px ${FONT}`;
  const text = `${say("this_car")} ${speed}`;
  const wide = ctx.measureText(text).width + 10;
  box(ctx, x - wide / 2, y - size - 2, wide, size + 4, 3, COLOUR.white);
  ctx.beginPath();
  ctx.moveTo(x - 4, y + 1.5);
  ctx.lineTo(x + 4, y + 1.5);
  ctx.lineTo(x, y + 5);
  ctx.fill();
  ctx.fillStyle = "#8f1257";
  ctx.fillText(text, x, y - 1);
}

/** @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {Vehicle} ego */
function drawCrash(ctx, camera, ego) {
  const x = column(camera, ego.length / 2), y = row(camera, ego.y);
  ctx.beginPath();
  for (let i = 0; i < 16; i++) {
    const radius = i % 2 ? 9 : 18;
    ctx.lineTo(x + radius * Math.cos((i * Math.PI) / 8), y + radius * Math.sin((i * Math.PI) / 8));
  }
  ctx.closePath();
  ctx.fillStyle = "#ffd166";
  ctx.fill();
  ctx.lineWidth = 2;
  ctx.strokeStyle = COLOUR.red;
  ctx.stroke();
  ctx.lineWidth = 4;
  ctx.strokeRect(2, 2, camera.width - 4, camera.height - 4);
}
