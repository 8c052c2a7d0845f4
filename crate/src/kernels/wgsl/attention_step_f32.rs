//! Attention of one token over cached keys and values; see [`crate::kernels::attention_cached_f32`].

use super::{
    program::{Program, READ},
    sum::add_up,
};

/// Positions of a workgroup, one for each of its threads. With more, one after the other, a workgroup takes longer than
/// [`Join`] does.
pub(super) const SPAN: usize = 128;
/// Widest head, of which a thread has a vector of four elements.
pub(crate) const WIDEST: usize = 4 * SPAN;
/// Most query heads of a workgroup. Each takes a KiB of its memory, beside 2.5 KiB, and WebGPU promises 16.
const MOST_HEADS: usize = 13;
/// Vectors that a thread loads before it waits for them.
const TOGETHER: usize = 4;
/// Less than any score.
const LOWEST: &str = "-1e30f";

/// What is seen, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AttentionStep {
    /// Key-value heads, and the query heads that share each.
    pub(crate) heads: usize,
    pub(crate) group: usize,
    /// Elements of a head, a multiple of four.
    pub(crate) width: usize,
    /// Positions that are seen, if not all.
    pub(crate) window: Option<usize>,
    /// The bits of what scores are multiplied by, and of their cap.
    pub(crate) scale: u32,
    pub(crate) cap: Option<u32>,
}

impl AttentionStep {
    /// Elements of what one workgroup hands on: for each query head the sum of values, the highest score and the sum of
    /// weights.
    pub(super) fn part(&self) -> usize {
        self.group * (self.width + 4)
    }

    /// Workgroups for each key-value head and span: equal parts of the group.
    pub(super) fn splits(&self) -> usize {
        let fits = |splits: &usize| self.group.is_multiple_of(*splits) && self.group / splits <= MOST_HEADS;
        (1..).find(fits).unwrap_or(self.group)
    }

    /// The first position that is seen.
    fn start(&self) -> String {
        match self.window {
            Some(window) => format!("  let start = step[1] + 1u - min(step[1] + 1u, {window}u);\n"),
            None => "  let start = 0u;\n".to_owned(),
        }
    }
}

/// A span of positions for query heads of one key-value head: their part of a softmax (Dao et al., arXiv:2205.14135).
/// [`Join`] follows, which leaves out spans in which nothing is seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Span(pub(super) AttentionStep);

impl Program for Span {
    fn threads(&self) -> usize {
        SPAN
    }

