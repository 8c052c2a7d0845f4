//! Sums over the threads of a workgroup.

/// The arguments of an entry point that [`add_up`] needs beside `unit`, the thread's number.
pub(super) fn arguments(subgroups: bool) -> &'static str {
    if subgroups {
        ", @builtin(subgroup_invocation_id) lane: u32, @builtin(subgroup_size) size: u32"
    } else {
        ""
    }
}

/// What a text begins with. Outside of browsers subgroups need no word, nor is it understood.
pub(super) fn preamble(subgroups: bool) -> &'static str {
    if subgroups && cfg!(target_family = "wasm") { "enable subgroups;\n" } else { "" }
}

/// Memory and statements that replace each of the variables, by name and type, by its sum over all `threads`, a power
/// of two. With `subgroups` a subgroup adds up in its registers; between subgroups, and without them, threads meet in
/// the memory of the workgroup.
pub(super) fn add_up(sums: &[(&str, &str)], threads: usize, subgroups: bool) -> (String, String) {
    let all =
        |statement: &dyn Fn(&str) -> String| sums.iter().map(|(name, _)| statement(name)).collect::<String>();
    let memory = sums
        .iter()
        .map(|(name, of)| format!("var<workgroup> {name}_of: array<{of}, {threads}>;\n"))
        .collect();
    let code = if subgroups {
        let add = all(&|sum| format!("  {sum} = subgroupAdd({sum});\n"));
        let keep = all(&|sum| format!(" {sum}_of[unit / size] = {sum};"));
        let first = all(&|sum| format!("  {sum} = {sum}_of[0];\n"));
        let others = all(&|sum| format!(" {sum} += {sum}_of[part];"));
        format!(
            "{add}  if lane == 0u {{{keep} }}\n  workgroupBarrier();\n{first}  for (var part = 1u; part * size < {threads}u; part++) {{{others} }}\n"
        )
    } else {
        let keep = all(&|sum| format!("  {sum}_of[unit] = {sum};\n"));
        let first = all(&|sum| format!("  {sum} = {sum}_of[0];\n"));
        let halves =
            core::iter::successors(Some(threads / 2), |half| Some(half / 2)).take_while(|half| *half > 0);
        let rounds: String = halves
            .map(|half| {
                let add = all(&|sum| format!(" {sum}_of[unit] += {sum}_of[unit + {half}u];"));
                format!("  if unit < {half}u {{{add} }}\n  workgroupBarrier();\n")
            })
            .collect();
        format!("{keep}  workgroupBarrier();\n{rounds}{first}")
    };
    (memory, code)
}
