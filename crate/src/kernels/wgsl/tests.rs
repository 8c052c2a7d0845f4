//! The kernels of a step that are not tested beside what they are the same as.

use burn::{
    backend::Dispatch,
    tensor::{DType, Device, Int, Tensor, TensorData},
};

use super::{
    NONE, StepOps,
    attention_step_f32::{AttentionStep, Join, Span, WIDEST},
    embed_q::Embed,
    gated_f32::GateRows,
    linear_rows_q::{Before, Product, Round},
    linear_step_q::{Heads, LinearStep, Then},
    program::Program,
    read_words,
    remember_f32::Remember,
    step::Begin,
    top_f32::{Best, Chunks},
};
use crate::{
    formats::{Dtype, blocks::BlockFormat},
    kernels::{
        cube::tile::Tile,
        gated_f32::{Gate, gate_rows, gated_f32},
        linear_q::layout::Format,
        rope_f32::Pairs,
        testing::{assert_close, native_gpu, random, random_tensor, values},
    },
};

fn ints(values: Vec<i32>, gpu: &Device) -> Tensor<1, Int> {
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), (gpu, DType::I32))
}

/// What is found in `logits`, and the step after it, which was at token 7 and position 30.
fn choose(logits: &[f32], top: usize, gpu: &Device) -> (Vec<u32>, Vec<u32>) {
    let step = ints(vec![7, 30, 0, 0], gpu);
    let result = ints(vec![0; 2 + 2 * top], gpu);
    let logits = Tensor::<2>::from_data(TensorData::new(logits.to_vec(), [1, logits.len()]), gpu);
    let found: Tensor<1, Int> = Tensor::from_dispatch(Dispatch::choose_step(
        logits.into_dispatch(),
        step.clone().into_dispatch(),
        result.into_dispatch(),
        top,
    ));
    let read = |tensor| pollster::block_on(async { read_words(tensor).await.unwrap().await.unwrap() });
    (read(found), read(step))
}

#[test]
fn the_most_probable_tokens_are_found() {
    let Some(gpu) = native_gpu() else { return };
    for (seed, (count, top)) in
        (1..).zip([(1, 1), (5, 8), (2047, 3), (2048, 128), (2049, 1), (4097, 40), (49_152, 1), (49_152, 40)])
    {
        // Few different values, so that many are equal.
        let steps = if seed % 2 == 0 { 16.0 } else { 1e6 };
        let logits: Vec<f32> =
            random(seed, count).iter().map(|x| (x * steps).round() / steps * 9.0).collect();
        let mut order: Vec<u32> = (0..count as u32).collect();
        order.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b)));
        let (found, step) = choose(&logits, top, &gpu);
        assert_eq!((found[0], &step[..2]), (0, &[order[0], 31][..]));
        for (i, pair) in found[2..].as_chunks::<2>().0.iter().enumerate() {
            let expected = order.get(i).map_or(NONE, |id| *id);
            assert_eq!(pair[0], expected, "{count} logits, the best {top}, number {i}");
            assert!(expected == NONE || f32::from_bits(pair[1]) == logits[expected as usize]);
        }
    }
}

#[test]
fn a_logit_that_is_not_finite_is_noticed_wherever_it_is() {
    let Some(gpu) = native_gpu() else { return };
    for (count, place) in [(1, 0), (300, 299), (5000, 2100), (5000, 4999)] {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut logits = random(3, count);
            logits[place] = bad;
            assert_eq!(choose(&logits, 2, &gpu).0[0], 1, "{bad} at {place} of {count}");
        }
    }
}

#[test]
fn rows_are_gated_like_two_tensors() {
    let Some(gpu) = native_gpu() else { return };
    for (seed, [rows, width]) in (1..).zip([[1, 1], [3, 5], [9, 64], [2, 1537]]) {
        for by in [Gate::Silu, Gate::GeluTanh] {
            let both = random_tensor::<2>(seed, [rows, 2 * width]) * 9.0;
            let half = |at| both.clone().narrow(1, at, width);
            let expected = values(gated_f32(half(0), half(width), by));
            assert_close(&values(gate_rows(both.clone().to_device(&gpu), by)), &expected, 1e-5);
        }
    }
}

/// What is bound, the bytes of a workgroup's memory, and its threads are no more than WebGPU promises of every device.
fn assert_within_limits<P: Program>(program: &P) {
    let text = program.text();
    let bytes = |declaration: &str| -> usize {
        let (of, count) = declaration.split_once("array<").unwrap().1.rsplit_once(", ").unwrap();
        let size = if of.starts_with("vec4") { 16 } else { 4 };
        size * count.strip_suffix(">;").unwrap().parse::<usize>().unwrap()
    };
    let memory: usize = text.lines().filter(|line| line.starts_with("var<workgroup>")).map(bytes).sum();
    assert!(text.matches("var<storage").count() <= 8, "{program:?}");
    assert!(memory <= 16 << 10, "{memory} bytes: {program:?}");
    assert!(program.threads() <= 256, "{program:?}");
}

#[test]
fn every_device_has_what_kernels_need() {
    let blocks = [
        Dtype::Q4_0,
        Dtype::Q4_1,
        Dtype::Q5_0,
        Dtype::Q5_1,
        Dtype::Q8_0,
        Dtype::Q2_K,
        Dtype::Q3_K,
        Dtype::Q4_K,
        Dtype::Q5_K,
        Dtype::Q6_K,
    ];
    let formats = blocks.map(|dtype| Format::of(&BlockFormat::of(dtype).unwrap()));
    let heads = Heads { query: 8, cached: 2, width: 64, pairs: Pairs::Halves, angles: 0 };
    let kinds = [Then::Store(0), Then::Add, Then::Gate(Gate::Silu), Then::Remember(heads.clone())];
    for (format, columns) in formats.into_iter().flat_map(|format| [512, 4096].map(|of| (format, of))) {
        for then in kinds.clone() {
            let (norm, bias, rows, subgroups) = (Some(0), true, 12 * 64, false);
            assert_within_limits(&LinearStep { format, columns, rows, norm, bias, then, subgroups });
        }
        assert_within_limits(&Embed { format, columns, first: 0, rows: 64, factor: 0, angles: 128 });
        for tile in Tile::ALL {
            assert_within_limits(&Product { format, residual: true, tile });
        }
    }
    for before in [Before::Nothing, Before::Norm(1), Before::Gate(Gate::GeluTanh)] {
        assert_within_limits(&Round { before });
    }
    for (group, width) in (1..130).flat_map(|group| [4, 64, 256, WIDEST].map(|width| (group, width))) {
        let how = AttentionStep { heads: 2, group, width, window: None, scale: 0, cap: None };
        assert_within_limits(&Span(how.clone()));
        assert_within_limits(&Join(how));
    }
    assert_within_limits(&Remember { heads, angles: 128, norm: Some(0) });
    assert_within_limits(&Begin { angles: 128 });
    assert_within_limits(&GateRows { width: 1536, by: Gate::GeluTanh });
    assert_within_limits(&Chunks { logits: 49_152, top: 64 });
    assert_within_limits(&Best { candidates: 1536, top: 64 });
}
