// The page: its state, what it reads for it, and what people do to it.
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { feature } from "topojson-client";
import { asCsv, asPython, levelOf, readPoint, sentences } from "./cell.js";
import { clearCharts, drawDriver, drawSeries } from "./charts.js";
import { paint } from "./draw.js";
import { readGrid } from "./grid.js";
import { asHash, readHash } from "./hash.js";
import { labelOf, layersOf, limitOf, unitsOf } from "./layers.js";
import { drawLegend } from "./legend.js";
import { MapView } from "./map.js";
import { coordinates, number, place } from "./numbers.js";
import { arrayPath, canCheck, openStore, readMap, Refused } from "./source.js";
import { applyTheme, themeNow } from "./theme.js";
import { homeOf, zoomed } from "./view.js";
import { meaning, speak, w } from "./words.js";

const $ = (id) => document.getElementById(id);

class Page {
  cursor = null;
  chosen = null;
  refused = new Map();
  turn = 0;
  #fields = new Map();

  async start() {
    this.state = readHash(location.hash);
    this.retell();
    this.store = await openStore();
    const { annual, drivers } = this.store.products;
    this.mask = annual.open().then(() => (annual.has("land_mask") ? this.field(annual, "land_mask", 0) : null));
    await Promise.all(Object.values(this.store.products).map((product) => product.open()));
    this.store.drivers = drivers?.has("driver") ? await drivers.values("driver") : [];
    this.grid = await readGrid(annual);
    this.layers = layersOf(this.store);
    this.maps = ["first", "second"].map((id) => new MapView($(id).querySelector(".picture"), this));
    this.home = homeOf(this.grid);
    this.state = readHash(location.hash, this.home);
    this.listen();
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
    this.retell();
    this.fillControls();
    const ids = [state.layer, state.compare];
    $("maps").classList.toggle("two", Boolean(state.compare));
    $("maps").classList.toggle("globe", state.view === "globe");
    $("second").hidden = !state.compare;
    history.replaceState(null, "", asHash(state, this.home));
    $("readout").textContent = w("reading");
    this.turn += 1;
    await Promise.all(ids.map((id, at) => (id ? this.showLayer(this.maps[at], id, ["first", "second"][at]) : null)));
    this.readout(null);
    const cell = state.cell ? this.grid.cell(state.cell.lat, state.cell.lon) : -1;
    await this.open(cell < 0 ? null : cell);
  }

  async fieldsOf(layer) {
    const { products } = this.store;
    const path = arrayPath(layer, this.state.zoom);
    const beside = layer.beside.map(([product, name]) => this.field(products[product], name, 0));
    const fields = await Promise.all([this.field(products[layer.product], path, layer.index), ...beside]);
    this.land = await this.mask;
    return { fields, land: this.land };
  }

  async showLayer(map, id, place) {
    const layer = this.layer(id);
    const { turn } = this;
    const { fields, land } = await this.fieldsOf(layer);
    if (turn !== this.turn) return; // another layer was chosen meanwhile
    map.layer = layer;
    map.fields = fields;
    map.options = { significant: this.state.significant, limit: limitOf(layer, fields) };
    if (layer.id === "status") map.options.occurring = new Set(fields[0].data.filter((_, at) => !land || land.data[at] > 0));
    const figure = $(place);
    figure.querySelector("figcaption").textContent = labelOf(layer);
    figure.querySelector(".lines").setAttribute("aria-label", w("map_help", { layer: labelOf(layer) }));
    drawLegend(figure.querySelector(".legend"), layer, this.store, map.options, land);
    map.show(paint(layer, this.store, map.options, fields, land));
    performance.mark("map");
  }

  fillControls() {
    const groups = new Map();
    for (const layer of this.layers) groups.set(layer.product, [...(groups.get(layer.product) ?? []), layer]);
    for (const id of ["layer", "compare"]) {
      const select = $(id);
      select.replaceChildren(...(id === "compare" ? [new Option(w("nothing"), "")] : []));
      for (const [product, layers] of groups) {
        const group = Object.assign(document.createElement("optgroup"), { label: w(`group_${product}`) });
        group.append(...layers.map((layer) => new Option(labelOf(layer), layer.id)));
        select.append(group);
      }
      select.value = this.state[id];
    }
    $("view").value = this.state.view;
    $("significant").checked = this.state.significant;
    $("significant").closest("label").hidden = ![this.state.layer, this.state.compare].includes("slope");
  }

  /** Put all texts of the page in the chosen language. */
  retell() {
    speak(this.state.lang);
    this.theme = applyTheme(this.state.theme, this.store?.palette);
    document.title = w("title");
    for (const node of document.querySelectorAll("[data-w]")) node.textContent = w(node.dataset.w);
    for (const node of document.querySelectorAll("[data-label]")) {
      node.setAttribute("aria-label", w(node.dataset.label));
      node.title = w(node.dataset.label);
    }
    $("checked").textContent = w(canCheck ? "checked" : "unchecked");
    this.tell();
    if (!this.store) return;
    $("release").textContent = w("release", { number: this.store.release, period: this.store.period.join(" – ") });
    $("invented").hidden = !this.store.invented;
    $("invented").textContent = w("invented");
    $("report").href = `../${this.store.report}`;
  }

