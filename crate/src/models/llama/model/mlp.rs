//! The second half of a block.

use burn::tensor::{Device, Tensor};

use super::super::LlamaConfig;
use crate::{
    Result,
    nn::{Gate, Linear, Weights},
};

#[derive(Clone, Debug)]
pub(super) struct Mlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
    hidden_act: Gate,
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
        Ok(Self {
            gate_proj: linear("gate", [wide, hidden])?,
            up_proj: linear("up", [wide, hidden])?,
            down_proj: linear("down", [hidden, wide])?,
            hidden_act: config.hidden_act,
        })
    }

    /// `[tokens, hidden]` → the same.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let gated = Linear::forward_gated([&self.gate_proj, &self.up_proj], x, self.hidden_act);
        self.down_proj.forward(gated)
    }
}
