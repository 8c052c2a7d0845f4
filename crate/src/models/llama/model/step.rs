//! Tokens on a GPU, which has their position.

use super::{Llama, Sight};
use crate::nn::{Causal, Rope, Step};

impl Llama {
    /// How layers of each kind turn.
    pub(super) fn ropes(&self) -> impl Iterator<Item = &Rope> {
        self.sights.iter().map(|(rope, _)| rope)
    }

    /// The same sights, for kernels that read positions from `step`.
    pub(super) fn on_step(&self, sights: Vec<Sight>, step: &Step) -> Vec<Sight> {
        let firsts = self.ropes().scan(0, |first, rope| {
            let here = *first;
            *first += 2 * rope.pairs();
            Some(here)
        });
        let on = |(sight, first): (Sight, usize)| Sight {
            rotation: sight.rotation.on(step.clone(), first),
            causal: Causal { step: Some(step.words.clone()), ..sight.causal },
        };
        sights.into_iter().zip(firsts).map(on).collect()
    }
}
