// The page's one loop: take the newest board from the stream, draw it, and say when the stream is gone.

import { detail, health, Moves, overview, totals } from "./panels.js";
import { Plan } from "./plan.js";
import { duration } from "./words.js";

const SILENCE_MS = 40_000; // the server beats every 15 s
const AGAIN_MS = 3_000;

const at = (id) => document.getElementById(id);
let board = null;
let received = 0;
let selected = null;
let source = null;
let heard = Date.now();

const moves = new Moves();
const plan = new Plan(at("floor"), select);

function select(zone) {
  selected = selected === zone ? null : zone;
  draw();
}

function back() {
  const room = document.querySelector(`.room[data-zone="${CSS.escape(selected)}"]`);
  selected = null;
  draw();
  room?.focus();
}

// Replaces what is inside, unless it is what was there, and keeps the keyboard where it was.
function fill(element, children) {
  const shadow = document.createElement("div");
  shadow.append(...children);
  if (element.dataset.shown === shadow.innerHTML) return;
  element.dataset.shown = shadow.innerHTML;
  const focused = element.contains(document.activeElement) ? document.activeElement.className : null;
  const scrolled = element.querySelector(".scroll")?.scrollTop ?? 0;
  element.replaceChildren(...shadow.childNodes);
  if (focused) element.querySelector(`.${focused.split(" ").join(".")}`)?.focus();
  const list = element.querySelector(".scroll");
  if (list) list.scrollTop = scrolled;
}

function draw() {
  if (!board) return;
  document.title = `${board.event || board.site} · edgehub`;
  at("event").textContent = board.event || board.site;
  at("subtitle").textContent = [board.site, board.speed > 1 ? `simulated, ${board.speed} times as fast` : null].filter(Boolean).join(" · ");
  plan.show(board, selected);
  const zone = board.zones.find((one) => one.id === selected);
  fill(at("panel"), zone ? detail(board, zone, back) : [...overview(board), ...moves.show()]);
  fill(at("totals"), totals(board));
  fill(at("health"), health(board));
  runOn();
}

function say(state, words) {
  const sign = at("connection");
  if (sign.textContent !== words) sign.textContent = words;
  sign.dataset.state = state;
  document.body.classList.toggle("stale", state === "lost");
}

function lost() {
  const since = received ? `, picture of ${new Date(received).toLocaleTimeString()}` : "";
  say("lost", `Connection lost${since}. Trying again …`);
}

function connect() {
  source?.close();
  heard = Date.now();
  source = new EventSource("events");
  source.addEventListener("beat", alive);
  source.addEventListener("board", (event) => {
    board = JSON.parse(event.data);
    received = Date.now();
    alive();
    moves.see(board);
    draw();
  });
  source.addEventListener("error", () => {
    lost();
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS);
  });
}

function alive() {
  heard = Date.now();
  say("live", "Live");
}

// The venue's clock and the stays run on between two pictures.
function tick() {
  if (Date.now() - heard > SILENCE_MS) {
    lost();
    connect();
  }
  if (board && !document.body.classList.contains("stale")) runOn();
}

function runOn() {
  const passed = ((Date.now() - received) / 1000) * (board.speed || 1);
  at("clock").textContent = clock(board.clock, passed);
  for (const time of document.querySelectorAll("[data-seconds]")) time.textContent = duration(Number(time.dataset.seconds) + passed);
}

// The board's clock carries the venue's own offset; the browser's time zone has no say.
function clock(iso, passed) {
  const match = /T(\d\d):(\d\d):(\d\d)/.exec(iso || "");
  if (!match) return "--:--";
  const seconds = Math.floor(Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]) + passed);
  return [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60].map((part) => String(part).padStart(2, "0")).join(":");
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && selected) back();
});

connect();
setInterval(tick, 1000);
