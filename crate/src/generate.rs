//! Generating text, token by token: from logits to a token, from tokens to a text that ends where it should.

mod penalties;
mod random;
mod sampler;
mod sampling;
mod stop;

pub use sampler::Sampler;
pub use sampling::Sampling;
pub use stop::{MAX_STOP_BYTES, MAX_STOPS, StopStrings};
