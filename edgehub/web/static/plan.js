// The floor plan: rooms in the light they show, guests as dots somewhere in their room. A dot's place inside the room
// means nothing; edgehub knows rooms, not points.

import { guests, lightWords, nameOf } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = 0.9; // m around the plan, for the glow
const ELSEWHERE = "";

export function element(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Rooms nobody has drawn yet stand in rows below the drawn ones, so that a venue has a page before it has a plan.
function boxes(zones) {
  const drawn = zones.filter((zone) => zone.box);
  const right = Math.max(36, ...drawn.map((zone) => zone.box[0] + zone.box[2]));
  const bottom = Math.max(0, ...drawn.map((zone) => zone.box[1] + zone.box[3] + 2));
  const columns = Math.max(1, Math.floor(right / 12));
  const free = zones.filter((zone) => !zone.box);
  const placed = free.map((zone, n) => [zone.id, [(n % columns) * 12 + 0.75, bottom + Math.floor(n / columns) * 9, 10.5, 7.5]]);
  return new Map([...drawn.map((zone) => [zone.id, zone.box]), ...placed]);
}

// The largest empty rectangle between the rooms holds those who are in no room.
function between(rooms, width, height) {
  const xs = [...new Set([0, width, ...rooms.flatMap(([x, , w]) => [x, x + w])])].sort((a, b) => a - b);
  const ys = [...new Set([0, height, ...rooms.flatMap(([, y, , h]) => [y, y + h])])].sort((a, b) => a - b);
  let best = [0, 0, 0, 0];
  for (const [i, top] of ys.entries()) {
    for (const bottom of ys.slice(i + 1)) {
      const inBand = rooms.filter(([, y, , h]) => y < bottom && y + h > top);
      let left = 0;
      for (const x of xs) {
        const blocked = inBand.some(([rx, , rw]) => rx < x && rx + rw > left);
        if (blocked) left = Math.max(...inBand.filter(([rx]) => rx < x).map(([rx, , rw]) => rx + rw), left);
        if ((x - left) * (bottom - top) > best[2] * best[3] && !inBand.some(([rx, , rw]) => rx < x && rx + rw > left)) {
          best = [left, top, x - left, bottom - top];
        }
      }
    }
  }
  return best[3] >= 1.8 && best[2] >= 8 ? best : [0, height + 0.8, width, 3];
}

// Places for dots: a grid over the area, the middle first. Guests keep their place for as long as the grid suffices.
function grid([x, y, w, h], capacity) {
  const step = Math.min(1.9, Math.sqrt((w * h) / capacity));
  let columns = Math.max(1, Math.round(w / step));
  while (columns * Math.max(1, Math.floor(h / (w / columns))) < capacity && columns < capacity) columns += 1;
  const rows = Math.max(1, Math.ceil(capacity / columns));
  const [dx, dy] = [Math.min(w / columns, 2.2), Math.min(h / rows, 1.9)];
  const [cx, cy] = [x + w / 2, y + h / 2];
  const places = [];
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const shift = row % 2 ? 0.22 * dx : -0.22 * dx;
      places.push([cx + (column - (columns - 1) / 2) * dx + (columns > 1 ? shift : 0), cy + (row - (rows - 1) / 2) * dy]);
    }
  }
  const far = ([px, py]) => ((px - cx) / w) ** 2 + ((py - cy) / h) ** 2;
  return { places: places.sort((a, b) => far(a) - far(b)), radius: Math.min(0.42, 0.36 * Math.min(dx, dy)), roomy: dx > 1.7 && dy > 1.2 };
}

class Room {
  constructor(id, box, onSelect) {
    this.id = id;
    this.box = box;
    this.seats = new Map(); // person → number of their place
    this.capacity = 0;
    if (id !== ELSEWHERE) this.draw(onSelect);
    else this.drawOpen();
  }

