// The codec of every chunk of a release, in the form that zarrita asks for.
import { decompress } from "fzstd";

export default class Zstd {
  kind = "bytes_to_bytes";
  static fromConfig() {
    return new Zstd();
  }
  encode() {
    throw new Error("the page writes nothing");
  }
  decode(bytes) {
    const found = decompress(bytes);
    return found.byteLength === found.buffer.byteLength ? found : found.slice(); // decoders of texts start at its buffer's
  }
}
