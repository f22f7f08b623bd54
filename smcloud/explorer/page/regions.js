// The regions of a release as a table; the row that is chosen is shown on the maps by dimming what does not belong.
import { bounded, number, pValue } from "./numbers.js";
import { w } from "./words.js";

const TROPIC = 23.4378;
const COLUMNS = ["slope", "slope_lower", "slope_upper", "p_value", "drying_share", "wetting_share"];

/** Whether the latitude of a cell's centre lies in the region of a name; null for a name that says no latitudes. */
export function latitudesOf(name) {
  const known = { north: (lat) => lat >= 0, south: (lat) => lat < 0, tropics: (lat) => Math.abs(lat) < TROPIC };
  if (known[name]) return known[name];
  const ends = /^(\d+)([NS]?)-(\d+)([NS]?)$/.exec(name);
  if (!ends) return null;
  const [south, north] = [1, 3].map((at) => Number(ends[at]) * (ends[at + 1] === "S" ? -1 : 1));
  return (lat) => lat >= south && (lat < north || north === 90);
}

/** Read the rows of the product of regions: name, label, and what the table shows. */
export async function readRegions(product) {
  await product.open();
  const columns = [...COLUMNS, "label"].filter((name) => product.has(name));
  const [names, ...values] = await Promise.all(["region", ...columns].map((name) => product.values(name)));
  return names.map((name, at) => ({ name, ...Object.fromEntries(columns.map((column, k) => [column, values[k][at]])) }));
}

function element(name, text, more = {}) {
  return Object.assign(document.createElement(name), { textContent: text ?? "" }, more);
}

function share(value) {
  return number(value * 100, 3);
}

/** Fill a table with the rows; `choose` is called with the name of the row whose button is pressed. */
export function drawRegions(table, rows, chosen, choose) {
  const head = element("tr");
  for (const key of ["region", "slope", "between", "p", "drying", "wetting"])
    head.append(element("th", w(`head_${key}`), { scope: "col" }));
  const body = rows.map((row) => {
    const line = element("tr");
    const name = element("th", "", { scope: "row" });
    const button = element("button", w(`region_${row.name}`) ?? row.label ?? row.name, { type: "button" });
    button.setAttribute("aria-pressed", String(row.name === chosen));
    button.disabled = !latitudesOf(row.name);
    button.addEventListener("click", () => choose(row.name === chosen ? "" : row.name));
    name.append(button);
    const told = bounded(row.slope_lower, row.slope_upper);
    const limits = told ? `${number(row.slope_lower * 1e3)} … ${number(row.slope_upper * 1e3)}` : Number.isFinite(row.slope_lower) ? w("unbounded") : "–";
    const cells = [number(row.slope * 1e3), limits, Number.isFinite(row.p_value) ? pValue(row.p_value).replace("= ", "") : "–", share(row.drying_share), share(row.wetting_share)];
    line.append(name, ...cells.map((text) => element("td", text)));
    return line;
  });
  table.replaceChildren(head, ...body);
}
