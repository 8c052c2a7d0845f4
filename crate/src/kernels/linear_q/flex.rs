//! The backend extension of quantised weights, and its CPU kernels.

use burn::{
    backend::{
        Backend, Flex, backend_extension,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::TensorData,
};
use burn_flex::FlexTensor;

use super::{
    dense::Width,
    layout::{Format, PAIR, TILE},
};
use crate::kernels::cpu::{
    linear_dense, linear_q,
    rows::{Rows, RowsMut},
};

/// The operations on weights in the layout of [`super::layout`]. `planes` are the records where they have everything.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"))]
pub(crate) trait PackedOps: Backend {
    /// `x: [rows, in]` → `[rows, out]`.
    fn linear_q(
        x: FloatTensor<Self>,
        planes: IntTensor<Self>,
        scales: FloatTensor<Self>,
        groups: IntTensor<Self>,
        format: Format,
        out: usize,
    ) -> FloatTensor<Self>;

    /// The rows `ids`, dequantised: `[ids, width]`. The row of an id that there is not is unspecified.
    fn rows_q(
        ids: Vec<u32>,
        planes: IntTensor<Self>,
        scales: FloatTensor<Self>,
        groups: IntTensor<Self>,
        format: Format,
        width: usize,
    ) -> FloatTensor<Self>;
}

/// The operations on weights that are not quantised, in panels of their own width.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"))]
pub(crate) trait DenseOps: Backend {
    /// `x: [rows, in]` → `[rows, out]`.
    fn linear_dense(
        x: FloatTensor<Self>,
        panels: IntTensor<Self>,
        width: Width,
        out: usize,
    ) -> FloatTensor<Self>;

    /// The rows `ids` as f32: `[ids, columns]`. The row of an id that there is not is unspecified.
    fn rows_dense(ids: Vec<u32>, panels: IntTensor<Self>, width: Width, columns: usize) -> FloatTensor<Self>;
}

/// The elements of a contiguous tensor.
fn values<T: bytemuck::Pod + burn::tensor::Element>(tensor: &FlexTensor) -> &[T] {
    let layout = tensor.layout();
    &tensor.storage::<T>()[layout.start_offset()..][..layout.num_elements()]
}

fn dims(x: &FlexTensor) -> [usize; 2] {
    [x.layout().shape()[0], x.layout().shape()[1]]
}

impl PackedOps for Flex {
    fn linear_q(
        x: FlexTensor,
        records: FlexTensor,
        _: FlexTensor,
        _: FlexTensor,
        format: Format,
        out: usize,
    ) -> FlexTensor {
        let (x, records) = (x.to_contiguous(), records.to_contiguous());
        let [rows, columns] = dims(&x);
        let records = bytemuck::cast_slice(values::<i32>(&records));
        let weight = linear_q::Weight { records, format, shape: [out, columns] };
        let mut y = vec![0.0; rows * out];
        linear_q::multiply(values(&x), &weight, &mut y);
        FlexTensor::from_data(TensorData::new(y, [rows, out]))
    }

    fn rows_q(
        ids: Vec<u32>,
        records: FlexTensor,
        _: FlexTensor,
        _: FlexTensor,
        format: Format,
        width: usize,
    ) -> FlexTensor {
        let records = records.to_contiguous();
        let records: &[u8] = bytemuck::cast_slice(values::<i32>(&records));
        let out = records.len() / format.pair_bytes(width) * PAIR * TILE;
        let weight = linear_q::Weight { records, format, shape: [out, width] };
        let mut y = vec![0.0; ids.len() * width];
        for (id, row) in ids.iter().zip(y.chunks_exact_mut(width)) {
            weight.dequantise(*id as usize, row);
        }
        FlexTensor::from_data(TensorData::new(y, [ids.len(), width]))
    }
}

impl DenseOps for Flex {
    fn linear_dense(x: FlexTensor, panels: FlexTensor, width: Width, out: usize) -> FlexTensor {
        let (x, panels) = (x.to_contiguous(), panels.to_contiguous());
        let [rows, columns] = dims(&x);
        let mut y = vec![0.0; rows * out];
        let a = Rows { data: values(&x), stride: columns };
        linear_dense::multiply(columns, a, values(&panels), width, &mut RowsMut::new(&mut y, out));
        FlexTensor::from_data(TensorData::new(y, [rows, out]))
    }

    fn rows_dense(ids: Vec<u32>, panels: FlexTensor, width: Width, columns: usize) -> FlexTensor {
        let panels = panels.to_contiguous();
        let mut y = vec![0.0; ids.len() * columns];
        for (id, row) in ids.iter().zip(y.chunks_exact_mut(columns)) {
            linear_dense::read_row(values(&panels), width, *id as usize, row);
        }
        FlexTensor::from_data(TensorData::new(y, [ids.len(), columns]))
    }
}
