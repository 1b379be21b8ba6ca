// @ts-check
// Forms are sent without leaving the page: <main> of what comes back takes the place of ours.
import { announce, block, hideAlert, say, showAlert } from "./say.js";

const PATIENCE = 30000; // [ms]
let sending = false;

/**
 * @param {(main: HTMLElement) => void} begin starts the parts of a new <main>
 */
export function startSwap(begin) {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !(form instanceof HTMLFormElement)) return;
    if (form.dataset.swap === undefined) return;
    event.preventDefault();
    const submitter = /** @type {SubmitEvent} */ (event).submitter;
    void send(form, submitter instanceof HTMLButtonElement ? submitter : null, begin);
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement | null} submitter
 * @param {(main: HTMLElement) => void} begin
 */
async function send(form, submitter, begin) {
  if (sending || !form.isConnected) return;
  sending = true;
  hideAlert();
  setBusy(true, submitter);
  const retry = () => void send(form, submitter, begin);
  try {
    const reply = await fetch(form.getAttribute("action") ?? "", {
      method: "POST",
      body: fields(form, submitter),
      headers: { Accept: "text/html" },
      signal: AbortSignal.timeout(PATIENCE),
    });
    const found = new DOMParser().parseFromString(await reply.text(), "text/html");
    if (reply.ok && swap(found, reply.url, begin)) announceNew();
    else if (!reply.ok) refuse(found, reply.status, retry);
  } catch {
    showAlert(say("alert_offline"), { retry });
    window.addEventListener("online", retry, { once: true });
  } finally {
    sending = false;
    setBusy(false, submitter);
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement | null} submitter
 */
export function fields(form, submitter = null) {
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form)) body.append(name, String(value));
  if (submitter?.name) body.append(submitter.name, submitter.value);
  return body;
}

/**
 * Puts the <main> of `found` in the place of ours; where there is none, goes to the page itself.
 * @param {Document} found
 * @param {string} url
 * @param {(main: HTMLElement) => void} begin
 * @param {{ quiet?: boolean }} [how] quiet: focus and scroll position stay as they are
 */
export function swap(found, url, begin, how = {}) {
  const ours = document.getElementById("main");
  const theirs = found.getElementById("main");
  const path = new URL(url, location.href).pathname;
  // Who signs in or out sees another frame around <main>, too.
  const framed = [document, found].map((page) => page.querySelector(".site nav") !== null);
  if (!ours || !theirs || framed[0] !== framed[1]) {
    location.assign(path);
    return false;
  }
  // To a parser without scripts <noscript> holds elements, whose pictures would now be fetched.
  for (const part of theirs.querySelectorAll("noscript")) part.remove();
  const main = document.importNode(theirs, true);
  ours.replaceWith(main);
  document.title = found.title;
  if (path !== location.pathname) history.replaceState(null, "", path);
  begin(main);
  if (!how.quiet) {
    window.scrollTo(0, 0);
    /** @type {HTMLElement | null} */ (main.querySelector("h1"))?.focus({ preventScroll: true });
  }
  return true;
}

function announceNew() {
  const heading = document.querySelector("#main h1");
  const news = document.querySelector("#main .news");
  announce([news?.textContent, heading?.textContent].filter(Boolean).join(" "));
}

/**
 * The server said no: what it says is shown, and nothing that was entered is lost.
 * @param {Document} found
 * @param {number} status
 * @param {() => void} retry
 */
function refuse(found, status, retry) {
  const message = found.getElementById("message")?.textContent?.trim();
  if (!message || status >= 500 || status === 429) showAlert(message || say("alert_offline"), { retry });
  else showAlert(message, { next: status !== 422 });
}

/**
 * @param {boolean} busy
 * @param {HTMLButtonElement | null} submitter
 */
function setBusy(busy, submitter) {
  const main = document.getElementById("main");
  main?.setAttribute("aria-busy", String(busy));
  for (const button of main?.querySelectorAll("form[data-swap] button") ?? []) {
    block(button, "sending", busy);
  }
  if (submitter) submitter.toggleAttribute("data-pressed", busy);
}
