//! What people want done: text in, vectors out. Nothing here knows of JavaScript.

pub mod embedder;
pub mod language_model;
pub mod vector_index;
