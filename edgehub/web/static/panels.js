// Everything beside the plan: who stayed longest, one room in detail, totals, and how the machines are.

import { duration, grade, guests, lightWords, nameOf, SIGNS } from "./words.js";

function made(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function swatch(colour) {
  const dot = made("span", { class: "swatch", "aria-hidden": "true" });
  dot.style.backgroundColor = colour || "transparent";
  return dot;
}

function stay(person, seconds, running) {
  const time = made("span", { class: "time", "data-seconds": running ? seconds : null }, duration(seconds));
  return made("li", {}, swatch(person.colour), made("span", { class: "who" }, nameOf(person)), time);
}

function ranking(leaders, length) {
  if (!leaders?.length) return made("p", { class: "muted" }, "Nobody yet");
  return made("ol", { class: "stays" }, ...leaders.slice(0, length).map((person) => stay(person, person.dwell_s, false)));
}

// The newest moves first, told from the difference between two boards.
export class Moves {
  constructor() {
    this.zones = null;
    this.list = [];
  }

  see(board) {
    const names = new Map(board.zones.map((zone) => [zone.id, zone.name]));
    const before = this.zones;
    this.zones = new Map(board.people.map((person) => [person.id, person.zone]));
    if (!before) return;
    const moved = board.people.filter((person) => person.zone && before.get(person.id) !== person.zone);
    const lines = moved.sort((a, b) => a.since_s - b.since_s).map((person) => ({ person, room: names.get(person.zone) }));
    this.list = [...lines, ...this.list].slice(0, 7);
  }

  show() {
    if (!this.list.length) return [];
    const lines = this.list.map(({ person, room }) => made("li", {}, swatch(person.colour),
      made("span", { class: "who" }, nameOf(person)), made("span", { class: "time" }, `→ ${room}`)));
    return [made("h2", {}, "Just walked in"), made("ol", { class: "stays moves" }, ...lines)];
  }
}

// A gateway alone keeps no totals of the day: then those rank first who have been here longest.
function longestHere(board, zone) {
  const here = board.people.filter((person) => person.zone === zone.id).sort((a, b) => b.since_s - a.since_s);
  if (!here.length) return made("p", { class: "muted" }, "Nobody here");
  return made("ol", { class: "stays" }, ...here.slice(0, 3).map((person) => stay(person, person.since_s, true)));
}

export function overview(board) {
  const totals = Object.values(board.leaders || {}).some((leaders) => leaders.length);
  const cards = board.zones.map((zone) => made("section", { class: "card" },
    made("h3", {}, zone.name, zone.sponsor ? made("span", { class: "tag" }, "sponsor") : null),
    totals ? ranking(board.leaders[zone.id], 3) : longestHere(board, zone)));
  return [made("h2", {}, totals ? "Longest stays" : "Here the longest"), made("div", { class: "cards" }, ...cards)];
}

export function detail(board, zone, onBack) {
  const back = made("button", { type: "button", class: "back" }, "All rooms");
  back.addEventListener("click", onBack);
  const here = board.people.filter((person) => person.zone === zone.id).sort((a, b) => b.since_s - a.since_s);
  const light = zone.light?.state && zone.light.state !== "none"
    ? made("p", { class: "lightline" }, swatch(zone.light.colour), made("span", {}, [lightWords(zone.light), zone.light.why].filter(Boolean).join(". ")))
    : made("p", { class: "muted" }, "No lamps in this room.");
  return [
    made("div", { class: "head" }, made("h2", { id: "room" }, zone.name), back),
    light,
    made("h3", {}, "Longest stays"), ranking(board.leaders?.[zone.id], 8),
    made("h3", {}, `Here now: ${guests(zone.count)}`),
    here.length ? made("ul", { class: "stays scroll", tabindex: 0, "aria-label": "Here now" }, ...here.map((person) => stay(person, person.since_s, true)))
      : made("p", { class: "muted" }, "The room is empty."),
  ];
}

const TOTALS = { here: "in a room now", guests: "guests known", visits: "visits", events: "events kept", waiting: "events waiting" };
const TROUBLES = { conflicts: "conflicting events", quarantined: "unreadable events", shed: "events given up" };

// What is wrong is only worth a place on the wall when there is any of it.
export function totals(board) {
  const counted = { here: board.people.filter((person) => person.zone).length, ...board.totals };
  const shown = [...Object.entries(TOTALS).filter(([key]) => key in counted), ...Object.entries(TROUBLES).filter(([key]) => counted[key])];
  return shown.map(([key, words]) => made("div", {}, made("dd", {}, counted[key].toLocaleString("en")), made("dt", {}, words)));
}

// So many events are always on their way to the hub and back.
const FEW = 20;

const worst = (states) => ["gone", "warn", "fine"].find((level) => states.map(grade).includes(level)) || "fine";

function machine(name, states, words) {
  const level = worst(states);
  return made("li", { class: level }, made("span", { class: "sign", "aria-hidden": "true" }, SIGNS[level]),
    made("span", { class: "machine" }, name), made("span", { class: "state" }, words));
}

export function health(board) {
  const hub = board.hub ? [machine("hub", [board.hub.state], [board.hub.state, board.hub.why].filter(Boolean).join(" · "))] : [];
  const gateways = (board.gateways || []).map((gateway) => {
    if (grade(gateway.state) === "gone") return machine(gateway.id, [gateway.state], [gateway.state, gateway.why].filter(Boolean).join(" · "));
    const parts = [gateway.radio && `radio ${gateway.radio}`, gateway.hue && gateway.hue !== "none" && `lights ${gateway.hue}`,
      gateway.backlog > FEW ? `${gateway.backlog} events waiting` : null, gateway.why];
    return machine(gateway.id, [gateway.state, gateway.radio, gateway.hue], parts.filter(Boolean).join(" · ") || gateway.state);
  });
  return [...hub, ...gateways];
}
