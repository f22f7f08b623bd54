// Numbers as people read them.
const MINUS = "−";

export function number(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-4) ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", MINUS);
}

export function slope(value) {
  return `${number(value * 1e3)} × 10⁻³ m³ m⁻³ yr⁻¹`;
}

export function pValue(value) {
  return value < 0.001 ? "< 0.001" : `= ${number(value, 2)}`;
}

export function degrees(value, plus, minus) {
  return `${String(Math.abs(Number(value.toFixed(4))))}°${value > 0 ? ` ${plus}` : value < 0 ? ` ${minus}` : ""}`;
}

/** A point in degrees north and east. */
export function place({ lat, lon }) {
  return [degrees(lat, "N", "S"), degrees(lon, "E", "W")];
}

/** Latitude and longitude in a text such as "52.5, -7.5" or "52.5 N 7.5 W"; null where there are none. */
export function coordinates(text) {
  const found = [...text.replaceAll(MINUS, "-").matchAll(/([-+]?\d+(?:\.\d+)?)\s*°?\s*([NSEWnsew])?/g)];
  if (found.length !== 2) return null;
  const [lat, lon] = found.map(([, value, side]) => Number(value) * (side && "SWsw".includes(side) ? -1 : 1));
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 360 ? { lat, lon } : null;
}
