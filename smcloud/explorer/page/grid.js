// The cells of a product: centres, edges, and which cell holds a point.

const EVEN = 1e-6;

/** Read lat and lon of `product`, with the edges of cells where they are stored. */
export async function readGrid(product) {
  const [lat, lon] = await Promise.all(["lat", "lon"].map((name) => axis(product, name)));
  return new Grid(lat, lon);
}

async function axis(product, name) {
  const centres = await product.values(name);
  const bounds = product.attrs(name).bounds;
  if (bounds && product.has(bounds)) {
    const flat = await product.values(bounds);
    return { centres, edges: centres.map((_, at) => [flat[2 * at], flat[2 * at + 1]]) };
  }
  const half = centres.length > 1 ? Math.abs(centres[1] - centres[0]) / 2 : 0.5;
  return { centres, edges: centres.map((value) => [value - half, value + half]) };
}

export class Grid {
  constructor(lat, lon) {
    this.lat = lat.centres;
    this.lon = lon.centres;
    this.edges = { lat: lat.edges.map(ordered), lon: lon.edges.map(ordered) };
    this.height = this.lat.length;
    this.width = this.lon.length;
    this.west = Math.min(...this.edges.lon.map((edge) => edge[0]));
    this.rowOf = finder(this.edges.lat);
    this.columnOf = finder(this.edges.lon);
    const [first, last] = [this.edges.lat[0], this.edges.lat[this.height - 1]];
    this.south = Math.min(first[0], last[0]);
    this.north = Math.max(first[1], last[1]);
  }

  /** Index of the cell that holds a point, -1 outside; longitudes may be of any convention. */
  cell(lat, lon) {
    const row = lat === this.north ? this.rowOf(lat - 1e-9) : this.rowOf(lat);
    const column = this.columnOf(this.west + ((((lon - this.west) % 360) + 360) % 360));
    return row < 0 || column < 0 ? -1 : row * this.width + column;
  }

  place(cell) {
    return { row: Math.floor(cell / this.width), column: cell % this.width };
  }

  centre(cell) {
    const { row, column } = this.place(cell);
    return { lat: this.lat[row], lon: ((((this.lon[column] + 180) % 360) + 360) % 360) - 180 };
  }

  /** Degrees from one row to the next. */
  get step() {
    return Math.abs(this.edges.lat[0][1] - this.edges.lat[0][0]);
  }
}

/** The grid of an overview: cells of `factor` by `factor` cells from the first row and column on. */
export function coarser(grid, factor) {
  if (factor === 1) return grid;
  const within = (find) => (value) => Math.floor(find(value) / factor); // -1 stays -1
  const merged = (edges) =>
    Array.from({ length: Math.ceil(edges.length / factor) }, (_, at) => {
      const inside = edges.slice(at * factor, (at + 1) * factor);
      return [Math.min(...inside.map(([low]) => low)), Math.max(...inside.map(([, high]) => high))];
    });
  const made = Object.create(grid);
  made.rowOf = within(grid.rowOf);
  made.columnOf = within(grid.columnOf);
  made.edges = { lat: merged(grid.edges.lat), lon: merged(grid.edges.lon) };
  for (const axis of ["lat", "lon"]) made[axis] = made.edges[axis].map(([low, high]) => (low + high) / 2);
  made.height = made.lat.length;
  made.width = made.lon.length;
  return made;
}

function ordered([one, other]) {
  return one <= other ? [one, other] : [other, one];
}

/** A function from a coordinate to the index of its interval, -1 outside: by division where intervals are even. */
function finder(edges) {
  const size = edges.length;
  const rising = size < 2 || edges[1][0] > edges[0][0];
  const low = rising ? edges[0][0] : edges[size - 1][0];
  const high = rising ? edges[size - 1][1] : edges[0][1];
  const step = (high - low) / size;
  const even = edges.every(([start], at) => Math.abs(start - (low + step * (rising ? at : size - 1 - at))) < EVEN);
  if (even)
    return (value) => {
      const at = Math.floor((value - low) / step);
      if (at < 0 || at >= size) return -1;
      return rising ? at : size - 1 - at;
    };
  return (value) => edges.findIndex(([start, end]) => start <= value && value < end);
}
