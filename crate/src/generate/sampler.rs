//! From logits to the next token.

use core::cmp::Ordering;

use super::{Sampling, penalties::penalise, random::Random};
use crate::{Error, ErrorCode, Result};

/// How many candidates nucleus sampling puts in order before it looks whether they are enough.
const FIRST_SORTED: usize = 64;
/// Most candidates that it is worth finding elsewhere.
const MOST_FOUND: usize = 128;
/// Candidates that are kept beyond the wanted ones before the worst are thrown out together.
const SLACK: usize = 1024;

/// Chooses tokens. The vocabulary is never sorted as a whole.
#[derive(Clone, Debug)]
pub struct Sampler {
    sampling: Sampling,
    random: Random,
    /// Kept from token to token for its memory.
    candidates: Vec<Candidate>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Candidate {
    id: u32,
    logit: f32,
}

impl Candidate {
    /// The more probable one first; of equals the one with the lower id.
    fn order(a: &Self, b: &Self) -> Ordering {
        b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
    }
}

impl Sampler {
    /// A sampler at the beginning of its random numbers.
    ///
    /// # Errors
    /// `invalid-input` where a setting is out of its range.
    pub fn new(sampling: Sampling) -> Result<Self> {
        sampling.check()?;
        let random = Random::new(sampling.seed);
        Ok(Self { sampling, random, candidates: Vec::new() })
    }

    /// The next token, after `recent`. Changes `logits`, one for each token of the vocabulary, by the penalties.
    ///
    /// # Errors
    /// `malformed-file` where a logit is infinite or not a number, which no sound weights give.
    pub fn sample(&mut self, logits: &mut [f32], recent: &[u32]) -> Result<u32> {
        // All are looked at, so that several are looked at together.
        if logits.is_empty() || !logits.iter().fold(true, |finite, logit| finite & logit.is_finite()) {
            let message = "The model computed numbers that are not finite: its weights are damaged.";
            return Err(Error::new(ErrorCode::MalformedFile, message));
        }
        if self.sampling.penalises() {
            penalise(logits, recent, &self.sampling);
        }
        let best = best(logits);
        if self.sampling.temperature == 0.0 {
            return Ok(best.id);
        }
        self.filter(logits, best.logit);
        Ok(self.draw(best))
    }

    /// How many of the most probable tokens are enough to choose among, if it is not nearly all of them: what
    /// [`Sampler::choose`] is to be given.
    pub fn enough(&self) -> Option<usize> {
        let Sampling { temperature, top_k, .. } = self.sampling;
        let count = if temperature == 0.0 { 1 } else { top_k };
        (!self.sampling.penalises() && (1..=MOST_FOUND).contains(&count)).then_some(count)
    }

    /// Whether the most probable token is taken, always.
    pub fn is_greedy(&self) -> bool {
        self.sampling.temperature == 0.0
    }

    /// The next token, of the most probable ones with their logits, which are finite: at least as many as
    /// [`Sampler::enough`] says, or all there are. The same as [`Sampler::sample`] takes of all.
    ///
    /// # Errors
    /// `internal` where there is none.
    pub fn choose(&mut self, found: &[(u32, f32)]) -> Result<u32> {
        let none = || Error::new(ErrorCode::Internal, "There is no token to choose.");
        let candidate = |&(id, logit): &(u32, f32)| Candidate { id, logit };
        let best = found.iter().map(candidate).min_by(Candidate::order).ok_or_else(none)?;
        if self.is_greedy() {
            return Ok(best.id);
        }
        self.candidates.clear();
        self.candidates.extend(found.iter().map(candidate));
        cut(&mut self.candidates, self.sampling.top_k);
        self.narrow(best.logit);
        Ok(self.draw(best))
    }

    /// Leaves what top-k, top-p and min-p leave, by ascending id.
    fn filter(&mut self, logits: &[f32], best: f32) {
        take_top_k(logits, self.sampling.top_k, &mut self.candidates);
        self.narrow(best);
    }

