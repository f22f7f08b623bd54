// Sealed products over http: every object is held against the sha256 of its product's inventory before it is used.
import * as zarr from "zarrita";

const AT_ONCE = 8;
const KEPT = 40; // decoded chunks of a product, up to 6 MB each
// Only pages of https and of this machine may compute digests.
export const canCheck = Boolean(globalThis.crypto?.subtle);

/** An object that is not what was sealed, or is not there; `reason` is a key of the words. */
export class Refused extends Error {
  constructor(path, reason) {
    super(`${path}: ${reason}`);
    this.path = path;
    this.reason = reason;
  }
}

async function digest(bytes) {
  const found = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(found), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function bytesOf(url, path) {
  let answer;
  try {
    answer = await fetch(url);
  } catch {
    throw new Refused(path, "unreachable");
  }
  if (!answer.ok) throw new Refused(path, answer.status === 404 ? "missing" : "unreachable");
  return new Uint8Array(await answer.arrayBuffer());
}

/** What the page was made for: `store.json` beside it, which names products, rules and colours. */
export async function openStore() {
  const root = new URL("..", document.baseURI);
  const answer = await fetch(new URL("store.json", document.baseURI), { cache: "no-cache" });
  if (!answer.ok) throw new Refused("explorer/store.json", "missing");
  const about = await answer.json();
  const products = {};
  for (const [name, entry] of Object.entries(about.products)) products[name] = new Product(root, entry);
  return { ...about, root, products };
}

/** One sealed product. Metadata come from its root alone, which holds those of all arrays. */
export class Product {
  #opened;
  #arrays = new Map();
  #chunks = new Map();

  constructor(root, entry) {
    this.path = entry.path;
    this.url = new URL(`${entry.path}/`, root).href;
    this.sealed = entry.inventory_sha256;
  }

  /** Read inventory and metadata, once. */
  open() {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  async #open() {
    const path = `${this.path}/inventory.json`;
    const [raw, group] = await Promise.all([
      bytesOf(`${this.url}inventory.json`, path),
      bytesOf(`${this.url}zarr.json`, `${this.path}/zarr.json`),
    ]);
    if (canCheck && (await digest(raw)) !== this.sealed) throw new Refused(path, "differs");
    const text = new TextDecoder();
    this.inventory = new Map(JSON.parse(text.decode(raw)).objects.map((entry) => [entry.path, entry]));
    await this.#check("zarr.json", group);
    const root = JSON.parse(text.decode(group));
    this.nodes = root.consolidated_metadata.metadata;
    this.layout = root.attributes?.multiscales?.layout ?? [];
    return this;
  }

  async #check(key, bytes) {
    const entry = this.inventory.get(key);
    const same = entry && entry.size === bytes.length && (!canCheck || (await digest(bytes)) === entry.sha256);
    if (!same) throw new Refused(`${this.path}/${key}`, "differs");
  }

  /** A store of zarrita: the bytes of one object, checked. */
  async get(key) {
    const path = key.replace(/^\//, "");
    if (!this.inventory.has(path)) return undefined;
    const bytes = await bytesOf(this.url + path, `${this.path}/${path}`);
    await this.#check(path, bytes);
    return bytes;
  }

  has(name) {
    return this.nodes?.[name]?.node_type === "array";
  }

  attrs(name) {
    return this.nodes[name].attributes ?? {};
  }

  array(name) {
    if (!this.#arrays.has(name)) this.#arrays.set(name, new zarr.Array(this, `/${name}`, this.nodes[name]));
    return this.#arrays.get(name);
  }

  /** The decoded chunk at `position`, read once; Refused where it is damaged. */
  chunk(name, position) {
    const key = `${name}/${position.join("/")}`;
    if (!this.#chunks.has(key)) {
      const read = this.array(name)
        .getChunk(position)
        .catch((error) => {
          throw error instanceof Refused ? error : new Refused(`${this.path}/${key}`, "unreadable");
        });
      this.#chunks.set(key, read);
      if (this.#chunks.size > KEPT) this.#chunks.delete(this.#chunks.keys().next().value);
    }
    return this.#chunks.get(key);
  }

  /** All values of a small array: an axis, its bounds, labels. */
  async values(name) {
    const { data } = await zarr.get(this.array(name), null);
    return Array.from(data, (value) => (typeof value === "bigint" ? Number(value) : value));
  }
}

/** The array of a map in cells of `factor` by `factor`, undefined where the product has no such overview of it. */
export function arrayPath(product, name, factor) {
  return factor === 1 ? name : levelsOf(product, name).get(factor);
}

/** The overviews of a map by their factors, the finest first, as the product's layout has them. */
export function levelsOf(product, name) {
  const own = product.layout.filter((entry) => entry.derived_from === name && product.has(entry.asset));
  const pairs = own.map((entry) => [entry.transform.scale.at(-1), entry.asset]);
  return new Map(pairs.sort(([one], [other]) => one - other));
}

/**
 * Read a map of (lat, lon), or slice `index` of (k, lat, lon), chunk by chunk. `state` of a chunk is 1 where it is
 * there, 2 where it was refused, of which `refused` tells why.
 */
export async function readMap(product, name, index) {
  const array = product.array(name);
  const [height, width] = array.shape.slice(-2);
  const [rows, columns] = array.chunks.slice(-2);
  const across = Math.ceil(width / columns);
  const positions = Array.from({ length: Math.ceil(height / rows) * across }, (_, at) => [
    Math.floor(at / across),
    at % across,
  ]);
  const field = { data: null, width, height, rows, columns, across, state: new Uint8Array(positions.length), refused: [] };
  const one = async ([row, column], at) => {
    try {
      const { data } = await product.chunk(name, array.shape.length === 3 ? [0, row, column] : [row, column]);
      field.data ??= new data.constructor(width * height);
      const start = array.shape.length === 3 ? index * rows * columns : 0;
      const wide = Math.min(columns, width - column * columns);
      for (let line = 0; line < Math.min(rows, height - row * rows); line += 1) {
        const from = start + line * columns;
        field.data.set(data.subarray(from, from + wide), (row * rows + line) * width + column * columns);
      }
      field.state[at] = 1;
    } catch (error) {
      field.state[at] = 2;
      field.refused.push(error instanceof Refused ? error : new Refused(name, "unreadable"));
    }
  };
  await pooled(positions, one);
  field.data ??= new Float32Array(width * height).fill(NaN);
  return field;
}

async function pooled(items, work) {
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const at = next;
      next += 1;
      await work(items[at], at);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, lane));
}

/** The cells of each chunk that was refused, as rows and columns from the first to before the last. */
export function refusedBlocks(field) {
  return Array.from(field.state.keys())
    .filter((at) => field.state[at] === 2)
    .map((at) => {
      const [row, column] = [Math.floor(at / field.across) * field.rows, (at % field.across) * field.columns];
      return { rows: [row, Math.min(row + field.rows, field.height)], columns: [column, Math.min(column + field.columns, field.width)] };
    });
}

/** Values of an array at one cell, along its first dim where it has three; only the chunk that holds it is read. */
export async function readCell(product, name, row, column) {
  const array = product.array(name);
  const [rows, columns] = array.chunks.slice(-2);
  const deep = array.shape.length === 3;
  const place = [Math.floor(row / rows), Math.floor(column / columns)];
  const { data } = await product.chunk(name, deep ? [0, ...place] : place);
  const at = (row % rows) * columns + (column % columns);
  if (!deep) return data[at];
  return Array.from({ length: array.shape[0] }, (_, k) => data[k * rows * columns + at]);
}
