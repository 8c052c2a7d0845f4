//! Sizes of the tiles of [`super::product`].

use core::sync::atomic::{AtomicBool, Ordering};

/// Enough workgroups to keep a large GPU busy.
const MANY: usize = 128;

/// Whether all products take the smallest tile.
static ONE_TILE: AtomicBool = AtomicBool::new(false);

/// Has all products take the smallest tile, so that there are fewer kernels to compile and to test.
pub(crate) fn use_one_tile() {
    ONE_TILE.store(true, Ordering::Relaxed);
}

/// Whether they do.
pub(crate) fn uses_one_tile() -> bool {
    ONE_TILE.load(Ordering::Relaxed)
}

/// How a workgroup divides a square tile of the result among its threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tile {
    /// Threads along each side.
    pub(super) across: usize,
    /// Rows, and outputs, of a thread; those of one thread lie `across` apart.
    pub(super) each: usize,
    /// Halves of a block of columns that are staged at a time.
    pub(super) halves: usize,
}

impl Tile {
    /// From the largest on. Two stages take 16 KiB, all that WebGPU promises, or 8 KiB.
    pub(crate) const ALL: [Self; 3] = [
        Self { across: 16, each: 8, halves: 1 },
        Self { across: 16, each: 4, halves: 2 },
        Self { across: 8, each: 4, halves: 2 },
    ];

    /// The largest tile of which there are many, or else the smallest.
    pub(crate) fn fitting(rows: usize, outputs: usize) -> Self {
        let [.., smallest] = Self::ALL;
        if uses_one_tile() {
            return smallest;
        }
        Self::ALL.into_iter().find(|tile| tile.count(rows, outputs) >= MANY).unwrap_or(smallest)
    }

    /// Tiles of a result.
    pub(crate) fn count(self, rows: usize, outputs: usize) -> usize {
        rows.div_ceil(self.side()) * outputs.div_ceil(self.side())
    }

    /// Rows, and outputs, of the tile.
    pub(crate) fn side(self) -> usize {
        self.across * self.each
    }

    pub(super) fn threads(self) -> usize {
        self.across * self.across
    }

    /// Stages of a block.
    pub(super) fn stages(self) -> usize {
        2 / self.halves
    }

    /// Vectors of four columns of a stage of one matrix.
    pub(super) fn staged(self) -> usize {
        self.side() * 4 * self.halves
    }

    /// Quarters of half a block that a thread fetches of each half.
    pub(super) fn items(self) -> usize {
        self.side() * 4 / self.threads()
    }

    /// Vectors that a thread fetches.
    pub(super) fn fetched(self) -> usize {
        self.items() * self.halves
    }
}
