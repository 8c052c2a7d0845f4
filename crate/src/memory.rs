//! Allocations that say so when they fail.

use crate::{Error, ErrorCode, Result};

/// `len` zeros, or `out-of-memory` where an ordinary allocation would end the program.
pub(crate) fn try_zeros<T: bytemuck::Zeroable + Clone>(len: usize) -> Result<Vec<T>> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(len).map_err(|_| {
        Error::new(ErrorCode::OutOfMemory, format!("There is not enough memory for {len} more numbers."))
    })?;
    zeros.resize(len, T::zeroed());
    Ok(zeros)
}

/// Whether `len` numbers can be had at all: `out-of-memory` where an allocation by others would end the program.
pub(crate) fn try_room(len: usize) -> Result<()> {
    let mut room = Vec::<f32>::new();
    room.try_reserve_exact(len).map_err(|_| {
        Error::new(ErrorCode::OutOfMemory, format!("There is not enough memory for {len} more numbers."))
    })
}
