//! Matrices in parts of longer rows.

use core::{marker::PhantomData, ops::Range, slice};

use super::pool::split;

/// A row-major matrix whose rows are `stride` elements apart.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) stride: usize,
}

/// A row-major matrix to write, whose rows are `stride` elements apart. What lies between them may be written by others.
pub(crate) struct RowsMut<'a, T = f32> {
    data: *mut T,
    rows: usize,
    width: usize,
    stride: usize,
    lifetime: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a mutable borrow of its elements and of nothing else.
unsafe impl<T: Send> Send for RowsMut<'_, T> {}
// SAFETY: through a shared borrow only parts can be had, and that is the taker's promise.
unsafe impl<T: Send> Sync for RowsMut<'_, T> {}

impl<'a, T> RowsMut<'a, T> {
    /// All of `data`, in rows of `width`.
    pub(crate) fn new(data: &'a mut [T], width: usize) -> Self {
        let rows = data.len().checked_div(width).unwrap_or(0);
        Self { data: data.as_mut_ptr(), rows, width, stride: width, lifetime: PhantomData }
    }

    /// Rows and elements of a row.
    pub(crate) fn shape(&self) -> [usize; 2] {
        [self.rows, self.width]
    }

    /// Elements from the beginning of a row to that of the next.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    pub(crate) fn row(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows);
        // SAFETY: the row is there, and borrowed as long as the matrix is.
        unsafe { slice::from_raw_parts_mut(self.data.add(row * self.stride), self.width) }
    }

    /// Where a block of `height × width` elements begins, all of which may be written.
    ///
    /// # Panics
    /// If the block ends outside of the matrix.
    pub(crate) fn at(&mut self, row: usize, column: usize, [height, width]: [usize; 2]) -> *mut T {
        assert!(row + height <= self.rows && column + width <= self.width);
        self.data.wrapping_add(row * self.stride + column)
    }

    /// Rows of a matrix without anything between them, as one slice.
    ///
    /// # Safety
    /// As of [`RowsMut::part`]; rows must be `width` apart.
    #[allow(clippy::mut_from_ref)]
    unsafe fn lines(&self, rows: Range<usize>) -> &mut [T] {
        assert!(rows.start <= rows.end && rows.end <= self.rows);
        // SAFETY: the rows are there, and the caller promises that nobody else has them.
        unsafe { slice::from_raw_parts_mut(self.data.add(rows.start * self.width), rows.len() * self.width) }
    }

    /// The elements that are in both ranges.
    ///
    /// # Panics
    /// If the ranges end outside of the matrix.
    ///
    /// # Safety
    /// Parts that are alive at the same time must have no element in common.
    pub(crate) unsafe fn part(&self, rows: Range<usize>, columns: Range<usize>) -> RowsMut<'_, T> {
        assert!(rows.start <= rows.end && rows.end <= self.rows);
        assert!(columns.start <= columns.end && columns.end <= self.width);
        // Never dereferenced where the part is empty.
        let data = self.data.wrapping_add(rows.start * self.stride + columns.start);
        RowsMut { data, rows: rows.len(), width: columns.len(), stride: self.stride, lifetime: PhantomData }
    }
}

/// Calls `work` with parts of `data`, whole rows of `width` elements, and the number of each part's first row; on several
/// threads where that is worth it. `cost` is of all rows, as of [`split`].
pub(crate) fn split_rows<T: Send>(
    data: &mut [T],
    width: usize,
    cost: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let matrix = RowsMut::new(data, width);
    split(matrix.rows, cost, |rows| {
        let first = rows.start;
        // SAFETY: no two ranges have a row in common.
        work(first, unsafe { matrix.lines(rows) });
    });
}

/// Calls `work` with each of `items`; on several threads where that is worth it. `cost` is of all, as of [`split`].
pub(crate) fn split_each<T: Send>(items: &mut [T], cost: usize, work: impl Fn(&mut T) + Sync) {
    split_rows(items, 1, cost, |_, items| items.iter_mut().for_each(&work));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_where_their_ranges_say() {
        let mut data: Vec<f32> = (0..35).map(|i| i as f32).collect();
        let mut matrix = RowsMut::new(&mut data, 7);
        assert_eq!((matrix.shape(), matrix.stride()), ([5, 7], 7));
        assert_eq!(matrix.row(2)[1], 15.0);
        // SAFETY: they have no element in common.
        let [mut left, right] = unsafe { [matrix.part(1..4, 0..3), matrix.part(1..4, 3..7)] };
        assert_eq!(left.row(2), [21.0, 22.0, 23.0]);
        // SAFETY: it is the only one of `right`.
        let mut inner = unsafe { right.part(1..2, 2..4) };
        assert_eq!((inner.shape(), inner.stride()), ([1, 2], 7));
        inner.row(0).fill(-1.0);
        left.row(0)[2] = -2.0;
        assert_eq!((data[19], data[20], data[9]), (-1.0, -1.0, -2.0));
        assert_eq!(data.iter().filter(|x| **x < 0.0).count(), 3);
    }
}
