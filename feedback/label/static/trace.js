// @ts-check
// A drive as numbers: what the 2 Hz states of a trace say of any moment in between.

/**
 * @typedef {{ x: number, y: number, speed: number, length: number, accel: number, slope: number }} Vehicle
 * x along the road [m], y to the left [m], speed [m/s], accel [m/s2], slope: sideways per metre ahead
 * @typedef {{ dt: number, lanes: number, laneWidth: number, ramp: [number, number] | null,
 *   states: (number[] | null)[][], duration: number, crash: number }} Drive
 * crash: time of the collision [s], Infinity if there is none
 * @typedef {{ vehicles: Vehicle[], leader: Vehicle | null, gap: number, crashed: boolean }} Moment
 * gap: to the leader, bumper to bumper [s]
 */

/**
 * @param {string} text JSON, as `DrivingView.trace`
 * @returns {Drive}
 */
export function readDrive(text) {
  const found = JSON.parse(text);
  const states = found.states.map((/** @type {unknown[]} */ state) => state.map(present));
  return {
    dt: found.dt,
    lanes: found.num_lanes,
    laneWidth: found.lane_width,
    ramp: found.ramp,
    states,
    duration: Math.max(0, states.length - 1) * found.dt,
    crash: firstCrash(states) * found.dt,
  };
}

/** @param {unknown} row */
function present(row) {
  return Array.isArray(row) && row.length === 4 && row.every(Number.isFinite) ? row : null;
}

/**
 * A collision ends all movement: from one state to the next nothing has moved.
 * @param {(number[] | null)[][]} states
 */
function firstCrash(states) {
  for (let i = 0; i < states.length; i++) {
    if (overlaps(states[i])) return i;
    const [now, next] = [states[i], states[i + 1]];
    if (next && now[0] && next[0] && now[0][2] > 0.5 && now[0][0] === next[0][0]) return i;
  }
  return Infinity;
}

/** @param {(number[] | null)[]} state */
function overlaps(state) {
  const ego = state[0];
  if (!ego) return false;
  return state.some((row, i) => i > 0 && row !== null
    && Math.abs(row[0] - ego[0]) < (row[3] + ego[3]) / 2 - 0.1 && Math.abs(row[1] - ego[1]) < 1.8);
}

/**
 * @param {Drive} drive
 * @param {number} time [s]
 * @returns {Moment}
 */
export function at(drive, time) {
  const last = drive.states.length - 1;
  const place = Math.min(Math.max(time, 0), drive.duration) / drive.dt;
  const i = Math.min(Math.floor(place + 1e-9), Math.max(0, last - 1));
  const u = Math.min(1, place - i);
  const vehicles = [];
  for (let v = 0; v < (drive.states[i]?.length ?? 0); v++) {
    const vehicle = between(drive, i, v, u);
    if (vehicle && (v === 0 || isOnRoad(drive, vehicle))) vehicles.push(vehicle);
    else if (v === 0) vehicles.push({ x: 0, y: 0, speed: 0, length: 4.5, accel: 0, slope: 0 });
  }
  const leader = ahead(vehicles, drive.laneWidth);
  const ego = vehicles[0];
  const metres = leader ? Math.max(0, leader.x - ego.x - (leader.length + ego.length) / 2) : NaN;
  return { vehicles, leader, gap: metres / Math.max(ego?.speed ?? 0, 0.1), crashed: time >= drive.crash };
}

/**
 * @param {Drive} drive
 * @param {number} i state before
 * @param {number} v vehicle
 * @param {number} u share of the way to the next state
 * @returns {Vehicle | null}
 */
function between({ states, dt }, i, v, u) {
  const [a, b] = [states[i]?.[v], states[i + 1]?.[v] ?? null];
  if (!a || !b) {
    const only = u < 0.5 ? a : b ?? (states[i + 1] ? null : a);
    return only ? still(only) : null;
  }
  const mean = ((a[2] + b[2]) / 2) * dt;
  const moved = b[0] - a[0];
  if (Math.abs(moved - mean) > 20) return still(u < 0.5 ? a : b); // round the back of a closed road
  const smooth = Math.abs(moved - mean) < 1;
  const before = states[i - 1]?.[v] ?? null;
  const after = states[i + 2]?.[v] ?? null;
  const slopes = [steady(before, a, b), steady(a, b, after)];
  const y = hermite(a[1], b[1], slopes[0], slopes[1], u);
  const sideways = (hermite(a[1], b[1], slopes[0], slopes[1], Math.min(1, u + 0.02)) - y) / (0.02 * dt);
  return {
    x: smooth ? hermite(a[0], b[0], a[2] * dt, b[2] * dt, u) : a[0] + u * moved,
    y,
    speed: a[2] + u * (b[2] - a[2]),
    length: a[3],
    accel: moved === 0 ? 0 : (1 - u) * change(before, a, b, dt) + u * change(a, b, after, dt),
    slope: moved > 0.05 ? (sideways * dt) / moved : 0,
  };
}

/** @param {number[]} row @returns {Vehicle} */
function still([x, y, speed, length]) {
  return { x, y, speed, length, accel: 0, slope: 0 };
}

/**
 * Sideways movement per state, such that y never overshoots.
 * @param {number[] | null} a @param {number[]} b @param {number[] | null} c
 */
function steady(a, b, c) {
  if (!a || !c) return 0;
  const [left, right] = [b[1] - a[1], c[1] - b[1]];
  return left * right <= 0 ? 0 : (2 * left * right) / (left + right);
}

/**
 * Acceleration about a state [m/s2].
 * @param {number[] | null} a @param {number[]} b @param {number[] | null} c @param {number} dt
 */
function change(a, b, c, dt) {
  const [first, last] = [a ?? b, c ?? b];
  const span = (a ? dt : 0) + (c ? dt : 0);
  return span > 0 ? (last[2] - first[2]) / span : 0;
}

/** @param {number} a @param {number} b @param {number} da @param {number} db @param {number} u */
function hermite(a, b, da, db, u) {
  const w = 1 - u;
  return a * w * w * (1 + 2 * u) + da * u * w * w + b * u * u * (3 - 2 * u) - db * u * u * w;
}

/** @param {Drive} drive @param {Vehicle} vehicle */
function isOnRoad({ lanes, laneWidth }, { y }) {
  return y > -laneWidth / 2 && y < (lanes - 0.5) * laneWidth;
}

/** @param {Vehicle[]} vehicles @param {number} laneWidth @returns {Vehicle | null} */
function ahead([ego, ...others], laneWidth) {
  let leader = null;
  for (const other of others) {
    const inLane = other.x > ego.x && Math.abs(other.y - ego.y) < laneWidth / 2;
    if (inLane && other.x - ego.x < 360 && (!leader || other.x < leader.x)) leader = other;
  }
  return leader;
}

/**
 * A drive in figures, for those who cannot see it.
 * @param {Drive} drive
 */
export function figures(drive) {
  let [braking, gap, changes] = [0, Infinity, 0];
  let lane = NaN;
  for (let i = 0; i < drive.states.length; i++) {
    const moment = at(drive, i * drive.dt);
    const ego = moment.vehicles[0];
    braking = Math.max(braking, -ego.accel);
    if (moment.leader) gap = Math.min(gap, moment.gap);
    const now = Math.round(ego.y / drive.laneWidth);
    if (!Number.isNaN(lane) && now !== lane) changes += 1;
    lane = now;
  }
  const [first, final] = [at(drive, 0).vehicles[0], at(drive, drive.duration).vehicles[0]];
  return { start: first.speed, end: final.speed, braking, gap, changes };
}
