//! What reads the bytes of strangers, as the crate has it: formats, tokenizers and settings need nothing of the other
//! layers but a few names, so Burn need not be compiled with the instruments of a fuzzer.
#![allow(dead_code, unreachable_pub, missing_docs)]

#[path = "../../src"]
mod source {
    pub mod error;
    pub mod formats;
    pub mod memory;
    pub mod tokenizer;
    pub mod models {
        pub mod llama {
            pub mod config;
        }
    }
}

/// What settings say of layers, without the layers.
mod nn {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Bias {
        Absent,
        Required,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Gate {
        Silu,
        GeluTanh,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Pairs {
        Adjacent,
        Halves,
    }

    #[derive(Clone, Debug, PartialEq)]
    pub enum RopeScaling {
        None,
        Linear(f32),
        Llama3 { factor: f32, low: f32, high: f32, original: f32 },
        Factors,
    }
}

pub use source::{
    error::{self, Error, ErrorCode, Result},
    formats, memory,
    models::llama::config::LlamaConfig,
    tokenizer,
};
