// Where the map is looked at from: Equal Earth or globe, a centre and a zoom; from pixels to cells and back.
import { geoEqualEarth, geoOrthographic } from "d3-geo";

const DEGREE = Math.PI / 180;
export const NOTHING = -1;

/** The projection of a view for a picture of width by height pixels. */
export function projectionOf({ kind, lon, lat, zoom }, width, height) {
  if (kind === "globe")
    return geoOrthographic()
      .rotate([-lon, -lat])
      .scale((Math.min(width, height) / 2 - 2) * zoom)
      .translate([width / 2, height / 2])
      .clipAngle(90)
      .precision(0.5);
  const whole = geoEqualEarth().scale(1).translate([0, 0]);
  const scale = Math.min((width - 4) / (2 * whole([180, 0])[0]), (height - 4) / (2 * -whole([0, 90])[1])) * zoom;
  const down = whole([0, lat])[1] * scale;
  return geoEqualEarth().rotate([-lon, 0]).scale(scale).translate([width / 2, height / 2 - down]).precision(0.5);
}

/** The pixel of a point, null where it cannot be seen. */
export function pixelOf(view, projection, lat, lon) {
  if (view.kind === "globe") {
    const apart =
      Math.sin(lat * DEGREE) * Math.sin(view.lat * DEGREE) +
      Math.cos(lat * DEGREE) * Math.cos(view.lat * DEGREE) * Math.cos((lon - view.lon) * DEGREE);
    if (apart <= 0) return null;
  }
  return projection([lon, lat]);
}

/** The point under a pixel, null outside of the Earth. */
export function pointAt(view, projection, x, y) {
  const found = projection.invert([x, y]);
  if (!found || !Number.isFinite(found[0]) || Math.abs(found[1]) > 90) return null;
  const back = pixelOf(view, projection, found[1], found[0]);
  return back && Math.hypot(back[0] - x, back[1] - y) < 1 ? { lat: found[1], lon: found[0] } : null;
}

/** The cell under the centre of each pixel, as indexes row by row; NOTHING outside of the Earth or the grid. */
export function cellsUnder(view, projection, grid, width, height) {
  const cells = new Int32Array(width * height).fill(NOTHING);
  if (view.kind === "globe") underGlobe(view, projection, grid, cells, width, height);
  else underEqualEarth(view, projection, grid, cells, width, height);
  return cells;
}

// Its parallels are level and longitudes even along them: one inversion serves a row of pixels.
function underEqualEarth(view, projection, grid, cells, width, height) {
  const middle = width / 2;
  const pole = [90, -90].map((lat) => projection([view.lon, lat])[1]);
  for (let y = 0; y < height; y += 1) {
    const at = y + 0.5;
    if (at < pole[0] || at > pole[1]) continue;
    const lat = projection.invert([middle, at])[1];
    const degree = (projection([view.lon + 90, lat])[0] - middle) / 90;
    const row = grid.rowOf(Math.min(Math.max(lat, -90 + 1e-9), 90 - 1e-9));
    if (row < 0) continue;
    const left = Math.max(0, Math.ceil(middle - 180 * degree - 0.5));
    const right = Math.min(width - 1, Math.floor(middle + 180 * degree - 0.5));
    for (let x = left; x <= right; x += 1) {
      const lon = view.lon + (x + 0.5 - middle) / degree - grid.west;
      const column = grid.columnOf(grid.west + (lon - 360 * Math.floor(lon / 360)));
      if (column >= 0) cells[y * width + x] = row * grid.width + column;
    }
  }
}

function underGlobe(view, projection, grid, cells, width, height) {
  const radius = projection.scale();
  const [sin, cos] = [Math.sin(view.lat * DEGREE), Math.cos(view.lat * DEGREE)];
  for (let y = 0; y < height; y += 1) {
    const up = (height / 2 - y - 0.5) / radius;
    for (let x = 0; x < width; x += 1) {
      const side = (x + 0.5 - width / 2) / radius;
      const beyond = side * side + up * up;
      if (beyond > 1) continue;
      const near = Math.sqrt(1 - beyond);
      const row = grid.rowOf(Math.asin(Math.max(-1, Math.min(1, near * sin + up * cos))) / DEGREE);
      if (row < 0) continue;
      const lon = view.lon + Math.atan2(side, near * cos - up * sin) / DEGREE - grid.west;
      const column = grid.columnOf(grid.west + (lon - 360 * Math.floor(lon / 360)));
      if (column >= 0) cells[y * width + x] = row * grid.width + column;
    }
  }
}

/** The view moved by so many pixels. */
export function moved(view, projection, dx, dy, height) {
  const degrees = view.kind === "globe" ? 1 / (projection.scale() * DEGREE) : 180 / (projection.scale() * 2.7);
  const limit = view.kind === "globe" ? 90 : Math.max(0, 90 - 90 / view.zoom);
  const lat = Math.max(-limit, Math.min(limit, view.lat + dy * degrees));
  return { ...view, lon: turned(view.lon - dx * degrees), lat };
}

/** The view at another zoom, its centre kept as far as the map fills the picture. */
export function zoomed(view, factor) {
  const zoom = Math.max(1, Math.min(24, view.zoom * factor));
  const limit = view.kind === "globe" ? 90 : Math.max(0, 90 - 90 / zoom);
  return { ...view, zoom, lat: Math.max(-limit, Math.min(limit, view.lat)) };
}

/** Where to look from to see the whole grid: the whole Earth, or the region that it covers. */
export function homeOf(grid) {
  const wide = grid.edges.lon.reduce((sum, [west, east]) => sum + east - west, 0);
  if (wide > 300) return { lon: 0, lat: 0, zoom: 1 };
  const up = (lat) => geoEqualEarth().scale(1).translate([0, 0])([0, lat])[1];
  const high = (up(grid.south) - up(grid.north)) / (up(-90) - up(90));
  const zoom = Math.max(1, Math.min(24, 0.9 * Math.min(360 / wide, 1 / high)));
  const middle = { lon: turned(grid.west + wide / 2), lat: (grid.south + grid.north) / 2 };
  return Object.fromEntries(Object.entries({ ...middle, zoom }).map(([key, value]) => [key, Number(value.toFixed(3))]));
}

export function turned(lon) {
  return ((((lon + 180) % 360) + 360) % 360) - 180;
}