  listen() {
    const change = (key, read) => $(key).addEventListener("change", (event) => {
      this.state[key] = read(event.target);
      this.safely(this.apply());
    });
    for (const key of ["layer", "compare"]) change(key, (target) => target.value);
    change("significant", (target) => target.checked);
    $("view").addEventListener("change", (event) => {
      Object.assign(this.state, { view: event.target.value, ...this.home });
      $("maps").classList.toggle("globe", this.state.view === "globe");
      this.look(this.view);
    });
    $("language").addEventListener("click", () => this.set({ lang: this.state.lang === "zh" ? "en" : "zh" }));
    $("theme").addEventListener("click", () => this.set({ theme: themeNow() === "dark" ? "light" : "dark" }));
    $("controls").addEventListener("submit", (event) => {
      event.preventDefault();
      this.find($("find").value);
    });
    $("close").addEventListener("click", () => this.choose(-1));
    $("copy").addEventListener("click", () => this.copy());
    for (const button of document.querySelectorAll("[data-zoom]")) {
      const factor = Number(button.dataset.zoom);
      button.addEventListener("click", () => this.look(factor ? zoomed(this.view, factor) : { ...this.view, ...this.home }));
    }
    window.addEventListener("hashchange", () => {
      this.state = readHash(location.hash, this.home);
      this.safely(this.apply());
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.set({}));
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
    if (!quickly) history.replaceState(null, "", asHash(this.state, this.home));
  }

  visibleMaps() {
    return this.maps.filter((_, at) => at === 0 || this.state.compare);
  }

  hover(cell) {
    this.readout(cell);
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
    $("spoken").textContent = this.readout(this.cursor);
  }

  /** Say what the maps show at a cell. */
  readout(cell) {
    let text = w("hint");
    if (cell === -1) text = w("outside");
    else if (cell !== null) {
      const told = this.visibleMaps().filter((map) => map.layer).map((map) => this.valueText(map, cell));
      text = `${place(this.grid.centre(cell)).join(", ")} · ${told.join(" · ")}`;
    }
    $("readout").textContent = text;
    return text;
  }

  valueText(map, cell) {
    const { layer, fields, shown } = map;
    if (shown[cell] === 2) return `${labelOf(layer)}: ${w("refused_cell")}`;
    const value = fields[0].data[cell];
    let text = `${number(value * layer.factor)} ${unitsOf(layer)}`.trim();
    if (layer.flags.size) text = meaning(layer.flags.get(value)?.meaning ?? value);
    if (shown[cell] === 0) text = this.land && !(this.land.data[cell] > 0) ? w("water") : w("no_value");
    else if (shown[cell] === 1) text = layer.flags.size ? text : w("no_land");
    else if (layer.id === "slope") text += `, ${meaning(this.layer("significant").flags.get(fields[1].data[cell])?.meaning)}`;
    else if (layer.kind === "dominant" && Number.isFinite(fields[1].data[cell])) text += `, r = ${number(fields[1].data[cell], 2)}`;
    return `${labelOf(layer)}: ${text}`;
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
    this.safely(this.open(none ? null : cell, true));
  }

  async open(cell, focus = false) {
    this.chosen = cell;
    if (cell !== null) this.cursor = cell;
    for (const map of this.visibleMaps()) map.drawLines();
    $("cell").hidden = cell === null;
    clearCharts();
    if (cell === null) return;
    const [lat, lon] = place(this.grid.centre(cell));
    $("place").textContent = w("cell", { lat, lon });
    if (focus) $("place").focus({ preventScroll: false });
    try {
      this.point = await readPoint(this.store, this.grid, cell);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.refuse(error);
      for (const id of ["series", "sentences", "drivers"]) $(id).replaceChildren();
      for (const id of ["csv", "python"]) $(id).textContent = "";
      $("sentences").append(Object.assign(document.createElement("li"), { textContent: w("refused_cell") }));
      return;
    }
    if (this.chosen === cell) this.drawCell();
  }

  drawCell() {
    const { store, point, theme } = this;
    clearCharts();
    $("series").replaceChildren();
    $("drivers").replaceChildren();
    const known = point.series.soil_moisture.some(Number.isFinite);
    if (known) drawSeries($("series"), point, theme);
    else $("series").textContent = w("no_series");
    $("wedge").hidden = !Number.isFinite(point.trend?.slope_lower);
    $("wedge").textContent = w("interval", { level: levelOf(store) });
    $("sentences").replaceChildren(...sentences(store, point).map((text) => Object.assign(document.createElement("li"), { textContent: text })));
    const names = store.drivers.filter((name) => point.series[name]?.some(Number.isFinite));
    $("drivers-title").hidden = !names.length;
    for (const name of names) {
      const box = document.createElement("div");
      const units = store.products.annual.attrs(name).units ?? "";
      box.append(Object.assign(document.createElement("h4"), { textContent: `${meaning(name)}${units && units !== "1" ? ` (${units})` : ""}` }));
      $("drivers").append(box);
      drawDriver(box, point, name, units, theme, store.palette.drivers[name][themeNow() === "dark" ? 1 : 0]);
    }
    $("csv").textContent = asCsv(store, point);
    $("python").textContent = asPython(store, point);
    $("copied").textContent = "";
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(asCsv(this.store, this.point));
      $("copied").textContent = w("copied");
    } catch {
      $("copied").textContent = w("copy_failed");
      document.querySelector("#cell details").open = true;
    }
  }

  /** For tests: the value that a layer holds at a point, what the map makes of it, and its pixel. */
  async valueAt(id, lat, lon) {
    const { fields } = await this.fieldsOf(this.layer(id));
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
