//! Queries, keys and values that are computed already: they are normalised, turn, and the latter two go to the cache.

use super::{
    linear_step_q::Heads,
    program::{Program, READ},
    sum::add_up,
};
use crate::kernels::rope_f32::Pairs;

/// A workgroup has one head of one token; its threads have a pair of elements at a time. The first token is at the
/// position of the step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Remember {
    pub(crate) heads: Heads,
    /// Angles of a position, for all kinds of layers.
    pub(crate) angles: usize,
    /// The bits of epsilon, where queries and keys are normalised head by head.
    pub(crate) norm: Option<u32>,
}

impl Remember {
    /// Workgroups for each token.
    pub(super) fn heads(&self) -> usize {
        self.heads.query + 2 * self.heads.cached
    }
}

impl Program for Remember {
    fn threads(&self) -> usize {
        32
    }

    fn text(&self) -> String {
        let Heads { query, cached, width, pairs, angles } = &self.heads;
        let (threads, half, all) = (self.threads(), width / 2, self.heads() * width);
        let (memory, sum) = add_up(&[("square", "f32")], threads, false);
        // The two elements of a pair.
        let (first, second) = match pairs {
            Pairs::Halves => ("pair".to_owned(), format!("pair + {half}u")),
            Pairs::Adjacent => ("2u * pair".to_owned(), "2u * pair + 1u".to_owned()),
        };
        let each = |body: &str| {
            format!(
                "  for (var pair = unit; pair < {half}u; pair += {threads}u) {{
    let i = {first};\n    let j = {second};\n{body}  }}\n"
            )
        };
        let (gamma, norm) = match self.norm {
            None => (String::new(), String::new()),
            Some(epsilon) => {
                let squares =
                    each("    square += x[begin + i] * x[begin + i] + x[begin + j] * x[begin + j];\n");
                (
                    format!("@group(0) @binding(6) var<storage, {READ}> gamma: array<f32>;\n"),
                    format!(
                        "  var square = 0.0f;\n{squares}{sum}  let factor = inverseSqrt(square / {:?}f + {:?}f);\n",
                        *width as f32,
                        f32::from_bits(epsilon)
                    ),
                )
            }
        };
        // The norms' weights: the queries', then the keys'.
        let weigh = if self.norm.is_some() {
            format!(
                "      let weight = select({width}u, 0u, head < {query}u);
      a *= factor * gamma[weight + i];\n      b *= factor * gamma[weight + j];\n"
            )
        } else {
            String::new()
        };
        let body = each(&format!(
            "    var a = x[begin + i];\n    var b = x[begin + j];
    if head < {turning}u {{\n{weigh}      let at = (step[1] + token) * {row}u + {angles}u + pair;
      let cosine = angles[at];\n      let sine = angles[at + {half}u];
      let turned = a * cosine - b * sine;\n      b = a * sine + b * cosine;\n      a = turned;
    }}
    if head < {query}u {{
      let to = (token * {query}u + head) * {width}u;\n      query[to + i] = a;\n      query[to + j] = b;
    }} else if head < {turning}u {{
      let to = ((head - {query}u) * step[2] + step[1] + token) * {width}u;
      keys[to + i] = a;\n      keys[to + j] = b;
    }} else {{
      let to = ((head - {turning}u) * step[2] + step[1] + token) * {width}u;
      values[to + i] = a;\n      values[to + j] = b;
    }}\n",
            turning = query + cached,
            row = self.angles,
        ));
        format!(
            "@group(0) @binding(0) var<storage, {READ}> x: array<f32>;
@group(0) @binding(1) var<storage, {READ}> step: array<u32>;
@group(0) @binding(2) var<storage, {READ}> angles: array<f32>;
@group(0) @binding(3) var<storage, read_write> query: array<f32>;
@group(0) @binding(4) var<storage, read_write> keys: array<f32>;
@group(0) @binding(5) var<storage, read_write> values: array<f32>;
{gamma}{memory}
@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) unit: u32) {{
  let head = group.x;\n  let token = group.y;
  let begin = token * {all}u + head * {width}u;
{norm}{body}}}\n"
        )
    }
}
