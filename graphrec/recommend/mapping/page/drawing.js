// The canvas: points, lines to the nearest, labels. The view is a centre and pixels per unit.

const canvas = document.getElementById("canvas");
const stage = document.getElementById("stage");
const context = canvas.getContext("2d");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

const state = {
  layout: Math.max(0, layouts.findIndex((layout) => layout.key === data.start)),
  chosen: 0, // bits of the classes to show; 0 is all
  preview: 0, // the same while the pointer is over the legend
  onlyUnrated: false,
  hover: -1,
  selected: -1,
  view: { x: 0, y: 0, k: 1 },
  whole: null, // the view of all points of the layout
  moving: false,
};
const boxes = layouts.map(boxOf);
const x = layouts[state.layout].x.slice();
const y = layouts[state.layout].y.slice();
let grid = new Grid(x, y);
let [width, height, ratio] = [1, 1, 1];

const SIZES = 10; // of points; each is painted once and stamped
const most = Math.max(1, interactions[popularFirst[0]]);
const [smallest, largest] = count > 20000 ? [1.3, 8] : count > 3000 ? [1.7, 9.5] : [3.4, 12];
const size = Uint8Array.from(interactions, (own) => Math.round(Math.sqrt(own / most) * (SIZES - 1)));
const radii = Float32Array.from({ length: SIZES }, (_, s) => smallest + ((largest - smallest) * s) / (SIZES - 1));
const paintOrder = Uint32Array.from(popularFirst).reverse();

const stamps = document.createElement("canvas");
let stamped = { growth: 0, cell: 0 };

// All points are painted on a sheet larger than the view, so that panning only moves the sheet.
// Where painting is slow, zooming stretches the sheet for a moment.
const sheet = document.createElement("canvas");
const sheetContext = sheet.getContext("2d");
const MARGIN = 0.25; // of the width and the height, on each side
let painted = null; // the view of the sheet; null when it must be painted again
let isSlow = false;
let repaintTimer = 0;
const colour = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "ink", "quiet", "accent", "halo"]) colour[name] = style.getPropertyValue(`--${name}`);
  stamped.growth = 0;
}

// On a small screen points are smaller.
const smallness = () => Math.max(0.6, Math.min(1, Math.sqrt(Math.min(width, height) / 700)));

// Points grow slowly with the zoom, in steps, so that stamps are seldom painted again.
function growth() {
  const wanted = smallness() * Math.max(0.9, Math.min(2.6, (state.view.k / state.whole.k) ** 0.3));
  return 1.12 ** Math.round(Math.log(wanted) / Math.log(1.12));
}

function paintStamps() {
  const now = growth();
  if (stamped.growth === now) return;
  const cell = Math.ceil((largest * now + 2) * 2 * ratio);
  stamps.width = cell * SIZES;
  stamps.height = cell * data.inks.length * 2;
  const paint = stamps.getContext("2d");
  data.inks.forEach((fill, row) => {
    for (let s = 0; s < SIZES; s++) {
      for (const hollow of [0, 1]) {
        const radius = radii[s] * now * ratio;
        paint.beginPath();
        paint.arc((s + 0.5) * cell, (2 * row + hollow + 0.5) * cell, hollow ? Math.max(radius, 1.4 * radii[0] * now * ratio) : radius, 0, 7);
        paint.lineWidth = (hollow ? 1.2 : count > 3000 ? 0.5 : 0.8) * ratio;
        paint.fillStyle = hollow ? colour.paper : fill;
        paint.strokeStyle = hollow ? fill : colour.paper;
        paint.globalAlpha = 0.62 + (0.3 * s) / (SIZES - 1); // rare ones stay in the background
        paint.fill();
        paint.globalAlpha = 1;
        paint.stroke();
      }
    }
  });
  stamped = { growth: now, cell };
}

const toScreenX = (value) => (value - state.view.x) * state.view.k + width / 2;
const toScreenY = (value) => (state.view.y - value) * state.view.k + height / 2;
const toWorldX = (pixel) => (pixel - width / 2) / state.view.k + state.view.x;
const toWorldY = (pixel) => state.view.y - (pixel - height / 2) / state.view.k;
const radiusOf = (row) => radii[size[row]] * stamped.growth;

function isShown(row) {
  if (Number.isNaN(x[row]) || (state.onlyUnrated && !isUnrated(row))) return false;
  const wanted = state.preview || state.chosen;
  return wanted === 0 || (members[row] & wanted) !== 0;
}

// The colour of a chosen class stands out where a movie has another one too.
function inkOf(row) {
  const wanted = state.preview || state.chosen;
  if (wanted === 0 || data.isScale) return ink[row];
  const only = 31 - Math.clz32(members[row] & wanted);
  return data.classInk[only];
}

