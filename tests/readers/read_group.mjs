// Reads every array of a Zarr group with zarrita, over https without a listing or from a disk, and prints as JSON what
// it found: node read_group.mjs URL
import { readFileSync } from "node:fs";
import { FetchStore, FileSystemStore } from "@zarrita/storage";
import * as zarr from "zarrita";

const place = process.argv[2];
const remote = place.startsWith("http");
const store = remote ? new FetchStore(place) : new FileSystemStore(place);
const text = remote ? await (await fetch(`${place}/zarr.json`)).text() : readFileSync(`${place}/zarr.json`, "utf8");
const names = Object.keys(JSON.parse(text).consolidated_metadata.metadata);

// JSON has neither gaps nor integers beyond 2^53.
const plain = (value) => {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value;
};

const found = {};
for (const name of names) {
  const array = await zarr.open.v3(zarr.root(store).resolve(name), { kind: "array" });
  const chunk = await zarr.get(array, null);
  const values = array.shape.length ? Array.from(chunk.data) : [chunk];
  found[name] = { dtype: array.dtype, shape: array.shape, attrs: array.attrs, values: values.map(plain) };
}
console.log(JSON.stringify(found));
