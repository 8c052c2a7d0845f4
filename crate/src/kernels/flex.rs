//! The elements of Flex tensors.
//!
//! A Flex tensor is a view of a shared buffer: it is made contiguous first and read from its own offset.

use burn_flex::FlexTensor;

use super::{
    cpu::{
        gated_f32::gate,
        math_f32::{gelu_tanh, silu},
        rows::split_rows,
    },
    gated_f32::Gate,
};

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

/// The first two sizes of a tensor.
pub(super) fn dims(tensor: &FlexTensor) -> [usize; 2] {
    [tensor.layout().shape()[0], tensor.layout().shape()[1]]
}

/// What an element of an activation costs, in multiply-adds.
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
