//! Linear layer in eight bits with a fused activation: `activation(x · Wᵀ + b)`. On the CPU alone; a GPU, which rounds
//! no activations, has no use for it.
//!
//! Columns are taken in blocks of 128. Both factors are rotated, block by block, by the same orthogonal matrix, which
//! leaves the product what it was and spreads a few large elements over many, so that rounding loses less (QuaRot,
//! arXiv:2404.00456). A block of a row of `W` is then rounded to `scale · q`, with `q` from −127 to 127, and one of `x` to
//! `least + scale · q`, with `q` from 0 to 127: the factors of the instruction that multiplies bytes.

use std::sync::Arc;

use burn::{
    backend::{Backend, Dispatch, Flex, backend_extension, tensor::FloatTensor},
    tensor::{Tensor, TensorData},
};
use burn_flex::FlexTensor;

use super::{
    activation::Activation,
    cpu::{
        linear_i8::{Packed, multiply},
        rows::RowsMut,
    },
    flex::{contiguous, dims, values},
    linear_ops::finish,
};
use crate::Result;

pub(crate) use super::cpu::linear_i8::BLOCK;

/// A weight `[out, in]`, rotated and rounded. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Weight(Arc<Packed>);

impl Weight {
    /// Rounds a row-major `[out, in]` weight, whose columns are whole blocks.
    ///
    /// # Errors
    /// `out-of-memory`.
    pub(crate) fn new(weight: &[f32], shape: [usize; 2]) -> Result<Self> {
        Ok(Self(Arc::new(Packed::new(weight, shape)?)))
    }
}

/// `x: [rows, in]`, `bias: [out]` → `[rows, out]`. What is not finite in a row of `x` makes all of that row NaN.
pub(crate) fn linear_i8(x: Tensor<2>, weight: &Weight, bias: Tensor<1>, then: Activation) -> Tensor<2> {
    let (x, bias) = (x.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::linear_i8(x, bias, weight.clone(), then))
}

/// The operation on a weight that is no tensor.
#[backend_extension(Flex)]
pub(crate) trait EightBitOps: Backend {
    /// See [`linear_i8`].
    fn linear_i8(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        weight: Weight,
        then: Activation,
    ) -> FloatTensor<Self>;
}

