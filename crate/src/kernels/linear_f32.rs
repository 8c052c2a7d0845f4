//! Linear layer with a fused activation: `activation(x · Wᵀ + b)`.

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor, TensorData},
};

use super::{
    activation::Activation,
    cpu::gemm_f32::{PANEL, pack},
    linear_ops::LinearOps,
    on_cpu,
};
use crate::{Result, memory::try_zeros};

/// A weight in the layout its device computes with.
///
/// On the CPU the columns of `Wᵀ` lie in panels of eight, `[⌈out / 8⌉, in, 8]`; elsewhere it is as checkpoints have it,
/// `[1, out, in]`.
#[derive(Clone, Debug)]
pub(crate) struct Weight {
    panels: Tensor<3>,
    /// Output features.
    out: usize,
}

impl Weight {
    /// Lays out a row-major `[out, in]` weight, as checkpoints store it.
    ///
    /// # Errors
    /// `out-of-memory`.
    pub(crate) fn new(weight: Vec<f32>, [out, inp]: [usize; 2], device: &Device) -> Result<Self> {
        let (panels, shape) = if on_cpu(device) {
            let shape = [out.div_ceil(PANEL), inp, PANEL];
            let mut panels = try_zeros(shape.iter().product())?;
            pack(inp, out, |row, column| weight[column * inp + row], &mut panels);
            (panels, shape)
        } else {
            (weight, [1, out, inp])
        };
        Ok(Self { panels: Tensor::from_data(TensorData::new(panels, shape), device), out })
    }
}

/// `x: [rows, in]`, `bias: [out]` → `[rows, out]`.
pub(crate) fn linear_f32(x: Tensor<2>, weight: &Weight, bias: Tensor<1>, then: Activation) -> Tensor<2> {
    let panels = weight.panels.clone().into_dispatch();
    let (x, bias) = (x.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::linear_f32(x, panels, bias, weight.out, then))
}

/// The same in Burn's operations, with `weight: [in, out]`.
#[cfg(test)]
fn reference(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, then: Activation) -> Tensor<2> {
    super::activation::activate(x.matmul(weight) + bias.unsqueeze(), then)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, devices, random_tensor, values};

    #[test]
    fn linear_f32_matches_its_reference() {
        let shapes = [[1, 3, 5], [7, 384, 40], [33, 96, 1], [130, 40, 384], [70, 64, 67]];
        for device in devices() {
            for (seed, [rows, inp, out]) in (1..).zip(shapes) {
                let (x, bias) = (random_tensor(seed, [rows, inp]), random_tensor(seed + 10, [out]));
                let w: Tensor<2> = random_tensor(seed + 20, [out, inp]);
                let weight = Weight::new(values(w.clone()), [out, inp], &device).unwrap();
                let all = [Activation::Identity, Activation::Gelu, Activation::GeluTanh, Activation::Relu];
                for then in all {
                    let expected = reference(x.clone(), w.clone().transpose(), bias.clone(), then);
                    let (x, bias) = (x.clone().to_device(&device), bias.clone().to_device(&device));
                    let found = linear_f32(x, &weight, bias, then);
                    assert_eq!(found.dims(), [rows, out]);
                    assert_close(&values(found), &values(expected), 5e-5);
                }
            }
        }
    }

    #[test]
    fn linear_f32_reads_views_of_larger_buffers() {
        let x: Tensor<2> = random_tensor(1, [9, 12]);
        let view = |x: Tensor<2>| x.slice([2..7, 4..11]);
        let w: Tensor<2> = random_tensor(2, [3, 7]);
        let bias: Tensor<1> = random_tensor(3, [8]);
        let end = |bias: Tensor<1>| bias.narrow(0, 5, 3);
        let expected = reference(view(x.clone()), w.clone().transpose(), end(bias.clone()), Activation::Gelu);
        for device in devices() {
            let weight = Weight::new(values(w.clone()), [3, 7], &device).unwrap();
            let (x, bias) = (view(x.clone().to_device(&device)), end(bias.clone().to_device(&device)));
            let found = values(linear_f32(x, &weight, bias, Activation::Gelu));
            assert_close(&found, &values(expected.clone()), 1e-5);
        }
    }
}
