// Inglenook as an application uses it: the package makes its own worker.
const MODEL_HOST = new URL("/weights/", location.href);

export async function load({ model, device, dtype }) {
  const { Embedder } = await import("/inglenook/index.js");
  const embedder = await Embedder.create({ model, modelHost: MODEL_HOST, device, dtype });
  if (embedder.device !== device) throw new Error(`asked for ${device}, got ${embedder.device}`);
  if (embedder.dtype !== dtype) throw new Error(`asked for ${dtype}, got ${embedder.dtype}`);
  return { embed: (texts) => embedder.embed(texts) };
}
