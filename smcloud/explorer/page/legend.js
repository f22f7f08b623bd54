// The discrete legend of a layer.
import { labelOf, legendOf, overviewNote, ticksOf, unitsOf } from "./layers.js";
import { number } from "./numbers.js";
import { w } from "./words.js";

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function swatch(colour, label) {
  const entry = element("li");
  const box = element("span", colour ? "swatch" : "swatch hatched");
  if (colour) box.style.background = colour;
  entry.append(box, element("span", "", label));
  return entry;
}

function scale(layer, store, limit) {
  const place = element("div", "scale");
  const signs = layer.driver && layer.whole ? ["negative", "positive"] : ["drying", "wetting"];
  const ends = element("div", "ends");
  ends.append(element("span", "", w(signs[0])), element("span", "", unitsOf(layer)), element("span", "", w(signs[1])));
  const bar = element("div", "bar");
  for (const colour of store.palette.trend) bar.append(Object.assign(element("span"), { style: `background:${colour}` }));
  const ticks = element("div", layer.whole ? "ticks whole" : "ticks");
  for (const [at, tick] of ticksOf(layer, limit).entries())
    ticks.append(element("span", at % 2 ? "odd" : "", number(tick, 3)));
  place.append(ends, bar, ticks);
  return place;
}

export function drawLegend(place, layer, store, options, land) {
  place.replaceChildren();
  place.setAttribute("aria-label", labelOf(layer));
  const entries = legendOf(layer, store, options.occurring, options.factor) ?? [];
  if (layer.kind === "steps") {
    place.append(scale(layer, store, options.limit));
    if (layer.id === "slope" && options.significant) entries.push([store.palette.not_significant, w(options.factor > 1 ? "mostly_not" : "of_not_significant")]);
  }
  const list = element("ul", "entries");
  for (const [colour, label] of entries) list.append(swatch(colour, label));
  if (land && layer.id !== "status") list.append(swatch(null, w("no_land")));
  place.append(list);
  const note = overviewNote(layer, store, options.factor);
  if (note) place.append(element("p", "note", note));
  if (!land) place.append(element("p", "note", w("no_mask")));
}
