//! Penalties for tokens that were just used.

use std::collections::BTreeMap;

use super::Sampling;

/// How many of the last tokens count as recent, as in llama.cpp.
pub(super) const WINDOW: usize = 64;

/// Lowers the logits of the tokens among the last [`WINDOW`] of `recent`. The results are finite.
pub(super) fn penalise(logits: &mut [f32], recent: &[u32], sampling: &Sampling) {
    let recent = &recent[recent.len().saturating_sub(WINDOW)..];
    let mut counts = BTreeMap::<u32, u32>::new();
    for id in recent {
        *counts.entry(*id).or_default() += 1;
    }
    for (id, count) in counts {
        let Some(logit) = logits.get_mut(id as usize) else { continue };
        let repeated = if *logit > 0.0 {
            *logit / sampling.repetition_penalty
        } else {
            *logit * sampling.repetition_penalty
        };
        let penalty = sampling.presence_penalty + count as f32 * sampling.frequency_penalty;
        let finite = |value: f32| value.clamp(f32::MIN, f32::MAX);
        *logit = finite(finite(repeated) - finite(penalty));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampling(repetition: f32, presence: f32, frequency: f32) -> Sampling {
        Sampling {
            repetition_penalty: repetition,
            presence_penalty: presence,
            frequency_penalty: frequency,
            ..Sampling::default()
        }
    }

    #[test]
    fn each_penalty_does_its_part() {
        let recent = [0, 1, 1, 9];
        let penalised = |sampling| {
            let mut logits = [2.0, -2.0, 1.0];
            penalise(&mut logits, &recent, &sampling);
            logits
        };
        assert_eq!(penalised(sampling(1.0, 0.0, 0.0)), [2.0, -2.0, 1.0]);
        assert_eq!(penalised(sampling(2.0, 0.0, 0.0)), [1.0, -4.0, 1.0]);
        assert_eq!(penalised(sampling(1.0, 0.5, 0.0)), [1.5, -2.5, 1.0]);
        assert_eq!(penalised(sampling(1.0, 0.0, 0.5)), [1.5, -3.0, 1.0]);
        assert_eq!(penalised(sampling(2.0, 0.5, 0.25)), [0.25, -5.0, 1.0]);
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let recent: Vec<u32> = [0].into_iter().chain([1; WINDOW]).collect();
        let mut logits = [2.0, 2.0];
        penalise(&mut logits, &recent, &sampling(2.0, 0.0, 0.0));
        assert_eq!(logits, [2.0, 1.0]);
    }

    #[test]
    fn no_penalty_makes_a_logit_infinite() {
        let mut logits = [1e30, -1e30];
        penalise(&mut logits, &[0, 1, 0, 1], &sampling(1e30, 1e38, f32::MAX));
        penalise(&mut logits, &[0, 1], &sampling(f32::MIN_POSITIVE, f32::MAX, f32::MAX));
        assert!(logits.iter().all(|logit| logit.is_finite()), "{logits:?}");
    }
}
