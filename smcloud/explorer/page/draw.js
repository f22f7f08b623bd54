// From a field to pixels: a colour for each cell, and for each pixel the cell under its centre, so that no colour is
// made that the legend does not have.
import { geoGraticule10, geoPath } from "d3-geo";
import { colourer } from "./layers.js";
import { refusedBlocks } from "./source.js";
import { NOTHING } from "./view.js";

const STRIPE = 9;
export const BLANK = 0;
export const HATCHED = 1;
export const REFUSED = 2;
const LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** `#rrggbb` as a number in the order of bytes of a canvas. */
export function packed(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return LITTLE ? ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0 : ((red << 24) | (green << 16) | (blue << 8) | 255) >>> 0;
}

/** What each cell shows: a packed colour, or BLANK (water), HATCHED (no data), REFUSED (its chunk is damaged). */
export function paint(layer, store, options, fields, land) {
  const [field, other] = fields;
  const cells = new Uint32Array(field.width * field.height);
  const colourOf = colourer(layer, store, options);
  const known = new Map([[null, BLANK]]);
  const ofWater = layer.id === "status"; // its codes tell of water too
  for (let cell = 0; cell < cells.length; cell += 1) {
    const dry = land ? land.data[cell] > 0 : null;
    const colour = ofWater && dry === false ? null : colourOf(field.data[cell], other?.data[cell]);
    let shown = known.get(colour);
    if (shown === undefined) known.set(colour, (shown = packed(colour)));
    cells[cell] = shown === BLANK && dry ? HATCHED : shown;
  }
  for (const one of land ? [...fields, land] : fields)
    for (const { rows, columns } of refusedBlocks(one))
      for (let row = rows[0]; row < rows[1]; row += 1)
        cells.fill(REFUSED, row * field.width + columns[0], row * field.width + columns[1]);
  return cells;
}

/** Colour the pixels of `context` by the cells under them. */
export function fill(context, under, cells, theme) {
  const { width, height } = context.canvas;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const [sea, plain, stripe, refused, light] = [theme.sea, theme.no_data, theme.stripe, "#c1121f", "#ffffff"].map(packed);
  const third = Math.floor(STRIPE / 3);
  for (let at = 0; at < under.length; at += 1) {
    const cell = under[at];
    if (cell === NOTHING) continue;
    const colour = cells[cell];
    if (colour > REFUSED) pixels[at] = colour;
    else if (colour === BLANK) pixels[at] = sea;
    else {
      const x = at % width;
      const y = (at - x) / width;
      if (colour === HATCHED) pixels[at] = (x + y) % STRIPE < third ? stripe : plain;
      else pixels[at] = (x + y) % STRIPE < third || (x - y + STRIPE * height) % STRIPE < third ? refused : light;
    }
  }
  context.putImageData(image, 0, 0);
}

/** Lines above the cells: rim, parallels, coasts, the edge of invented land, the chosen cell and the cursor. */
export function overlay(context, scene) {
  const { width, height } = context.canvas;
  const { projection, theme, ratio, coast, grid } = scene; // its cells are those that people point at, not the drawn ones
  context.clearRect(0, 0, width, height);
  if (scene.belongs) dim(context, scene);
  const path = geoPath(projection, context);
  const stroke = (shape, colour, wide) => {
    context.beginPath();
    path(shape);
    context.strokeStyle = colour;
    context.lineWidth = wide * ratio;
    context.stroke();
  };
  stroke(geoGraticule10(), theme.graticule, 0.4);
  if (coast) stroke(coast, theme.coast, 0.7);
  else if (scene.edges) edgesOfLand(context, scene);
  stroke({ type: "Sphere" }, theme.rim, 1);
  for (const [cell, colour, wide] of [[scene.cursor, theme.cursor, 1.5], [scene.chosen, theme.chosen, 2]]) {
    if (cell === null || cell === undefined) continue;
    stroke(outline(grid, cell), theme.halo, wide + 1.5);
    stroke(outline(grid, cell), colour, wide);
  }
}

/** Dim the cells whose latitudes do not belong to the chosen region. */
function dim(context, { under, drawn, belongs }) {
  const { width, height } = context.canvas;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const outside = drawn.lat.map((lat) => !belongs(lat));
  const veil = (packed("#808080") - (LITTLE ? 0x66000000 : 0x66)) >>> 0; // six tenths opaque
  for (let at = 0; at < under.length; at += 1)
    if (under[at] !== NOTHING && outside[Math.floor(under[at] / drawn.width)]) pixels[at] = veil;
  context.putImageData(image, 0, 0);
}

/** The outline of a cell as a line, its parallels followed closely. */
function outline(grid, cell) {
  const { row, column } = grid.place(cell);
  const [south, north] = grid.edges.lat[row].map((lat) => Math.max(-90, Math.min(90, lat)));
  const [west, east] = grid.edges.lon[column];
  const along = Array.from({ length: 9 }, (_, at) => west + ((east - west) * at) / 8);
  const ring = [...along.map((lon) => [lon, south]), ...along.toReversed().map((lon) => [lon, north]), [west, south]];
  return { type: "LineString", coordinates: ring };
}

/** Where neighbouring pixels lie on land and on water. */
function edgesOfLand(context, { under, land, theme }) {
  const { width } = context.canvas;
  const dry = (at) => (under[at] === NOTHING ? null : land.data[under[at]] > 0);
  context.fillStyle = theme.coast;
  for (let at = width; at < under.length - 1; at += 1) {
    const here = dry(at);
    if (here === null) continue;
    const [left, up] = [dry(at - 1), dry(at - width)];
    if ((left !== null && left !== here) || (up !== null && up !== here))
      context.fillRect(at % width, Math.floor(at / width), 1, 1);
  }
}
