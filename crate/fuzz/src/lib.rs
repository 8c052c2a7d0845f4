//! What reads the bytes of strangers, as the crate has it: formats and tokenizers need nothing of the other layers, so
//! Burn need not be compiled with the instruments of a fuzzer.
#![allow(dead_code, unreachable_pub, missing_docs)]

#[path = "../../src"]
mod source {
    pub mod error;
    pub mod formats;
    pub mod tokenizer;
}

pub use source::{
    error::{self, Error, ErrorCode, Result},
    formats, tokenizer,
};
