//! The second half of a block.

use burn::tensor::{Device, Tensor};

use super::super::LlamaConfig;
use crate::{
    Result,
    nn::{GatedLinear, Linear, RmsNorm, Weights},
};

#[derive(Clone, Debug)]
pub(super) struct Mlp {
    gate_up_proj: GatedLinear,
    down_proj: Linear,
}

impl Mlp {
    pub(super) fn load(
        config: &LlamaConfig,
        weights: &impl Weights,
        name: &str,
        device: &Device,
    ) -> Result<Self> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let linear = |part: &str, shape| {
            let name = format!("{name}.{part}_proj");
            Linear::load_stored(weights, &name, shape, config.bias.mlp, device)
        };
        let (gate, up) = (linear("gate", [wide, hidden])?, linear("up", [wide, hidden])?);
        Ok(Self {
            gate_up_proj: GatedLinear::new(gate, up, config.hidden_act),
            down_proj: linear("down", [hidden, wide])?,
        })
    }

    /// What is made of `norm(x)`: `[tokens, hidden]` → the same.
    pub(super) fn forward(&self, norm: &RmsNorm, x: Tensor<2>) -> Tensor<2> {
        self.down_proj.forward(self.gate_up_proj.forward(norm, x))
    }

    /// The same, added to `x`.
    pub(super) fn forward_add(&self, norm: &RmsNorm, x: Tensor<2>) -> Tensor<2> {
        self.gate_up_proj.forward_down_add(norm, x, &self.down_proj)
    }
}
