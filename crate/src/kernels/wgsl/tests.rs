//! The kernels of a step that are not tested beside what they are the same as.

use burn::{
    backend::Dispatch,
    tensor::{DType, Device, Int, Tensor, TensorData},
};

use super::{NONE, StepOps, read_words};
use crate::kernels::{
    gated_f32::{Gate, gate_rows, gated_f32},
    testing::{assert_close, native_gpu, random, random_tensor, values},
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
