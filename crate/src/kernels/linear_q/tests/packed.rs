//! The same weights in products of packed bytes, beside the definition of their rounding.

use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use super::{
    gpu::{on_gpu, weight_on_gpu},
    *,
};
use crate::kernels::{
    cube::{product::Weight, tile::Tile},
    gated_f32::{Gate, gated_f32},
    rms_norm_f32::rms_norm_f32,
    testing::native_gpu,
    wgsl::linear_rows_q::{Rows, linear_rows_in},
};

/// Rows, outputs and blocks of the type: of one tile and more, and of whole tiles.
const SHAPES: [[usize; 3]; 4] = [[2, 1, 1], [35, 133, 2], [130, 70, 3], [64, 32, 1]];

fn multiply(tile: Tile, stored: &Stored, x: &Tensor<2>, residual: Option<&Tensor<2>>) -> Option<Vec<f32>> {
    multiply_rows(tile, stored, residual, |gpu| Rows::These(on_gpu(x.clone(), gpu)))
}

fn multiply_rows(
    tile: Tile,
    stored: &Stored,
    residual: Option<&Tensor<2>>,
    rows: impl FnOnce(&Device) -> Rows,
) -> Option<Vec<f32>> {
    let gpu = native_gpu()?;
    let Weight::Quants(parts, format) = weight_on_gpu(stored, &gpu) else { return None };
    let residual = residual.map(|residual| -> CubeTensor { on_gpu(residual.clone(), &gpu) });
    let y = linear_rows_in(tile, rows(&gpu), parts, residual, format, stored.shape[0]);
    Some(values(Tensor::<2>::from_primitive::<CubeBackend>(y)))
}

/// What is compared with a product: the product with the rounded rows, how large it can be, and how far rounding moves it.
struct Expected {
    sum: f64,
    size: f64,
    rounding: f64,
}

impl Expected {
    fn of(x: &[f32], w: &[f32]) -> Self {
        let mut expected = Self { sum: 0.0, size: 0.0, rounding: 0.0 };
        for (x, w) in x.chunks(BLOCK).zip(w.chunks(BLOCK)) {
            let (scale, x) = rounded(x);
            for (x, w) in x.into_iter().zip(w) {
                expected.sum += x * f64::from(*w);
                expected.size += (x * f64::from(*w)).abs();
                expected.rounding += f64::from(scale) / 2.0 * f64::from(w.abs());
            }
        }
        expected
    }
}

/// Rows whose blocks have a scale of a power of two and nothing between two quants, so that every way of dividing rounds
/// them alike.
fn unambiguous(seed: u64, shape: [usize; 2]) -> Tensor<2> {
    let mut x = random(seed, shape[0] * shape[1]);
    for (i, block) in x.chunks_exact_mut(BLOCK).enumerate() {
        block.iter_mut().for_each(|x| *x = (*x * 126.0).trunc() + *x * 0.4);
        block[i * 7 % BLOCK] = 127.0;
        block.iter_mut().for_each(|x| *x *= 2f32.powi(i as i32 % 5 - 8));
    }
    Tensor::from_data(TensorData::new(x, shape), &Device::flex())
}

fn all() -> impl Iterator<Item = (u64, Stored, usize)> {
    (0..).zip(BLOCKS).flat_map(|(i, kind)| {
        let unit = BlockFormat::of(kind.0).unwrap().elements;
        (10 * i..).zip(SHAPES).map(move |(seed, [rows, out, blocks])| {
            (seed, Stored::blocks(seed, kind, [out, blocks * unit]), rows)
        })
    })
}

#[test]
fn packed_products_are_those_of_the_rounded_rows() {
    for (seed, stored, rows) in all() {
        let [out, columns] = stored.shape;
        let (x, weights) = (unambiguous(seed, [rows, columns]), stored.values());
        let xs = values(x.clone());
        let expected: Vec<_> =
            xs.chunks(columns).flat_map(|x| weights.chunks(columns).map(|w| Expected::of(x, w))).collect();
        let mut first = None;
        for tile in Tile::ALL {
            let Some(found) = multiply(tile, &stored, &x, None) else { return };
            assert_eq!(found.len(), rows * out);
            for (i, (found, Expected { sum, size, .. })) in found.iter().zip(&expected).enumerate() {
                let at = format!("{} {:?}, {rows} rows, element {i}, {tile:?}", stored.dtype, stored.shape);
                let error = (f64::from(*found) - sum).abs();
                assert!(error <= 2e-6 * size + 1e-9, "{at}: {found}, expected {sum}");
            }
            assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{tile:?} gives other bits");
        }
    }
}

