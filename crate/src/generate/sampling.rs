//! The settings of sampling.

use core::ops::RangeInclusive;

use crate::{Error, ErrorCode, Result};

/// How the next token is chosen. The settings mean what they mean in llama.cpp, and are applied in its order:
/// penalties, top-k, top-p, min-p, temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// What logits are divided by; 0 takes the most probable token, whatever the seed.
    pub temperature: f32,
    /// How many of the most probable tokens are considered; 0 is all.
    pub top_k: usize,
    /// Of these, the fewest most probable ones that have this share of the probability (nucleus sampling, Holtzman
    /// et al., arXiv:1904.09751); 1 is all.
    pub top_p: f32,
    /// Of these, the ones at least this share as probable as the most probable one (Nguyen et al.,
    /// arXiv:2407.01082); 0 is all.
    pub min_p: f32,
    /// What the logit of a recent token is divided by, or multiplied where it is negative (Keskar et al.,
    /// arXiv:1909.05858); 1 changes nothing.
    pub repetition_penalty: f32,
    /// What is taken off the logit of a recent token.
    pub presence_penalty: f32,
    /// What is taken off the logit of a recent token for each time it occurs.
    pub frequency_penalty: f32,
    /// Where the random numbers begin: the same seed, the same answer.
    pub seed: u64,
}

impl Default for Sampling {
    /// llama.cpp's defaults, with seed 0.
    fn default() -> Self {
        Self {
            temperature: 0.8,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            seed: 0,
        }
    }
}

impl Sampling {
    /// The most probable token, always.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    /// `Ok` where every setting is in its range.
    ///
    /// # Errors
    /// `invalid-input`; the detail names the setting.
    pub fn check(&self) -> Result<()> {
        const ANY: RangeInclusive<f32> = 0.0..=f32::MAX;
        within("temperature", self.temperature, ANY, "at least 0")?;
        within("top_p", self.top_p, 0.0..=1.0, "between 0 and 1")?;
        within("min_p", self.min_p, 0.0..=1.0, "between 0 and 1")?;
        within("repetition_penalty", self.repetition_penalty, f32::MIN_POSITIVE..=f32::MAX, "above 0")?;
        within("presence_penalty", self.presence_penalty, ANY, "at least 0")?;
        within("frequency_penalty", self.frequency_penalty, ANY, "at least 0")
    }

    /// Whether recent tokens count.
    pub(super) fn penalises(&self) -> bool {
        self.repetition_penalty != 1.0 || self.presence_penalty != 0.0 || self.frequency_penalty != 0.0
    }
}

/// `Ok` where `value` is in `range`, which NaN never is.
fn within(name: &str, value: f32, range: RangeInclusive<f32>, words: &str) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    let message = format!("{name} is {value}; it must be a finite number {words}.");
    Err(Error::new(ErrorCode::InvalidInput, message).about(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_its_range_and_its_name() {
        type Set = fn(&mut Sampling, f32);
        type Values = (&'static [f32], &'static [f32]);
        let above_zero: Values = (&[0.1, 1.0, 1e30], &[0.0]);
        let any: Values = (&[0.0, 0.1, 1e30], &[]);
        let share: Values = (&[0.0, 0.5, 1.0], &[1.01]);
        let settings: [(&str, Set, Values); 6] = [
            ("temperature", |s, v| s.temperature = v, any),
            ("top_p", |s, v| s.top_p = v, share),
            ("min_p", |s, v| s.min_p = v, share),
            ("repetition_penalty", |s, v| s.repetition_penalty = v, above_zero),
            ("presence_penalty", |s, v| s.presence_penalty = v, any),
            ("frequency_penalty", |s, v| s.frequency_penalty = v, any),
        ];
        for (name, set, (good, bad)) in settings {
            let check = |value: f32| {
                let mut sampling = Sampling::default();
                set(&mut sampling, value);
                sampling.check()
            };
            for &value in good {
                assert_eq!(check(value), Ok(()), "{name} {value}");
            }
            for &value in bad.iter().chain(&[f32::NAN, -0.1, f32::INFINITY, f32::NEG_INFINITY]) {
                let error = check(value).unwrap_err();
                assert_eq!(error.code, ErrorCode::InvalidInput, "{name} {value}");
                assert_eq!(error.detail.as_deref(), Some(name));
            }
        }
    }
}
