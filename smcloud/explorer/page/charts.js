// The series of a cell: soil moisture with its trend, and each driver.
import uPlot from "uplot";
import { trendLines } from "./cell.js";
import { number } from "./numbers.js";
import { meaning, w } from "./words.js";

let drawn = [];

export function clearCharts() {
  for (const chart of drawn) chart.destroy();
  drawn = [];
}

function gaps(values) {
  return values.map((value) => (Number.isFinite(value) ? value : null));
}

function options(place, theme, height, series, more = {}) {
  const axis = { stroke: theme.ink, grid: { stroke: theme.line, width: 1 }, ticks: { stroke: theme.line, width: 1 }, font: "12px system-ui" };
  return {
    width: Math.max(200, place.clientWidth), height,
    cursor: { drag: { x: false, y: false } },
    legend: { show: series.length > 2 },
    scales: { x: { time: false } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? String(tick) : "")) },
      { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => number(tick, 4)) },
    ],
    series: [{ label: w("year"), value: (_, value) => (value === null ? "–" : String(value)) }, ...series],
    ...more,
  };
}

/** Draw the annual values of soil moisture with the line of the trend and the wedge of its interval. */
export function drawSeries(place, point, theme) {
  const lines = trendLines(point);
  const dots = { show: true, size: 6, fill: theme.ink };
  const value = (_, found) => number(found, 4);
  const series = [{ label: w("annual"), stroke: theme.ink, width: 1, points: dots, value }];
  const data = [point.years, gaps(point.series.soil_moisture)];
  const more = {};
  if (lines) {
    series.push({ label: w("line"), stroke: theme.accent, width: 2, points: { show: false }, value });
    data.push(lines.line);
    if (lines.lower) {
      const edge = { stroke: "transparent", points: { show: false }, class: "edge" };
      series.push(edge, edge);
      data.push(lines.upper, lines.lower);
      more.bands = [{ series: [3, 4], fill: theme.band }];
    }
  }
  drawn.push(new uPlot(options(place, theme, 240, series, more), data, place));
}

/** Draw one driver's annual values. */
export function drawDriver(place, point, name, units, theme, colour) {
  const series = [{ label: meaning(name), stroke: colour, width: 1.5, points: { show: true, size: 4, fill: colour } }];
  drawn.push(new uPlot(options(place, theme, 130, series), [point.years, gaps(point.series[name])], place));
}