function paintPoints(shown, left, top) {
  const { cell } = stamped;
  const edge = cell / 2 / ratio;
  const [wide, high] = [sheet.width / ratio, sheet.height / ratio];
  for (const row of paintOrder) {
    if (isShown(row) !== shown) continue;
    const sx = toScreenX(x[row]) + left;
    const sy = toScreenY(y[row]) + top;
    if (!(sx > -edge && sx < wide + edge && sy > -edge && sy < high + edge)) continue;
    const from = (2 * (shown ? inkOf(row) : data.plainInk) + isUnrated(row)) * cell;
    sheetContext.drawImage(stamps, size[row] * cell, from, cell, cell, sx - edge, sy - edge, 2 * edge, 2 * edge);
  }
}

function paintSheet() {
  paintStamps();
  sheet.width = canvas.width * (1 + 2 * MARGIN); // empties it
  sheet.height = canvas.height * (1 + 2 * MARGIN);
  sheetContext.scale(ratio, ratio);
  const margin = [width * MARGIN, height * MARGIN];
  if (state.chosen || state.preview || state.onlyUnrated) {
    sheetContext.globalAlpha = 0.16;
    paintPoints(false, ...margin);
    sheetContext.globalAlpha = 1;
  }
  paintPoints(true, ...margin);
  painted = { ...state.view };
  const begin = performance.now();
  requestAnimationFrame((now) => {
    isSlow = now - begin > 30;
  });
}

function drawPoints() {
  const { view } = state;
  const outside = () => Math.abs(view.x - painted.x) * view.k > width * MARGIN || Math.abs(view.y - painted.y) * view.k > height * MARGIN;
  const stretched = painted && painted.k !== view.k;
  clearTimeout(repaintTimer);
  if (!painted || (stretched && !isSlow) || (!stretched && outside())) paintSheet();
  else if (stretched) repaintTimer = setTimeout(repaint, 120);
  const stretch = view.k / painted.k;
  const [wide, high] = [(sheet.width / ratio) * stretch, (sheet.height / ratio) * stretch];
  context.drawImage(sheet, toScreenX(painted.x) - wide / 2, toScreenY(painted.y) - high / 2, wide, high);
}

function drawSelected() {
  const row = state.selected;
  if (row < 0 || Number.isNaN(x[row])) return;
  const [sx, sy] = [toScreenX(x[row]), toScreenY(y[row])];
  context.strokeStyle = colour.accent;
  context.lineWidth = 1;
  context.globalAlpha = 0.55;
  const near = state.moving ? [] : nearestTo(layouts[state.layout], row);
  for (const other of near) {
    context.beginPath();
    context.moveTo(sx, sy);
    context.lineTo(toScreenX(x[other]), toScreenY(y[other]));
    context.stroke();
  }
  context.globalAlpha = 1;
  for (const other of near) ring(other, 2, 1.3);
  ring(row, 4, 2.6);
}

function ring(row, gap, line) {
  context.strokeStyle = colour.accent;
  context.lineWidth = line;
  context.beginPath();
  context.arc(toScreenX(x[row]), toScreenY(y[row]), radiusOf(row) + gap, 0, 7);
  context.stroke();
}

const short = (title) => title.replace(/ \([^()]*\)/g, "") || title; // without year and other names
const widths = new Map();
let sameTitle = null; // how many movies have each short title

function labelOf(row) {
  sameTitle ??= data.titles.map(short).reduce((found, text) => found.set(text, (found.get(text) ?? 0) + 1), new Map());
  const text = short(data.titles[row]);
  const year = data.titles[row].match(/ \(\d{4}\)$/);
  return year && sameTitle.get(text) > 1 ? text + year[0] : text;
}

function labelBox(row, taken) {
  const text = labelOf(row);
  if (!widths.has(text)) widths.set(text, context.measureText(text).width);
  const [w, h, gap] = [widths.get(text), 14, radiusOf(row) + 4];
  const [sx, sy] = [toScreenX(x[row]), toScreenY(y[row])];
  const positions = [[sx + gap, sy - h / 2], [sx - gap - w, sy - h / 2], [sx - w / 2, sy - gap - h], [sx - w / 2, sy + gap]];
  for (const [left, top] of positions) {
    if (left < 4 || top < 4 || left + w > width - 4 || top + h > height - 4) continue;
    const free = taken.every((t) => left > t.left + t.w + 6 || left + w + 6 < t.left || top > t.top + t.h + 3 || top + h + 3 < t.top);
    if (free) return { row, text, left, top, w, h };
  }
  return null;
}