  draw(onSelect) {
    const [x, y, width, height] = this.box;
    const size = { x, y, width, height, rx: 0.45 };
    this.top = element("stop", { offset: 0, class: "faint" });
    this.bottom = element("stop", { offset: 1, class: "full" });
    const gradient = element("linearGradient", { id: `light-${this.id}`, x1: 0, y1: 0, x2: 0, y2: 1 }, this.top, this.bottom);
    this.halo = element("rect", { ...size, class: "halo" });
    this.lamp = element("rect", { x: x + 0.45, y: y + 0.16, width: width - 0.9, height: 0.16, rx: 0.08, class: "lamp" });
    this.name = element("text", { x: x + 0.6, class: "name" });
    this.count = element("text", { x: x + width - 0.6, class: "count" });
    this.light = element("text", { x: x + 0.6, class: "light" });
    this.shape = element("g", { class: "room", tabindex: 0, role: "button", "data-zone": this.id },
      gradient, this.halo, element("rect", { ...size, class: "floor" }),
      element("rect", { ...size, class: "glow", fill: `url(#light-${this.id})` }), this.lamp, this.name, this.count, this.light,
      element("rect", { ...size, class: "edge" }));
    this.shape.addEventListener("click", () => onSelect(this.id));
    this.shape.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      onSelect(this.id);
    });
  }

  drawOpen() {
    const [x, y] = this.box;
    this.name = element("text", { x: x + 0.6, y: y + 0.9, class: "open" });
    this.shape = element("g", { class: "between" }, this.name);
  }

  // Text keeps its size on the screen whatever the size of the plan; what does not fit is left to the panel.
  fit(unit) {
    const [x, y, width, height] = this.box;
    this.unit = unit;
    if (this.id === ELSEWHERE) {
      this.name.setAttribute("font-size", 14.5 * unit);
      this.name.setAttribute("y", y + Math.min(26 * unit, height / 2));
      this.head(Math.min(34 * unit, height / 3));
      return;
    }
    const letters = Math.max(8, (this.label || "").length + 3);
    const title = Math.min(25 * unit, (1.75 * (width - 1)) / letters, height / 5);
    const small = Math.min(14.5 * unit, title * 0.8);
    this.name.setAttribute("font-size", title);
    this.count.setAttribute("font-size", title);
    for (const text of [this.name, this.count]) text.setAttribute("y", y + 0.45 + title);
    this.light.setAttribute("font-size", small);
    this.light.setAttribute("y", y + 0.6 + title + small * 1.2);
    const words = small >= 10.5 * unit && (width - 1) / (small * 0.52) >= this.light.textContent.length;
    this.light.classList.toggle("hidden", !words);
    this.head(0.7 + title + (words && this.light.textContent ? small * 1.6 : 0));
  }

  // Guests stand below the room's words; only when these need another height does anybody move.
  head(height) {
    if (Math.abs((this.header ?? -1) - height) < 0.01) return;
    this.header = height;
    this.capacity = 0;
  }

  show(zone, selected, dark) {
    const changed = this.label !== zone.name || this.light.textContent !== lightWords(zone.light);
    this.label = zone.name;
    this.name.textContent = zone.name;
    this.count.textContent = zone.count;
    this.light.textContent = lightWords(zone.light);
    const colour = zone.light?.colour || dark;
    for (const stop of [this.top, this.bottom]) stop.style.stopColor = colour;
    for (const shape of [this.halo, this.lamp]) shape.style.fill = colour;
    this.shape.style.setProperty("--light", colour);
    this.shape.classList.toggle("lit", Boolean(zone.light?.colour));
    this.shape.classList.toggle("selected", selected);
    this.shape.setAttribute("aria-pressed", selected);
    this.shape.setAttribute("aria-label", [zone.name, guests(zone.count), lightWords(zone.light)].filter(Boolean).join(", "));
    if (changed) this.fit(this.unit);
  }

  // Gives every person of this room a place; whoever was here before keeps theirs.
  seat(people) {
    const here = new Set(people.map((person) => person.id));
    for (const id of this.seats.keys()) if (!here.has(id)) this.seats.delete(id);
    if (people.length > this.capacity || this.capacity === 0) this.enlarge(people.length);
    const taken = new Set(this.seats.values());
    let next = 0;
    for (const { id } of people) {
      if (this.seats.has(id)) continue;
      while (taken.has(next)) next += 1;
      taken.add(next);
      this.seats.set(id, next);
    }
    return (id) => this.grid.places[this.seats.get(id)];
  }

  enlarge(needed) {
    const [x, y, w, h] = this.box;
    this.capacity = Math.max(12, Math.ceil(needed * 1.3));
    const area = [x + 0.5, y + this.header + 0.25, w - 1, Math.max(0.8, h - this.header - 0.7)];
    this.grid = grid(area, this.capacity);
    this.seats.clear();
  }
}

