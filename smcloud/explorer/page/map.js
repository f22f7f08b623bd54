// One map: two canvases above each other, cells below and lines above, and what mouse, fingers and keys do to it.
import { fill, overlay } from "./draw.js";
import { refit } from "./levels.js";
import { cellsUnder, moved, pixelOf, pointAt, projectionOf, zoomed } from "./view.js";

const SHARPEST = 2;

export class MapView {
  /** `page` has view, grid, theme, cursor, chosen and coast, and is told by `look`, `hover`, `move` and `choose`. */
  constructor(place, page) {
    this.page = page;
    this.place = place;
    this.cells = place.querySelector(".cells").getContext("2d", { willReadFrequently: true }); // it is only put to
    this.lines = place.querySelector(".lines").getContext("2d");
    this.shown = null;
    this.drawn = null; // the grid of what is shown, coarser than the page's where that is an overview
    this.#listen(place.querySelector(".lines"));
    new ResizeObserver(() => {
      this.draw();
      refit(page);
    }).observe(place);
  }

  show(shown, drawn) {
    this.shown = shown;
    this.drawn = drawn;
    this.draw();
  }

  /** Pixels of the canvas at rest that a degree has at the centre. */
  get pixelsOfDegree() {
    const { clientWidth, clientHeight } = this.place;
    const ratio = Math.min(SHARPEST, window.devicePixelRatio || 1);
    return (projectionOf(this.page.view, clientWidth * ratio, clientHeight * ratio).scale() * Math.PI) / 180;
  }

  /** Draw all; coarsely while it moves. */
  draw(quickly = false) {
    const { page, place } = this;
    const width = place.clientWidth;
    const height = place.clientHeight;
    if (!width || !height || !page.grid) return;
    this.ratio = quickly ? 0.6 : Math.min(SHARPEST, window.devicePixelRatio || 1);
    const [wide, high] = [width, height].map((length) => Math.round(length * this.ratio));
    for (const context of [this.cells, this.lines]) {
      if (context.canvas.width !== wide) context.canvas.width = wide;
      if (context.canvas.height !== high) context.canvas.height = high;
    }
    this.projection = projectionOf(page.view, wide, high);
    this.under = cellsUnder(page.view, this.projection, this.drawn ?? page.grid, wide, high);
    if (this.shown) fill(this.cells, this.under, this.shown, page.theme);
    this.drawLines();
  }

  drawLines() {
    if (!this.projection) return;
    const { page, projection, ratio, under } = this;
    const { grid, theme, cursor, chosen, coast, belongs } = page;
    const { land } = this;
    const drawn = this.drawn ?? grid;
    const size = (this.projection.scale() * drawn.step * Math.PI) / 180;
    const edges = land && size > 4;
    overlay(this.lines, { projection, ratio, under, grid, drawn, theme, cursor, chosen, coast, land, belongs, edges });
  }

  /** The pixel of the canvas of a point, null where it is not seen. */
  pixel(lat, lon) {
    return pixelOf(this.page.view, this.projection, lat, lon);
  }

  /** For tests: what is drawn at a pixel. */
  drawnAt(x, y) {
    const point = pointAt(this.page.view, this.projection, x + 0.5, y + 0.5);
    const cell = point ? this.drawn.cell(point.lat, point.lon) : -1;
    const values = this.fields.map((field) => field.data[cell]);
    return { ...point, factor: this.options.factor, values, colour: [...this.cells.getImageData(x, y, 1, 1).data] };
  }

  #cellAt(event) {
    const box = this.lines.canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) * this.ratio, (event.clientY - box.top) * this.ratio];
    const point = pointAt(this.page.view, this.projection, x, y);
    return point ? this.page.grid.cell(point.lat, point.lon) : -1;
  }

  #listen(canvas) {
    const { page } = this;
    const held = new Map();
    let dragged = 0;
    let apart = 0;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      held.set(event.pointerId, event);
      dragged = 0;
      apart = distance(held);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      if (!before) {
        page.hover(this.#cellAt(event));
        return;
      }
      held.set(event.pointerId, event);
      if (held.size === 2) {
        const now = distance(held);
        if (apart) page.look(zoomed(page.view, now / apart), true);
        apart = now;
        dragged = 99;
        return;
      }
      const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
      dragged += Math.abs(dx) + Math.abs(dy);
      if (dragged > 4) page.look(moved(page.view, this.projection, dx * this.ratio, dy * this.ratio), true);
    });
    const released = (event) => {
      if (!held.delete(event.pointerId)) return;
      apart = 0;
      if (event.type === "pointerup" && dragged <= 4) page.choose(this.#cellAt(event));
      else page.look(page.view);
    };
    canvas.addEventListener("pointerup", released);
    canvas.addEventListener("pointercancel", released);
    canvas.addEventListener("pointerleave", () => page.hover(null));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      page.look(zoomed(page.view, Math.exp(-event.deltaY / 400)));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    const { page } = this;
    const steps = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (steps[event.key]) page.move(...steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") page.choose(page.cursor);
    else if (event.key === "+" || event.key === "=") page.look(zoomed(page.view, 1.5));
    else if (event.key === "-") page.look(zoomed(page.view, 1 / 1.5));
    else if (event.key === "0") page.look({ ...page.view, ...page.home });
    else return;
    event.preventDefault();
  }
}

function distance(held) {
  if (held.size !== 2) return 0;
  const [one, other] = [...held.values()];
  return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
}
