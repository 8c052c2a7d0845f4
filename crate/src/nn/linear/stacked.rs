//! Three affine maps of the same rows, in one product.

use burn::tensor::Device;

use super::{Activation, Linear, Precision, Weights};
use crate::{Result, memory::try_capacity};

impl Linear {
    /// Reads `{name}.weight: [out, in]` and `{name}.bias: [out]` for each name, to compute in `precision`. The layer has
    /// the first one's outputs, then the second's, then the third's.
    ///
    /// # Errors
    /// `missing-tensor`, `tensor-shape`, `unsupported-dtype` or `out-of-memory`; the detail names the tensor.
    pub(crate) fn load_stacked(
        weights: &impl Weights,
        names: [&str; 3],
        [out, inp]: [usize; 2],
        place: (Precision, &Device),
    ) -> Result<Self> {
        let (mut rows, mut biases) = (try_capacity(3 * out * inp)?, try_capacity(3 * out)?);
        for name in names {
            rows.extend(weights.read(&format!("{name}.weight"), &[out, inp])?);
            biases.extend(weights.read(&format!("{name}.bias"), &[out])?);
        }
        Self::new(rows, biases, [3 * out, inp], Activation::Identity, place)
    }
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
        let cases = [(7, 64), (8, 128), (13, 5), (40, 256)];
        for (device, (out, inp)) in devices().into_iter().flat_map(|d| cases.map(|case| (d.clone(), case))) {
            for precision in [Precision::F32, Precision::Q8] {
                let place = (precision, &device);
                let stacked = Linear::load_stacked(&Random(Dtype::F32), NAMES, [out, inp], place).unwrap();
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
