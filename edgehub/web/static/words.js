// How things are said: durations, colours, states. Colour is never the only carrier: everything shown has words too.

const NAMED = {
  red: "#ff0000", crimson: "#dc143c", tomato: "#ff6347", coral: "#ff7f50", salmon: "#fa8072", orange: "#ffa500",
  gold: "#ffd700", yellow: "#ffff00", khaki: "#f0e68c", lime: "#32cd32", green: "#2e8b57", "light green": "#9acd32",
  turquoise: "#40e0d0", cyan: "#00ffff", "sky blue": "#00bfff", blue: "#1e90ff", "royal blue": "#4169e1",
  "deep blue": "#0000ff", violet: "#6a5acd", purple: "#9370db", orchid: "#da70d6", pink: "#ff69b4",
  "deep pink": "#ff1493", white: "#ffffff", "warm white": "#ffd2a1", amber: "#ffbf00", brown: "#a0522d", grey: "#808080",
};

export const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

export function colourName(hex) {
  const [r, g, b] = channels(hex);
  const distance = ([x, y, z]) => 2 * (x - r) ** 2 + 4 * (y - g) ** 2 + 3 * (z - b) ** 2; // the eye's weights, roughly
  return Object.entries(NAMED).map(([name, value]) => [distance(channels(value)), name]).sort((a, b) => a[0] - b[0])[0][1];
}

export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h ? `${h} h ${String(m).padStart(2, "0")}` : `${m}:${String(s % 60).padStart(2, "0")}`;
}

export const guests = (n) => (n === 1 ? "1 guest" : `${n} guests`);

// Who does not show a name on screens is known by their colour.
export const nameOf = (person) => person.label || (person.colour ? capital(colourName(person.colour)) : "A guest");

const capital = (words) => words[0].toUpperCase() + words.slice(1);

const LIGHT = {
  people: (light) => (light.colour ? `Light: ${colourName(light.colour)}` : "Light: guests’ colours"),
  idle: () => "Light: idle scene",
  manual: () => "Light: set by staff",
  refused: () => "Light: bridge refuses",
  unknown: () => "Light: not known",
  none: () => "",
};

export const lightWords = (light) => (light ? (LIGHT[light.state] || LIGHT.unknown)(light) : "");

const FINE = new Set(["ok", "online", "connected", "running", "none", "quiet", ""]);
const GONE = new Set(["offline", "gone", "dead", "lost"]);

// ✓ fine, ! wants a look, ✕ gone: the shape says it without the colour. "hall ok, bar ok" is fine too.
export function grade(state) {
  const words = String(state ?? "").toLowerCase().split(",").map((part) => part.trim().split(" ").at(-1));
  if (words.every((word) => FINE.has(word))) return "fine";
  return words.some((word) => GONE.has(word)) ? "gone" : "warn";
}

export const SIGNS = { fine: "✓", warn: "!", gone: "✕" };
