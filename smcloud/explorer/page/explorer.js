// The page: its state, what it reads for it, and what people do to it.
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { feature } from "topojson-client";
import { fillControls, listen, retell } from "./controls.js";
import { paint } from "./draw.js";
import { coarser, readGrid } from "./grid.js";
import { asHash, readHash } from "./hash.js";
import { labelOf, layersOf } from "./layers.js";
import { drawLegend } from "./legend.js";
import { factorFor, fieldsOf, finestOf, refit, scaleOf } from "./levels.js";
import { MapView } from "./map.js";
import { coordinates } from "./numbers.js";
import { openCell } from "./panel.js";
import { readout } from "./readout.js";
import { drawRegions, latitudesOf, readRegions } from "./regions.js";
import { openStore, readMap, Refused } from "./source.js";
import { homeOf } from "./view.js";
import { w } from "./words.js";

const $ = (id) => document.getElementById(id);

class Page {
  cursor = null;
  chosen = null;
  refused = new Map();
  turn = 0;
  #fields = new Map();

  async start() {
    this.state = readHash(location.hash);
    retell(this);
    this.store = await openStore();
    const { annual, drivers } = this.store.products;
    const maps = Object.entries(this.store.products).filter(([name]) => name !== "regional");
    await Promise.all(maps.map(([, product]) => product.open()));
    this.store.drivers = drivers?.has("driver") ? await drivers.values("driver") : [];
    this.grid = await readGrid(annual);
    this.layers = layersOf(this.store);
    this.maps = ["first", "second"].map((id) => new MapView($(id).querySelector(".picture"), this));
    this.home = homeOf(this.grid);
    this.state = readHash(location.hash, this.home);
    listen(this);
    await this.apply();
    if (!this.store.invented) await this.readCoast();
  }

  async readCoast() {
    const answer = await fetch("coast.json");
    if (!answer.ok) return;
    const atlas = await answer.json();
    this.coast = feature(atlas, atlas.objects.land);
    for (const map of this.maps) map.drawLines();
  }

  get view() {
    const { view, lon, lat, zoom } = this.state;
    return { kind: view, lon, lat, zoom };
  }

  layer(id) {
    return this.layers.find((layer) => layer.id === id);
  }

  /** A field, read once; what of it was refused is told on the page. */
  field(product, name, index) {
    const key = `${product.path}/${name}/${index}`;
    if (!this.#fields.has(key)) {
      const read = readMap(product, name, index).then((field) => {
        for (const error of field.refused) this.refuse(error);
        return field;
      });
      this.#fields.set(key, read);
    }
    return this.#fields.get(key);
  }

  refuse(error) {
    this.refused.set(error.path, error);
    this.tell();
  }

  tell() {
    const found = [...this.refused.values()];
    $("trouble").hidden = !found.length;
    if (found.length)
      $("trouble").textContent = w("refused", { count: found.length, path: found[0].path, reason: w(found[0].reason) });
  }

  /** Bring the page to its state. */
  async apply() {
    const { state } = this;
    if (!this.layer(state.layer)) state.layer = this.layers[0].id;
    if (!this.layer(state.compare)) state.compare = "";
    retell(this);
    fillControls(this);
    const ids = [state.layer, state.compare];
    $("maps").classList.toggle("two", Boolean(state.compare));
    $("maps").classList.toggle("globe", state.view === "globe");
    $("second").hidden = !state.compare;
    history.replaceState(null, "", asHash(state, this.home));
    $("readout").textContent = w("reading");
    this.turn += 1;
    await Promise.all(ids.map((id, at) => (id ? this.showLayer(this.maps[at], id, ["first", "second"][at]) : null)));
    readout(this, null);
    await this.showRegions();
    const cell = state.cell ? this.grid.cell(state.cell.lat, state.cell.lon) : -1;
    await openCell(this, cell < 0 ? null : cell);
  }

  async showLayer(map, id, place) {
    const layer = this.layer(id);
    const factor = factorFor(this, map, layer);
    const finest = finestOf(this, layer);
    const { turn } = this;
    map.wanted = factor;
    const asked = () => turn === this.turn && map.wanted === factor; // no other layer or view was chosen meanwhile
    // Of many cells an overview is there long before they are.
    if (factor < finest && map.layer?.id !== id) await this.drawLayer(map, layer, place, finest, asked);
    await this.drawLayer(map, layer, place, factor, asked);
  }

  async drawLayer(map, layer, place, factor, asked) {
    const { fields, land } = await fieldsOf(this, layer, factor);
    const limit = await scaleOf(this, layer, { factor, fields });
    if (!asked()) return;
    Object.assign(map, { layer, fields, land });
    map.options = { significant: this.state.significant, limit, factor };
    if (layer.id === "status") map.options.occurring = new Set(fields[0].data.filter((_, at) => !land || land.data[at] > 0));
    const figure = $(place);
    figure.querySelector("figcaption").textContent = labelOf(layer);
    figure.querySelector(".lines").setAttribute("aria-label", w("map_help", { layer: labelOf(layer) }));
    drawLegend(figure.querySelector(".legend"), layer, this.store, map.options, land);
    map.show(paint(layer, this.store, map.options, fields, land), coarser(this.grid, factor));
    performance.mark("map");
  }