    /// Leaves what top-p and min-p leave of the candidates, by ascending id.
    fn narrow(&mut self, best: f32) {
        let Sampling { top_p, min_p, .. } = self.sampling;
        let kept = &mut self.candidates;
        // Each of the two keeps the most probable ones, so that their order does not matter once the probability
        // to take a share of is known.
        let mass =
            if top_p < 1.0 { kept.iter().map(|c| f64::from((c.logit - best).exp())).sum() } else { 0.0 };
        if min_p > 0.0 {
            let floor = best + min_p.ln();
            kept.retain(|candidate| candidate.logit >= floor);
        }
        if top_p < 1.0 {
            take_top_p(kept, best, f64::from(top_p) * mass);
        }
        kept.sort_unstable_by_key(|candidate| candidate.id);
    }

    /// One of the candidates, with a probability that grows as exp(logit / temperature).
    fn draw(&mut self, best: Candidate) -> u32 {
        let temperature = self.sampling.temperature;
        let weight = |c: &Candidate| f64::from(((c.logit - best.logit) / temperature).exp());
        let total: f64 = self.candidates.iter().map(weight).sum();
        let mut rest = self.random.unit() * total;
        for candidate in &self.candidates {
            rest -= weight(candidate);
            if rest < 0.0 {
                return candidate.id;
            }
        }
        // Only rounding leads here.
        best.id
    }
}

/// The largest logit; of equals the one with the lowest id.
fn best(logits: &[f32]) -> Candidate {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let (eights, rest) = logits.as_chunks::<8>();
    let mut lanes = [f32::NEG_INFINITY; 8];
    for eight in eights {
        lanes = core::array::from_fn(|i| larger(lanes[i], eight[i]));
    }
    let logit = lanes.into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, larger);
    let id = logits.iter().position(|other| *other == logit).unwrap_or(0);
    Candidate { id: id as u32, logit }
}

/// Fills `kept` with the `k` most probable tokens, or with all where `k` is 0.
fn take_top_k(logits: &[f32], k: usize, kept: &mut Vec<Candidate>) {
    kept.clear();
    let all = (0..).zip(logits).map(|(id, logit)| Candidate { id, logit: *logit });
    if k == 0 || k >= logits.len() {
        kept.extend(all);
        return;
    }
    let full = k + SLACK.min(logits.len() - k);
    let mut worst = f32::NEG_INFINITY;
    for candidate in all {
        // A later one that is as probable as the worst has a higher id and would lose to it.
        if candidate.logit > worst {
            kept.push(candidate);
            if kept.len() == full {
                worst = cut(kept, k);
            }
        }
    }
    cut(kept, k);
}

/// Leaves the `k` most probable ones, in any order, and says the logit of the worst that is left.
fn cut(kept: &mut Vec<Candidate>, k: usize) -> f32 {
    if k == 0 || k > kept.len() {
        return f32::NEG_INFINITY;
    }
    let worst = kept.select_nth_unstable_by(k - 1, Candidate::order).1.logit;
    kept.truncate(k);
    worst
}

/// Leaves the fewest most probable ones whose probabilities add up to `share`, at least one.
fn take_top_p(kept: &mut Vec<Candidate>, best: f32, share: f64) {
    let (mut sum, mut sorted, mut step) = (0.0, 0, FIRST_SORTED);
    while sorted < kept.len() {
        let next = &mut kept[sorted..];
        let len = step.min(next.len());
        if len < next.len() {
            next.select_nth_unstable_by(len - 1, Candidate::order);
        }
        next[..len].sort_unstable_by(Candidate::order);
        for (i, candidate) in next[..len].iter().enumerate() {
            sum += f64::from((candidate.logit - best).exp());
            if sum >= share {
                kept.truncate(sorted + i + 1);
                return;
            }
        }
        sorted += len;
        step *= 4;
    }
}

#[cfg(test)]
mod tests;
