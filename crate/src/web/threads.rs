//! The threads of the pool: workers that share this memory.

use js_sys::WebAssembly::{Memory, Module};
use wasm_bindgen::{JsCast, prelude::*};

use crate::kernels::{fail_pool, join_pool};

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

/// Computes with the thread that owns the memory, until the worker that calls it is ended. Does not return.
#[wasm_bindgen(js_name = joinPool)]
pub fn join() {
    join_pool();
}

/// Says that `joinPool` ended after all, by a trap: what is being computed, and whatever is computed later, traps too.
#[wasm_bindgen(js_name = failPool)]
pub fn fail() {
    fail_pool();
}
