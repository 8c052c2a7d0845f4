//! The backend extensions of packed weights, and their CPU kernels.

use burn::{
    backend::{
        Backend, Flex, backend_extension,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::TensorData,
};
use burn_flex::FlexTensor;

#[cfg(feature = "gpu")]
use super::layout::Format;
use super::{PackedWeight, Piece, dense::Width};
use crate::kernels::{
    cpu::{
        linear_dense,
        linear_q::Input,
        rows::{Rows, RowsMut},
    },
    flex::{contiguous, gate_by},
    gated_f32::Gate,
};

/// The operations on weights in records, which are no tensors: a step uses hundreds of them.
#[backend_extension(Flex)]
pub(crate) trait RecordOps: Backend {
    /// See [`super::linear_q`].
    fn linear_records(x: FloatTensor<Self>, weight: PackedWeight) -> FloatTensor<Self>;

    /// See [`super::linear_q_each`].
    fn linear_records_each(
        x: FloatTensor<Self>,
        a: PackedWeight,
        b: PackedWeight,
        c: PackedWeight,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// See [`super::gated_linear_q`].
    fn gated_linear_records(
        x: FloatTensor<Self>,
        gate: PackedWeight,
        up: PackedWeight,
        by: Gate,
    ) -> FloatTensor<Self>;
}

/// The operations on weights in the layout of [`super::layout`], its parts lying apart.
#[cfg(feature = "gpu")]
#[backend_extension(Cube)]
pub(crate) trait PackedOps: Backend {
    /// `x: [rows, in]` → `[rows, out]`.
    fn linear_q(
        x: FloatTensor<Self>,
        planes: IntTensor<Self>,
        scales: IntTensor<Self>,
        format: Format,
        out: usize,
    ) -> FloatTensor<Self>;

    /// The same, added to `residual: [rows, out]`.
    fn linear_q_add(
        x: FloatTensor<Self>,
        planes: IntTensor<Self>,
        scales: IntTensor<Self>,
        residual: FloatTensor<Self>,
        format: Format,
    ) -> FloatTensor<Self>;

    /// The rows `ids`, dequantised: `[ids, width]`. The row of an id that there is not is unspecified.
    fn rows_q(
        ids: Vec<u32>,
        planes: IntTensor<Self>,
        scales: IntTensor<Self>,
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

/// The products of `x: [rows, in]` with each of the weights: `[rows, out]`.
fn multiply<const N: usize>(x: FlexTensor, weights: [&PackedWeight; N]) -> ([Vec<f32>; N], usize) {
    let x = contiguous(x);
    let [rows, columns] = dims(&x);
    let mut input = Input::new(values(&x), columns);
    let products = weights.map(|weight| {
        let [out, _] = weight.shape;
        let mut y = vec![0.0; rows * out];
        multiply_into(&mut input, weight, &mut RowsMut::new(&mut y, out));
        y
    });
    (products, rows)
}

/// Writes the product with `weight` to `all`.
fn multiply_into(input: &mut Input, weight: &PackedWeight, all: &mut RowsMut) {
    let ([rows, _], [out, columns]) = (all.shape(), weight.shape);
    for (piece, first) in weight.pieces.iter().zip((0..out).step_by(weight.piece_rows)) {
        let Piece::Records(records) = piece else { continue };
        let last = out.min(first + weight.piece_rows);
        // SAFETY: it is the only part.
        let mut into = unsafe { all.part(0..rows, first..last) };
        records.multiply(input, columns, &mut into);
    }
}

fn matrix(y: Vec<f32>, rows: usize) -> FlexTensor {
    let columns = y.len() / rows.max(1);
    FlexTensor::from_data(TensorData::new(y, [rows, columns]))
}

impl RecordOps for Flex {
    fn linear_records(x: FlexTensor, weight: PackedWeight) -> FlexTensor {
        let ([y], rows) = multiply(x, [&weight]);
        matrix(y, rows)
    }

    fn linear_records_each(
        x: FlexTensor,
        a: PackedWeight,
        b: PackedWeight,
        c: PackedWeight,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let ([a, b, c], rows) = multiply(x, [&a, &b, &c]);
        (matrix(a, rows), matrix(b, rows), matrix(c, rows))
    }

    fn gated_linear_records(x: FlexTensor, gate: PackedWeight, up: PackedWeight, by: Gate) -> FlexTensor {
        let ([mut y, up], rows) = multiply(x, [&gate, &up]);
        gate_by(&mut y, &up, by);
        matrix(y, rows)
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
