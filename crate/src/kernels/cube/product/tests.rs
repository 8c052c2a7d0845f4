use burn::tensor::{Device, Tensor};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use super::{super::tile::Tile, After, Weight, product_in};
use crate::kernels::{
    activation::{Activation, activate},
    testing::{assert_close, native_gpu, random_tensor, values},
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
