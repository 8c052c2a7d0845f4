//! Exact nearest neighbours by dot product.

use core::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::{Error, ErrorCode, Result, kernels::dots};

/// Vectors of a block; blocks are never moved, so that growing copies nothing.
const BLOCK: usize = 1024;
/// Vectors that are scored before their scores are looked at.
const SCORED: usize = 64;

/// Vectors of one length, numbered in the order they were added.
pub struct VectorIndex {
    dimensions: usize,
    blocks: Vec<Vec<f32>>,
    len: usize,
}

/// A vector that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Its number.
    pub index: usize,
    /// Its dot product with the query: the cosine of their angle, if both have unit length.
    pub score: f32,
}

impl VectorIndex {
    /// An empty index of vectors of `dimensions` elements.
    ///
    /// # Errors
    /// `invalid-input` for zero dimensions or more than 65,536.
    pub fn new(dimensions: usize) -> Result<Self> {
        if !(1..=1 << 16).contains(&dimensions) {
            return Err(invalid("dimensions must be between 1 and 65536"));
        }
        Ok(Self { dimensions, blocks: Vec::new(), len: 0 })
    }

    /// Adds the vectors that lie one after the other in `vectors`. Either all are added or none.
    ///
    /// # Errors
    /// `invalid-input` where they are not whole vectors of finite numbers, `out-of-memory`.
    pub fn add(&mut self, vectors: &[f32]) -> Result<()> {
        if !vectors.len().is_multiple_of(self.dimensions) {
            return Err(invalid("the vectors are not a multiple of the index's dimensions"));
        }
        if !vectors.iter().all(|x| x.is_finite()) {
            return Err(invalid("a vector has an element that is not a finite number"));
        }
        let len = self.len + vectors.len() / self.dimensions;
        self.reserve(len.div_ceil(BLOCK))?;
        for vector in vectors.chunks_exact(self.dimensions) {
            self.blocks[self.len / BLOCK].extend_from_slice(vector);
            self.len += 1;
        }
        Ok(())
    }

    /// The `k` vectors with the largest dot product with `query`, best first; among equals the earlier wins.
    ///
    /// # Errors
    /// `invalid-input` where the query has another length or an element that is not finite.
    pub fn search(&self, query: &[f32], k: usize) -> Result<Vec<Hit>> {
        if query.len() != self.dimensions || !query.iter().all(|x| x.is_finite()) {
            return Err(invalid("the query is not a vector of the index's dimensions"));
        }
        let vectors = self.blocks.iter().flat_map(|block| block.chunks(SCORED * self.dimensions));
        // The worst of the best k is on top.
        let mut best: BinaryHeap<Reverse<Ranked>> = BinaryHeap::new();
        let mut scores = [0.0; SCORED];
        let mut first = 0;
        for vectors in vectors {
            let scores = &mut scores[..vectors.len() / self.dimensions];
            dots(query, vectors, scores);
            for (index, &score) in (first..).zip(&*scores) {
                keep(&mut best, k, Hit { index, score });
            }
            first += scores.len();
        }
        Ok(best.into_sorted_vec().into_iter().map(|Reverse(Ranked(hit))| hit).collect())
    }

    /// How many vectors there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes all but the first `len` vectors.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.blocks.truncate(self.len.div_ceil(BLOCK));
        let before = self.blocks.len().saturating_sub(1) * BLOCK;
        if let Some(last) = self.blocks.last_mut() {
            last.truncate((self.len - before) * self.dimensions);
        }
    }

    /// Makes room for `blocks` blocks in all.
    fn reserve(&mut self, blocks: usize) -> Result<()> {
        let before = self.blocks.len();
        while self.blocks.len() < blocks {
            let mut block = Vec::new();
            if block.try_reserve_exact(BLOCK * self.dimensions).is_err() {
                self.blocks.truncate(before);
                return Err(Error::new(
                    ErrorCode::OutOfMemory,
                    "There is not enough memory for the vectors.",
                ));
            }
            self.blocks.push(block);
        }
        Ok(())
    }
}

/// Puts a hit that comes after those in `best` among them, if it is one of the best `k`.
fn keep(best: &mut BinaryHeap<Reverse<Ranked>>, k: usize, hit: Hit) {
    if best.len() >= k {
        match best.peek() {
            // Among equals the earlier wins.
            Some(Reverse(Ranked(worst))) if hit.score.total_cmp(&worst.score).is_gt() => best.pop(),
            _ => return,
        };
    }
    best.push(Reverse(Ranked(hit)));
}

/// Hits in the order of their score; among equal scores the earlier vector is the greater.
#[derive(PartialEq)]
struct Ranked(Hit);

impl Eq for Ranked {}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.score.total_cmp(&other.0.score).then(other.0.index.cmp(&self.0.index))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorCode::InvalidInput, format!("Invalid input: {message}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::random;

    #[test]
    fn search_agrees_with_sorting_everything() {
        let (dimensions, count) = (7, 2 * BLOCK + 5);
        let vectors = random(1, dimensions * count);
        let mut index = VectorIndex::new(dimensions).unwrap();
        index.add(&vectors[..dimensions * 3]).unwrap();
        index.add(&vectors[dimensions * 3..]).unwrap();
        let query = random(2, dimensions);
        let mut scores = vec![0.0; count];
        dots(&query, &vectors, &mut scores);
        let mut all: Vec<(usize, f32)> = scores.into_iter().enumerate().collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for k in [0, 1, 10, count, count + 9] {
            let found: Vec<(usize, f32)> =
                index.search(&query, k).unwrap().iter().map(|hit| (hit.index, hit.score)).collect();
            assert_eq!(found, all[..k.min(count)]);
        }
    }

    #[test]
    fn equal_scores_keep_the_order_of_adding() {
        let mut index = VectorIndex::new(1).unwrap();
        index.add(&[1.0, 2.0, 1.0, 2.0]).unwrap();
        let found: Vec<usize> = index.search(&[1.0], 3).unwrap().iter().map(|hit| hit.index).collect();
        assert_eq!(found, [1, 3, 0]);
    }

    #[test]
    fn truncating_keeps_the_first_and_goes_on_from_there() {
        for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 3, 9 * BLOCK] {
            let mut index = VectorIndex::new(1).unwrap();
            index.add(&vec![1.0; 2 * BLOCK + 3]).unwrap();
            index.truncate(len);
            let kept = len.min(2 * BLOCK + 3);
            assert_eq!(index.len(), kept);
            index.add(&[2.0]).unwrap();
            let hits = index.search(&[1.0], 9 * BLOCK).unwrap();
            assert_eq!((hits[0].index, hits.len()), (kept, kept + 1));
        }
    }

    #[test]
    fn bad_vectors_are_refused_and_nothing_is_added() {
        let mut index = VectorIndex::new(2).unwrap();
        for bad in [&[1.0][..], &[1.0, f32::NAN], &[1.0, 2.0, f32::INFINITY, 0.0]] {
            assert_eq!(index.add(bad).unwrap_err().code, ErrorCode::InvalidInput);
        }
        assert!(index.is_empty());
        assert_eq!(index.search(&[1.0], 1).unwrap_err().code, ErrorCode::InvalidInput);
        assert_eq!(index.search(&[1.0, 1.0], 5), Ok(vec![]));
        assert!(VectorIndex::new(0).is_err());
    }
}
