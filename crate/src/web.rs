//! The wasm boundary: typed handles over [`crate::tasks`], and no logic.
//!
//! Every failure is thrown as a plain `{ code, message, detail }` record. A panic is a defect: it is printed to the
//! console and traps, after which the instance must not be used again.

mod device;
mod embedder;
mod error;
mod files;
mod language_model;
mod progress;
#[cfg(target_feature = "atomics")]
pub mod threads;
mod vector_index;

use wasm_bindgen::prelude::*;

#[cfg(feature = "gpu")]
unsafe extern "C" {
    /// The linker's list of constructors.
    fn __wasm_call_ctors();
}

/// Runs once, when the module is instantiated.
#[wasm_bindgen(start)]
pub fn start() {
    // A dependency of Cube registers its parts in constructors. Unless they are called here, the linker wraps every
    // export in a function that calls them again.
    // SAFETY: nothing else of this module has run yet.
    #[cfg(feature = "gpu")]
    unsafe {
        __wasm_call_ctors();
    }
    crate::tokenizer::chat_template::set_clock(local_time);
    std::panic::set_hook(Box::new(|info| {
        web_sys::console::error_1(&JsValue::from_str(&format!("inglenook: {info}")));
    }));
}

/// Seconds since 1970-01-01 00:00, as if the local time were UTC.
fn local_time() -> i64 {
    let now = js_sys::Date::new_0();
    (now.get_time() / 1000.0 - now.get_timezone_offset() * 60.0) as i64
}
