//! The threads of the pool: workers that share this memory.

use js_sys::WebAssembly::{Memory, Module};
use wasm_bindgen::{JsCast, prelude::*};

use crate::kernels::{fail_pool, help_pool, join_pool, pool_bell};

/// The code that a thread instantiates.
#[wasm_bindgen(js_name = poolModule)]
pub fn module() -> Module {
    wasm_bindgen::module().unchecked_into()
}

/// The memory that it does so with.
#[wasm_bindgen(js_name = poolMemory)]
pub fn memory() -> Memory {
    wasm_bindgen::memory().unchecked_into()
}

/// Counts the calling worker among the threads.
#[wasm_bindgen(js_name = joinPool)]
pub fn join() {
    join_pool();
}

/// Computes with the thread that owns the memory: until there is nothing to do for a while if it may rest, and for ever
/// otherwise. Gives what `poolBell` was then: once it has changed, this is to be called again.
#[wasm_bindgen(js_name = helpPool)]
pub fn help(#[wasm_bindgen(js_name = mayRest)] may_rest: bool) -> i32 {
    help_pool(may_rest) as i32
}

/// The address of an i32, which changes, with a notification, when a thread that rests is wanted.
#[wasm_bindgen(js_name = poolBell)]
pub fn bell() -> u32 {
    pool_bell().as_ptr() as u32
}

/// Says that `helpPool` ended by a trap: what is being computed, and whatever is computed later, traps too.
#[wasm_bindgen(js_name = failPool)]
pub fn fail() {
    fail_pool();
}
