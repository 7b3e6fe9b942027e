/* The chat page. Keeps nothing in the browser: what is on the screen is all there is.
 * Whatever came from a person or from the server is set as text, never as HTML. */

const MESSAGES = "/chat/messages";
const NOTICE_AFTER = 8000; // ms without a stream until we say so: shorter breaks heal unnoticed
const SILENCE = 45000; // ms, three heartbeats: then the stream is dead even if the browser has not noticed
const TYPING_FOR = 30000; // ms
const PAUSES = [500, 1500, 4000]; // ms between attempts to send

const find = (id) => document.getElementById(id);
const scroller = find("scroller");
const log = find("log");
const typing = find("typing");
const input = find("text");

const neutral = find("leave").dataset.to;

const otherPages = "BroadcastChannel" in window ? new BroadcastChannel("farol_chat") : null;
const outbox = []; // {body, row, state} in the order written; the first is being sent
let words = {};
let lastId = 0;
let replayed = false; // what was sent earlier has been shown
let session; // a promise: the labels are there and the cookie is set
let source;
let flushing = false;
let noticeTimer;
let silenceTimer;
let typingTimer;

start();

async function start() {
  find("composer").addEventListener("submit", write);
  find("leave").addEventListener("click", leave);
  input.addEventListener("keydown", sendOnEnter);
  input.addEventListener("input", fitInput);
  otherPages?.addEventListener("message", vanish);
  window.addEventListener("online", listen);
  window.addEventListener("offline", showLost);
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  if (matchMedia("(hover: hover)").matches) input.focus(); // on a phone the keyboard would cover the page
  await renew();
}

/* --- Session and stream --- */

/** Fetch the labels, which also begins the session; tries until it succeeds. */
async function begin() {
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await ask("/chat/words", { cache: "no-store" });
      if (response.ok) {
        words = await response.json();
        return;
      }
    } catch {
      // no network: again below
    }
    expectLost();
    await pause(Math.min(1000 * 2 ** attempt, 30000));
  }
}

function listen() {
  source?.close();
  expectBeat();
  source = new EventSource(`/chat/stream?after=${lastId}`);
  source.addEventListener("message", (event) => show(JSON.parse(event.data)));
  source.addEventListener("ready", caughtUp);
  source.addEventListener("error", reconnect);
}

/** All that was sent has been shown; comes with every heartbeat, too. */
function caughtUp() {
  expectBeat();
  clearTimeout(noticeTimer);
  noticeTimer = undefined;
  find("lost").textContent = "";
  if (!replayed) {
    replayed = true;
    closeChoices(lastChoices());
    if (lastId) scroller.scrollTo({ top: scroller.scrollHeight, behavior: "instant" });
    log.setAttribute("aria-live", "polite"); // not before: nobody wants the whole conversation read out again
  }
  flush();
}

/** The browser opens a broken stream again by itself, but not one that was refused. */
async function reconnect() {
  expectLost();
  if (source.readyState !== EventSource.CLOSED) return;
  await pause(3000);
  await renew();
}

/** Another cookie is another conversation: what listens to the old one would wait for ever. */
async function renew() {
  source?.close();
  session = begin();
  await session;
  listen();
}

function expectBeat() {
  clearTimeout(silenceTimer);
  silenceTimer = setTimeout(listen, SILENCE);
}

function expectLost() {
  if (noticeTimer === undefined) noticeTimer = setTimeout(showLost, navigator.onLine ? NOTICE_AFTER : 0);
}

function showLost() {
  find("lost").textContent = words.connection_lost ?? "";
}

/* --- What Farol says --- */

function show(message) {
  // Without an id: told directly, while nothing could be stored.
  if (message.id !== null) {
    if (message.id <= lastId) return; // a stream that was opened again may repeat itself
    lastId = message.id;
  }
  hideTyping();
  for (const sent of log.querySelectorAll(".state.sent")) sent.textContent = ""; // the answer says it
  const row = addRow("farol", words.assistant);
  row.lang = message.language;
  const bubble = row.querySelector(".bubble");
  bubble.dir = message.direction;
  addLinked(bubble, message.text);
  if (message.location) bubble.append(placeOf(message.location));
  const choices = choicesOf(message);
  if (choices) row.append(choices);
  log.append(row);
  if (replayed) reveal(row);
}

