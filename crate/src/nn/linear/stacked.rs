//! Three affine maps of the same rows, in one product where the device gains by it.

use burn::tensor::{Device, Tensor, TensorData};

use super::{Activation, BLOCK, Linear, Map, Precision, Weights};
use crate::{
    Result,
    kernels::{linear_f32::Weight, on_cpu},
    memory::try_capacity,
};

/// Three layers of one shape that read the same rows, with biases and without activation.
#[derive(Clone, Debug)]
pub(crate) struct Stacked {
    layers: Layers,
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a model has few, all of one variant
enum Layers {
    /// One layer that has the outputs of all three, one behind the other.
    Together(Linear),
    Apart([Linear; 3]),
}

/// What three layers make of the same rows.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // there is one at a time
pub(crate) enum Three {
    /// `[rows, 3 · out]`: the first layer's outputs, the second's, the third's.
    Together(Tensor<2>),
    /// `[rows, out]` of each.
    Apart([Tensor<2>; 3]),
}

impl Stacked {
    /// Reads `{name}.weight: [out, in]` and `{name}.bias: [out]` for each name, to compute in `precision`.
    ///
    /// # Errors
    /// `missing-tensor`, `tensor-shape`, `unsupported-dtype` or `out-of-memory`; the detail names the tensor.
    pub(crate) fn load(
        weights: &impl Weights,
        names: [&str; 3],
        shape @ [_, inp]: [usize; 2],
        place @ (precision, device): (Precision, &Device),
    ) -> Result<Self> {
        if on_cpu(device) || precision == Precision::Q8 && inp.is_multiple_of(BLOCK) {
            let load = |name| Linear::load(weights, name, shape, Activation::Identity, place);
            let [a, b, c] = names;
            return Ok(Self { layers: Layers::Apart([load(a)?, load(b)?, load(c)?]) });
        }
        Ok(Self { layers: Layers::Together(together(weights, names, shape, device)?) })
    }

    /// `x: [rows, in]` → three times `[rows, out]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Three {
        match &self.layers {
            Layers::Together(layer) => Three::Together(layer.forward(x)),
            Layers::Apart([a, b, c]) => Three::Apart(Linear::forward_each([a, b, c], x)),
        }
    }
}

/// The rows of one weight lie behind those of another, where a weight lies as checkpoints have it.
fn together(
    weights: &impl Weights,
    names: [&str; 3],
    [out, inp]: [usize; 2],
    device: &Device,
) -> Result<Linear> {
    let (mut rows, mut biases) = (try_capacity(3 * out * inp)?, try_capacity(3 * out)?);
    for name in names {
        rows.extend(weights.read(&format!("{name}.weight"), &[out, inp])?);
        biases.extend(weights.read(&format!("{name}.bias"), &[out])?);
    }
    let weight = Weight::new(rows, [3 * out, inp], device)?;
    let bias = Tensor::from_data(TensorData::new(biases, [3 * out]), device);
    Ok(Linear { map: Map::Exact { weight, bias, then: Activation::Identity } })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::Random, *};
    use crate::{
        formats::Dtype,
        kernels::testing::{assert_close, devices, random_tensor, values},
    };

    const NAMES: [&str; 3] = ["a", "bb", "ccc"];

    /// The three outputs, apart.
    fn apart(three: Three) -> [Tensor<2>; 3] {
        match three {
            Three::Apart(three) => three,
            Three::Together(all) => {
                let out = all.dims()[1] / 3;
                [0, 1, 2].map(|i| all.clone().narrow(1, i * out, out))
            }
        }
    }

    #[test]
    fn three_layers_give_what_each_gives() {
        for (device, inp) in devices().into_iter().flat_map(|device| [(device.clone(), 64), (device, 5)]) {
            for precision in [Precision::F32, Precision::Q8] {
                let place = (precision, &device);
                let stacked = Stacked::load(&Random(Dtype::F32), NAMES, [7, inp], place).unwrap();
                let x = random_tensor::<2>(1, [9, inp]).to_device(&device);
                for (name, found) in NAMES.into_iter().zip(apart(stacked.forward(x.clone()))) {
                    let each = Linear::load(&Random(Dtype::F32), name, [7, inp], Activation::Identity, place);
                    assert_close(&values(found), &values(each.unwrap().forward(x.clone())), 1e-5);
                }
            }
        }
    }

    #[test]
    fn they_are_one_product_on_a_gpu_alone() {
        for device in devices() {
            let place = (Precision::F32, &device);
            let stacked = Stacked::load(&Random(Dtype::F32), NAMES, [6, 8], place).unwrap();
            let three = stacked.forward(random_tensor::<2>(1, [2, 8]).to_device(&device));
            assert_eq!(matches!(three, Three::Apart(_)), on_cpu(&device));
        }
    }
}
