//! A linear layer for one token, with what comes before and after it.

use super::{
    gated_f32::gated,
    program::{Program, READ},
    quants, step,
    sum::{add_up, arguments, preamble},
};
use crate::kernels::{gated_f32::Gate, linear_q::layout::Format, rope_f32::Pairs};

/// `then(W · norm(x) + bias)`, with a packed weight `W: [rows, columns]`.
///
/// A workgroup multiplies a tile of four rows, or two tiles where what follows needs both, or four tiles where there are
/// very many. Its threads have a quarter of a block at a time, of which they load the words of all four rows together.
/// The norm is a factor of the whole sum (Zhang and Sennrich, arXiv:1910.07467), and found in the same pass.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LinearStep {
    pub(crate) format: Format,
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    /// The bits of epsilon, where `x` is normalised.
    pub(crate) norm: Option<u32>,
    pub(crate) bias: bool,
    pub(crate) then: Then,
    pub(crate) subgroups: bool,
}

/// Tiles of a workgroup where there are very many: the activations are read and normalised for all of them.
const WIDE: usize = 4;
/// Workgroups that keep a large GPU busy.
const MANY: usize = 1024;
/// Threads of a workgroup of so many tiles, and quarters of blocks that one has at a time.
const WIDE_DIVISION: (usize, usize) = (64, 2);

/// What becomes of the sums.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Then {
    /// They are the elements of the output from this one on, and biased by those of as many outputs.
    Store(usize),
    /// A residual is added.
    Add,
    /// The first half of the rows gates the second.
    Gate(Gate),
    /// They are queries, keys and values; the latter two go to the cache.
    Remember(Heads),
}

/// Heads of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Heads {
    /// Query heads and key-value heads.
    pub(crate) query: usize,
    pub(crate) cached: usize,
    /// Elements of each, all of which turn; a multiple of eight where a [`LinearStep`] turns them.
    pub(crate) width: usize,
    pub(crate) pairs: Pairs,
    /// Where their angles begin in the buffer of the step.
    pub(crate) angles: usize,
}

impl LinearStep {
    /// Whether there are constants to bind: the norm's weight, then the bias.
    pub(super) fn has_constants(&self) -> bool {
        self.norm.is_some() || self.bias
    }

    fn tiles(&self) -> usize {
        self.rows.div_ceil(4)
    }

    /// Tiles of a workgroup.
    fn each(&self) -> usize {
        let wide = self.tiles() >= WIDE * MANY && self.columns / 8 >= WIDE_DIVISION.0 * WIDE_DIVISION.1;
        match self.then {
            Then::Store(_) if wide => WIDE,
            Then::Gate(_) if wide && self.tiles().is_multiple_of(WIDE) => WIDE,
            Then::Store(_) | Then::Add => 1,
            Then::Gate(_) | Then::Remember(_) => 2,
        }
    }

    fn division(&self) -> Division {
        let items = self.columns / 8;
        if self.each() < WIDE {
            return Division::of(items);
        }
        let (threads, together) = WIDE_DIVISION;
        Division { items, threads, together }
    }

    /// How many workgroups do it.
    pub(super) fn workgroups(&self) -> usize {
        self.tiles().div_ceil(self.each())
    }

    fn buffers(&self) -> String {
        let mut next = 1;
        let mut buffers = format!("@group(0) @binding(0) var<storage, {READ}> x: array<vec4<f32>>;\n");
        let mut add = |name: &str, access: &str, of: &str, next: &mut usize| {
            buffers += &format!("@group(0) @binding({next}) var<storage, {access}> {name}: array<{of}>;\n");
            *next += 1;
        };
        if self.has_constants() {
            add("constants", READ, "vec4<f32>", &mut next);
        }
        let weight = quants::buffers(self.format, next, READ);
        next += 2;
        let last: &[(&str, &str, &str)] = match self.then {
            Then::Store(_) | Then::Gate(_) => &[("out", "read_write", "f32")],
            Then::Add => &[("residual", READ, "f32"), ("out", "read_write", "f32")],
            Then::Remember(_) => &[
                ("step", READ, "u32"),
                ("query", "read_write", "f32"),
                ("keys", "read_write", "f32"),
                ("values", "read_write", "f32"),
            ],
        };
        for (name, access, of) in last {
            add(name, access, of, &mut next);
        }
        buffers + &weight
    }

