//! A loaded decoder, and what is asked of it.

use std::{fs::File, io::Read, path::Path};

use burn::tensor::Tensor;
use inglenook::{
    Result,
    device::Device,
    formats::{GgufFile, Segments, TensorRows, open_gguf},
    models::llama::{GgufWeights, KvCache, Llama, LlamaConfig, Logits},
    nn::Weights,
};

/// Reads in pieces, as the browser does.
pub(crate) fn open(path: &Path) -> GgufFile {
    let mut file =
        File::open(path).unwrap_or_else(|e| panic!("{}: {e}; fetch the weights first", path.display()));
    let (mut segments, mut piece) = (Segments::default(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece).unwrap() {
            0 => return open_gguf(segments).unwrap(),
            count => segments.push(&piece[..count]).unwrap(),
        }
    }
}

/// As it ships: weights in the type that they are stored in.
pub(crate) fn load(file: &GgufFile) -> Llama {
    load_from(file, |weights| weights)
}

/// With the same values, every one of them as f32.
pub(crate) fn load_dequantised(file: &GgufFile) -> Llama {
    load_from(file, Dequantised)
}

fn load_from<'a, W: Weights>(file: &'a GgufFile, by: impl Fn(GgufWeights<'a>) -> W) -> Llama {
    let config = LlamaConfig::from_gguf(file).unwrap();
    Llama::load(&config, &by(GgufWeights::new(&file.tensors, &config)), Device::cpu().burn()).unwrap()
}

struct Dequantised<'a>(GgufWeights<'a>);

impl Weights for Dequantised<'_> {
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.0.read(name, shape)
    }

    fn rows(&self, name: &str, shape: [usize; 2]) -> Result<TensorRows<'_>> {
        TensorRows::of_f32(shape, &self.0.read(name, &shape)?)
    }

    fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

pub(crate) fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// The place of the largest logit, and by how much it is above the second one.
pub(crate) fn best(logits: &[f32]) -> (u32, f32) {
    let (mut first, mut second, mut at) = (f32::NEG_INFINITY, f32::NEG_INFINITY, 0);
    for (i, &logit) in logits.iter().enumerate() {
        if logit > first {
            (second, first, at) = (first, logit, i);
        } else if logit > second {
            second = logit;
        }
    }
    (at as u32, first - second)
}

/// The likeliest token at every step, with its margin, one token at a time as an answer is made.
pub(crate) fn greedy(model: &Llama, prompt: &[u32], count: usize) -> (Vec<u32>, Vec<f32>) {
    let mut cache = model.cache();
    let mut next = prompt.to_vec();
    let step = |_| {
        let (id, margin) = best(&values(model.forward(&next, &mut cache, Logits::Last).unwrap()));
        next = vec![id];
        (id, margin)
    };
    (0..count).map(step).unzip()
}

/// Logits of every one of `ids`, `[ids, vocabulary]`, read in pieces of `step`.
pub(crate) fn every_logit(model: &Llama, ids: &[u32], step: usize, mut each: impl FnMut(usize, &[f32])) {
    let mut cache: KvCache = model.cache();
    let mut at = 0;
    for piece in ids.chunks(step) {
        let logits = values(model.forward(piece, &mut cache, Logits::All).unwrap());
        for row in logits.chunks_exact(logits.len() / piece.len()) {
            each(at, row);
            at += 1;
        }
    }
}
