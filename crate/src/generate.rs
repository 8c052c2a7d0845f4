//! Generating text: from logits to a token, from tokens to a text that ends where it should, one step at a time.

mod generation;
mod penalties;
mod random;
mod sampler;
mod sampling;
mod sequence;
mod stop;

pub(crate) use generation::overflow;
pub use generation::{Answer, Finish, Generation, Reason, Step, Vocabulary};
pub use sampler::Sampler;
pub use sampling::Sampling;
pub use sequence::{Cache, Decoder, Sequence};
pub use stop::{MAX_STOP_BYTES, MAX_STOPS, StopStrings};
