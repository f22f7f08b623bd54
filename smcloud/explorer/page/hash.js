// The exact state of the page in its address.
const DEFAULTS = {
  layer: "slope", compare: "", view: "equal", lon: 0, lat: 0, zoom: 1, cell: null, significant: true, lang: "en", theme: "",
};
const NUMBERS = { lon: [-180, 180], lat: [-90, 90], zoom: [1, 24] };

/** The state that `text` (location.hash) says; what is not valid is as it is by default, and at `home`. */
export function readHash(text, home = {}) {
  const given = new URLSearchParams(text.replace(/^#/, ""));
  const state = { ...DEFAULTS, ...home };
  for (const key of ["layer", "compare", "lang", "theme"]) if (given.has(key)) state[key] = given.get(key);
  if (given.get("view") === "globe") state.view = "globe";
  state.significant = given.get("significant") !== "0";
  for (const [key, [low, high]] of Object.entries(NUMBERS)) {
    const value = Number.parseFloat(given.get(key));
    if (Number.isFinite(value)) state[key] = Math.max(low, Math.min(high, value));
  }
  const cell = (given.get("cell") ?? "").split(",").map(Number.parseFloat);
  if (cell.length === 2 && cell.every(Number.isFinite)) state.cell = { lat: cell[0], lon: cell[1] };
  return state;
}

/** The address of `state`: only what is not as by default. */
export function asHash(state, home = {}) {
  const told = new URLSearchParams();
  for (const [key, value] of Object.entries({ ...DEFAULTS, ...home })) {
    if (key === "cell") {
      if (state.cell) told.set("cell", `${state.cell.lat},${state.cell.lon}`);
    } else if (key === "significant") {
      if (!state.significant) told.set(key, "0");
    } else if (key in NUMBERS) {
      const number = Number(state[key].toFixed(3));
      if (number !== value) told.set(key, number);
    } else if (state[key] !== value) told.set(key, state[key]);
  }
  return `#${told.toString().replaceAll("%2C", ",").replaceAll("%3A", ":")}`;
}
