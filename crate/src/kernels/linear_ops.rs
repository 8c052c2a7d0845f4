//! The backend extension of linear layers in f32.

use burn::{
    backend::{Backend, Flex, backend_extension, tensor::FloatTensor},
    tensor::TensorData,
};
use burn_flex::FlexTensor;

use super::{
    activation::Activation,
    cpu::{
        gemm_f32::gemm,
        math_f32::{gelu, gelu_tanh, map},
        rows::{Rows, RowsMut, split_rows},
    },
    flex::{ELEMENT, dims, values, values_mut},
};

/// The operations, for the backends that have kernels of their own.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"))]
pub(crate) trait LinearOps: Backend {
    /// See [`super::linear_f32::linear_f32`]; `weight` as [`super::linear_f32::Weight`] lays it out.
    fn linear_f32(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        out: usize,
        then: Activation,
    ) -> FloatTensor<Self>;

    /// See [`super::biased_f32::biased_f32`].
    fn biased_f32(y: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// `y = activation(y)`, on several threads where that is worth it.
fn activate(y: &mut [f32], then: Activation) {
    if then != Activation::Identity {
        split_rows(y, 1, y.len() * ELEMENT, |_, y| apply(y, then));
    }
}

fn apply(y: &mut [f32], then: Activation) {
    match then {
        Activation::Identity => {}
        Activation::Gelu => map(y, gelu),
        Activation::GeluTanh => map(y, gelu_tanh),
        Activation::Relu => y.iter_mut().for_each(|v| *v = v.max(0.0)),
    }
}

/// `row = row + bias`, as far as both go.
fn add(row: &mut [f32], bias: &[f32]) {
    row.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
}

/// `row = activation(row + bias)`, as far as both go.
pub(super) fn finish(row: &mut [f32], bias: &[f32], then: Activation) {
    add(row, bias);
    apply(row, then);
}

impl LinearOps for Flex {
    fn linear_f32(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        out: usize,
        then: Activation,
    ) -> FlexTensor {
        let (x, weight, bias) = (x.to_contiguous(), weight.to_contiguous(), bias.to_contiguous());
        let [rows, inp] = dims(&x);
        let mut y = vec![0.0; rows * out];
        let x = Rows { data: values(&x), stride: inp };
        gemm(inp, x, values(&weight), Some(values(&bias)), &mut RowsMut::new(&mut y, out));
        activate(&mut y, then);
        FlexTensor::from_data(TensorData::new(y, [rows, out]))
    }

    fn biased_f32(y: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let (mut y, bias) = (y.to_contiguous(), bias.to_contiguous());
        let (elements, width) = (values_mut(&mut y), values(&bias).len());
        split_rows(elements, width, elements.len() * ELEMENT, |_, y| {
            y.chunks_exact_mut(width).for_each(|row| add(row, values(&bias)));
        });
        y
    }
}
