// What a release says about one cell: read from the chunks that hold it, told in words, as CSV and as lines of Python.
import { bounded, number, pValue, slope } from "./numbers.js";
import { readCell } from "./source.js";
import { meaning, w } from "./words.js";

const TREND = ["slope", "slope_lower", "slope_upper", "p_value", "p_adjusted", "significant", "n_years", "minimum_detectable_slope", "status"];
const OF_DRIVER = ["partial_correlation", "r_lower", "r_upper", "p_value", "trend_contribution", "status"];
const OF_CELL = ["dominant_driver", "dominant_correlation"];

/** Read all that is shown of the cell at (row, column): series by name, trend, drivers, ddww. */
export async function readPoint(store, grid, cell) {
  const { row, column } = grid.place(cell);
  const { annual, trend, drivers, ddww } = store.products;
  const read = async (product, names) => {
    if (!product) return null;
    const there = names.filter((name) => product.has(name));
    const values = await Promise.all(there.map((name) => readCell(product, name, row, column)));
    return Object.fromEntries(there.map((name, at) => [name, values[at]]));
  };
  const yearly = ["soil_moisture", ...store.drivers, "n_months"];
  const [years, series, ofTrend, ofDrivers, ofCell, ofClass] = await Promise.all([
    annual.values("year"),
    read(annual, yearly),
    read(trend, TREND),
    read(drivers, OF_DRIVER),
    read(drivers, OF_CELL),
    read(ddww, ["zone", "ddww_class"]),
  ]);
  return {
    lat: grid.lat[row], lon: grid.lon[column], years, series, trend: ofTrend, drivers: ofDrivers, dominant: ofCell, ddww: ofClass,
  };
}

/** The trend through the mean of years and values, and the wedge of the limits of its slope; null without a slope. */
export function trendLines({ years, series, trend }) {
  const known = years.map((_, at) => at).filter((at) => Number.isFinite(series.soil_moisture[at]));
  if (!known.length || !Number.isFinite(trend?.slope)) return null;
  const mean = (values) => known.reduce((sum, at) => sum + values[at], 0) / known.length;
  const [centre, level] = [mean(years), mean(series.soil_moisture)];
  const line = (rate) => years.map((year) => level + rate * (year - centre));
  const values = known.map((at) => series.soil_moisture[at]);
  const wide = (trend.slope_upper - trend.slope_lower) * (years.at(-1) - years[0]);
  // The wedge of a wide interval would flatten the series.
  if (!(wide <= 4 * (Math.max(...values) - Math.min(...values)))) return { line: line(trend.slope) };
  const [one, other] = [line(trend.slope_lower), line(trend.slope_upper)];
  const wedge = (pick) => one.map((value, at) => pick(value, other[at]));
  return { line: line(trend.slope), lower: wedge(Math.min), upper: wedge(Math.max) };
}

function flag(store, product, name, code) {
  const attrs = store.products[product].attrs(name);
  return String(attrs.flag_meanings ?? "").split(" ")[(attrs.flag_values ?? []).indexOf(code)];
}

/** The level of intervals in per cent. */
export function levelOf({ rules }) {
  return Number((100 * (1 - rules.alpha)).toPrecision(4));
}

/** The cell in sentences. */
export function sentences(store, point) {
  const { rules } = store;
  const valid = point.series.soil_moisture.filter(Number.isFinite).length;
  const why = (status) => w(`why_${status}`, { n: valid, years: point.years.length, least: rules.min_years ?? w("more") }) ?? meaning(status);
  const level = levelOf(store);
  const lines = [...trendSentences(store, point, why, level)];
  const ruled = w(`rule_${rules.dominant}`, { alpha: rules.alpha });
  store.drivers.forEach((driver, at) => lines.push(driverSentence(store, point, driver, at, why)));
  if (point.dominant?.dominant_driver !== undefined) {
    const found = flag(store, "drivers", "dominant_driver", point.dominant.dominant_driver);
    const sign = store.drivers.includes(found) ? `${point.dominant.dominant_correlation < 0 ? "−" : "+"} ` : "";
    lines.push(w("strongest", { rule: ruled, driver: sign + meaning(found) }));
  }
  if (point.ddww?.ddww_class !== undefined) {
    const zone = point.ddww.zone === undefined ? "" : flag(store, "ddww", "zone", point.ddww.zone);
    const told = zone === "none" ? w("no_value") : `${meaning(flag(store, "ddww", "ddww_class", point.ddww.ddww_class))} (${meaning(zone)})`;
    lines.push(w("class_is", { found: told }));
  }
  return lines;
}

