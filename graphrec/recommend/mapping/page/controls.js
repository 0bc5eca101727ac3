// Input: pointer, keys, search, legend. Text of tables is only ever set as textContent.

const by = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const counted = (value) => `${number.format(value)} interaction${value === 1 ? "" : "s"}`;
const interactionsOf = (row) => (isUnrated(row) ? data.unratedName : counted(interactions[row]));

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// The legend ------------------------------------------------------------------------------------

function showLegend() {
  by("key-name").textContent = data.column;
  by("key-note").textContent = data.keyNote;
  if (data.isScale) {
    by("scale").hidden = false;
    by("scale").style.background = `linear-gradient(to right, ${data.ramp.join(", ")})`;
  }
  data.classes.forEach((name, index) => {
    const button = legendButton(name, data.sizes[index], data.palette[index], true);
    button.addEventListener("click", () => {
      state.chosen ^= 1 << index;
      press(button, (state.chosen >>> index) & 1);
    });
    button.addEventListener("pointerenter", (event) => preview(event.pointerType === "mouse" ? 1 << index : 0));
    button.addEventListener("pointerleave", () => preview(0));
  });
  const unrated = interactions.reduce((sum, own) => sum + (own === 0), 0);
  if (unrated && layouts.some((layout) => interactions.some((own, row) => own === 0 && !Number.isNaN(layout.x[row])))) {
    const button = legendButton(data.unratedName, unrated, "currentColor", false);
    button.addEventListener("click", () => {
      state.onlyUnrated = !state.onlyUnrated;
      press(button, state.onlyUnrated);
    });
  }
  by("everything").addEventListener("click", () => {
    [state.chosen, state.onlyUnrated] = [0, false];
    for (const button of by("classes").children) button.setAttribute("aria-pressed", "false");
    press(null);
  });
}

function legendButton(name, size, colour, isFilled) {
  const button = element("button", "", { type: "button", "aria-pressed": "false", title: `${name}: show only these` });
  const dot = element("i");
  dot.style.borderColor = colour;
  if (isFilled) dot.style.background = colour;
  button.append(dot, element("b", name), element("small", number.format(size)));
  by("classes").append(button);
  return button;
}

function preview(bits) {
  state.preview = bits;
  repaint();
}

function press(button, pressed) {
  button?.setAttribute("aria-pressed", pressed ? "true" : "false");
  const any = state.chosen !== 0 || state.onlyUnrated;
  by("everything").hidden = !any;
  by("classes").classList.toggle("chosen", any);
  repaint();
}

// The layouts -----------------------------------------------------------------------------------

function showLayouts() {
  by("layouts").hidden = layouts.length < 2;
  layouts.forEach((layout, index) => {
    const label = element("label", layout.name);
    const input = element("input", "", { type: "radio", name: "layout", value: layout.key });
    input.checked = index === state.layout;
    input.addEventListener("change", () => {
      moveTo(index);
      showNote();
      showCard();
      by("said").textContent = `Layout: ${layout.name}.`;
    });
    label.prepend(input);
    by("layouts").append(label);
  });
}

function showNote() {
  by("note").replaceChildren(...layouts[state.layout].notes.map((note) => element("p", note)));
}

// The chosen movie ------------------------------------------------------------------------------

function select(row, { fly = false } = {}) {
  state.selected = row;
  hover(-1);
  showCard();
  if (row >= 0) {
    by("said").textContent = `${data.titles[row]}, ${facts(row)}, ${interactionsOf(row)}.`;
    if (fly && !Number.isNaN(layouts[state.layout].x[row])) flyTo(row);
  }
  redraw();
}

// Zooms so that the most similar movies are in sight, beside the card and not under it.
function flyTo(row) {
  const { x: left, y: top } = layouts[state.layout];
  const card = by("card");
  const aside = width > 720 ? card.offsetWidth / 2 : 0;
  const above = width > 720 ? 0 : card.offsetHeight / 2;
  const room = Math.min(width / 2 - aside, height / 2 - above) * 0.85;
  const far = nearestTo(layouts[state.layout], row).map((other) => Math.hypot(left[other] - left[row], top[other] - top[row]));
  const k = Math.min(8 * state.whole.k, Math.max(1.6 * state.whole.k, room / Math.max(...far, 1e-9)));
  lookAt({ k, x: left[row] + aside / k, y: top[row] - above / k });
}

function showCard() {
  const row = state.selected;
  const card = by("card");
  card.hidden = row < 0;
  if (row < 0) return;
  card.querySelector("h2").textContent = data.titles[row];
  by("card-facts").textContent = facts(row);
  by("card-interactions").textContent = interactionsOf(row) + (isUnrated(row) ? `: ${data.unratedWhy}` : "");
  const near = nearestTo(layouts[state.layout], row);
  card.querySelector("h3").textContent = near.length ? layouts[state.layout].nearestName : layouts[state.layout].missing;
  card.querySelector("ol").replaceChildren(...near.map((other) => {
    const line = element("li");
    const button = element("button", data.titles[other], { type: "button" });
    button.addEventListener("click", () => select(other, { fly: true }));
    line.append(button);
    if (isUnrated(other)) line.append(element("span", ` ${data.unratedName}`));
    return line;
  }));
}

// The search ------------------------------------------------------------------------------------

