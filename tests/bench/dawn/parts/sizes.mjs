// How much is measured of a decoder.

const SIZES = {
  usual: { prompt: 480, written: 64, after: [64, 448], samples: 5 },
  tiny: { prompt: 96, written: 4, after: [16], samples: 2 },
};

export const chatSizes = (tiny) => (tiny ? SIZES.tiny : SIZES.usual);
