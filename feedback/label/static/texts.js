// @ts-check
// Two texts side by side, their differences marked; and a text that is corrected.
import { compare, showPieces } from "./differ.js";
import { block, say } from "./say.js";

const LEAST = 0.3; // share in common below which marks would cover everything

/** @param {Element} element */
function isChinese(element) {
  return /^(zh|ja)/.test(element.closest("[lang]")?.getAttribute("lang") ?? "");
}

/**
 * @param {HTMLElement} main
 * @param {AbortSignal} signal
 */
export function startTexts(main, signal) {
  if (main.querySelector("[data-compare]")) startComparison(main, signal);
  if (main.querySelector("[data-correct]")) startCorrection(main, signal);
}

/** @param {HTMLElement} main @param {AbortSignal} signal */
function startComparison(main, signal) {
  const places = [...main.querySelectorAll("[data-words]")];
  const box = main.querySelector("#differences");
  const note = main.querySelector("#differences-note");
  if (places.length !== 2 || !(box instanceof HTMLInputElement)) return;
  const texts = places.map((place) => place.textContent ?? "");
  const found = compare(texts[0], texts[1], isChinese(places[0]), LEAST);
  if (!found) {
    box.disabled = true;
    box.checked = false;
    if (note) note.textContent = say("all_different");
    return;
  }
  const show = () => places.forEach((place, i) => {
    if (box.checked) showPieces(place, found[i]);
    else place.textContent = texts[i];
  });
  box.addEventListener("change", show, { signal });
  show();
}

/** @param {HTMLElement} main @param {AbortSignal} signal */
function startCorrection(main, signal) {
  const area = main.querySelector("#edited");
  const own = main.querySelector("#own");
  const result = main.querySelector("#result");
  const before = main.querySelector("#original")?.textContent ?? "";
  const submit = main.querySelector("[data-complete]");
  if (!(area instanceof HTMLTextAreaElement) || !(own instanceof HTMLElement) || !result) return;
  const joiner = isChinese(result) ? "" : " ";
  const composed = () => [...main.querySelectorAll(".sentence")].map((sentence) => {
    const chosen = sentence.querySelector("input:checked")?.closest("label");
    const text = chosen ? chosen.querySelector("[data-wording]") : sentence;
    return text?.textContent ?? "";
  }).join(joiner);
  const show = () => {
    const text = area.value.trim() ? area.value : composed();
    const found = compare(before, text, isChinese(result));
    if (found) showPieces(result, found[1], "ins");
    else result.textContent = text;
    const chosen = main.querySelector('.sentence input:checked:not([value="0"])') !== null;
    const changed = chosen || (area.value.trim() !== "" && area.value.trim() !== before.trim());
    block(submit, "incomplete", !changed);
  };
  let offered = ""; // what was put into the text field to begin with
  own.hidden = !area.value;
  main.addEventListener("input", (event) => {
    if (event.target !== area && offered && area.value === offered) offered = area.value = composed();
    show();
  }, { signal });
  main.querySelector('[data-do="edit"]')?.addEventListener("click", () => {
    if (!area.value) offered = area.value = composed();
    own.hidden = false;
    area.focus();
    show();
  }, { signal });
  show();
}
