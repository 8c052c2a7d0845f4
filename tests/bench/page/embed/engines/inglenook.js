// Inglenook as an application uses it: the package makes its own worker.
const MODEL_HOST = new URL("/weights/", location.href);

/** The engine of the package at an address. */
export const inglenook = (address) => ({ load: (options) => load(address, options) });

async function load(address, { model, device, dtype }) {
  const { Embedder } = await import(address);
  const embedder = await Embedder.create({ model, modelHost: MODEL_HOST, device, dtype });
  if (embedder.device !== device) throw new Error(`asked for ${device}, got ${embedder.device}`);
  if (embedder.dtype !== dtype) throw new Error(`asked for ${dtype}, got ${embedder.dtype}`);
  return { embed: (texts) => embedder.embed(texts) };
}
