//! Sums over the threads of a workgroup.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

/// Adds up `sums`, of which every one of `units` threads has its own; thread `i < count` gets the sum of element `i`.
///
/// Every thread of the workgroup has to call it. `units` is a power of two, and at least `count`.
#[cube]
pub(super) fn add_up(sums: &Array<f32>, #[comptime] count: usize, #[comptime] units: usize) -> f32 {
    let unit = UNIT_POS as usize;
    let mut shared = Shared::<[f32]>::new_slice(comptime!(count * units));
    #[unroll]
    for i in 0..count {
        shared[i * units + unit] = sums[i];
    }
    sync_cube();
    let mut stride = comptime!(units / 2).runtime();
    while stride > 0 {
        if unit < stride {
            #[unroll]
            for i in 0..count {
                let other = shared[i * units + unit + stride];
                shared[i * units + unit] += other;
            }
        }
        sync_cube();
        stride /= 2;
    }
    shared[min(unit, comptime!(count - 1)) * units]
}
