//! Allocations that say so when they fail.

use crate::{Error, ErrorCode, Result};

/// `len` zeros, or `out-of-memory` where an ordinary allocation would end the program.
pub(crate) fn try_zeros(len: usize) -> Result<Vec<f32>> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(len).map_err(|_| {
        Error::new(ErrorCode::OutOfMemory, format!("There is not enough memory for {len} more numbers."))
    })?;
    zeros.resize(len, 0.0);
    Ok(zeros)
}
