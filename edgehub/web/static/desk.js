// The desk: look a guest up, see what is known and from where, and say who is who. Nothing is kept in the browser.

const at = (id) => document.getElementById(id);
const PURPOSES = ["lights", "music", "offers", "analytics", "screen"];
let csrf = "";
let shown = null;

function element(name, text, attributes = {}) {
  const made = Object.assign(document.createElement(name), attributes);
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

function say(words, state = "") {
  at("said").textContent = words;
  at("said").dataset.state = state;
}

async function ask(path, options = {}) {
  const response = await fetch(path, { headers: { "X-CSRF-Token": csrf, "Content-Type": "application/json" }, ...options });
  if (response.status === 401) location.href = "/login";
  const answer = await response.json().catch(() => ({ why: "the hub's answer cannot be read" }));
  if (!response.ok) throw new Error(answer.why ?? "the hub says no");
  return answer;
}

const when = (us) => (us === null ? "ever" : new Date(us / 1000).toLocaleString());
function plain(value, unit) {
  if (Array.isArray(value)) return value.join(", ") || "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number" && unit === "time") return when(value);
  if (typeof value === "number" && unit === "s") return length(value);
  return String(value);
}

function length(seconds) {
  return seconds >= 3600 ? `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min` : seconds >= 60 ? `${Math.floor(seconds / 60)} min` : `${Math.round(seconds)} s`;
}

function table(title, rows) {
  if (!rows.length) return [];
  const made = element("table");
  for (const [name, value, told] of rows) {
    const row = element("tr");
    row.append(element("th", name, { scope: "row" }), element("td", value), element("td", told, { className: "told" }));
    made.append(row);
  }
  return [element("h2", title), made];
}

function attributes(guest) {
  return Object.entries(guest.attributes).flatMap(([name, attribute]) => {
    const known = Object.entries(attribute.known);
    if (!known.length) return [[name, "unknown", ""]];
    return known.map(([period, value]) => [name, plain(value.value, attribute.unit), `${period}, ${value.source}`]);
  });
}

function timeline(guest) {
  return [...guest.timeline].reverse().map((entry) => {
    const stay = entry.until_us === null ? "" : `, ${length((entry.until_us - entry.at_us) / 1e6)}`;
    return [when(entry.at_us), `${entry.type} ${entry.name ?? ""}${stay}`, entry.source];
  });
}

function button(words, kind, act) {
  const made = element("button", words, { type: "button", className: kind });
  made.addEventListener("click", act);
  return made;
}

// What can be said of a guest: each a field and a button, so that a thumb on a tablet cannot do it by accident.
function saying(label, words, kind, act) {
  const form = element("form", null, { className: "saying" });
  const input = element("input", null, { required: true, autocomplete: "off" });
  const name = element("label", label);
  name.append(input);
  const row = element("div", null, { className: "row" });
  row.append(name, element("button", words, { className: kind }));
  form.append(row);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(input.value.trim());
  });
  return form;
}

async function tell(what, words) {
  try {
    await ask(`/desk/${what}`, { method: "POST", body: JSON.stringify(words) });
    say("Said, and kept. The card follows in a moment.", "done");
    await new Promise((done) => setTimeout(done, 1_000));
    await show(shown);
  } catch (error) {
    say(`${error.message}.`, "wrong");
  }
}

function sayings(name, guest) {
  const asked = PURPOSES.flatMap((purpose) => {
    const given = guest.consent[purpose]?.given;
    const words = given ? `Stop ${purpose}` : `Agrees to ${purpose}`;
    return [button(words, "quiet", () => tell(given ? "refuse" : "agree", { guest: name, purpose }))];
  });
  const row = element("div", null, { className: "row" });
  row.append(...asked);
  return [
    element("h2", "Said at the desk"),
    row,
    saying("Another name of this same guest", "They are one", "quiet", (b) => tell("merge", { a: name, b })),
    saying("Number of a new badge", "Hand over", "quiet", (badge) => tell("hand", { guest: name, badge })),
  ];
}

// Forgetting has no way back: the word is asked for, not only a press.
function forgetting(name) {
  return saying("Type forget to delete everything about this guest, here and on every Pi", "Forget this guest", "grave", async (word) => {
    if (word.toLowerCase() !== "forget") return say("Nothing was deleted: the word was not \"forget\".", "wrong");
    try {
      const { revision } = await ask("/desk/forget", { method: "POST", body: JSON.stringify({ guest: name }) });
      at("guest").hidden = true;
      await receipts(revision);
    } catch (error) {
      say(`${error.message}.`, "wrong");
    }
  });
}

function receipt({ gateway, confirmed, online }) {
  return `${gateway} ${confirmed ? "has confirmed" : online ? "has not confirmed yet" : "is offline; it will confirm when it is back"}`;
}

async function receipts(revision, tries = 60) {
  const { gateways } = await ask(`/desk/receipts?revision=${revision}`);
  say(["Gone from the hub", ...gateways.map(receipt)].join(". ") + ".", "done");
  if (tries && gateways.some((one) => one.online && !one.confirmed)) setTimeout(() => receipts(revision, tries - 1).catch(() => {}), 1_000);
}

// Each name of the guest, and a way to say that it is somebody else's.
function names(guest) {
  const list = element("ul");
  for (const id of guest.ids.filter((one) => one !== `person:${guest.person}`)) {
    const item = element("li", null, { className: "row" });
    const part = button("Not theirs", "quiet", () => tell("unmerge", { a: id, b: `person:${guest.person}` }));
    part.setAttribute("aria-label", `${id} is not theirs`);
    item.append(element("span", id, { className: "ids" }), part);
    list.append(item);
  }
  return list.children.length ? list : element("p", "A badge without a name");
}

async function show(name) {
  const guest = await ask(`/desk/guests/${encodeURIComponent(name)}`);
  shown = `person:${guest.person}`;
  const card = at("guest");
  card.replaceChildren(
    element("h2", "Known as"),
    names(guest),
    ...table("Badges", guest.badges.map((one) => [one.badge, `since ${when(one.since_us)}`, one.until_us === null ? "worn now" : `until ${when(one.until_us)}`])),
    ...table("Consent", Object.entries(guest.consent).map(([name, one]) => [name, one.given ? "agreed" : "refused", `${when(one.at_us)}, ${one.source}`])),
    ...table("Known", Object.entries(guest.values).map(([name, one]) => [name, plain(one.value), `${one.source}, ${when(one.at_us)}`])),
    ...table("Behaviour", attributes(guest)),
    ...table("Timeline", timeline(guest)),
    ...sayings(shown, guest),
    element("h2", "Forget"),
    forgetting(shown),
  );
  card.hidden = false;
  at("found").replaceChildren();
}

async function look(text) {
  at("guest").hidden = true;
  const { guests } = await ask(`/desk/guests?for=${encodeURIComponent(text)}`);
  if (guests.length === 1) return show(`person:${guests[0].person}`);
  say(guests.length ? `${guests.length} guests may be meant.` : "Nobody is known by that name.", guests.length ? "" : "wrong");
  at("found").replaceChildren(...guests.map((one) => {
    const item = element("li");
    item.append(button(one.ids.join(" · "), "quiet", () => show(`person:${one.person}`)));
    return item;
  }));
}

at("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  say("");
  try {
    await look(at("for").value);
  } catch (error) {
    say(`${error.message}.`, "wrong");
  }
});

fetch("/session").then((answer) => (answer.ok ? answer.json() : { csrf: "" })).then((session) => { csrf = session.csrf; });
