//! How far a load has come.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Is told the fraction of a load that is done, 0..1.
    #[wasm_bindgen(typescript_type = "(fraction: number) => void")]
    pub type OnProgress;

    #[wasm_bindgen(method, js_name = call)]
    fn call(this: &OnProgress, receiver: &JsValue, fraction: f64);
}

impl OnProgress {
    pub(super) fn tell(&self, fraction: f64) {
        self.call(&JsValue::UNDEFINED, fraction);
    }
}
