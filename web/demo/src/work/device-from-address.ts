import type { DeviceChoice } from "inglenook";

/** `?device=cpu` or `?device=webgpu` forces a device from the start. */
export function deviceFromAddress(): DeviceChoice {
  const device = new URLSearchParams(location.search).get("device");
  return device === "cpu" || device === "webgpu" ? device : "auto";
}