function addRow(whose, speaker) {
  const row = document.createElement("div");
  row.className = `row ${whose}`;
  const bubble = document.createElement("div");
  bubble.className = "bubble";
  const name = document.createElement("span");
  name.className = "unseen";
  name.lang = document.documentElement.lang;
  name.textContent = `${speaker ?? ""}: `;
  bubble.append(name);
  row.append(bubble);
  return row;
}

function choicesOf(message) {
  if (!message.buttons?.length && !message.ask_location) return null;
  const choices = document.createElement("div");
  choices.className = "choices";
  for (const { title, payload } of message.buttons ?? []) {
    choices.append(choice(title, (button) => press(button, title, payload)));
  }
  if (message.ask_location) {
    const where = choice(message.ask_location, sendLocation);
    where.classList.add("where");
    choices.append(where);
  }
  for (const button of choices.children) button.dir = message.direction;
  return choices;
}

function choice(title, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "choice";
  button.textContent = title;
  button.addEventListener("click", () => act(button));
  return button;
}

function placeOf({ latitude, longitude, label }) {
  const place = document.createElement("span");
  place.className = "place";
  if (label) {
    const name = document.createElement("bdi");
    name.textContent = `${label} `;
    place.append(name);
  }
  const map = `https://www.openstreetmap.org/?mlat=${Number(latitude)}&mlon=${Number(longitude)}#map=17/${Number(latitude)}/${Number(longitude)}`;
  place.append(link(map, words.open_map));
  return place;
}

/* --- Links in what Farol says --- */

/** Addresses, tel: and numbers with a country code. Direction marks end an address: they could disguise it. */
const LINK = /https?:\/\/[^\s<>"'\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+|tel:\+?[\d()./-]{3,20}|\+\d[\d\u00a0 ()./-]{6,18}\d/gi;
const TRAILING = /[.,;:!?)\]}»”’،؛؟。，、।]+$/;

function addLinked(parent, text) {
  let from = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const shown = found.replace(TRAILING, "");
    const href = addressOf(shown);
    if (!href) continue;
    parent.append(text.slice(from, index), link(href, shown, "ltr"));
    from = index + shown.length;
  }
  parent.append(text.slice(from));
}

function addressOf(shown) {
  if (!/^http/i.test(shown)) return `tel:${shown.replace(/[^\d+]/g, "")}`;
  try {
    const url = new URL(shown);
    return ["http:", "https:"].includes(url.protocol) && !url.username ? url.href : null;
  } catch {
    return null;
  }
}

function link(href, text, direction) {
  const anchor = document.createElement("a");
  anchor.href = href;
  anchor.textContent = text;
  anchor.rel = "noreferrer noopener";
  if (direction) anchor.dir = direction;
  if (!href.startsWith("tel:")) anchor.target = "_blank"; // the chat stays open
  return anchor;
}

/* --- What the person says --- */

function write(event) {
  event.preventDefault();
  const text = input.value.trim();
  if (!text) return;
  input.value = "";
  fitInput();
  say({ text }, text);
}

function sendOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  write(event);
}

