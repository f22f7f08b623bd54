// What the maps show at a cell, in a line; of an overview the value of the cell itself is read, not that which is drawn.
import { colourer, labelOf, unitsOf } from "./layers.js";
import { number, place } from "./numbers.js";
import { readCell, Refused } from "./source.js";
import { meaning, w } from "./words.js";

const PAUSE = 80; // milliseconds that a pointer must rest before chunks are read for it
let asked = 0;

/** Say what the maps show at a cell; -1 is outside of the grid, null nowhere. `also` is given the text when it stands. */
export function readout(page, cell, also = () => {}) {
  asked += 1;
  const turn = asked;
  const tell = (text) => {
    document.getElementById("readout").textContent = text;
    also(text);
  };
  if (cell === null || cell === -1) {
    tell(w(cell === null ? "hint" : "outside"));
    return;
  }
  const where = place(page.grid.centre(cell)).join(", ");
  const maps = page.visibleMaps().filter((map) => map.layer);
  const line = (texts) => [where, ...texts].join(" · ");
  if (maps.every((map) => map.options.factor === 1)) {
    tell(line(maps.map((map) => drawnText(page, map, cell))));
    return;
  }
  document.getElementById("readout").textContent = line([w("reading")]);
  setTimeout(async () => {
    if (turn !== asked) return;
    const texts = await Promise.all(maps.map((map) => cellText(page, map, cell)));
    if (turn === asked) tell(line(texts));
  }, PAUSE);
}

function drawnText(page, map, cell) {
  const { layer, fields, shown } = map;
  if (shown[cell] === 2) return `${labelOf(layer)}: ${w("refused_cell")}`;
  const values = fields.map((field) => field.data[cell]);
  return text(page, layer, values, shown[cell] <= 1, map.land ? map.land.data[cell] > 0 : null);
}

async function cellText(page, map, cell) {
  const { layer, options } = map;
  if (options.factor === 1) return drawnText(page, map, cell);
  const { products } = page.store;
  const { row, column } = page.grid.place(cell);
  const one = async (product, name, index) => [await readCell(products[product], name, row, column)].flat()[index];
  try {
    const [land, ...values] = await Promise.all([
      products.annual.has("land_mask") ? one("annual", "land_mask", 0) : null,
      one(layer.product, layer.array, layer.index),
      ...layer.beside.map(([product, name]) => one(product, name, 0)),
    ]);
    const dry = land === null ? null : land > 0;
    const missing = colourer(layer, page.store, { ...options, factor: 1 })(...values) === null;
    return text(page, layer, values, missing || (layer.id === "status" && dry === false), dry);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    page.refuse(error);
    return `${labelOf(layer)}: ${w("refused_cell")}`;
  }
}

function text(page, layer, [value, other], missing, dry) {
  let told = `${number(value * layer.factor)} ${unitsOf(layer)}`.trim();
  if (layer.flags.size) told = meaning(layer.flags.get(value)?.meaning ?? value);
  if (missing && dry) told = layer.flags.size ? told : w("no_land");
  else if (missing) told = w(dry === false ? "water" : "no_value");
  else if (layer.id === "slope") told += `, ${meaning(page.layer("significant").flags.get(other)?.meaning)}`;
  else if (layer.kind === "dominant" && Number.isFinite(other)) told += `, r = ${number(other, 2)}`;
  return `${labelOf(layer)}: ${told}`;
}
