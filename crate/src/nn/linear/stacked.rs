//! Three affine maps of the same rows, in one product.

use burn::tensor::{Device, Tensor, TensorData};

use super::{Activation, BLOCK, Linear, Map, Precision, Weights, load_eight_bits};
use crate::{
    Result,
    kernels::{
        biased_f32::biased_f32,
        linear_f32::Weight,
        linear_q::{PackedWeight, linear_q_stacked},
    },
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
    /// In f32: one layer that has the outputs of all three, one behind the other.
    Exact(Linear),
    /// In eight bits; `bias: [3 · out]`.
    EightBits { weights: [PackedWeight; 3], bias: Tensor<1> },
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
        (precision, device): (Precision, &Device),
    ) -> Result<Self> {
        if precision == Precision::Q8 && inp.is_multiple_of(BLOCK) {
            let load = |name| load_eight_bits(weights, &format!("{name}.weight"), shape, device);
            let [a, b, c] = names;
            let packed = [load(a)?, load(b)?, load(c)?];
            let bias = biases(weights, names, shape, device)?;
            return Ok(Self { layers: Layers::EightBits { weights: packed, bias } });
        }
        Ok(Self { layers: Layers::Exact(together(weights, names, shape, device)?) })
    }

    /// `x: [rows, in]` → `[rows, 3 · out]`: the first layer's outputs, the second's, the third's.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.layers {
            Layers::Exact(layer) => layer.forward(x),
            Layers::EightBits { weights, bias } => {
                biased_f32(linear_q_stacked(x, weights.each_ref()), bias.clone(), Activation::Identity)
            }
        }
    }
}

/// The rows of one weight lie behind those of another.
fn together(
    weights: &impl Weights,
    names: [&str; 3],
    [out, inp]: [usize; 2],
    device: &Device,
) -> Result<Linear> {
    let mut rows = try_capacity(3 * out * inp)?;
    for name in names {
        rows.extend(weights.read(&format!("{name}.weight"), &[out, inp])?);
    }
    let weight = Weight::new(rows, [3 * out, inp], device)?;
    let bias = biases(weights, names, [out, inp], device)?;
    Ok(Linear { map: Map::Exact { weight, bias, then: Activation::Identity } })
}

/// All biases, `[3 · out]`.
fn biases(
    weights: &impl Weights,
    names: [&str; 3],
    [out, _]: [usize; 2],
    device: &Device,
) -> Result<Tensor<1>> {
    let mut biases = try_capacity(3 * out)?;
    for name in names {
        biases.extend(weights.read(&format!("{name}.bias"), &[out])?);
    }
    Ok(Tensor::from_data(TensorData::new(biases, [3 * out]), device))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::Random, *};
    use crate::{
        formats::Dtype,
        kernels::testing::{assert_close, devices, random_tensor, values},
    };

    const NAMES: [&str; 3] = ["a", "bb", "ccc"];

    #[test]
    fn three_layers_give_what_each_gives() {
        let cases = [(7, 64), (8, 32), (13, 5), (40, 96)];
        for (device, (out, inp)) in devices().into_iter().flat_map(|d| cases.map(|case| (d.clone(), case))) {
            for precision in [Precision::F32, Precision::Q8] {
                let place = (precision, &device);
                let stacked = Stacked::load(&Random(Dtype::F32), NAMES, [out, inp], place).unwrap();
                let x = random_tensor::<2>(1, [9, inp]).to_device(&device);
                let all = stacked.forward(x.clone());
                assert_eq!(all.dims(), [9, 3 * out]);
                for (i, name) in NAMES.into_iter().enumerate() {
                    let found = all.clone().narrow(1, i * out, out);
                    let each =
                        Linear::load(&Random(Dtype::F32), name, [out, inp], Activation::Identity, place);
                    assert_close(&values(found), &values(each.unwrap().forward(x.clone())), 1e-5);
                }
            }
        }
    }
}