function fitInput() {
  input.dir = input.value ? "auto" : document.documentElement.dir; // "auto" puts the placeholder on the left
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight + 3}px`;
}

function press(button, title, payload) {
  button.setAttribute("aria-pressed", "true");
  say({ payload, text: title }, title);
  scroller.focus({ preventScroll: true }); // the button that had it is now disabled
}

/** Asked for only here, after a tap; sent to about 100 metres, which is enough to find a place nearby. */
function sendLocation(button) {
  const failed = () => {
    button.removeAttribute("aria-busy");
    addNote(words.location_failed);
    input.focus();
  };
  if (!navigator.geolocation) return failed();
  button.setAttribute("aria-busy", "true");
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      const [latitude, longitude] = [coords.latitude, coords.longitude].map((degree) => Number(degree.toFixed(3)));
      button.setAttribute("aria-pressed", "true");
      button.removeAttribute("aria-busy");
      say({ location: { latitude, longitude } }, words.my_location);
      scroller.focus({ preventScroll: true });
    },
    failed,
    { maximumAge: 60000, timeout: 20000 },
  );
}

function say(body, shown) {
  closeChoices();
  const row = addRow("own", words.you);
  const said = document.createElement("span");
  said.dir = "auto";
  said.textContent = shown ?? "";
  const bubble = row.querySelector(".bubble");
  bubble.dir = "auto";
  bubble.append(said);
  const state = document.createElement("div");
  state.className = "state";
  row.append(state);
  log.append(row);
  reveal(row);
  const item = { body: { id: uuid(), ...body }, state };
  outbox.push(item);
  mark(item, "sending");
  flush();
}

/** Send what waits, in order. The id stays the same over all attempts: the server knows a message that it has. */
async function flush() {
  if (flushing) return;
  flushing = true;
  while (outbox.length) {
    const item = outbox[0];
    mark(item, "sending");
    const outcome = await deliver(item.body);
    if (outcome === "unreached") {
      outbox.forEach((waiting) => mark(waiting, "failed"));
      break;
    }
    outbox.shift();
    mark(item, outcome);
    if (outcome === "sent") showTyping();
  }
  flushing = false;
}

/** "sent"; "failed" when the server will not have it; "unreached" when it may later. */
async function deliver(body) {
  for (let attempt = 0; ; attempt++) {
    await session;
    try {
      const response = await ask(MESSAGES, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      if (response.status === 202) return "sent";
      if (response.status === 401) await renew();
      else if (response.status < 500 && ![408, 429].includes(response.status)) return "failed";
    } catch {
      // no network, or no answer in time
    }
    if (attempt >= PAUSES.length || !navigator.onLine) return "unreached";
    await pause(PAUSES[attempt]);
  }
}

function mark(item, state) {
  const told = item.state;
  told.className = `state ${state}`;
  told.textContent = words[state] ?? "";
  if (state !== "failed") return;
  announce(words.failed);
  const again = document.createElement("button");
  again.type = "button";
  again.className = "again";
  again.textContent = words.retry;
  again.addEventListener("click", () => {
    if (!outbox.includes(item)) outbox.push(item);
    scroller.focus({ preventScroll: true });
    flush();
  });
  told.append(again);
  reveal(told.parentElement);
}

/* --- The look of the log --- */

/** Choices answer the last turn: once the person has said something they are history. */
function closeChoices(except) {
  for (const button of log.querySelectorAll(".choice:enabled")) {
    if (!except?.contains(button)) button.disabled = true;
  }
}

function lastChoices() {
  return [...log.querySelectorAll(".choices")].pop();
}

/** Scroll down to a new message, but never past what the person said last: a long answer is read from its start. */
function reveal(row) {
  const anchor = [...log.querySelectorAll(".own")].pop() ?? row;
  const top = Math.min(anchor.offsetTop - scroller.offsetTop - 16, scroller.scrollHeight - scroller.clientHeight);
  if (row === anchor || scroller.scrollTop > top - scroller.clientHeight) scroller.scrollTo({ top, behavior: motion() });
}

function motion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
}

function showTyping() {
  typing.hidden = false;
  announce(words.typing);
  clearTimeout(typingTimer);
  typingTimer = setTimeout(hideTyping, TYPING_FOR);
  reveal(typing);
}

function hideTyping() {
  typing.hidden = true;
  clearTimeout(typingTimer);
  announce("");
}

function addNote(text) {
  const note = document.createElement("p");
  note.className = "note";
  note.textContent = text ?? "";
  log.append(note);
  reveal(note);
}

function announce(text) {
  find("status").textContent = text ?? "";
}

/* --- Away from here --- */

/** First out of sight, then the rest: nothing here waits for the network. */
function leave() {
  otherPages?.postMessage("leave");
  fetch("/chat/leave", { method: "POST", keepalive: true }).catch(() => {});
  vanish();
}

function vanish() {
  source?.close();
  document.title = "";
  document.body.replaceChildren();
  location.replace(neutral);
}

/* --- Small things of the platform --- */

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** fetch, given up after 20 s. */
async function ask(address, options) {
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), 20000);
  try {
    return await fetch(address, { ...options, signal: giveUp.signal });
  } finally {
    clearTimeout(timer);
  }
}

/** crypto.randomUUID exists only with https; a trial at home runs without. */
function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
