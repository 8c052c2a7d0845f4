//! The most probable tokens.
//!
//! Workgroups find those of 2,048 logits each, and one workgroup those of all. A pair of words is a token and the bits of
//! its logit. Of equal logits the one of the lower token comes first.

use super::program::{Program, READ};

/// Logits of a workgroup.
pub(super) const CHUNK: usize = 2048;
/// Threads of a workgroup.
const UNITS: usize = 256;
/// The token of a pair in whose chunk a logit was infinite or not a number.
const NOT_FINITE: &str = "0xffffffffu";
/// The token of a pair that is none: there were not as many logits.
pub(crate) const NONE: u32 = 0xffff_fffe;

/// Rounds in which the threads of a workgroup find the best of their candidates, thread 0's of all.
fn find_best() -> String {
    format!(
        "    best_value[unit] = value;\n    best_token[unit] = token;
    workgroupBarrier();
    for (var half = {UNITS}u / 2u; half > 0u; half /= 2u) {{
      if unit < half {{
        let other = best_value[unit + half];
        let other_token = best_token[unit + half];
        if other > best_value[unit] || (other == best_value[unit] && other_token < best_token[unit]) {{
          best_value[unit] = other;\n          best_token[unit] = other_token;
        }}
      }}
      workgroupBarrier();
    }}
    let found = best_token[0];\n    let found_value = best_value[0];
    workgroupBarrier();\n"
    )
}

fn memory() -> String {
    format!(
        "var<workgroup> best_value: array<f32, {UNITS}>;\nvar<workgroup> best_token: array<u32, {UNITS}>;\n"
    )
}

/// The best `top` of every chunk of `logits`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Chunks {
    pub(super) logits: usize,
    pub(super) top: usize,
}

impl Chunks {
    pub(super) fn workgroups(&self) -> usize {
        self.logits.div_ceil(CHUNK)
    }
}

impl Program for Chunks {
    fn threads(&self) -> usize {
        UNITS
    }

    fn text(&self) -> String {
        let Self { logits, top } = self;
        format!(
            "@group(0) @binding(0) var<storage, {READ}> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> pairs: array<u32>;
{memory}var<workgroup> chunk: array<f32, {CHUNK}>;\nvar<workgroup> strange: array<u32, {UNITS}>;
@compute @workgroup_size({UNITS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) unit: u32) {{
  let first = group.x * {CHUNK}u;
  let count = min({CHUNK}u, {logits}u - first);
  strange[unit] = 0u;
  for (var i = unit; i < count; i += {UNITS}u) {{
    let logit = logits[first + i];
    chunk[i] = logit;
    if (bitcast<u32>(logit) & 0x7f800000u) == 0x7f800000u {{ strange[unit] = 1u; }}
  }}
  workgroupBarrier();
  for (var n = 0u; n < {top}u; n++) {{
    var value = -3.4e38f;\n    var token = {NONE}u;
    for (var i = unit; i < count; i += {UNITS}u) {{
      if chunk[i] > value {{ value = chunk[i]; token = first + i; }}
    }}
{find_best}    if unit == 0u {{
      pairs[(group.x * {top}u + n) * 2u] = found;
      pairs[(group.x * {top}u + n) * 2u + 1u] = bitcast<u32>(found_value);
      if found != {NONE}u {{ chunk[found - first] = -3.4e38f; }}
    }}
    workgroupBarrier();
  }}
  if unit == 0u {{
    var any = 0u;
    for (var i = 0u; i < {UNITS}u; i++) {{ any |= strange[i]; }}
    if any != 0u {{ pairs[group.x * {top}u * 2u] = {NOT_FINITE}; }}
  }}
}}\n",
            memory = memory(),
            find_best = find_best(),
        )
    }
}

/// The best `top` of `candidates` pairs: word 0 of the result says whether a logit was not finite, pairs begin at word
/// 2. With `choose` the first becomes the token of the next step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Best {
    pub(super) candidates: usize,
    pub(super) top: usize,
}

impl Program for Best {
    fn threads(&self) -> usize {
        UNITS
    }

    fn text(&self) -> String {
        let Self { candidates, top } = self;
        format!(
            "@group(0) @binding(0) var<storage, read_write> pairs: array<u32>;
@group(0) @binding(1) var<storage, read_write> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<u32>;
{memory}var<workgroup> strange: array<u32, {UNITS}>;
@compute @workgroup_size({UNITS})
fn main(@builtin(local_invocation_index) unit: u32) {{
  strange[unit] = 0u;
  for (var n = 0u; n < {top}u; n++) {{
    var value = -3.4e38f;\n    var token = {NONE}u;\n    var place = 0u;
    for (var i = unit; i < {candidates}u; i += {UNITS}u) {{
      let candidate = pairs[i * 2u];
      let logit = bitcast<f32>(pairs[i * 2u + 1u]);
      if candidate == {NOT_FINITE} {{ strange[unit] = 1u; }}
      if candidate < {NONE}u && (logit > value || (logit == value && candidate < token)) {{
        value = logit;\n        token = candidate;\n        place = i;
      }}
    }}
{find_best}    // Whoever had it leaves it out from now on.
    if token == found && token < {NONE}u {{ pairs[place * 2u] = {NONE}u; }}
    if unit == 0u {{
      result[2u + n * 2u] = found;
      result[3u + n * 2u] = bitcast<u32>(found_value);
      if n == 0u {{ step[0] = found; }}
    }}
  }}
  workgroupBarrier();
  if unit == 0u {{
    step[1] += 1u;
    var any = 0u;
    for (var i = 0u; i < {UNITS}u; i++) {{ any |= strange[i]; }}
    result[0] = any;
  }}
}}\n",
            memory = memory(),
            find_best = find_best(),
        )
    }
}
