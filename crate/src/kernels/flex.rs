//! The backend extension that brings the CPU kernels to Flex tensors.
//!
//! A Flex tensor is a view of a shared buffer: inputs are made contiguous first and read from their own offset.

use burn::{
    backend::{Backend, Flex, backend_extension, tensor::FloatTensor},
    tensor::TensorData,
};
use burn_flex::FlexTensor;

use super::{
    activation::Activation,
    cpu::{
        gated_f32::gate,
        gemm_f32::gemm,
        math_f32::{gelu, gelu_tanh, map, silu},
        rows::{Rows, RowsMut, split_rows},
    },
    gated_f32::Gate,
};

/// The operations, for the backends that have kernels of their own.
#[backend_extension(Flex)]
pub(crate) trait Ops: Backend {
    /// See [`super::linear_f32::linear_f32`]; `panels` as [`super::linear_f32::Weight`] lays them out.
    fn linear_f32(
        x: FloatTensor<Self>,
        panels: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        out: usize,
        then: Activation,
    ) -> FloatTensor<Self>;

    /// See [`super::biased_f32::biased_f32`].
    fn biased_f32(y: FloatTensor<Self>, bias: FloatTensor<Self>, then: Activation) -> FloatTensor<Self>;
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
const ELEMENT: usize = 40;

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

fn activate(y: &mut [f32], then: Activation) {
    if then == Activation::Identity {
        return;
    }
    split_rows(y, 1, y.len() * ELEMENT, |_, y| match then {
        Activation::Identity => {}
        Activation::Gelu => map(y, gelu),
        Activation::GeluTanh => map(y, gelu_tanh),
        Activation::Relu => y.iter_mut().for_each(|v| *v = v.max(0.0)),
    });
}

impl Ops for Flex {
    fn linear_f32(
        x: FlexTensor,
        panels: FlexTensor,
        bias: FlexTensor,
        out: usize,
        then: Activation,
    ) -> FlexTensor {
        let (x, panels, bias) = (x.to_contiguous(), panels.to_contiguous(), bias.to_contiguous());
        let [rows, inp] = dims(&x);
        let mut y = vec![0.0; rows * out];
        let x = Rows { data: values(&x), stride: inp };
        gemm(inp, x, values(&panels), Some(values(&bias)), &mut RowsMut::new(&mut y, out));
        activate(&mut y, then);
        FlexTensor::from_data(TensorData::new(y, [rows, out]))
    }

    fn biased_f32(y: FlexTensor, bias: FlexTensor, then: Activation) -> FlexTensor {
        let (mut y, bias) = (y.to_contiguous(), bias.to_contiguous());
        let (elements, width) = (values_mut(&mut y), values(&bias).len());
        split_rows(elements, width, elements.len() * ELEMENT, |_, y| {
            for row in y.chunks_exact_mut(width) {
                row.iter_mut().zip(values(&bias)).for_each(|(y, bias)| *y += bias);
                activate(row, then);
            }
        });
        y
    }
}
