// @ts-check
// Words for the person: strings of the page's language, announcements, and the bar for trouble.

/** @type {Record<string, string>} */
const strings = JSON.parse(document.getElementById("strings")?.textContent ?? "{}");

/**
 * The string of a key, its {placeholders} filled.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function say(key, values = {}) {
  let text = strings[key] ?? key;
  for (const [name, value] of Object.entries(values)) {
    text = text.replaceAll(`{${name}}`, String(value));
  }
  return text;
}

/**
 * Tells a screen reader, and nobody else.
 * @param {string} text
 */
export function announce(text) {
  const live = document.getElementById("live");
  if (!live) return;
  live.textContent = "";
  window.setTimeout(() => { live.textContent = text; }, 60);
}

/**
 * Shows what went wrong, with what can be done about it.
 * @param {string} text
 * @param {{ retry?: () => void, next?: boolean }} [offer]
 */
export function showAlert(text, offer = {}) {
  const bar = document.getElementById("alert");
  if (!bar) return;
  const message = document.createElement("p");
  message.textContent = text;
  bar.replaceChildren(message);
  if (offer.retry) bar.append(button(say("alert_retry"), offer.retry));
  if (offer.next) {
    const link = document.createElement("a");
    link.className = "button main";
    link.href = "/label";
    link.textContent = say("alert_next");
    bar.append(link);
  } else {
    bar.append(button(say("alert_close"), hideAlert));
  }
  bar.hidden = false;
}

export function hideAlert() {
  const bar = document.getElementById("alert");
  if (bar) bar.hidden = true;
}

/**
 * @param {string} label
 * @param {() => void} action
 */
function button(label, action) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "button";
  made.textContent = label;
  made.addEventListener("click", action);
  return made;
}

/**
 * A button may be blocked for several reasons; it stays in reach of the keyboard all the while.
 * @param {Element | null} control
 * @param {string} reason
 * @param {boolean} blocked
 */
export function block(control, reason, blocked) {
  if (!(control instanceof HTMLElement)) return;
  const reasons = new Set((control.dataset.blocked ?? "").split(" ").filter(Boolean));
  if (blocked) reasons.add(reason);
  else reasons.delete(reason);
  control.dataset.blocked = [...reasons].join(" ");
  control.setAttribute("aria-disabled", String(reasons.size > 0));
}