    /// Which tiles the workgroup `place` multiplies.
    fn places(&self) -> String {
        let each = self.each();
        match &self.then {
            // Behind the last tile that one is computed once more.
            Then::Store(_) | Then::Add => (0..each)
                .map(|i| format!("  let tile{i} = min(place * {each}u + {i}u, {}u);\n", self.tiles() - 1))
                .collect(),
            Then::Gate(_) => (0..each / 2)
                .map(|i| {
                    let (gate, up) = (2 * i, 2 * i + 1);
                    format!(
                        "  let tile{gate} = place * {}u + {i}u;\n  let tile{up} = tile{gate} + {}u;\n",
                        each / 2,
                        self.tiles() / 2
                    )
                })
                .collect(),
            Then::Remember(heads) => {
                let half = heads.width / 8;
                format!(
                    "  let head = place / {half}u;\n  let part = place % {half}u;
  let tile0 = head * {}u + part;\n  let tile1 = tile0 + {half}u;\n",
                    2 * half
                )
            }
        }
    }

    /// What the first thread does with the sums.
    fn epilogue(&self) -> String {
        let rows = |statement: &dyn Fn(usize) -> String| (0..4).map(statement).collect::<String>();
        match &self.then {
            Then::Store(first) => (0..self.each())
                .map(|i| {
                    rows(&|r| {
                        format!(
                            "    if tile{i} * 4u + {r}u < ROWS {{ out[{first}u + tile{i} * 4u + {r}u] = sum{i}[{r}]; }}\n"
                        )
                    })
                })
                .collect(),
            Then::Add => rows(&|r| {
                let row = format!("tile0 * 4u + {r}u");
                format!("    if {row} < ROWS {{ out[{row}] = residual[{row}] + sum0[{r}]; }}\n")
            }),
            Then::Gate(by) => (0..self.each())
                .step_by(2)
                .map(|i| {
                    let [gate, up] = [i, i + 1].map(|i| format!("sum{i}"));
                    let gated = format!("    let y{i} = {};\n", gated(*by, &gate, &up, "vec4<f32>"));
                    gated + &rows(&|r| format!("    out[tile{i} * 4u + {r}u] = y{i}[{r}];\n"))
                })
                .collect(),
            Then::Remember(heads) => remember(heads),
        }
    }
}

fn remember(heads: &Heads) -> String {
    let Heads { query, cached, width, angles, .. } = heads;
    let (half, cos) = (width / 2, step::ANGLES + angles);
    let sin = cos + half;
    let angle = |name: &str, from: usize, at: &str| {
        format!("bitcast<f32>(step[{from}u + {at}])").replace("NAME", name)
    };
    let four = |from: usize| {
        let each: Vec<_> = (0..4).map(|r| angle("", from, &format!("part * 4u + {r}u"))).collect();
        format!("vec4<f32>({})", each.join(", "))
    };
    let turn = match heads.pairs {
        Pairs::Halves => format!(
            "      let cosine = {};\n      let sine = {};
      let a = sum0 * cosine - sum1 * sine;
      sum1 = sum0 * sine + sum1 * cosine;\n      sum0 = a;\n",
            four(cos),
            four(sin)
        ),
        Pairs::Adjacent => ["0", "1"]
            .iter()
            .map(|tile| {
                let at = |i: usize| format!("part * 2u + {}u", if *tile == "0" { i } else { half / 2 + i });
                let two = |from: usize| {
                    format!("vec2<f32>({}, {})", angle("", from, &at(0)), angle("", from, &at(1)))
                };
                format!(
                    "      let cosine{tile} = {};\n      let sine{tile} = {};
      let even{tile} = sum{tile}.xz * cosine{tile} - sum{tile}.yw * sine{tile};
      let odd{tile} = sum{tile}.xz * sine{tile} + sum{tile}.yw * cosine{tile};
      sum{tile} = vec4<f32>(even{tile}.x, odd{tile}.x, even{tile}.y, odd{tile}.y);\n",
                    two(cos),
                    two(sin)
                )
            })
            .collect(),
    };
    let store = |into: &str, at: &str| {
        (0..4)
            .map(|r| {
                format!(
                    "      {into}[{at} + part * 4u + {r}u] = sum0[{r}];\n      {into}[{at} + {half}u + part * 4u + {r}u] = sum1[{r}];\n"
                )
            })
            .collect::<String>()
    };
    let kept = |first: usize| format!("((head - {first}u) * step[2] + step[1]) * {width}u");
    format!(
        "    if head < {turning}u {{\n{turn}    }}
    if head < {query}u {{\n{queries}    }} else if head < {turning}u {{\n{keys}    }} else {{\n{values}    }}\n",
        turning = query + cached,
        queries = store("query", &format!("head * {width}u")),
        keys = store("keys", &kept(*query)),
        values = store("values", &kept(query + cached)),
    )
}

