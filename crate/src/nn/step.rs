//! Where a session's decode steps stand, on a GPU.

use burn::{
    backend::{Backend, BackendGraph, Dispatch},
    tensor::{DType, Device, Int, Tensor, TensorData},
};

use super::Rope;
use crate::{
    Error, ErrorCode, Result,
    kernels::wgsl::{StepOps, step::ANGLES},
};

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
        let mut words = vec![0; ANGLES + width];
        words[2] = positions as i32;
        Self {
            words: ints(words, device),
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

/// The commands of a step, and what it finds.
#[derive(Debug)]
pub(crate) struct Stepper {
    /// See [`crate::kernels::wgsl::StepOps::choose_step`].
    pub(crate) result: Tensor<1, Int>,
    /// How many of the most probable tokens it finds.
    pub(crate) top: usize,
    /// Its commands, once they are recorded, and the version of the cache that they write to.
    recorded: Option<(BackendGraph<Dispatch>, usize)>,
    /// The position of the step whose result nobody has asked for yet.
    pub(crate) ahead: Option<usize>,
    /// The most probable token that was found last.
    pub(crate) chosen: Option<u32>,
    device: Device,
}

impl Stepper {
    /// To find the `top` most probable tokens.
    pub(crate) fn new(top: usize, device: &Device) -> Self {
        let result = ints(vec![0; 2 + 2 * top], device);
        Self { result, top, recorded: None, ahead: None, chosen: None, device: device.clone() }
    }

    /// Has the GPU do a step that writes to the cache of this `version`. `run` gives it the commands one by one; the
    /// first time they are recorded as well, and from then on repeated.
    ///
    /// # Errors
    /// What `run` gives.
    pub(crate) fn go(&mut self, version: usize, mut run: impl FnMut(&Self) -> Result<()>) -> Result<()> {
        let device = self.device.as_dispatch().clone();
        if let Some((graph, _)) = self.recorded.as_ref().filter(|(_, of)| *of == version) {
            // SAFETY: the weights, the cache of this version and what is in `self` are alive, and everything that
            // reads or writes them is issued by this thread.
            return unsafe { Dispatch::graph_replay(&device, graph) }
                .map_err(|e| not_recorded(&e.to_string()));
        }
        self.recorded = None;
        // Memory that the first run takes is there for the second, which may take none.
        let prepared = Dispatch::graph_prepare(&device).is_ok();
        let ran = run(self);
        if prepared {
            let recorded = ran.is_ok() && Dispatch::graph_start_capture(&device).is_ok() && run(self).is_ok();
            let graph = Dispatch::graph_stop_capture(&device);
            self.recorded = graph.ok().filter(|_| recorded).map(|graph| (graph, version));
        }
        ran
    }

    /// Hands over to the GPU what it was told so far.
    ///
    /// # Errors
    /// `gpu-error` where that fails.
    pub(crate) fn flush(&self) -> Result<()> {
        Dispatch::flush(self.device.as_dispatch()).map_err(|e| not_recorded(&e.to_string()))
    }

    /// Whether commands are repeated.
    #[cfg(test)]
    pub(crate) fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }
}

fn not_recorded(report: &str) -> Error {
    Error::new(ErrorCode::GpuError, "The commands of a step could not be repeated.").about(report)
}

fn ints(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), (device, DType::I32))
}
