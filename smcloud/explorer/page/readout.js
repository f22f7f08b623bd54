// What the maps show at a cell, in a line.
import { labelOf, unitsOf } from "./layers.js";
import { number, place } from "./numbers.js";
import { meaning, w } from "./words.js";

/** Say what the maps show at a cell; -1 is outside of the grid, null nowhere. */
export function readout(page, cell) {
  let text = w("hint");
  if (cell === -1) text = w("outside");
  else if (cell !== null) {
    const told = page.visibleMaps().filter((map) => map.layer).map((map) => valueText(page, map, cell));
    text = `${place(page.grid.centre(cell)).join(", ")} · ${told.join(" · ")}`;
  }
  document.getElementById("readout").textContent = text;
  return text;
}

function valueText(page, map, cell) {
  const { layer, fields, shown } = map;
  if (shown[cell] === 2) return `${labelOf(layer)}: ${w("refused_cell")}`;
  const value = fields[0].data[cell];
  let text = `${number(value * layer.factor)} ${unitsOf(layer)}`.trim();
  if (layer.flags.size) text = meaning(layer.flags.get(value)?.meaning ?? value);
  if (shown[cell] === 0) text = page.land && !(page.land.data[cell] > 0) ? w("water") : w("no_value");
  else if (shown[cell] === 1) text = layer.flags.size ? text : w("no_land");
  else if (layer.id === "slope") text += `, ${meaning(page.layer("significant").flags.get(fields[1].data[cell])?.meaning)}`;
  else if (layer.kind === "dominant" && Number.isFinite(fields[1].data[cell])) text += `, r = ${number(fields[1].data[cell], 2)}`;
  return `${labelOf(layer)}: ${text}`;
}