function* trendSentences(store, { trend, series }, why, level) {
  if (!trend) return;
  const { rules } = store;
  const status = trend.status === undefined ? "ok" : flag(store, "trend", "status", trend.status);
  if (!Number.isFinite(trend.slope)) {
    yield w("no_trend", { why: why(status) });
    return;
  }
  const limits = { level, low: number(trend.slope_lower * 1e3), high: number(trend.slope_upper * 1e3) };
  const years = trend.n_years ?? series.soil_moisture.filter(Number.isFinite).length;
  yield w("trend_is", { slope: slope(trend.slope), between: bounded(trend.slope_lower, trend.slope_upper) ? w("between", limits) : w("no_interval"), years });
  if (!Number.isFinite(trend.p_value)) {
    yield w("not_tested", { why: why(status) });
    return;
  }
  const found = flag(store, "trend", "significant", trend.significant);
  const adjusted = Number.isFinite(trend.p_adjusted) ? `, ${w("adjusted")} p ${pValue(trend.p_adjusted)}` : "";
  const rule = w(`rule_${rules.significance}`, { alpha: rules.alpha });
  yield w("verdict", { found: meaning(found), rule, p: `p ${pValue(trend.p_value)}${adjusted}` });
  if (found !== "not_significant") return;
  const least = trend.minimum_detectable_slope;
  yield w("no_proof", { could: Number.isFinite(least) ? w("could", { slope: slope(least) }) : "" });
}

function driverSentence(store, { drivers }, driver, at, why) {
  const r = drivers?.partial_correlation?.[at];
  if (!Number.isFinite(r)) {
    const status = drivers?.status ? flag(store, "drivers", "status", drivers.status[at]) : "ok";
    return w("driver_none", { driver: meaning(driver), why: w(`why_driver_${status}`) ?? why(status) });
  }
  const [low, high] = [drivers.r_lower?.[at], drivers.r_upper?.[at]];
  const level = levelOf(store);
  const between = Number.isFinite(low) ? w("between", { level, low: number(low, 2), high: number(high, 2) }) : "";
  const part = drivers.trend_contribution?.[at];
  return w("driver_r", {
    driver: meaning(driver), r: number(r, 2), between, p: pValue(drivers.p_value?.[at]), part: Number.isFinite(part) ? slope(part) : "–",
  });
}

/** The annual series as CSV: the numbers as they are stored, an empty field for a missing one. */
export function asCsv(store, point) {
  const names = Object.keys(point.series).filter((name) => Array.isArray(point.series[name]));
  const units = names.map((name) => `# column ${name}: ${store.products.annual.attrs(name).units ?? "1"}`);
  const head = [`# release: ${store.release}`, `# cell: latitude ${point.lat}, longitude ${point.lon}`, ...units];
  const rows = point.years.map((year, at) => [year, ...names.map((name) => plain(point.series[name][at]))].join(","));
  return [...head, ["year", ...names].join(","), ...rows, ""].join("\n");
}

function plain(value) {
  return Number.isFinite(value) ? String(value) : "";
}

/** Lines of Python that give the numbers of the cell. */
export function asPython(store, { lat, lon, series }) {
  const opened = (name) => `xr.open_zarr("${store.products[name].url.replace(/\/$/, "")}").sel(lat=${lat}, lon=${lon})`;
  const names = Object.keys(store.products).filter((name) => !["annual", "regional"].includes(name));
  const columns = JSON.stringify(Object.keys(series).filter((name) => Array.isArray(series[name]))).replaceAll(",", ", ");
  const lines = ["import xarray as xr", `print(${opened("annual")}[${columns}].to_dataframe())`];
  const cells = (name) => {
    const coarse = [...new Set(Object.values(store.products[name].nodes).flatMap((node) => node.dimension_names ?? []))].filter(
      (dim) => /^(lat|lon)_x/.test(dim),
    );
    return coarse.length ? `${opened(name)}.drop_dims(${JSON.stringify(coarse.sort()).replaceAll(",", ", ")})` : opened(name);
  };
  return [...lines, ...names.map((name) => `print(${cells(name)}.load())`)].join("\n");
}
