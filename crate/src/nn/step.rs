//! Where a session's decode steps stand, on a GPU.

use burn::{
    backend::Dispatch,
    tensor::{DType, Device, Int, Tensor, TensorData},
};

use super::Rope;
use crate::kernels::wgsl::{StepOps, step::ANGLES};

/// The token and the position of a step, and the angles of all positions, in the memory of the GPU. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// See [`crate::kernels::wgsl::step`].
    pub(crate) words: Tensor<1, Int>,
    /// `[positions, angles]`: of each kind of layer the cosines, then the sines.
    pub(crate) angles: Tensor<2>,
}

impl Step {
    /// For `positions` positions, and layers that turn by `ropes`.
    pub(crate) fn new<'a>(ropes: impl Iterator<Item = &'a Rope>, positions: usize, device: &Device) -> Self {
        let ropes: Vec<_> = ropes.collect();
        let row = |position: usize| ropes.iter().flat_map(move |rope| rope.cosines_and_sines(position));
        let angles: Vec<f32> = (0..positions).flat_map(row).collect();
        let width = angles.len() / positions.max(1);
        Self {
            words: ints(vec![0; ANGLES + width], device),
            angles: Tensor::from_data(TensorData::new(angles, [positions, width]), device),
        }
    }

    /// Positions it has angles for.
    pub(crate) fn positions(&self) -> usize {
        self.angles.dims()[0]
    }

    /// Sets the token and its position.
    pub(crate) fn begin(&mut self, token: u32, position: usize) {
        let words = ints(vec![token.cast_signed(), position as i32], &self.words.device());
        let (angles, step) = (self.angles.clone(), self.words.clone());
        let step = Dispatch::begin_step(words.into_dispatch(), angles.into_dispatch(), step.into_dispatch());
        self.words = Tensor::from_dispatch(step);
    }
}

fn ints(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), (device, DType::I32))
}
