//! Rows of a quantised weight on a CPU.

use std::sync::Arc;

use super::layout::Format;
use crate::kernels::cpu::linear_q::Weight;

/// Consecutive rows of a quantised weight in the records of [`super::layout`]. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Records {
    words: Arc<Vec<i32>>,
    format: Format,
    rows: usize,
}

impl Records {
    pub(super) fn new(words: Vec<i32>, format: Format, rows: usize) -> Self {
        Self { words: Arc::new(words), format, rows }
    }

    /// As the kernels read them.
    pub(super) fn weight(&self, columns: usize) -> Weight<'_> {
        let records = bytemuck::cast_slice(&self.words);
        Weight { records, format: self.format, shape: [self.rows, columns] }
    }

    /// Writes the values of the rows `ids` into `values`, which has room for them; nothing for a row that there is not.
    pub(super) fn read(&self, ids: &[u32], columns: usize, values: &mut [f32]) {
        let weight = self.weight(columns);
        for (id, row) in ids.iter().zip(values.chunks_exact_mut(columns)) {
            weight.dequantise(*id as usize, row);
        }
    }
}
