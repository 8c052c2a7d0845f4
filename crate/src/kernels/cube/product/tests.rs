use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use super::{super::tile::Tile, After, Weight, product_in};
use crate::{
    formats::{Dtype, blocks::BlockFormat},
    kernels::{
        activation::{Activation, activate},
        linear_q::layout::{BLOCK, Format, TILE},
        testing::{assert_close, native_gpu, random_tensor, values},
        wgsl::linear_rows_q::{Rows, linear_rows_in},
    },
};

const ALL: [Activation; 4] = [Activation::Identity, Activation::Gelu, Activation::GeluTanh, Activation::Relu];
/// Rows, columns and outputs: of one tile and more, of whole blocks of columns and of others.
const SHAPES: [[usize; 3]; 7] =
    [[1, 1, 1], [3, 32, 5], [33, 96, 64], [70, 33, 31], [129, 64, 130], [131, 4, 3], [17, 160, 300]];

fn on<const D: usize>(gpu: &Device, tensor: &Tensor<D>) -> CubeTensor {
    tensor.clone().to_device(gpu).try_into_primitive::<CubeBackend>().unwrap()
}

fn found(product: CubeTensor) -> Vec<f32> {
    values(Tensor::<2>::from_primitive::<CubeBackend>(product))
}

#[test]
fn products_in_every_tile_match_their_reference() {
    let Some(gpu) = native_gpu() else { return };
    for (seed, [rows, columns, outputs]) in (1..).zip(SHAPES) {
        let x: Tensor<2> = random_tensor(seed, [rows, columns]);
        let w: Tensor<2> = random_tensor(seed + 10, [outputs, columns]);
        let expected = values(x.clone().matmul(w.clone().transpose()));
        for tile in Tile::ALL {
            let found =
                found(product_in(tile, on(&gpu, &x), Weight::Rows(on(&gpu, &w)), After::NOTHING, outputs));
            assert_close(&found, &expected, 2e-5);
        }
    }
}

#[test]
fn what_follows_a_product_matches_its_reference() {
    let Some(gpu) = native_gpu() else { return };
    let [rows, columns, outputs] = [35, 64, 37];
    let x = random_tensor::<2>(1, [rows, columns]) * 2.0;
    let w: Tensor<2> = random_tensor(2, [outputs, columns]);
    let bias: Tensor<1> = random_tensor(3, [outputs]);
    let residual: Tensor<2> = random_tensor(4, [rows, outputs]);
    let product = x.clone().matmul(w.clone().transpose());
    for (then, (with_bias, with_residual)) in
        ALL.into_iter().flat_map(|then| [(true, false), (false, true), (true, true)].map(|with| (then, with)))
    {
        let y = if with_bias { product.clone() + bias.clone().unsqueeze() } else { product.clone() };
        let y = activate(y, then);
        let expected = values(if with_residual { y + residual.clone() } else { y });
        let after = After {
            bias: with_bias.then(|| on(&gpu, &bias)),
            then,
            residual: with_residual.then(|| on(&gpu, &residual)),
        };
        let [.., smallest] = Tile::ALL;
        let y = product_in(smallest, on(&gpu, &x), Weight::Rows(on(&gpu, &w)), after, outputs);
        assert_close(&found(y), &expected, 3e-5);
    }
}

#[test]
fn what_a_workgroup_has_fits_webgpu() {
    for tile in Tile::ALL {
        assert!(2 * tile.staged() * 16 <= 16_384, "{tile:?}");
        assert!(tile.threads() <= 256, "{tile:?}");
        assert_eq!(tile.items() * tile.threads(), tile.side() * 4, "{tile:?}");
    }
}

#[test]
fn the_tile_is_the_largest_of_which_there_are_many() {
    let [large, middle, small] = Tile::ALL;
    assert_eq!(Tile::fitting(2048, 1024), large);
    assert_eq!(Tile::fitting(2048, 256), middle);
    assert_eq!(Tile::fitting(128, 576), small);
    assert_eq!(Tile::fitting(9, 1), small);
}

/// A weight of any quants.
fn quants(gpu: &Device, format: Format, [outputs, columns]: [usize; 2]) -> [CubeTensor; 2] {
    let tiles = outputs.div_ceil(TILE);
    let words = [
        columns / BLOCK * format.block_bytes() / 4,
        columns / format.record_columns() * format.record_words(),
    ];
    words.map(|count| {
        let words: Vec<i32> = (0..(count * tiles) as i32).map(|i| i.wrapping_mul(0x2545_f491)).collect();
        let data = TensorData::new(words, [count * tiles]);
        Tensor::<1, Int>::from_data(data, (gpu, DType::I32)).try_into_primitive::<CubeBackend>().unwrap()
    })
}

/// Prints what every tile does in a second with a weight in f32, with quants, and with these in packed bytes, where
/// there is a GPU to measure: `-- --ignored --nocapture every_tile_is`.
#[test]
#[ignore = "it measures"]
fn every_tile_is_timed() {
    let Some(gpu) = native_gpu() else { return };
    let sizes = [[32, 1536, 576], [128, 576, 1536], [128, 1536, 576], [512, 2048, 2048], [1024, 384, 1152]];
    let format = Format::of(&BlockFormat::of(Dtype::Q4_0).unwrap());
    for [rows, columns, outputs] in sizes.into_iter().chain([[1024, 1536, 384], [4096, 4096, 4096]]) {
        let x = on(&gpu, &random_tensor::<2>(1, [rows, columns]));
        let w = on(&gpu, &random_tensor::<2>(2, [outputs, columns]));
        let q = quants(&gpu, format, [outputs, columns]);
        for tile in Tile::ALL {
            let dense = || product_in(tile, x.clone(), Weight::Rows(w.clone()), After::NOTHING, outputs);
            let decoded =
                || product_in(tile, x.clone(), Weight::Quants(q.clone(), format), After::NOTHING, outputs);
            let packed = || linear_rows_in(tile, Rows::These(x.clone()), q.clone(), None, format, outputs);
            let ways: [(&str, &dyn Fn() -> CubeTensor); 3] =
                [("f32", &dense), ("decoded", &decoded), ("packed", &packed)];
            for (way, product) in ways {
                let each = seconds_of(product);
                let rate = 2.0 * (rows * columns * outputs) as f64 / each / 1e12;
                let side = tile.side();
                println!(
                    "{rows} x {columns} x {outputs}, tiles of {side}, {way}: {:.1} us, {rate:.3} TFLOP/s",
                    each * 1e6
                );
            }
        }
    }
}

fn seconds_of(product: &dyn Fn() -> CubeTensor) -> f64 {
    // Reading an element waits for all that was queued before.
    let wait = |y| values(Tensor::<2>::from_primitive::<CubeBackend>(y).slice([0..1, 0..1]));
    wait(product());
    let seconds = |runs: usize| {
        let start = std::time::Instant::now();
        (1..runs).for_each(|_| drop(product()));
        wait(product());
        start.elapsed().as_secs_f64()
    };
    // On a processor that plays a GPU a few are enough.
    let many: usize = if seconds(2) < 0.02 { 100 } else { 2 };
    (seconds(many + many.div_ceil(10)) - seconds(many.div_ceil(10))) / many as f64
}
