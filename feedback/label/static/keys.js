// @ts-check
// Keys press buttons: an element says in data-keys what presses it. Never in a text field.

/** What other keyboards call the same key. @type {Record<string, string>} */
const SAME = { " ": "Space", "，": ",", "。": ".", "？": "?", "、": "," };
const REPEATS = new Set([",", "."]);

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const target = event.target instanceof Element ? event.target : document.body;
    const key = nameOf(event);
    if (!key || isTyping(target) || isNative(target, key)) return;
    if (event.repeat && !REPEATS.has(key)) {
      if (find(key)) event.preventDefault();
      return;
    }
    const control = find(key);
    if (!control) return;
    event.preventDefault();
    if (key === "Space" && target instanceof HTMLElement) target.blur(); // or it would be pressed, too
    control.click();
    if (control.dataset.digit) control.dispatchEvent(new CustomEvent("digit", { bubbles: true }));
  });
}

/** @param {KeyboardEvent} event */
function nameOf(event) {
  if (event.altKey) return "";
  let key = event.key;
  if (key === "Process" || key === "Unidentified") key = event.code.replace(/^(Key|Digit)/, "");
  if (key.length === 1) key = key.toLowerCase();
  key = SAME[key] ?? key;
  if (event.ctrlKey || event.metaKey) return key === "z" && !event.shiftKey ? "Control+z" : "";
  return key;
}

/** @param {Element} target */
function isTyping(target) {
  if (target instanceof HTMLInputElement) {
    return !["radio", "checkbox", "range", "button", "submit"].includes(target.type);
  }
  return target.matches("textarea, select, [contenteditable]");
}

/**
 * Whether the key already means something to what has the focus. What was merely clicked keeps the
 * focus, too, but does not show it: there our keys go first.
 * @param {Element} target
 * @param {string} key
 */
function isNative(target, key) {
  const arrow = key.startsWith("Arrow");
  if (arrow && target.matches("[tabindex='0']")) return true; // it scrolls
  if (!target.matches(":focus-visible")) return false;
  if (target instanceof HTMLInputElement) {
    return arrow || (key === "Space" && target.type !== "range");
  }
  return target.matches("button, a, summary") && (key === "Space" || key === "Enter");
}

/**
 * What a key presses: in an open dialog, in the group at hand, or on the page.
 * @param {string} key
 * @returns {HTMLElement | null}
 */
function find(key) {
  const dialog = document.querySelector("dialog[open]");
  if (dialog) return key === "?" ? dialog.querySelector("button") : null;
  if (/^\d$/.test(key)) {
    const group = groupAtHand();
    return group?.querySelector(`[data-digit="${key}"]`) ?? null;
  }
  const name = key.replaceAll('"', "");
  for (const control of document.querySelectorAll("[data-keys]")) {
    const keys = (control.getAttribute("data-keys") ?? "").split(" ");
    if (keys.includes(name) && control instanceof HTMLElement && isShown(control)) return control;
  }
  return null;
}

/** @param {HTMLElement} control */
function isShown(control) {
  return control.getClientRects().length > 0;
}

/** The group with the focus, or the one marked as current, or the first. */
export function groupAtHand() {
  const focused = document.activeElement?.closest("[data-group]");
  return focused ?? document.querySelector("[data-group][data-current]")
    ?? document.querySelector("[data-group], .manoeuvres");
}
