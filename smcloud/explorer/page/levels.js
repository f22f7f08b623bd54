// Which overview of a map fits the view, and the fields that are drawn of it.
import { limitOf } from "./layers.js";
import { arrayPath, levelsOf } from "./source.js";

const WIDEST = 1.6; // pixels of an overview's cell; above, a finer one is drawn

/** The factor of the coarsest overview whose cells take no more than a pixel or so, 1 for the cells themselves. */
export function factorFor(page, map, layer) {
  const pixels = map.pixelsOfDegree * page.grid.step;
  const factors = [...levelsOf(page.store.products[layer.product], layer.array).keys()];
  return factors.findLast((factor) => pixels * factor <= WIDEST) ?? 1;
}

/** The fields of a layer in cells of `factor` by `factor`: its own, those beside it, and the land. */
export async function fieldsOf(page, layer, factor) {
  const { products } = page.store;
  const read = (product, name, index) => {
    const path = products[product]?.has(name) ? arrayPath(products[product], name, factor) : undefined;
    return path === undefined ? null : page.field(products[product], path, index);
  };
  const beside = layer.beside.map(([product, name]) => read(product, name, 0));
  const [land, ...fields] = await Promise.all([
    read("annual", "land_mask", 0),
    read(layer.product, layer.array, layer.index),
    ...beside,
  ]);
  return { fields, land };
}

/** The factor of the finest overview of a layer, 1 where it has none. */
export function finestOf(page, layer) {
  const [finest = 1] = levelsOf(page.store.products[layer.product], layer.array).keys();
  return finest;
}

/** The end of a layer's scale, the same at every zoom: that of its finest overview, or of the cells where it has none. */
export async function scaleOf(page, layer, drawn) {
  if (layer.kind !== "steps") return null;
  const finest = finestOf(page, layer);
  const { fields } = finest === drawn.factor ? drawn : await fieldsOf(page, layer, finest);
  return limitOf(layer, fields);
}

/** Draw the overviews that fit the view, or the cells, where others are drawn. */
export function refit(page) {
  for (const [at, map] of page.maps?.entries() ?? []) {
    const id = [page.state.layer, page.state.compare][at];
    if (map.layer?.id !== id || factorFor(page, map, map.layer) === map.wanted) continue;
    page.safely(page.showLayer(map, id, ["first", "second"][at]));
  }
}