    fn text(&self) -> String {
        let AttentionStep { width, scale, cap, .. } = &self.0;
        let splits = self.0.splits();
        let (heads, group) = (self.0.heads * splits, self.0.group / splits);
        let vectors = width / 4;
        let together = if vectors.is_multiple_of(TOGETHER) { TOGETHER } else { 1 };
        let (memory, add_up) = add_up(&[("total", "f32")], SPAN, false);
        let capped = cap.map_or(String::new(), |cap| {
            let cap = f32::from_bits(cap);
            format!("      s = {cap:?}f * tanh(clamp(s / {cap:?}f, -15.0f, 15.0f));\n")
        });
        format!(
            "@group(0) @binding(0) var<storage, {READ}> query: array<vec4<f32>>;
@group(0) @binding(1) var<storage, {READ}> keys: array<vec4<f32>>;
@group(0) @binding(2) var<storage, {READ}> values: array<vec4<f32>>;
@group(0) @binding(3) var<storage, {READ}> step: array<u32>;
@group(0) @binding(4) var<storage, read_write> parts: array<vec4<f32>>;
const SPAN = {SPAN}u;\nconst GROUP = {group}u;\nconst VECTORS = {vectors}u;\nconst SLICES = {slices}u;
var<workgroup> weights: array<f32, {scores}>;
var<workgroup> highest: array<f32, {scores}>;
var<workgroup> sums: array<vec4<f32>, {SPAN}>;
{memory}@compute @workgroup_size({SPAN})
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(local_invocation_index) unit: u32) {{
  let head = at.y;
{start}  let first = max(at.x * SPAN, start);
  let last = min(at.x * SPAN + SPAN, step[1] + 1u);
  if first >= last {{ return; }}
  let cached = head / {splits}u * step[2];
  let position = first + unit;
  let seen = position < last;
  var score: array<f32, {group}>;
  if seen {{
    for (var i = 0u; i < VECTORS; i += {together}u) {{
{load_keys}      for (var g = 0u; g < GROUP; g++) {{
{score}      }}
    }}
  }}
  for (var g = 0u; g < GROUP; g++) {{
    var s = score[g] * {scale:?}f;
{capped}    score[g] = select({LOWEST}, s, seen);
    highest[g * SPAN + unit] = score[g];
  }}
  workgroupBarrier();
  for (var half = SPAN / 2u; half > 0u; half /= 2u) {{
    for (var i = unit; i < GROUP * half; i += SPAN) {{
      let place = i / half * SPAN + i % half;
      highest[place] = max(highest[place], highest[place + half]);
    }}
    workgroupBarrier();
  }}
  for (var g = 0u; g < GROUP; g++) {{
    weights[g * SPAN + unit] = select(0.0f, exp(score[g] - highest[g * SPAN]), seen);
  }}
  workgroupBarrier();
  // A thread adds up one vector of the values of every so many positions.
  let vector = unit % VECTORS;
  let slice = unit / VECTORS;
  var sum: array<vec4<f32>, {group}>;
  if slice < SLICES {{
    for (var p = first + slice; p < last; p += {TOGETHER}u * SLICES) {{
{load_values}      for (var g = 0u; g < GROUP; g++) {{
{add}      }}
    }}
  }}
  for (var g = 0u; g < GROUP; g++) {{
    sums[unit] = sum[g];
    var total = weights[g * SPAN + unit];
{add_up}    if unit < VECTORS {{
      var all = sum[g];
      for (var s = 1u; s < SLICES; s++) {{ all += sums[s * VECTORS + unit]; }}
      let part = (at.x * {heads}u + head) * {part}u + g * (VECTORS + 1u);
      parts[part + unit] = all;
      if unit == 0u {{ parts[part + VECTORS] = vec4<f32>(highest[g * SPAN], total, 0.0f, 0.0f); }}
    }}
    workgroupBarrier();
  }}
}}\n",
            slices = SPAN / vectors,
            load_keys = each(together, &|i| {
                format!("        let key{i} = keys[(cached + position) * VECTORS + i + {i}u];\n")
            }),
            score = each(together, &|i| {
                format!(
                    "          score[g] += dot(key{i}, query[(head * GROUP + g) * VECTORS + i + {i}u]);\n"
                )
            }),
            // Behind the last position, the last one's values count for nothing.
            load_values = each(TOGETHER, &|i| {
                format!(
                    "        let p{i} = p + {i}u * SLICES;
        let value{i} = values[(cached + min(p{i}, last - 1u)) * VECTORS + vector] * f32(p{i} < last);\n"
                )
            }),
            add = each(TOGETHER, &|i| {
                format!("          sum[g] += weights[g * SPAN + min(p{i}, last - 1u) - first] * value{i};\n")
            }),
            scores = group * SPAN,
            start = self.0.start(),
            scale = f32::from_bits(*scale),
            part = self.0.part() / splits / 4,
        )
    }
}

/// A statement for each of the first `count` numbers.
fn each(count: usize, statement: &dyn Fn(usize) -> String) -> String {
    (0..count).map(statement).collect()
}

/// Adds up the spans: a thread writes one vector of one query head.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Join(pub(super) AttentionStep);

impl Join {
    pub(super) fn workgroups(&self) -> usize {
        let AttentionStep { heads, group, width, .. } = self.0;
        (heads * group * width / 4).div_ceil(self.threads())
    }
}

impl Program for Join {
    fn threads(&self) -> usize {
        64
    }

    fn text(&self) -> String {
        let AttentionStep { heads, group, width, .. } = &self.0;
        format!(
            "@group(0) @binding(0) var<storage, {READ}> parts: array<vec4<f32>>;
@group(0) @binding(1) var<storage, {READ}> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
const VECTORS = {vectors}u;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
  if id.x >= {count}u {{ return; }}
  let query = id.x / VECTORS;
  let vector = id.x % VECTORS;
{start}  var highest = {LOWEST};
  var total = 0.0f;
  var sum = vec4<f32>();
  for (var span = start / {SPAN}u; span * {SPAN}u <= step[1]; span++) {{
    let part = (span * {heads}u + query / {group}u) * {part}u + query % {group}u * (VECTORS + 1u);
    let other = parts[part + VECTORS];
    let higher = max(highest, other.x);
    let before = exp(highest - higher);
    let now = exp(other.x - higher);
    total = total * before + other.y * now;
    sum = sum * before + parts[part + vector] * now;
    highest = higher;
  }}
  out[id.x] = sum / total;
}}\n",
            vectors = width / 4,
            count = heads * group * width / 4,
            start = self.0.start(),
            part = self.0.part() / 4,
        )
    }
}
