// What can be drawn: each layer names its array, its colours, and what stands beside it. Codes and their meanings are
// those of the arrays' attributes, colours those of the report.
import { meaning, w } from "./words.js";

const SMALL_P = [0, 0.001, 0.01, 0.05, 0.1, 0.5, 1];
const SHARES = [0, 0.05, 0.2, 0.4, 0.6, 0.8, 1];

/** The layers of a store whose products are open. */
export function layersOf(store) {
  const { trend, drivers, ddww } = store.products;
  const found = [];
  const add = (product, name, more) => {
    const array = more.array ?? name;
    if (store.products[product]?.has(array)) found.push({ id: name, product, array, index: 0, beside: [], ...more });
  };
  if (trend) {
    add("trend", "slope", { kind: "steps", thousandth: true, beside: [["trend", "significant"]] });
    add("trend", "p_value", { kind: "p" });
    add("trend", "significant", { kind: "flags" });
    add("trend", "status", { kind: "flags" });
  }
  if (drivers) {
    add("drivers", "dominant_driver", { kind: "dominant", beside: [["drivers", "dominant_correlation"]] });
    store.drivers.forEach((driver, index) => {
      add("drivers", `r:${driver}`, { array: "partial_correlation", kind: "steps", whole: 1, index, driver });
    });
    store.drivers.forEach((driver, index) => {
      add("drivers", `contribution:${driver}`, { array: "trend_contribution", kind: "steps", thousandth: true, index, driver });
    });
  }
  if (ddww) {
    add("ddww", "ddww_class", { kind: "flags" });
    add("ddww", "zone", { kind: "flags" });
  }
  for (const layer of found) describe(layer, store);
  return found;
}

function describe(layer, store) {
  const attrs = store.products[layer.product].attrs(layer.array);
  layer.attrs = attrs;
  layer.factor = layer.thousandth ? 1e3 : 1;
  layer.flags = new Map();
  const colours = store.palette.flags[`${layer.product}/${layer.array}`] ?? {};
  const meanings = String(attrs.flag_meanings ?? "").split(" ");
  (attrs.flag_values ?? []).forEach((code, at) => {
    layer.flags.set(code, { meaning: meanings[at], colour: colours[code] ?? null });
  });
}

export function labelOf(layer) {
  const name = w(`layer_${layer.driver ? layer.array : layer.id}`) ?? layer.attrs.long_name ?? layer.id;
  return layer.driver ? `${name}: ${meaning(layer.driver)}` : name;
}

export function unitsOf(layer) {
  return layer.thousandth ? "10⁻³ m³ m⁻³ yr⁻¹" : "";
}

/** The end of a colour scale: the 95th percentile of positive and zero `known`, rounded up; 1 of none above 0. */
export function scaleEnd(known) {
  known.sort();
  if (!known.length || !(known[known.length - 1] > 0)) return 1;
  const place = 0.95 * (known.length - 1);
  const below = known[Math.floor(place)];
  const high = below + (known[Math.ceil(place)] - below) * (place - Math.floor(place));
  const power = 10 ** Math.floor(Math.log10(high));
  return [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].map((nice) => nice * power).find((nice) => nice >= high * (1 - 1e-9));
}

/** The end of the scale of a layer of steps; significant cells decide where they are told apart. */
export function limitOf(layer, [field, beside]) {
  if (layer.kind !== "steps") return null;
  if (layer.whole) return layer.whole;
  const chosen = layer.id === "slope" && beside ? sizes(field.data, layer.factor, beside.data) : [];
  return scaleEnd(chosen.length ? chosen : sizes(field.data, layer.factor));
}

/** Finite |values| times `factor`, only where `chosen` is 1 if it is given. */
function sizes(values, factor, chosen) {
  const found = new Float64Array(values.length);
  let count = 0;
  for (let at = 0; at < values.length; at += 1) {
    if ((chosen && chosen[at] !== 1) || !Number.isFinite(values[at])) continue;
    found[count] = Math.abs(values[at]) * factor;
    count += 1;
  }
  return found.subarray(0, count);
}

/** A function from a value, and that of the array beside it, to its colour; null for no data. */
export function colourer(layer, store, { limit, significant, factor = 1 }) {
  const { palette } = store;
  if (layer.kind === "flags" || layer.kind === "dominant") {
    return (value, other) => {
      const flag = layer.flags.get(value);
      if (!flag || hidden(layer, flag)) return null;
      const pair = layer.kind === "dominant" && palette.drivers[flag.meaning];
      return pair ? pair[other < 0 ? 1 : 0] : (flag.colour ?? palette.not_significant);
    };
  }
  if (layer.kind === "p") {
    const colours = factor === 1 ? smallColours(palette) : smallColours(palette).reverse();
    const bounds = (factor === 1 ? SMALL_P : SHARES).slice(1, -1);
    return (value) => (Number.isFinite(value) ? colours[bounds.filter((bound) => value >= bound).length] : null);
  }
  const steps = layer.whole ? 5 : 4; // of a whole scale nothing lies beyond the end
  const muted = layer.id === "slope" && significant;
  return (value, other) => {
    if (!Number.isFinite(value)) return null;
    if (muted && other !== 1) return palette.not_significant;
    return palette.trend[Math.max(0, Math.min(9, Math.floor(((value * layer.factor) / limit) * steps) + 5))];
  };
}

function hidden(layer, flag) {
  return flag.meaning === "no_data" || (layer.id === "zone" && flag.meaning === "none");
}

function smallColours({ sequential }) {
  return [8, 7, 5, 3, 1, 0].map((at) => sequential[at]);
}

/** Entries of the legend: [colour, label]; of the many reasons of a status only those that `occurring` has. */
export function legendOf(layer, store, occurring, factor = 1) {
  const { palette } = store;
  if (layer.kind === "p" && factor > 1)
    return smallColours(palette).reverse().map((colour, at) => [colour, `${100 * SHARES[at]} – ${100 * SHARES[at + 1]} %`]);
  if (layer.kind === "p")
    return smallColours(palette).map((colour, at) => [colour, `${SMALL_P[at]} – ${SMALL_P[at + 1]}`]);
  if (layer.kind === "steps") return null;
  const entries = [];
  for (const [code, flag] of layer.flags) {
    const { meaning: name, colour } = flag;
    if (hidden(layer, flag) || (layer.id === "status" && !occurring.has(code))) continue;
    if (layer.kind === "dominant" && palette.drivers[name]) {
      entries.push([palette.drivers[name][0], `+ ${meaning(name)}`], [palette.drivers[name][1], `− ${meaning(name)}`]);
    } else entries.push([colour ?? palette.not_significant, meaning(name)]);
  }
  return entries;
}

/** What an overview of a layer is made of, in words; null where the cells themselves are drawn. */
export function overviewNote(layer, store, factor) {
  if (factor === 1) return null;
  const kind = layer.kind === "p" ? "passing" : layer.kind === "steps" ? "mean" : "class";
  return w(`overview_${kind}`, { n: factor, alpha: store.rules.alpha });
}

/** Ticks of a scale of steps, from the lowest. */
export function ticksOf(layer, limit) {
  const count = layer.whole ? 10 : 8;
  return Array.from({ length: count + 1 }, (_, at) => limit * ((2 * at) / count - 1));
}