// The most popular movies, or the chosen one and those most similar to it.
function labels() {
  context.font = "12px system-ui, sans-serif";
  const taken = ["card", "zoom"].map((id) => document.getElementById(id)).map((covering) => ({
    left: covering.offsetLeft, top: covering.offsetTop, w: covering.offsetWidth, h: covering.offsetHeight,
  }));
  const add = (row) => {
    if (!(x[row] > toWorldX(0) && x[row] < toWorldX(width) && y[row] < toWorldY(0) && y[row] > toWorldY(height))) return;
    const box = labelBox(row, taken);
    if (box) taken.push(box);
  };
  const { selected } = state;
  if (selected >= 0) {
    add(selected);
    nearestTo(layouts[state.layout], selected).forEach(add);
  }
  const room = taken.length + (width * height) / (selected >= 0 ? 90000 : 30000);
  let tried = 0;
  for (const row of popularFirst) {
    if (taken.length >= room || tried > 300) break;
    if (!isShown(row) || taken.some((box) => box.row === row)) continue;
    const before = taken.length;
    add(row);
    tried += taken.length === before;
  }
  return taken.filter((box) => box.text);
}

function drawLabels() {
  if (state.moving) return;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const { row, text, left, top, h } of labels()) {
    context.font = row === state.selected ? "bold 12px system-ui, sans-serif" : "12px system-ui, sans-serif";
    context.strokeStyle = colour.halo;
    context.lineWidth = 3.5;
    context.strokeText(text, left, top + h / 2);
    context.fillStyle = colour.ink;
    context.fillText(text, left, top + h / 2);
  }
}

function draw() {
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  drawPoints();
  drawSelected();
  if (state.hover >= 0 && state.hover !== state.selected) ring(state.hover, 2, 2);
  drawLabels();
}

// For changes of the points themselves.
function repaint() {
  painted = null;
  redraw();
}

let asked = false;
function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    draw();
  });
}

// Calls `step(progress)` from 0 to 1, eased, frame by frame; at once where motion is unwanted.
let running = 0;
function animate(milliseconds, step, done = () => {}) {
  const own = ++running;
  if (still.matches) {
    step(1);
    done();
    redraw();
    return;
  }
  const begin = performance.now();
  const frame = (now) => {
    if (own !== running) return;
    const progress = Math.max(0, Math.min(1, (now - begin) / milliseconds));
    step(progress < 0.5 ? 4 * progress ** 3 : 1 - (2 - 2 * progress) ** 3 / 2);
    if (progress === 1) done();
    draw();
    if (progress < 1) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function settle() {
  x.set(layouts[state.layout].x);
  y.set(layouts[state.layout].y);
  grid = new Grid(x, y);
  painted = null;
  state.moving = false;
}

// Moves every point to its position in another layout.
function moveTo(layout) {
  const [fromX, fromY] = [x.slice(), y.slice()];
  state.layout = layout;
  state.hover = -1;
  const to = layouts[layout];
  const sawAll = ["x", "y", "k"].every((name) => state.view[name] === state.whole[name]);
  const [fromView, toView] = [state.view, sawAll ? viewOf(layout) : state.view];
  state.whole = viewOf(layout);
  state.moving = true;
  animate(1100, (progress) => {
    glide(fromView, toView, progress);
    painted = null;
    for (let row = 0; row < count; row++) {
      x[row] = between(fromX[row], to.x[row], progress);
      y[row] = between(fromY[row], to.y[row], progress);
    }
  }, settle);
}

function between(from, to, progress) {
  if (Number.isNaN(from)) return to;
  return Number.isNaN(to) ? from : from * (1 - progress) + to * progress;
}

function lookAt(target, milliseconds = 650) {
  if (state.moving) settle(); // one animation at a time
  const from = { ...state.view };
  animate(milliseconds, (progress) => {
    glide(from, target, progress);
  });
}

function glide(from, to, progress) {
  const k = progress === 1 ? to.k : from.k * (to.k / from.k) ** progress;
  state.view = { k, x: between(from.x, to.x, progress), y: between(from.y, to.y, progress) };
}

function zoomBy(factor, sx = width / 2, sy = height / 2) {
  const k = Math.max(state.whole.k * 0.5, Math.min(state.whole.k * 80, state.view.k * factor));
  const [wx, wy] = [toWorldX(sx), toWorldY(sy)];
  state.view = { k, x: wx - (sx - width / 2) / k, y: wy + (sy - height / 2) / k };
  redraw();
}

function fit() {
  const before = state.whole;
  [width, height] = [Math.max(stage.clientWidth, 1), Math.max(stage.clientHeight, 1)];
  ratio = Math.min(2, devicePixelRatio || 1);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  state.whole = viewOf(state.layout);
  const { k } = state.whole;
  state.view = before ? { ...state.view, k: (state.view.k * k) / before.k } : { ...state.whole };
  stamped.growth = 0;
  painted = null;
  draw();
}

function viewOf(layout) {
  const [left, right, bottom, top] = boxes[layout];
  const k = 0.92 * Math.min(width / Math.max(right - left, 1e-6), height / Math.max(top - bottom, 1e-6));
  return { x: (left + right) / 2, y: (bottom + top) / 2, k };
}
