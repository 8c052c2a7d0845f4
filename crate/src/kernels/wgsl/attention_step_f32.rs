//! Attention of one token over cached keys and values; see [`crate::kernels::attention_cached_f32`].

use super::program::{Program, READ};

/// Positions of a workgroup, one for each of its threads. With more, one after the other, a workgroup takes longer than
/// [`Join`] does.
pub(super) const SPAN: usize = 128;
/// Widest head, of which a thread has a vector of four elements.
pub(crate) const WIDEST: usize = 4 * SPAN;
/// Most query heads of a workgroup. Each takes 580 bytes of its memory, beside 8 KiB, and WebGPU promises 16.
const MOST_HEADS: usize = 13;
/// Vectors that a thread loads before it waits for them.
const TOGETHER: usize = 8;
/// Parts of a span whose scores are compared, and whose weights are added, at the same time.
const LANES: usize = 16;
/// Query heads whose sums meet in shared memory at a time.
const MEETING: usize = 4;
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
        let together = [TOGETHER, 4, 1].into_iter().find(|n| vectors.is_multiple_of(*n)).unwrap_or(1);
        let capped = cap.map_or(String::new(), |cap| {
            let cap = f32::from_bits(cap);
            format!("    s = {cap:?}f * tanh(clamp(s / {cap:?}f, -15.0f, 15.0f));\n")
        });
        format!(
            "@group(0) @binding(0) var<storage, {READ}> query: array<vec4<f32>>;
@group(0) @binding(1) var<storage, {READ}> keys: array<vec4<f32>>;
@group(0) @binding(2) var<storage, {READ}> values: array<vec4<f32>>;
@group(0) @binding(3) var<storage, {READ}> step: array<u32>;
@group(0) @binding(4) var<storage, read_write> parts: array<vec4<f32>>;
const SPAN = {SPAN}u;\nconst GROUP = {group}u;\nconst VECTORS = {vectors}u;\nconst SLICES = {slices}u;\nconst LANES = {LANES}u;
const RUN = SPAN / LANES;
// Scores, then weights; of each lane the highest score, then the sum of weights.
var<workgroup> weights: array<f32, {scores}>;
var<workgroup> of_lanes: array<f32, {lanes}>;
var<workgroup> highest: array<f32, {group}>;
var<workgroup> sums: array<vec4<f32>, {meeting}>;
@compute @workgroup_size({SPAN})
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(local_invocation_index) unit: u32) {{
  let head = at.y;
{start}  let first = max(at.x * SPAN, start);
  let last = min(at.x * SPAN + SPAN, step[1] + 1u);
  if first >= last {{ return; }}
  let cached = head / {splits}u * step[2];
  let seen = first + unit < last;
  let position = min(first + unit, last - 1u);
{declare_scores}  for (var i = 0u; i < VECTORS; i += {together}u) {{
{load_keys}{score}  }}
{keep_scores}  workgroupBarrier();
  for (var lane = unit; lane < GROUP * LANES; lane += SPAN) {{
    var most = weights[lane * RUN];
    for (var i = 1u; i < RUN; i++) {{ most = max(most, weights[lane * RUN + i]); }}
    of_lanes[lane] = most;
  }}
  workgroupBarrier();
  if unit < GROUP {{
    var most = of_lanes[unit * LANES];
    for (var i = 1u; i < LANES; i++) {{ most = max(most, of_lanes[unit * LANES + i]); }}
    highest[unit] = most;
  }}
  workgroupBarrier();
{weigh}  workgroupBarrier();
  for (var lane = unit; lane < GROUP * LANES; lane += SPAN) {{
    var total = weights[lane * RUN];
    for (var i = 1u; i < RUN; i++) {{ total += weights[lane * RUN + i]; }}
    of_lanes[lane] = total;
  }}
  // A thread adds up one vector of the values of every so many positions.
  let vector = unit % VECTORS;
  let slice = unit / VECTORS;
{declare_sums}  if slice < SLICES {{
    for (var p = first + slice; p < last; p += {TOGETHER}u * SLICES) {{
{load_values}{add}    }}
  }}
  let part = (at.x * {heads}u + head) * {part}u;
{meet}}}\n",
            slices = SPAN / vectors,
            scores = group * SPAN,
            lanes = group * LANES,
            meeting = group.min(MEETING) * SPAN,
            start = self.0.start(),
            declare_scores = each(group, &|g| format!("  var score{g} = 0.0f;\n")),
            load_keys = each(together, &|i| {
                format!("    let key{i} = keys[(cached + position) * VECTORS + i + {i}u];\n")
            }),
            score = each(group, &|g| {
                each(together, &|i| {
                    format!(
                        "    score{g} += dot(key{i}, query[(head * GROUP + {g}u) * VECTORS + i + {i}u]);\n"
                    )
                })
            }),
            keep_scores = each(group, &|g| {
                format!(
                    "  {{\n    var s = score{g} * {scale:?}f;\n{capped}    score{g} = select({LOWEST}, s, seen);
    weights[{g}u * SPAN + unit] = score{g};\n  }}\n",
                    scale = f32::from_bits(*scale),
                )
            }),
            weigh = each(group, &|g| {
                format!("  weights[{g}u * SPAN + unit] = select(0.0f, exp(score{g} - highest[{g}]), seen);\n")
            }),
            declare_sums = each(group, &|g| format!("  var sum{g} = vec4<f32>();\n")),
            // Behind the last position, the last one's values count for nothing.
            load_values = each(TOGETHER, &|i| {
                format!(
                    "      let p{i} = min(p + {i}u * SLICES, last - 1u);
      let value{i} = values[(cached + p{i}) * VECTORS + vector] * f32(p + {i}u * SLICES < last);\n"
                )
            }),
            add = each(TOGETHER, &|i| {
                each(group, &|g| format!("      sum{g} += weights[{g}u * SPAN + p{i} - first] * value{i};\n"))
            }),
            part = self.0.part() / splits / 4,
            meet = (0..group).step_by(MEETING).map(|first| meet(first, MEETING.min(group - first))).collect::<String>(),
        )
    }
}

/// Adds up the slices of so many query heads, the first of them `first`, and writes their part of the result.
fn meet(first: usize, heads: usize) -> String {
    let before = if first > 0 { "  workgroupBarrier();\n" } else { "" };
    let put = each(heads, &|g| format!("  sums[{g}u * SPAN + unit] = sum{};\n", first + g));
    format!(
        "{before}{put}  workgroupBarrier();
  for (var i = unit; i < {heads}u * VECTORS; i += SPAN) {{
    let place = i / VECTORS * SPAN + i % VECTORS;
    var all = sums[place];
    for (var s = 1u; s < SLICES; s++) {{ all += sums[place + s * VECTORS]; }}
    parts[part + ({first}u + i / VECTORS) * (VECTORS + 1u) + i % VECTORS] = all;
  }}
  if unit < {heads}u {{
    let g = {first}u + unit;
    var total = of_lanes[g * LANES];
    for (var i = 1u; i < LANES; i++) {{ total += of_lanes[g * LANES + i]; }}
    parts[part + g * (VECTORS + 1u) + VECTORS] = vec4<f32>(highest[g], total, 0.0f, 0.0f);
  }}\n"
    )
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
