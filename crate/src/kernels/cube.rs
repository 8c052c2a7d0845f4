//! Kernels that CubeCL compiles for the GPU: WGSL in a browser.
//!
//! Sizes are arguments, not constants, so that a model needs one pipeline for each kind of weight and not one for each
//! shape. No kernel uses subgroups: many browsers have them, but the device that is opened here does not ask for them,
//! and a shader that enables them all the same fails without a word.

mod activation;
mod attention_cached_f32;
mod attention_f32;
mod attention_prompt_f32;
mod biased_f32;
mod decoder;
mod dense;
mod encoder;
mod flash_f32;
mod gated_f32;
mod layer_norm_f32;
mod linear;
mod linear_q;
mod matrix;
mod pool_f32;
pub(super) mod product;
mod quants;
mod rms_norm_f32;
mod rope_f32;
mod rows_q;
mod sum;
pub(super) mod tile;

use burn::{
    backend::ops::IntTensorOps,
    tensor::{DType, Shape, TensorData},
};
use burn_cubecl::{
    CubeBackend, cubecl, cubecl::prelude::*, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor,
};

use super::linear_q::{
    DenseWidth,
    flex::{DenseOps, PackedOps},
    layout::{Format, TILE},
};

/// Most workgroups in one dimension of a dispatch; WebGPU promises 65,535.
pub(super) const MOST_CUBES: usize = 32_768;

impl PackedOps for CubeBackend {
    fn linear_q(
        x: CubeTensor,
        planes: CubeTensor,
        scales: CubeTensor,
        format: Format,
        out: usize,
    ) -> CubeTensor {
        linear_q::linear_q(x, [planes, scales], format, out)
    }

    fn linear_q_add(
        x: CubeTensor,
        planes: CubeTensor,
        scales: CubeTensor,
        residual: CubeTensor,
        format: Format,
    ) -> CubeTensor {
        linear_q::linear_q_add(x, [planes, scales], residual, format)
    }

    fn rows_q(
        ids: Vec<u32>,
        planes: CubeTensor,
        scales: CubeTensor,
        format: Format,
        width: usize,
    ) -> CubeTensor {
        let words = width / format.record_columns() * format.record_words();
        let rows = scales.meta.num_elements() / words * TILE;
        let ids = upload(ids, rows, &planes);
        rows_q::rows_q(ids, [planes, scales], format, width)
    }
}

impl DenseOps for CubeBackend {
    fn linear_dense(x: CubeTensor, panels: CubeTensor, width: DenseWidth, out: usize) -> CubeTensor {
        dense::linear(x, panels, width, out)
    }

    fn rows_dense(ids: Vec<u32>, panels: CubeTensor, width: DenseWidth, columns: usize) -> CubeTensor {
        let rows = panels.meta.num_elements() * 4 / (columns * width.bytes());
        let ids = upload(ids, rows, &panels);
        dense::rows(ids, panels, width, columns)
    }
}

/// Row numbers on the device of `like`. Numbers that are too great become the last of `rows`: a kernel must not read
/// past the end.
fn upload(ids: Vec<u32>, rows: usize, like: &CubeTensor) -> CubeTensor {
    let last = rows.saturating_sub(1) as u32;
    let shape = [ids.len()];
    let ids: Vec<i32> = ids.into_iter().map(|id| id.min(last).cast_signed()).collect();
    CubeBackend::int_from_data(TensorData::new(ids, shape), &like.device)
}

/// A dispatch of at least `cubes` workgroups in x and y, for each of `layers` in z.
fn dispatch(cubes: usize, layers: usize) -> CubeCount {
    let x = cubes.clamp(1, MOST_CUBES);
    CubeCount::Static(x as u32, cubes.div_ceil(x) as u32, layers as u32)
}

/// The number of a workgroup of [`dispatch`] among those of its layer.
#[cube]
fn position() -> usize {
    (CUBE_POS_Y * CUBE_COUNT_X + CUBE_POS_X) as usize
}

/// The first two sizes of a tensor.
fn dims(tensor: &CubeTensor) -> [usize; 2] {
    let shape = tensor.meta.shape();
    [shape[0], shape[1]]
}

/// A contiguous f32 tensor on the device of `like`, with nothing written to it.
fn empty_like(like: &CubeTensor, shape: [usize; 2]) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), Shape::new(shape), DType::F32)
}