const list = finder({
  query: by("query"),
  found: by("found"),
  none: "No movie found.",
  line: (row) => [data.titles[row]],
  take: (row) => {
    by("query").value = data.titles[row];
    select(row, { fly: true });
  },
  leave: () => canvas.focus(),
});

function showFound() {
  const text = by("query").value;
  if (text.trim()) list.show(search(text, 8));
  else list.hide();
}

// The pointer -----------------------------------------------------------------------------------

const pointers = new Map(); // where each finger, or the mouse, is
let travelled = 0;

function at(event) {
  const box = canvas.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function rowAt({ x: px, y: py }, slack) {
  if (state.moving) return -1;
  const away = (row) => {
    if (!isShown(row)) return Infinity;
    const distance = Math.hypot(toScreenX(x[row]) - px, toScreenY(y[row]) - py) - radiusOf(row);
    return distance > slack ? Infinity : distance;
  };
  const reach = (largest * stamped.growth + slack) / state.view.k;
  return grid.find(toWorldX(px), toWorldY(py), reach, away);
}

function hover(row, pointer) {
  const tip = by("tip");
  canvas.classList.toggle("over", row >= 0);
  tip.hidden = row < 0;
  if (row >= 0) {
    const [title, what, seen] = tip.children;
    [title.textContent, what.textContent, seen.textContent] = [data.titles[row], facts(row), interactionsOf(row)];
    const left = pointer.x + 16 + tip.offsetWidth > width ? pointer.x - 12 - tip.offsetWidth : pointer.x + 16;
    const top = Math.min(pointer.y + 14, height - tip.offsetHeight - 6);
    tip.style.transform = `translate(${Math.max(left, 4)}px, ${Math.max(top, 4)}px)`;
  }
  if (state.hover !== row) redraw();
  state.hover = row;
}

function pointerDown(event) {
  if (event.button > 0) return;
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, at(event));
  if (pointers.size === 1) travelled = 0;
  running++; // a touch stops any animation
  if (state.moving) settle();
}

function pointerMove(event) {
  const now = at(event);
  const before = pointers.get(event.pointerId);
  if (!before) {
    if (event.pointerType !== "touch") hover(rowAt(now, 5), now);
    return;
  }
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  pointers.set(event.pointerId, now);
  travelled += Math.hypot(now.x - before.x, now.y - before.y);
  if (travelled < 4) return;
  hover(-1);
  canvas.classList.add("held");
  if (other) pinch(before, now, other);
  else pan(now.x - before.x, now.y - before.y);
}

function pinch(before, now, other) {
  const ratioOf = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
  zoomBy(ratioOf, (now.x + other.x) / 2, (now.y + other.y) / 2);
  pan((now.x - before.x) / 2, (now.y - before.y) / 2);
}

function pan(right, down) {
  state.view.x -= right / state.view.k;
  state.view.y += down / state.view.k;
  redraw();
}

function pointerUp(event) {
  if (!pointers.delete(event.pointerId)) return;
  canvas.classList.remove("held");
  if (event.type === "pointerup" && travelled < 4 && pointers.size === 0) {
    select(rowAt(at(event), event.pointerType === "touch" ? 14 : 5));
  }
}

function wheel(event) {
  event.preventDefault();
  const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
  running++;
  if (state.moving) settle();
  zoomBy(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0016)), at(event).x, at(event).y);
  hover(-1);
}

function canvasKey(event) {
  const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (moves[event.key]) pan(...moves[event.key]);
  else if (event.key === "+" || event.key === "=") zoomBy(1.3);
  else if (event.key === "-") zoomBy(1 / 1.3);
  else if (event.key === "0") showAll();
  else return;
  event.preventDefault();
}

const showAll = () => lookAt(state.whole, 450);

function pageKey(event) {
  const typing = event.target instanceof HTMLInputElement && event.target.type === "search";
  if (event.key === "/" && !typing) {
    event.preventDefault();
    by("query").focus();
  } else if (event.key === "Escape" && !typing) select(-1);
}

function listen() {
  canvas.addEventListener("pointerdown", pointerDown);
  canvas.addEventListener("pointermove", pointerMove);
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, pointerUp);
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener("wheel", wheel, { passive: false });
  canvas.addEventListener("keydown", canvasKey);
  document.addEventListener("keydown", pageKey);
  by("query").addEventListener("input", showFound);
  by("close").addEventListener("click", () => {
    select(-1);
    canvas.focus();
  });
  by("nearer").addEventListener("click", () => zoomBy(1.5));
  by("farther").addEventListener("click", () => zoomBy(1 / 1.5));
  by("fit").addEventListener("click", showAll);
  new ResizeObserver(fit).observe(stage);
  dark.addEventListener("change", () => {
    readColours();
    repaint();
  });
}

document.title = `${data.name}: map of movies`;
by("name").textContent = data.name;
by("counts").textContent = data.counts;
by("query").placeholder = data.hasTitles ? "Find a movie" : "Find a movie by its id";
by("query").setAttribute("aria-label", by("query").placeholder);
canvas.setAttribute("aria-label", `${data.counts} as points; search finds one and shows the most similar ones.`);
readColours();
showLegend();
showLayouts();
showNote();
listen();
fit();
document.documentElement.dataset.ready = "yes";
