//! What a decode step depends on, in a buffer of words:
//!
//! | word | |
//! | --- | --- |
//! | 0 | the token that is read |
//! | 1 | its position |
//! | 4 … | as f32, how far it turns: the cosines of its pairs and then their sines, for each kind of layer |
//!
//! Reading the embedding of the token writes the angles; choosing the next token writes the first two.

/// Where the angles begin.
pub(crate) const ANGLES: usize = 4;
