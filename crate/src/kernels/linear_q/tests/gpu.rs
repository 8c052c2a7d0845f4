//! The same weights on a native GPU, or its emulation, where the machine has one.

use burn::tensor::{DType, Int};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use super::{super::dense::Width, *};
use crate::kernels::{
    cpu::gemm_f32::{PANEL, panels_len},
    cube::{
        product::{After, Weight, product_in},
        tile::Tile,
    },
    testing::native_gpu,
};

/// Products and rows on the GPU within rounding of f32: nothing is quantised there but the weight.
#[test]
fn the_gpu_multiplies_in_f32() {
    let Some(gpu) = native_gpu() else { return };
    let dense = [[5, 33], [9, 400], [1, 64], [16, 1]]
        .into_iter()
        .flat_map(|shape| DENSE.map(|dtype| (9, Stored::dense(9, dtype, shape))));
    for (seed, stored) in stored_blocks().chain(dense) {
        let weight = PackedWeight::pack(stored.rows(), &gpu).unwrap();
        let magnitudes: Vec<f32> = stored.values().iter().map(|v| v.abs()).collect();
        let magnitudes = Tensor::<2>::from_data(TensorData::new(magnitudes, stored.shape), &Device::flex());
        for rows in [1, 2, 5, 17] {
            let x: Tensor<2> = random_tensor(seed + 1000, [rows, stored.shape[1]]);
            let expected = stored.reference(x.clone());
            let sizes = values(x.clone().abs().matmul(magnitudes.clone().transpose()));
            let found = values(linear_q(x.to_device(&gpu), &weight));
            assert_eq!(found.len(), expected.len());
            for (i, ((f, e), size)) in found.iter().zip(&expected).zip(sizes).enumerate() {
                let at = format!("{} {:?}, {rows} rows, element {i}", stored.dtype, stored.shape);
                assert!((f - e).abs() <= 2e-6 * size + 1e-9, "{at}: found {f}, expected {e}");
            }
        }
    }
}

#[test]
fn the_gpu_reads_rows() {
    let Some(gpu) = native_gpu() else { return };
    let dense = DENSE.into_iter().map(|dtype| (0, Stored::dense(5, dtype, [19, 7])));
    for (_, stored) in stored_blocks().chain(dense) {
        let [out, columns] = stored.shape;
        let ids: Vec<u32> = (0..out as u32).rev().chain([0]).collect();
        let all = stored.values();
        let expected: Vec<f32> =
            ids.iter().flat_map(|id| all[*id as usize * columns..][..columns].to_vec()).collect();
        let weight = PackedWeight::pack(stored.rows(), &gpu).unwrap();
        assert_close(&values(rows_q(&ids, &weight)), &expected, 1e-6);
        // There is no row 1000; whatever is read, it is read within the buffers.
        assert_eq!(values(rows_q(&[1000], &weight)).len(), columns);
    }
}

/// A view of a larger tensor, and a weight in pieces.
#[test]
fn the_gpu_reads_views_and_pieces() {
    let Some(gpu) = native_gpu() else { return };
    let x: Tensor<2> = random_tensor(1, [9, 600]);
    let view = |x: Tensor<2>| x.slice([2..7, 40..552]);
    for kind in BLOCKS {
        let stored = Stored::blocks(2, kind, [37, 512]);
        let expected = stored.reference(view(x.clone()));
        let weight = PackedWeight::pack_pieces(&mut stored.rows(), 1, &gpu).unwrap();
        assert!(weight.pieces.len() > 1);
        assert_close(&values(linear_q(view(x.clone().to_device(&gpu)), &weight)), &expected, 2e-3);
    }
}

/// The words of a tensor on the GPU.
fn words(words: Vec<i32>, gpu: &Device) -> CubeTensor {
    let data = TensorData::new(words.clone(), [words.len()]);
    Tensor::<1, Int>::from_data(data, (gpu, DType::I32)).try_into_primitive::<CubeBackend>().unwrap()
}

pub(super) fn on_gpu<const D: usize>(tensor: Tensor<D>, gpu: &Device) -> CubeTensor {
    tensor.to_device(gpu).try_into_primitive::<CubeBackend>().unwrap()
}

/// A weight as the GPU has it.
pub(super) fn weight_on_gpu(stored: &Stored, gpu: &Device) -> Weight {
    let [out, columns] = stored.shape;
    if let Some(blocks) = BlockFormat::of(stored.dtype) {
        let mut packer = Packer::in_order(blocks, columns, Order::Quarters).unwrap();
        let apart = packer.pack_apart(&mut stored.rows(), out).unwrap();
        let parts = [words(apart.planes, gpu), words(apart.scales, gpu)];
        return Weight::Quants(parts, Format::of(&blocks));
    }
    let width = Width::of(stored.dtype).unwrap();
    let mut panels = vec![0; panels_len(columns, out) * width.bytes()];
    for (i, element) in stored.bytes.chunks_exact(width.bytes()).enumerate() {
        let (row, column) = (i / columns, i % columns);
        let at = (row / PANEL * columns + column) * PANEL + row % PANEL;
        panels[at * width.bytes()..][..width.bytes()].copy_from_slice(element);
    }
    Weight::Panels(words(bytemuck::pod_collect_to_vec(&panels), gpu), width)
}

#[test]
fn every_tile_reads_every_kind_of_weight() {
    let Some(gpu) = native_gpu() else { return };
    let blocks = (0..).zip(BLOCKS).map(|(seed, kind)| Stored::blocks(seed, kind, [133, 512]));
    let dense = [[131, 33], [67, 64]].into_iter().flat_map(|shape| DENSE.map(|d| Stored::dense(9, d, shape)));
    for stored in blocks.chain(dense) {
        let [out, columns] = stored.shape;
        let x: Tensor<2> = random_tensor(100, [35, columns]);
        let expected = stored.reference(x.clone());
        let most = expected.iter().fold(0.0f32, |most, y| most.max(y.abs()));
        for tile in Tile::ALL {
            let (x, weight) = (on_gpu(x.clone(), &gpu), weight_on_gpu(&stored, &gpu));
            let y = product_in(tile, x, weight, After::NOTHING, out);
            let y = values(Tensor::<2>::from_primitive::<CubeBackend>(y));
            assert_close(&y, &expected, 2e-6 * most);
        }
    }
}
