// @ts-check
// Ratings, rankings, wordings: groups of radio buttons, answered one after the other.
import { block, say } from "./say.js";

/**
 * @param {HTMLElement} main
 * @param {AbortSignal} signal
 */
export function startGroups(main, signal) {
  const groups = /** @type {HTMLElement[]} */ ([...main.querySelectorAll("[data-group]")]);
  const submit = main.querySelector("[data-complete]");
  if (!groups.length) return;
  const steps = main.querySelector(".criteria, [data-ranking]") !== null;
  const show = () => {
    if (!steps) return;
    const open = groups.some((group) => !chosen(group));
    const silent = groups.every((group) => !chosen(group)?.value); // that is "can't tell"
    block(submit, "incomplete", open || silent);
    showOrder(main, groups);
  };
  main.addEventListener("change", (event) => {
    if (/** @type {Element} */ (event.target).closest("[data-group]")) show();
  }, { signal });
  main.addEventListener("digit", (event) => {
    const radio = /** @type {HTMLElement} */ (event.target);
    const group = radio.closest("[data-group]");
    if (group && steps) moveOn(groups, group);
    else radio.focus();
  }, { signal });
  main.addEventListener("focusin", (event) => {
    const group = /** @type {Element} */ (event.target).closest("[data-group]");
    if (group) mark(groups, group);
  }, { signal });
  main.addEventListener("pointerdown", (event) => {
    const group = /** @type {Element} */ (event.target).closest("[data-group]");
    if (group) mark(groups, group);
  }, { signal });
  show();
  mark(groups, groups.find((group) => !chosen(group)) ?? groups[0]);
}

/** @param {Element} group @returns {HTMLInputElement | null} */
function chosen(group) {
  return group.querySelector("input[data-digit]:checked");
}

/** @param {HTMLElement[]} groups @param {Element} current */
function mark(groups, current) {
  for (const group of groups) group.toggleAttribute("data-current", group === current);
}

/** @param {HTMLElement[]} groups @param {Element} answered */
function moveOn(groups, answered) {
  const place = groups.indexOf(/** @type {HTMLElement} */ (answered));
  const later = [...groups.slice(place + 1), ...groups.slice(0, place)];
  const next = later.find((group) => !chosen(group));
  if (!next) {
    mark(groups, answered);
    return;
  }
  mark(groups, next);
  next.scrollIntoView({ block: "nearest" });
  const radio = /** @type {HTMLElement | null} */ (next.querySelector("input[data-digit]"));
  if (document.activeElement?.closest("[data-group]")) radio?.focus({ preventScroll: true });
}

/**
 * The ranking in words: "1 B, 2 A = D".
 * @param {HTMLElement} main
 * @param {HTMLElement[]} groups
 */
function showOrder(main, groups) {
  const order = main.querySelector("#order");
  if (!order) return;
  /** @type {Map<number, string[]>} */
  const places = new Map();
  groups.forEach((group, i) => {
    const place = chosen(group)?.value;
    if (place) places.set(Number(place), [...(places.get(Number(place)) ?? []), "ABCDEF"[i]]);
  });
  if (!places.size) {
    order.textContent = say("order_empty");
    return;
  }
  const named = [...places].sort(([a], [b]) => a - b).map(([, names]) => names.join(say("as_good_as")));
  order.textContent = say("order_now", { order: named.join(say("better_than")) });
}
