const INTERVAL_MS = 100;

/** Measures until the value has kept within `tolerance` for half a second, or ten seconds are over. */
export async function settled(measure: () => Promise<number>, tolerance = 2): Promise<number> {
  let value = await measure();
  for (let quiet = 0, left = 100; quiet < 5 && left > 0; left--) {
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    const next = await measure();
    quiet = Math.abs(next - value) < tolerance ? quiet + 1 : 0;
    value = next;
  }
  return value;
}
