// What the ceilings are measured with.

/** Threads of a workgroup. */
export const THREADS = 256;
/** Steps of a chain of products that is written out. */
const UNROLLED = 16;
/** Chains of four numbers for each thread, none of which waits for another. */
const CHAINS = 8;

/** Adds up the buffer, neighbouring threads reading neighbouring vectors. */
export const READ = `
@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let stride = groups.x * ${THREADS}u;
  let length = arrayLength(&source);
  var a = vec4<f32>(0);
  var b = a;
  var c = a;
  var d = a;
  var at = id.x;
  for (; at + 3u * stride < length; at += 4u * stride) {
    a += source[at];
    b += source[at + stride];
    c += source[at + 2u * stride];
    d += source[at + 3u * stride];
  }
  for (; at < length; at += stride) {
    a += source[at];
  }
  let sum = a + b + c + d;
  sums[id.x] = sum.x + sum.y + sum.z + sum.w;
}`;

/** Does nothing that takes time; the next one waits for it. */
export const NOTHING = `
@group(0) @binding(0) var<storage, read_write> counter: array<u32>;

@compute @workgroup_size(1)
fn main() {
  counter[0] += 1u;
}`;

/** The same without anything to wait for. */
export const NOTHING_ALONE = `
@group(0) @binding(0) var<storage, read> counter: array<u32>;
var<workgroup> seen: u32;

@compute @workgroup_size(1)
fn main() {
  seen = counter[0];
}`;

/** Products and sums of `type` for `rounds` rounds; `flopsOf` says how many. */
export function multiplyAdd(type, rounds) {
  const names = Array.from({ length: CHAINS }, (_, chain) => `s${chain}`);
  const each = (write) => names.map(write).join("\n  ");
  const steps = Array.from({ length: UNROLLED }, () => each((name) => `${name} = fma(${name}, x, y);`));
  return `${type === "f16" ? "enable f16;" : ""}
@group(0) @binding(0) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let x = vec4<${type}>(${type}(sums[0]));
  let y = vec4<${type}>(${type}(sums[1]));
  ${each((name, chain) => `var ${name} = vec4<${type}>(${type}(f32(id.x + ${chain}u) * 1e-6));`)}
  for (var round = 0u; round < ${rounds}u; round++) {
    ${steps.join("\n    ")}
  }
  let sum = ${names.join(" + ")};
  sums[2u + id.x] = f32(sum.x + sum.y + sum.z + sum.w);
}`;
}

/** Words of each side of the products of `packedDots`. */
const SIDE = 8;

/** Every product of eight words with eight others, of four bytes each, for `rounds` rounds; `packedFlopsOf` says how many. */
export function packedDots(rounds) {
  const side = Array.from({ length: SIDE }, (_, i) => i);
  const each = (write) => side.map(write).join("\n  ");
  const products = side.flatMap((i) => side.map((j) => `s${i}${j} += dot4I8Packed(a${i}, b${j});`));
  const step = [...products, ...side.map((i) => `a${i} += b${i};`)].join("\n    ");
  return `
@group(0) @binding(0) var<storage, read_write> sums: array<i32>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${each((i) => `var a${i} = id.x + ${i}u;`)}
  ${each((i) => `let b${i} = u32(sums[${i}]);`)}
  ${each((i) => side.map((j) => `var s${i}${j} = 0;`).join(" "))}
  for (var round = 0u; round < ${rounds * (UNROLLED / 4)}u; round++) {
    ${step}
  }
  sums[2u + id.x] = ${side.flatMap((i) => side.map((j) => `s${i}${j}`)).join(" + ")};
}`;
}

/** The floating-point operations of `threads` threads of it. */
export const flopsOf = (rounds, threads) => threads * rounds * UNROLLED * CHAINS * 4 * 2;

/** The products and sums of bytes in `threads` threads of the other. */
export const packedFlopsOf = (rounds, threads) => threads * rounds * (UNROLLED / 4) * SIDE * SIDE * 4 * 2;