/// How the quarters of blocks of a row are divided among threads.
struct Division {
    /// Quarters of blocks.
    items: usize,
    threads: usize,
    /// Quarters that a thread has at a time: it loads all of them before it waits for any.
    together: usize,
}

impl Division {
    /// The one of the fewest rounds of loads, each of which has to wait, that leaves the fewest threads without work.
    fn of(items: usize) -> Self {
        let divisions =
            [128, 256, 64, 32].into_iter().flat_map(|threads| (1..=4).rev().map(move |n| (threads, n)));
        let rounds_and_slots = |(threads, together): &(usize, usize)| {
            let rounds = items.div_ceil(threads * together);
            (rounds, rounds * threads * together)
        };
        let (threads, together) = divisions.min_by_key(rounds_and_slots).unwrap_or((32, 1));
        Self { items, threads, together }
    }

    /// `body` for each of the quarters that a thread has at a time, with its `block`, its `quarter` and its activations,
    /// `low` and `high`; behind the last quarter they are zero.
    fn body(&self, body: &str) -> String {
        let Self { items, threads, together } = self;
        let whole = items.is_multiple_of(threads * together);
        let one = |i: usize| {
            let item = format!("first + {}u", i * threads);
            let (item, cut) = match whole {
                true => (item, String::new()),
                false => (
                    format!("min({item}, {}u)", items - 1),
                    format!(
                        "      let inside = f32({item} < {items}u);\n      low *= inside;\n      high *= inside;\n"
                    ),
                ),
            };
            format!(
                "    {{\n      let item = {item};\n      let block = item / 4u;\n      let quarter = item % 4u;
      var low = x[block * 8u + quarter];\n      var high = x[block * 8u + quarter + 4u];
{cut}{body}    }}\n"
            )
        };
        (0..*together).map(one).collect()
    }
}

impl Program for LinearStep {
    fn threads(&self) -> usize {
        self.division().threads
    }

    fn text(&self) -> String {
        let (division, tiles) = (self.division(), 0..self.each());
        let threads = division.threads;
        let names: Vec<_> = tiles.clone().map(|tile| format!("sum{tile}")).collect();
        let mut sums: Vec<_> = names.iter().map(|name| (name.as_str(), "vec4<f32>")).collect();
        if self.norm.is_some() {
            sums.push(("square", "f32"));
        }
        let (memory, add_up) = add_up(&sums, threads, self.subgroups);
        let norm = if self.norm.is_some() {
            "      square += dot(low, low) + dot(high, high);
      low *= constants[block * 8u + quarter];\n      high *= constants[block * 8u + quarter + 4u];\n"
        } else {
            ""
        };
        let each = |statement: &dyn Fn(usize) -> String| tiles.clone().map(statement).collect::<String>();
        let scale = self.norm.map_or(String::new(), |epsilon| {
            let factor = format!(
                "    let factor = inverseSqrt(square / {:?}f + {:?}f);\n",
                self.columns as f32,
                f32::from_bits(epsilon)
            );
            factor + &each(&|tile| format!("    sum{tile} *= factor;\n"))
        });
        let bias = if self.bias {
            let norm = if self.norm.is_some() { self.columns } else { 0 };
            let before = if let Then::Store(first) = self.then { first } else { 0 };
            let first = (norm + before) / 4;
            each(&|tile| format!("    sum{tile} += constants[{first}u + tile{tile}];\n"))
        } else {
            String::new()
        };
        format!(
            "{preamble}{buffers}const ROWS = {rows}u;\n{decoding}{memory}
@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, \
             @builtin(local_invocation_index) unit: u32{arguments}) {{
  let wanted = group.y * count.x + group.x;
  // A workgroup too many repeats the last one, and writes nothing: every thread has to reach the barriers.
  let place = min(wanted, {last}u);
{places}{declared}  for (var first = unit; first < {items}u; first += {stride}u) {{
{loop_body}  }}
{add_up}  if unit == 0u && wanted == place {{
{scale}{bias}{epilogue}  }}
}}\n",
            preamble = preamble(self.subgroups),
            buffers = self.buffers(),
            rows = self.rows,
            decoding = quants::decoding(self.format, self.columns),
            arguments = arguments(self.subgroups),
            last = self.workgroups() - 1,
            places = self.places(),
            declared = sums.iter().map(|(name, of)| format!("  var {name} = {of}();\n")).collect::<String>(),
            items = division.items,
            stride = division.threads * division.together,
            loop_body = division.body(&format!(
                "{norm}      let input = prepare(low, high);\n{}",
                each(&|tile| format!("      sum{tile} += products(tile{tile}, block, quarter, input);\n"))
            )),
            epilogue = self.epilogue(),
        )
    }
}
