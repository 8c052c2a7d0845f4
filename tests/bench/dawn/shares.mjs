// What was reached of what can be reached.

/** The rows, with the percentage of the ceiling where one was measured. */
export function withShares(rows) {
  const ceiling = (label, name) =>
    rows.find((row) => row.part === "ceilings" && row.case === label)?.values[name]?.median;
  const [bytes, flops] = [ceiling("memory", "bytes_per_s"), ceiling("f32", "flops_per_s")];
  return rows.map((row) => {
    if (row.part === "ceilings") return row;
    const { bytes_per_s: read, busy_bytes_per_s: busy, flops_per_s: computed } = row.values;
    const shares = {
      ...(bytes && busy && { busy_memory_percent: (busy / bytes) * 100 }),
      ...(bytes && read && { memory_percent: (read / bytes) * 100 }),
      ...(flops && computed && { f32_percent: (computed / flops) * 100 }),
    };
    return { ...row, values: { ...row.values, ...shares } };
  });
}
