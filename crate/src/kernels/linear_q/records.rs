//! Rows of a quantised weight on a CPU.

use std::sync::Arc;

use super::layout::Format;
use crate::kernels::cpu::{
    linear_q::{Input, Weight},
    rows::RowsMut,
};

/// Consecutive rows of a quantised weight in the records of [`super::layout`]. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Records {
    words: Arc<Vec<i32>>,
    format: Format,
    rows: usize,
    /// Whether every scale is finite. The kernels take them to be; what is not sound gives NaN.
    sound: bool,
}

impl Records {
    pub(super) fn new(words: Vec<i32>, format: Format, rows: usize, sound: bool) -> Self {
        Self { words: Arc::new(words), format, rows, sound }
    }

    /// `into[rows, out] = x · Wᵀ`
    pub(super) fn multiply(&self, x: &mut Input, columns: usize, into: &mut RowsMut) {
        if self.sound {
            return x.multiply(&self.weight(columns), into);
        }
        (0..into.shape()[0]).for_each(|row| into.row(row).fill(f32::NAN));
    }

    /// As the kernels read them.
    pub(super) fn weight(&self, columns: usize) -> Weight<'_> {
        let records = bytemuck::cast_slice(&self.words);
        Weight { records, format: self.format, shape: [self.rows, columns] }
    }

    /// Writes the values of the rows `ids` into `values`, which has room for them; nothing for a row that there is not.
    pub(super) fn read(&self, ids: &[u32], columns: usize, values: &mut [f32]) {
        if !self.sound {
            return values.fill(f32::NAN);
        }
        let weight = self.weight(columns);
        for (id, row) in ids.iter().zip(values.chunks_exact_mut(columns)) {
            weight.dequantise(*id as usize, row);
        }
    }
}
