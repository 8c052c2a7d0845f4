//! Search over vectors.

use serde::Serialize;
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use super::error::{record, thrown};
use crate::tasks::vector_index;

/// A vector that was found.
#[derive(Serialize, Tsify)]
pub struct SearchHit {
    /// Its number, in the order of adding.
    pub index: usize,
    /// Its dot product with the query.
    pub score: f32,
}

/// The vectors that were found, best first.
#[derive(Serialize, Tsify)]
pub struct SearchHits(pub Vec<SearchHit>);

/// Exact search by dot product.
#[wasm_bindgen]
pub struct VectorIndex(vector_index::VectorIndex);

#[wasm_bindgen]
impl VectorIndex {
    /// An empty index of vectors of `dimensions` elements.
    #[wasm_bindgen(constructor)]
    pub fn new(dimensions: u32) -> Result<VectorIndex, JsValue> {
        vector_index::VectorIndex::new(dimensions as usize).map(Self).map_err(thrown)
    }

    /// Adds the vectors that lie one after the other in `vectors`.
    pub fn add(&mut self, vectors: &[f32]) -> Result<(), JsValue> {
        self.0.add(vectors).map_err(thrown)
    }

    /// The `k` vectors with the largest dot product with `query`, best first.
    pub fn search(&self, query: &[f32], k: u32) -> Result<Ts<SearchHits>, JsValue> {
        let hits = self.0.search(query, k as usize).map_err(thrown)?;
        let hits = hits.into_iter().map(|hit| SearchHit { index: hit.index, score: hit.score });
        record(&SearchHits(hits.collect()))
    }

    /// How many vectors there are.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Removes all but the first `size` vectors.
    pub fn truncate(&mut self, size: usize) {
        self.0.truncate(size);
    }
}
