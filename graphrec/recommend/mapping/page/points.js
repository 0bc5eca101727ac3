// The data of the page, decoded once. Arrays are by row, one for each movie.

function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
}

const data = JSON.parse(document.getElementById("data").textContent);
const count = data.titles.length;
const interactions = new Uint32Array(bytes(data.interactions));
const ink = new Uint8Array(bytes(data.ink));
const members = new Uint32Array(bytes(data.members)); // a bit for each class of the legend
const fact = new Uint32Array(bytes(data.fact));
const facts = (row) => data.facts[fact[row]];
const isUnrated = (row) => interactions[row] === 0;
const popularFirst = Array.from({ length: count }, (_, row) => row).sort((a, b) => interactions[b] - interactions[a]);

// Coordinates are 16 bits of the layout's box; the last value is that of a movie without a point.
const MISSING = 65535;
const layouts = data.layouts.map((layout) => {
  const stored = new Uint16Array(bytes(layout.points));
  const [left, bottom, size] = layout.box;
  const x = new Float32Array(count);
  const y = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    const missing = stored[2 * row] === MISSING;
    x[row] = missing ? NaN : left + (stored[2 * row] / (MISSING - 1)) * size;
    y[row] = missing ? NaN : bottom + (stored[2 * row + 1] / (MISSING - 1)) * size;
  }
  const Rows = data.wide ? Uint32Array : Uint16Array;
  const nearest = new Rows(bytes(layout.nearest));
  return { ...layout, x, y, nearest };
});

function nearestTo(layout, row) {
  if (Number.isNaN(layout.x[row])) return [];
  const number = layout.nearestNumber;
  return Array.from(layout.nearest.subarray(row * number, (row + 1) * number));
}

// The box that holds nearly all points of a layout: left, right, bottom, top.
function boxOf(layout) {
  const along = (axis) => {
    const values = layout[axis].filter((value) => !Number.isNaN(value)).sort();
    const at = (quantile) => values[Math.round(quantile * (values.length - 1))] ?? 0;
    const [low, high] = [at(0.002), at(0.998)];
    const spare = (high - low) / 4; // for points further out, but not for outliers
    return [Math.max(at(0), low - spare), Math.min(at(1), high + spare)];
  };
  return [...along("x"), ...along("y")];
}

// A grid of cells, so that the pointer is compared only with the points near it.
class Grid {
  constructor(x, y) {
    [this.x, this.y] = [x, y];
    this.side = Math.max(1, Math.ceil(Math.sqrt(count / 3)));
    let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let row = 0; row < count; row++) {
      if (Number.isNaN(x[row])) continue;
      [left, right] = [Math.min(left, x[row]), Math.max(right, x[row])];
      [bottom, top] = [Math.min(bottom, y[row]), Math.max(top, y[row])];
    }
    [this.left, this.bottom] = [left, bottom];
    this.cell = Math.max(right - left, top - bottom, 1e-9) / this.side;
    this.start = new Uint32Array(this.side * this.side + 1);
    const home = new Int32Array(count).fill(-1);
    for (let row = 0; row < count; row++) {
      if (Number.isNaN(x[row])) continue;
      home[row] = this.indexOf(y[row], bottom) * this.side + this.indexOf(x[row], left);
      this.start[home[row] + 1]++;
    }
    for (let cell = 0; cell < this.side * this.side; cell++) this.start[cell + 1] += this.start[cell];
    const next = this.start.slice();
    this.rows = new Uint32Array(this.start[this.side * this.side]);
    for (let row = 0; row < count; row++) if (home[row] >= 0) this.rows[next[home[row]]++] = row;
  }

  indexOf(value, from) {
    return Math.min(this.side - 1, Math.max(0, Math.floor((value - from) / this.cell)));
  }

  // The row nearest to a point within `reach`, by `distance(row)`; -1 if there is none.
  find(x, y, reach, distance) {
    let [best, least] = [-1, Infinity];
    for (let i = this.indexOf(y - reach, this.bottom); i <= this.indexOf(y + reach, this.bottom); i++) {
      const first = this.start[i * this.side + this.indexOf(x - reach, this.left)];
      const last = this.start[i * this.side + this.indexOf(x + reach, this.left) + 1];
      for (let at = first; at < last; at++) {
        const away = distance(this.rows[at]);
        if (away < least) [best, least] = [this.rows[at], away];
      }
    }
    return best;
  }
}

// The search lists movies with all words typed, each of which may be unfinished. It reads titles and what is typed as
// graphrec.recommend.titles does: without case, accents and articles, numbers as digits, "part" before them left out.
const skipped = new Set(data.skippedWords);
const numbers = new Map(Object.entries(data.numbers));
const asDigits = (word, index) => (index === 0 && word.length === 1 ? word : (numbers.get(word) ?? word)); // X-Men

function wordsOf(text) {
  const plain = text.normalize("NFKD").replace(/\p{M}|['’]/gu, "").toLowerCase();
  const joined = plain.replace(/(\p{L})\.(?=\p{L}\b)|(\d)(?:,(?=\d{3})|(?:st|nd|rd|th)\b)/gu, "$1$2"); // S.W.A.T., 6th
  const words = joined.match(/\d+|\p{L}+/gu) ?? [];
  const kept = words.filter((word) => !skipped.has(word));
  return kept.length ? kept : words;
}

let searched = null;

function search(text, most) {
  const typed = wordsOf(text);
  const start = typed.map(asDigits).join("");
  if (!start) return [];
  searched ??= data.titles.map((title) => {
    const words = wordsOf(title);
    const name = wordsOf(title.replace(/ \([^()]*\)/g, "")).map(asDigits).join("");
    return { words, digits: new Set([...words, ...words.map(asDigits)]), name };
  });
  const ranked = [[], [], [], []]; // the title, its start, whole words of it, their starts
  for (const row of popularFirst) {
    const { words, digits, name } = searched[row];
    const holds = (word, index) => digits.has(asDigits(word, index));
    const begins = (word, index) => holds(word, index) || words.some((own) => own.startsWith(word));
    if (name === start) ranked[0].push(row);
    else if (name.startsWith(start)) ranked[1].push(row);
    else if (typed.every(holds)) ranked[2].push(row);
    else if (typed.every(begins)) ranked[3].push(row);
  }
  return ranked.flat().slice(0, most);
}
