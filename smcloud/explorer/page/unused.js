// In the place of decoders that no chunk of a release asks for.
export default {
  fromConfig() {
    throw new Error("this codec is not part of the page");
  },
};
