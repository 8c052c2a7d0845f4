//! Allocations that say so when they fail.

use crate::{Error, ErrorCode, Result};

/// Room for `len` elements, or `out-of-memory` where an ordinary allocation would end the program.
pub(crate) fn try_capacity<T>(len: usize) -> Result<Vec<T>> {
    let mut room = Vec::new();
    #[cfg(test)]
    scarcity::check(len.saturating_mul(size_of::<T>())).map_err(|()| out_of_memory::<T>(len))?;
    room.try_reserve_exact(len).map_err(|_| out_of_memory::<T>(len))?;
    Ok(room)
}

/// `len` zeros, or `out-of-memory`.
pub(crate) fn try_zeros<T: Clone + Default>(len: usize) -> Result<Vec<T>> {
    let mut zeros = try_capacity(len)?;
    zeros.resize(len, T::default());
    Ok(zeros)
}

/// Whether `len` numbers can be had at all: `out-of-memory` where an allocation by others would end the program.
pub(crate) fn try_room(len: usize) -> Result<()> {
    try_capacity::<f32>(len).map(drop)
}

/// Bytes that this memory has addresses for.
pub(crate) const ADDRESSABLE: u64 = usize::MAX as u64;

/// `out-of-memory` for something that needs `needed` bytes of the `available` ones; both are in the detail.
pub(crate) fn shortage(what: &str, needed: u64, available: u64) -> Error {
    let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
    let (more, less) = (megabytes(needed), available / 1_000_000);
    let message = format!("{what} needs {more} MB of memory, and {less} MB can be had.");
    Error::new(ErrorCode::OutOfMemory, message).about(format!("{needed}/{available}"))
}

fn out_of_memory<T>(len: usize) -> Error {
    let bytes = len.saturating_mul(size_of::<T>());
    Error::new(ErrorCode::OutOfMemory, format!("There is not enough memory for {bytes} more bytes."))
}

/// Memory that is scarce in tests.
#[cfg(test)]
pub(crate) mod scarcity {
    use std::cell::Cell;

    thread_local! {
        static MOST: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    pub(super) fn check(bytes: usize) -> Result<(), ()> {
        if bytes > MOST.get() { Err(()) } else { Ok(()) }
    }

    /// What `work` gives where no allocation may have more than `most` bytes.
    pub(crate) fn with_at_most<T>(most: usize, work: impl FnOnce() -> T) -> T {
        MOST.set(most);
        let given = work();
        MOST.set(usize::MAX);
        given
    }
}