impl EightBitOps for Flex {
    fn linear_i8(x: FlexTensor, bias: FlexTensor, weight: Weight, then: Activation) -> FlexTensor {
        let (x, bias) = (contiguous(x), contiguous(bias));
        let ([rows, _], [out, _], bias) = (dims(&x), weight.0.shape(), values(&bias));
        let mut y = vec![0.0; rows * out];
        multiply(values(&x), &weight.0, &RowsMut::new(&mut y, out), |part, column| {
            finish(part, &bias[column..], then);
        });
        FlexTensor::from_data(TensorData::new(y, [rows, out]))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::kernels::{
        cpu::linear_i8::multiply_both_ways,
        linear_f32::{self, linear_f32},
        testing::{assert_close, random, random_tensor, values},
    };

    const SHAPES: [[usize; 3]; 5] = [[1, 128, 5], [2, 256, 8], [3, 384, 70], [5, 128, 1], [38, 1536, 131]];

    /// `x` in f64, rotated by the definition, and `√128` times as long.
    fn rotated(x: &[f32]) -> Vec<f64> {
        let sign = |i: usize, j: usize| if (i & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
        let element = |block: &[f32], i: usize| -> f64 {
            block.iter().enumerate().map(|(j, x)| sign(i, j) * f64::from(*x)).sum()
        };
        x.chunks(BLOCK).flat_map(|block| (0..BLOCK).map(move |i| element(block, i))).collect()
    }

    /// What a block of 127 steps rounds to, and the step.
    fn rounded(block: &[f64], least: f64, step: f64) -> impl Iterator<Item = f64> {
        block.iter().map(move |x| least + ((x - least) / step).round_ties_even() * step)
    }

    #[test]
    fn products_match_the_rounded_oracle_and_stay_near_the_f32_product() {
        for (seed, [rows, columns, out]) in (1..).zip(SHAPES) {
            let (x, w) = (random(seed, rows * columns), random(seed + 10, out * columns));
            let packed = Packed::new(&w, [out, columns]).unwrap();
            let [words, bytes] = multiply_both_ways(&x, &packed);
            assert_eq!(words, bytes);
            for (i, found) in words.into_iter().enumerate() {
                let (x, w) = (&x[i / out * columns..][..columns], &w[i % out * columns..][..columns]);
                let (mut expected, mut slack) = (0.0, 0.0);
                for (x, w) in rotated(x).chunks(BLOCK).zip(rotated(w).chunks(BLOCK)) {
                    let [low, high] = [f64::min, f64::max].map(|f| x.iter().copied().reduce(f).unwrap());
                    let (x_step, most) =
                        ((high - low) / 127.0, w.iter().fold(0.0, |m: f64, w| m.max(w.abs())));
                    let pairs = rounded(x, low, x_step).zip(rounded(w, 0.0, most / 127.0));
                    expected += pairs.map(|(x, w)| x * w / 128.0).sum::<f64>();
                    // A number that lies between two steps may go to either.
                    slack += x_step * most / 128.0;
                }
                let found = f64::from(found);
                assert!((found - expected).abs() < slack, "{i}: {found}, {expected} ± {slack}");
                let exact: f64 = x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                assert!(
                    (found - exact).abs() < 0.02 * (columns as f64).sqrt(),
                    "{i}: {found}, exactly {exact}"
                );
            }
        }
    }

    #[test]
    fn bias_and_activation_follow() {
        for (seed, [rows, columns, out]) in (1..).zip(SHAPES) {
            let (x, bias) = (random_tensor(seed, [rows, columns]), random_tensor(seed + 20, [out]));
            let w = random(seed + 10, out * columns);
            let weight = Weight::new(&w, [out, columns]).unwrap();
            let exact = linear_f32::Weight::new(w, [out, columns], &Device::flex()).unwrap();
            for then in [Activation::Identity, Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
                let found = linear_i8(x.clone(), &weight, bias.clone(), then);
                let expected = linear_f32(x.clone(), &exact, bias.clone(), then);
                assert_eq!(found.dims(), [rows, out]);
                assert_close(&values(found), &values(expected), 0.03 * (columns as f32).sqrt());
            }
        }
    }

    #[test]
    fn views_of_larger_buffers_are_read() {
        let x: Tensor<2> = random_tensor(1, [256, 7]);
        let (view, bias) = (x.slice([64..192, 2..5]).transpose(), random_tensor::<1>(2, [9]).narrow(0, 3, 5));
        let weight = Weight::new(&random(3, 5 * 128), [5, 128]).unwrap();
        let copy = Tensor::from_data(TensorData::new(values(view.clone()), [3, 128]), &Device::flex());
        let [found, expected] =
            [view, copy].map(|x| values(linear_i8(x, &weight, bias.clone(), Activation::Identity)));
        assert_eq!(found, expected);
    }

    #[test]
    fn activations_at_the_ends_of_their_range() {
        let weight = Weight::new(&random(3, 4 * BLOCK), [4, BLOCK]).unwrap();
        let product = |x: Vec<f32>| {
            let (x, none) = (TensorData::new(x, [1, BLOCK]), TensorData::new(vec![0.0f32; 4], [4]));
            let [x, none] = [x, none].map(|data| (data, Device::flex()));
            let (x, none) = (Tensor::from_data(x.0, &x.1), Tensor::from_data(none.0, &none.1));
            values(linear_i8(x, &weight, none, Activation::Identity))
        };
        assert_eq!(product(vec![0.0; BLOCK]), [0.0; 4]);
        assert!(product(vec![1e-42; BLOCK]).iter().all(|y| y.abs() < 1e-37));
        let ramp = |most: f32| (0..BLOCK).map(|i| most * (i % 29) as f32 / 28.0).collect::<Vec<_>>();
        for (one, large) in [(vec![1.0; BLOCK], vec![1e30; BLOCK]), (ramp(1.0), ramp(1e30))] {
            let close =
                product(large).into_iter().zip(product(one)).all(|(l, y)| (l / 1e30 - y).abs() < 1e-3);
            assert!(close);
        }
        for place in 0..BLOCK {
            for stranger in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = vec![3.0; BLOCK];
                x[place] = stranger;
                assert!(product(x).iter().all(|y| y.is_nan()), "{stranger} at {place}");
            }
        }
    }

    #[test]
    fn weights_that_are_not_finite_are_not_hidden() {
        for stranger in [f32::NAN, f32::INFINITY] {
            let mut w = random(3, 2 * BLOCK);
            w[7] = stranger;
            let packed = Packed::new(&w, [2, BLOCK]).unwrap();
            let [y, _] = multiply_both_ways(&random(4, BLOCK), &packed);
            assert!(y[0].is_nan() && y[1].is_finite());
        }
    }
}