  /** The table of regions, read when it is opened or a row of it is in the address. */
  async showRegions(focus = false) {
    const { state, store } = this;
    this.belongs = latitudesOf(state.region);
    $("regions").hidden = !store.products.regional;
    if ($("regions").hidden || !($("regions").open || state.region)) return;
    try {
      this.regions ??= await readRegions(store.products.regional);
    } catch (error) {
      this.refuse(error instanceof Refused ? error : new Refused(store.products.regional.path, "unreadable"));
      return;
    }
    drawRegions($("regions").querySelector("table"), this.regions, state.region, (region) => {
      state.region = region;
      history.replaceState(null, "", asHash(state, this.home));
      this.safely(this.showRegions(true));
    });
    $("regions").open = true;
    for (const map of this.visibleMaps()) map.drawLines();
    if (focus) $("regions").querySelector("[aria-pressed=true]")?.focus({ preventScroll: true });
  }

  set(changes) {
    Object.assign(this.state, changes);
    this.safely(this.apply());
  }

  safely(work) {
    work.catch((error) => trouble(error));
  }

  /** Look from another view; `quickly` while it moves. */
  look({ lon, lat, zoom }, quickly = false) {
    Object.assign(this.state, { lon, lat, zoom });
    for (const map of this.visibleMaps()) map.draw(quickly);
    if (quickly) return;
    history.replaceState(null, "", asHash(this.state, this.home));
    refit(this);
  }

  visibleMaps() {
    return this.maps.filter((_, at) => at === 0 || this.state.compare);
  }

  hover(cell) {
    readout(this, cell);
  }

  /** Move the cursor north and east by cells. */
  move(north, east) {
    const { grid } = this;
    const at = this.cursor ?? this.chosen ?? grid.cell(this.state.lat + 1e-6, this.state.lon + 1e-6);
    const { row, column } = grid.place(Math.max(at, 0));
    const up = grid.height > 1 && grid.lat[1] > grid.lat[0] ? 1 : -1;
    const right = grid.width > 1 && grid.lon[1] > grid.lon[0] ? 1 : -1;
    const next = Math.max(0, Math.min(grid.height - 1, row + north * up));
    this.cursor = next * grid.width + ((column + east * right + grid.width) % grid.width);
    const { lat, lon } = grid.centre(this.cursor);
    const map = this.maps[0];
    const pixel = map.pixel(lat, lon);
    const { width, height } = map.lines.canvas;
    if (!pixel || pixel[0] < 0 || pixel[1] < 0 || pixel[0] > width || pixel[1] > height) this.look({ ...this.view, lon, lat });
    for (const one of this.visibleMaps()) one.drawLines();
    readout(this, this.cursor, (text) => ($("spoken").textContent = text));
  }

  find(text) {
    const point = coordinates(text);
    const cell = point ? this.grid.cell(point.lat, point.lon) : -1;
    $("find").setAttribute("aria-invalid", String(cell < 0));
    if (cell < 0) {
      $("readout").textContent = w("not_found");
      $("spoken").textContent = w("not_found");
      return;
    }
    const { lat, lon } = this.grid.centre(cell);
    if (this.state.view === "globe" || this.state.zoom > 1) this.look({ ...this.view, lat, lon });
    this.choose(cell);
  }

  /** Open a cell, or close what is open (-1 or null). */
  choose(cell) {
    const none = cell === null || cell < 0;
    const { lat, lon } = none ? {} : this.grid.centre(cell);
    this.state.cell = none ? null : { lat, lon };
    history.replaceState(null, "", asHash(this.state, this.home));
    this.safely(openCell(this, none ? null : cell, true));
  }

  /** For tests: the value that a layer holds at a point, and its pixel. */
  async valueAt(id, lat, lon) {
    const { fields } = await fieldsOf(this, this.layer(id), 1);
    return fields[0].data[this.grid.cell(lat, lon)];
  }

  colourAt(lat, lon, map = this.maps[0]) {
    const pixel = map.pixel(lat, lon);
    return pixel && [...map.cells.getImageData(Math.floor(pixel[0]), Math.floor(pixel[1]), 1, 1).data];
  }
}

function trouble(error) {
  const why = error instanceof Refused ? `${error.path} ${w(error.reason)}` : error.message;
  $("trouble").hidden = false;
  $("trouble").textContent = location.protocol === "file:" ? w("file") : w("failed", { why });
}

const page = new Page();
window.explorer = page;
page.ready = page.start().catch((error) => {
  trouble(error);
  return error;
});