#[test]
fn packed_products_stay_near_those_of_f32() {
    let [.., tile] = Tile::ALL;
    for (seed, stored, rows) in all() {
        let x: Tensor<2> = random_tensor(seed, [rows, stored.shape[1]]);
        let Some(found) = multiply(tile, &stored, &x, None) else { return };
        assert_near(&found, x, &stored);
    }
}

/// Whether the products found are as near to those of `x` in f32 as rounding allows.
fn assert_near(found: &[f32], x: Tensor<2>, stored: &Stored) {
    let ([out, columns], weights) = (stored.shape, stored.values());
    let (xs, exact) = (values(x.clone()), stored.reference(x));
    assert_eq!(found.len(), exact.len());
    for (i, (found, exact)) in found.iter().zip(exact).enumerate() {
        let near =
            Expected::of(&xs[i / out * columns..][..columns], &weights[i % out * columns..][..columns]);
        let error = f64::from((found - exact).abs());
        let at = format!("{} {:?}, element {i}", stored.dtype, stored.shape);
        assert!(error <= 1.001 * near.rounding + 1e-5 * near.size, "{at}: {found}, far from {exact}");
    }
}

#[test]
fn rows_are_normalised_before_they_are_rounded() {
    let [.., tile] = Tile::ALL;
    for (seed, stored, rows) in all() {
        let columns = stored.shape[1];
        let x: Tensor<2> = random_tensor::<2>(seed, [rows, columns]) * 7.0;
        let gamma: Tensor<1> = random_tensor(seed + 5, [columns]);
        let normed = |gpu: &Device| Rows::Normed(on_gpu(x.clone(), gpu), on_gpu(gamma.clone(), gpu), 1e-2);
        let Some(found) = multiply_rows(tile, &stored, None, normed) else { return };
        assert_near(&found, rms_norm_f32(x, gamma, 1e-2), &stored);
    }
}

#[test]
fn rows_are_gated_before_they_are_rounded() {
    let [.., tile] = Tile::ALL;
    for (seed, stored, rows) in all() {
        let columns = stored.shape[1];
        for by in [Gate::Silu, Gate::GeluTanh] {
            let gate: Tensor<2> = random_tensor::<2>(seed, [rows, columns]) * 30.0;
            let up: Tensor<2> = random_tensor(seed + 5, [rows, columns]);
            let both = Tensor::cat(vec![gate.clone(), up.clone()], 1);
            let gated = |gpu: &Device| Rows::Gated(on_gpu(both, gpu), by);
            let Some(found) = multiply_rows(tile, &stored, None, gated) else { return };
            assert_near(&found, gated_f32(gate, up, by), &stored);
        }
    }
}

#[test]
fn a_residual_is_added_to_packed_products() {
    for (seed, stored, rows) in all() {
        let [out, columns] = stored.shape;
        let (x, residual): (Tensor<2>, _) =
            (random_tensor(seed, [rows, columns]), random_tensor(seed, [rows, out]));
        for tile in Tile::ALL {
            let Some(product) = multiply(tile, &stored, &x, None) else { return };
            let found = multiply(tile, &stored, &x, Some(&residual)).unwrap_or_default();
            let expected: Vec<f32> =
                product.iter().zip(values(residual.clone())).map(|(y, r)| y + r).collect();
            assert_close(&found, &expected, 1e-6);
        }
    }
}

/// The CPU rounds rows alike, so that the two differ by less than either does from f32.
#[test]
fn packed_products_are_the_cpus() {
    let [.., tile] = Tile::ALL;
    for (seed, stored, rows) in all() {
        let x: Tensor<2> = random_tensor(seed, [rows, stored.shape[1]]);
        let cpu = values(linear_q(x.clone(), &stored.pack()));
        let exact = stored.reference(x.clone());
        let Some(gpu) = multiply(tile, &stored, &x, None) else { return };
        let between =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
        let (apart, rounding) = (between(&gpu, &cpu), between(&cpu, &exact));
        println!(
            "{} {:?}: {apart:.2e} from the CPU, which is {rounding:.2e} from f32",
            stored.dtype, stored.shape
        );
        assert!(apart <= 0.1 * rounding, "{} {:?}: {apart}, {rounding}", stored.dtype, stored.shape);
    }
}
