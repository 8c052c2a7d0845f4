//! Linear layer with a fused activation: `activation(x · Wᵀ + b)`.

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor, TensorData},
};

use super::{
    activation::{Activation, activate},
    cpu::gemm_f32::{PANEL, pack},
    flex::Ops,
    on_cpu,
};
use crate::{Result, memory::try_zeros};

/// A weight in the layout its device computes with.
///
/// On the CPU the columns of `Wᵀ` lie in panels of eight, `[⌈out / 8⌉, in, 8]`; elsewhere there is one panel that
/// holds all columns, `[1, in, out]`.
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
    pub(crate) fn new(weight: &[f32], [out, inp]: [usize; 2], device: &Device) -> Result<Self> {
        let cpu = on_cpu(device);
        let shape = if cpu { [out.div_ceil(PANEL), inp, PANEL] } else { [1, inp, out] };
        let mut panels = try_zeros(shape.iter().product())?;
        if cpu {
            pack(inp, out, |row, column| weight[column * inp + row], &mut panels);
        } else {
            for (o, row) in weight.chunks_exact(inp).enumerate() {
                row.iter().enumerate().for_each(|(i, value)| panels[i * out + o] = *value);
            }
        }
        Ok(Self { panels: Tensor::from_data(TensorData::new(panels, shape), device), out })
    }
}

/// `x: [rows, in]`, `bias: [out]` → `[rows, out]`.
pub(crate) fn linear_f32(x: Tensor<2>, weight: &Weight, bias: Tensor<1>, then: Activation) -> Tensor<2> {
    if !on_cpu(&x.device()) {
        return reference(x, weight.panels.clone().squeeze_dim(0), bias, then);
    }
    let panels = weight.panels.clone().into_dispatch();
    Tensor::from_dispatch(Dispatch::linear_f32(
        x.into_dispatch(),
        panels,
        bias.into_dispatch(),
        weight.out,
        then,
    ))
}

/// The same in Burn's operations, with `weight: [in, out]`.
fn reference(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, then: Activation) -> Tensor<2> {
    activate(x.matmul(weight) + bias.unsqueeze(), then)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, random_tensor, values};

    #[test]
    fn linear_f32_matches_its_reference() {
        let device = Device::flex();
        let shapes = [[1, 3, 5], [7, 384, 40], [33, 96, 1], [130, 40, 384]];
        for (seed, [rows, inp, out]) in (1..).zip(shapes) {
            let (x, bias) = (random_tensor(seed, [rows, inp]), random_tensor(seed + 10, [out]));
            let w: Tensor<2> = random_tensor(seed + 20, [out, inp]);
            let weight = Weight::new(&values(w.clone()), [out, inp], &device).unwrap();
            let all = [Activation::Identity, Activation::Gelu, Activation::GeluTanh, Activation::Relu];
            for then in all {
                let expected = reference(x.clone(), w.clone().transpose(), bias.clone(), then);
                let found = linear_f32(x.clone(), &weight, bias.clone(), then);
                assert_eq!(found.dims(), [rows, out]);
                assert_close(&values(found), &values(expected), 5e-5);
            }
        }
    }

    #[test]
    fn linear_f32_reads_views_of_larger_buffers() {
        let device = Device::flex();
        let x: Tensor<2> = random_tensor(1, [9, 12]);
        let view = x.slice([2..7, 4..11]);
        let w: Tensor<2> = random_tensor(2, [3, 7]);
        let bias: Tensor<1> = random_tensor::<1>(3, [8]).narrow(0, 5, 3);
        let weight = Weight::new(&values(w.clone()), [3, 7], &device).unwrap();
        let expected = reference(view.clone(), w.transpose(), bias.clone(), Activation::Gelu);
        assert_close(&values(linear_f32(view, &weight, bias, Activation::Gelu)), &values(expected), 1e-5);
    }
}
