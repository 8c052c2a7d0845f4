import { type FaultyDevice, orFault } from "./gpu-fault.js";
import type { LoadProgress } from "./protocol.js";

/**
 * What `load` makes of a model's files on `device`, or the fault that the GPU has reported meanwhile. `load` tells the
 * fraction that is done; that all of it is done is known when nothing can fail any more.
 */
export async function prepared<T>(
  device: FaultyDevice,
  onProgress: (progress: LoadProgress) => void,
  load: (tell: (fraction: number) => void) => Promise<T>,
): Promise<T> {
  const tell = (prepared: number) => onProgress({ prepared });
  tell(0);
  const model = await orFault(
    device,
    load((fraction) => fraction < 1 && tell(fraction)),
  );
  tell(1);
  return model;
}