export class Plan {
  constructor(svg, onSelect) {
    this.svg = svg;
    this.onSelect = onSelect;
    this.rooms = new Map();
    this.dots = new Map();
    this.drawn = "";
    new ResizeObserver(() => this.resize()).observe(svg);
  }

  show(board, selected) {
    const drawing = JSON.stringify(board.zones.map((zone) => [zone.id, zone.box]));
    if (drawing !== this.drawn) this.draw(board.zones, drawing);
    const dark = "#4a4038";
    for (const zone of board.zones) this.rooms.get(zone.id).show(zone, zone.id === selected, dark);
    const walking = board.people.filter((person) => !this.rooms.has(person.zone ?? "-")).length;
    this.open.name.textContent = walking ? `Elsewhere: ${walking}` : "Elsewhere";
    this.people = board.people;
    this.seatAll();
  }

  draw(zones, drawing) {
    this.drawn = drawing;
    const placed = boxes(zones);
    const rooms = [...placed.values()];
    const width = Math.max(...rooms.map(([x, , w]) => x + w));
    let height = Math.max(...rooms.map(([, y, , h]) => y + h));
    const open = between(rooms, width, height);
    height = Math.max(height, open[1] + open[3]);
    this.width = width + 2 * MARGIN;
    this.svg.setAttribute("viewBox", `${-MARGIN} ${-MARGIN} ${this.width} ${height + 2 * MARGIN}`);
    this.svg.style.aspectRatio = `${this.width} / ${height + 2 * MARGIN}`;
    this.rooms = new Map([...placed].map(([id, box]) => [id, new Room(id, box, this.onSelect)]));
    this.open = new Room(ELSEWHERE, open, this.onSelect);
    this.rooms.set(ELSEWHERE, this.open);
    this.crowd = element("g", { class: "crowd", "aria-hidden": "true" });
    this.dots.clear();
    this.svg.replaceChildren(element("rect", { x: -0.45, y: -0.45, width: width + 0.9, height: height + 0.9, rx: 0.8, class: "building" }),
      ...[...this.rooms.values()].map((room) => room.shape), this.crowd);
    this.resize();
  }

  // Metres per pixel of the screen.
  resize() {
    if (!this.width) return;
    const unit = this.width / Math.max(1, this.svg.clientWidth);
    this.svg.style.setProperty("--px", unit);
    for (const room of this.rooms.values()) room.fit(unit);
    this.unit = unit;
    if (this.people) this.seatAll();
  }

  seatAll() {
    const byRoom = new Map([...this.rooms.keys()].map((id) => [id, []]));
    for (const person of this.people) (byRoom.get(person.zone ?? ELSEWHERE) || byRoom.get(ELSEWHERE)).push(person);
    for (const [id, people] of byRoom) {
      const room = this.rooms.get(id);
      const placeOf = room.seat(people);
      for (const person of people) this.dot(person).move(person, placeOf(person.id), room.grid, this.unit);
    }
    const present = new Set(this.people.map((person) => person.id));
    for (const [id, dot] of this.dots) {
      if (present.has(id)) continue;
      dot.shape.remove();
      this.dots.delete(id);
    }
  }

  dot(person) {
    if (!this.dots.has(person.id)) {
      const dot = new Dot();
      this.dots.set(person.id, dot);
      this.crowd.append(dot.shape);
    }
    return this.dots.get(person.id);
  }
}

class Dot {
  constructor() {
    this.circle = element("circle", { class: "guest" });
    this.label = element("text", { class: "who" });
    this.shape = element("g", { class: "dot" }, this.circle, this.label);
  }

  move(person, [x, y], { radius, roomy }, unit) {
    const named = Boolean(person.label) && roomy && unit < 0.045;
    this.shape.style.transform = `translate(${x.toFixed(3)}px, ${y.toFixed(3)}px)`;
    this.circle.setAttribute("r", radius.toFixed(3));
    this.circle.style.fill = person.colour || "#cfc4b6";
    this.label.textContent = named ? nameOf(person) : "";
    this.label.setAttribute("font-size", 11.5 * unit);
    this.label.setAttribute("y", radius + 13 * unit);
  }
}
