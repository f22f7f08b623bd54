// The cell that is open: its series, sentences, drivers and numbers to take along.
import { asCsv, asPython, levelOf, readPoint, sentences, trendLines } from "./cell.js";
import { clearCharts, drawDriver, drawSeries } from "./charts.js";
import { place } from "./numbers.js";
import { Refused } from "./source.js";
import { themeNow } from "./theme.js";
import { meaning, w } from "./words.js";

const $ = (id) => document.getElementById(id);

function element(name, textContent) {
  return Object.assign(document.createElement(name), { textContent });
}

/** Show a cell, or nothing (null); what of it is damaged is refused. */
export async function openCell(page, cell, focus = false) {
  page.chosen = cell;
  if (cell !== null) page.cursor = cell;
  for (const map of page.visibleMaps()) map.drawLines();
  $("cell").hidden = cell === null;
  clearCharts();
  if (cell === null) return;
  const [lat, lon] = place(page.grid.centre(cell));
  $("place").textContent = w("cell", { lat, lon });
  if (focus) $("place").focus({ preventScroll: false });
  let point;
  try {
    point = await readPoint(page.store, page.grid, cell);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    page.refuse(error);
    for (const id of ["series", "sentences", "drivers"]) $(id).replaceChildren();
    for (const id of ["csv", "python"]) $(id).textContent = "";
    $("sentences").append(element("li", w("refused_cell")));
    return;
  }
  if (page.chosen !== cell) return; // another one was opened meanwhile
  page.point = point;
  drawCell(page);
}

function drawCell(page) {
  const { store, point, theme } = page;
  clearCharts();
  $("series").replaceChildren();
  $("drivers").replaceChildren();
  const known = point.series.soil_moisture.some(Number.isFinite);
  if (known) drawSeries($("series"), point, theme);
  else $("series").textContent = w("no_series");
  $("wedge").hidden = !trendLines(point)?.lower;
  $("wedge").textContent = w("interval", { level: levelOf(store) });
  $("sentences").replaceChildren(...sentences(store, point).map((text) => element("li", text)));
  const names = store.drivers.filter((name) => point.series[name]?.some(Number.isFinite));
  $("drivers-title").hidden = !names.length;
  for (const name of names) {
    const box = document.createElement("div");
    const units = store.products.annual.attrs(name).units ?? "";
    box.append(element("h4", meaning(name) + (units && units !== "1" ? ` (${units})` : "")));
    $("drivers").append(box);
    drawDriver(box, point, name, units, theme, store.palette.drivers[name][themeNow() === "dark" ? 1 : 0]);
  }
  $("csv").textContent = asCsv(store, point);
  $("python").textContent = asPython(store, point);
  $("copied").textContent = "";
}

/** Copy the series of the open cell as CSV. */
export async function copyCell(page) {
  try {
    await navigator.clipboard.writeText(asCsv(page.store, page.point));
    $("copied").textContent = w("copied");
  } catch {
    $("copied").textContent = w("copy_failed");
    document.querySelector("#cell details").open = true;
  }
}
