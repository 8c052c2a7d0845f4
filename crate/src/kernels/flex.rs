//! The backend extension that brings the CPU kernels to Flex tensors.
//!
//! A Flex tensor is a view of a shared buffer: inputs are made contiguous first and read from their own offset.

use burn::{
    backend::{Backend, Flex, backend_extension, tensor::FloatTensor},
    tensor::TensorData,
};
use burn_flex::FlexTensor;

use super::{
    cpu::{
        attention_f32::{Head, Scratch, attend},
        gated_f32::gate,
        layer_norm_f32::normalise,
        math_f32::{gelu_tanh, silu},
        pool::split,
        rows::{RowsMut, split_rows},
    },
    gated_f32::Gate,
};

/// The operations, for the backends that have kernels of their own.
#[backend_extension(Flex)]
pub(crate) trait Ops: Backend {
    /// See [`super::layer_norm_f32::add_layer_norm_f32`].
    fn add_layer_norm_f32(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;

    /// See [`super::attention_f32::attention_f32`].
    fn attention_f32(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        heads: usize,
        tokens: usize,
        lengths: Vec<usize>,
    ) -> FloatTensor<Self>;
}

/// The elements of a contiguous tensor.
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    let layout = tensor.layout();
    &tensor.storage::<f32>()[layout.start_offset()..][..layout.num_elements()]
}

/// The same elements in row-major order; not copied where they are in that order already.
pub(super) fn contiguous(x: FlexTensor) -> FlexTensor {
    if x.is_contiguous() { x } else { x.to_contiguous() }
}

/// The elements of a contiguous tensor to be written; its buffer is copied if it has another owner.
pub(super) fn values_mut(tensor: &mut FlexTensor) -> &mut [f32] {
    let (start, count) = (tensor.layout().start_offset(), tensor.layout().num_elements());
    &mut tensor.storage_mut::<f32>()[start..][..count]
}

pub(super) fn dims(tensor: &FlexTensor) -> [usize; 2] {
    [tensor.layout().shape()[0], tensor.layout().shape()[1]]
}

/// What an element of an activation or a norm costs, in multiply-adds.
pub(super) const ELEMENT: usize = 40;

/// `gate = activation(gate) · up`
pub(super) fn gate_by(y: &mut [f32], up: &[f32], by: Gate) {
    split_rows(y, 1, y.len() * ELEMENT, |first, y| {
        let up = &up[first..][..y.len()];
        match by {
            Gate::Silu => gate(y, up, silu),
            Gate::GeluTanh => gate(y, up, gelu_tanh),
        }
    });
}

impl Ops for Flex {
    fn add_layer_norm_f32(
        x: FlexTensor,
        residual: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f32,
    ) -> FlexTensor {
        let (x, residual) = (x.to_contiguous(), residual.to_contiguous());
        let (gamma, beta) = (gamma.to_contiguous(), beta.to_contiguous());
        let [rows, width] = dims(&x);
        let mut y = vec![0.0; rows * width];
        split_rows(&mut y, width, rows * width * ELEMENT / 4, |first, y| {
            let from = first * width..first * width + y.len();
            let (x, residual) = (&values(&x)[from.clone()], &values(&residual)[from]);
            y.iter_mut().zip(x.iter().zip(residual)).for_each(|(y, (x, r))| *y = x + r);
            for row in y.chunks_exact_mut(width) {
                normalise(row, values(&gamma), values(&beta), epsilon);
            }
        });
        FlexTensor::from_data(TensorData::new(y, [rows, width]))
    }

    fn attention_f32(
        query: FlexTensor,
        key: FlexTensor,
        value: FlexTensor,
        heads: usize,
        tokens: usize,
        lengths: Vec<usize>,
    ) -> FlexTensor {
        let (query, key, value) = (query.to_contiguous(), key.to_contiguous(), value.to_contiguous());
        let [rows, hidden] = dims(&query);
        let width = hidden / heads;
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut y = vec![0.0; rows * hidden];
        let out = RowsMut::new(&mut y, hidden);
        split(lengths.len() * heads, 2 * rows * longest * hidden, |parts| {
            let mut scratch = Scratch::new(longest, width);
            for (sequence, head) in parts.map(|part| (part / heads, part % heads)) {
                let first = sequence * tokens * hidden + head * width;
                let part = Head {
                    query: &values(&query)[first..],
                    key: &values(&key)[first..],
                    value: &values(&value)[first..],
                    stride: hidden,
                };
                let rows = sequence * tokens..sequence * tokens + lengths[sequence];
                // SAFETY: every head of every sequence has elements of its own.
                let mut out = unsafe { out.part(rows, head * width..(head + 1) * width) };
                attend(&part, &mut scratch, &mut out);
            }
        });
        FlexTensor::from_data(TensorData::new(y, [rows, hidden]))
    }
}
