//! One token through the kernels of a decode step, beside the same in Burn's operations.

use super::{
    super::{linear_q_joined, step::*},
    *,
};
use crate::kernels::{rms_norm_f32::rms_norm_f32, testing::native_gpu, wgsl::use_subgroups};

/// Weights whose products with `columns` are compared.
fn stored() -> impl Iterator<Item = (u64, Stored)> {
    BLOCKS.into_iter().enumerate().flat_map(|(i, kind)| {
        let unit = BlockFormat::of(kind.0).unwrap().elements;
        let shapes = [[1, 1], [7, 3], [12, 9], [48, 40]];
        (100 * i as u64..)
            .zip(shapes)
            .map(move |(seed, [out, blocks])| (seed, Stored::blocks(seed, kind, [out, blocks * unit])))
    })
}

#[track_caller]
fn assert_near(found: Tensor<2>, expected: Tensor<2>, what: &str) {
    let (found, expected) = (values(found), values(expected));
    let size = expected.iter().fold(0.1f32, |size, e| size.max(e.abs()));
    assert_eq!(found.len(), expected.len());
    for (i, (f, e)) in found.iter().zip(&expected).enumerate() {
        assert!((f - e).abs() <= 1e-5 * size, "{what}, element {i}: found {f}, expected {e}");
    }
}

#[test]
fn a_step_multiplies_with_what_comes_before_and_after() {
    for subgroups in [true, false] {
        // Other tests may see either, and are to pass with both.
        use_subgroups(subgroups);
        for (seed, stored) in stored() {
            multiply_all_ways(seed, stored);
        }
    }
}

/// So many that a workgroup has four tiles: of the first shape where nothing is gated, of the second always.
#[test]
fn a_step_multiplies_many_rows() {
    for out in [16_390, 16_400] {
        multiply_all_ways(1, Stored::blocks(1, BLOCKS[0], [out, 1024]));
    }
}

fn multiply_all_ways(seed: u64, stored: Stored) {
    let Some(gpu) = native_gpu() else { return };
    let cpu = Device::flex();
    let [out, columns] = stored.shape;
    let what = format!("{} {:?}", stored.dtype, stored.shape);
    let weight = PackedWeight::pack(stored.rows(), &gpu).unwrap();
    let x: Tensor<2> = random_tensor(seed, [1, columns]);
    let (gamma, bias): (Tensor<1>, Tensor<1>) =
        (random_tensor(seed + 1, [columns]), random_tensor(seed + 2, [out.next_multiple_of(4)]));
    let residual: Tensor<2> = random_tensor(seed + 3, [1, out]);
    let product = |x: Tensor<2>| Tensor::<2>::from_data(TensorData::new(stored.reference(x), [1, out]), &cpu);
    let normal = rms_norm_f32(x.clone(), gamma.clone(), 1e-5);
    let biased = |y: Tensor<2>| y + bias.clone().narrow(0, 0, out).unsqueeze();
    let on = |t: &Tensor<1>| t.clone().to_device(&gpu);
    let both = Tensor::cat(vec![gamma.clone(), bias.clone()], 0);
    let run = |constants: &Tensor<1>, norm: bool, bias: bool, end: Option<Ending>| {
        let around = Around { norm: norm.then_some(1e-5), bias, constants };
        let x = x.clone().to_device(&gpu);
        match end {
            None => linear_steps(x, core::iter::once(&weight), around),
            Some(end) => linear_step(x, &weight, around, end).unwrap(),
        }
    };
    assert_near(run(&on(&gamma), false, false, None), product(x.clone()), &what);
    assert_near(run(&on(&gamma), true, false, None), product(normal.clone()), &what);
    assert_near(run(&on(&bias), false, true, None), biased(product(x.clone())), &what);
    let added = Ending::Add(residual.clone().to_device(&gpu));
    assert_near(run(&on(&both), true, true, Some(added)), biased(product(normal.clone())) + residual, &what);
    if out.is_multiple_of(8) {
        for by in [Gate::Silu, Gate::GeluTanh] {
            let y = product(normal.clone());
            let expected = gated_f32(y.clone().narrow(1, 0, out / 2), y.narrow(1, out / 2, out / 2), by);
            assert_near(run(&on(&gamma), true, false, Some(Ending::Gate(by))), expected, &what);
        }
    }
}

#[test]
fn a_step_multiplies_a_weight_in_pieces() {
    let Some(gpu) = native_gpu() else { return };
    for kind in BLOCKS {
        let stored = Stored::blocks(2, kind, [37, 512]);
        let weight = PackedWeight::pack_pieces(&mut stored.rows(), 1, &gpu).unwrap();
        let x: Tensor<2> = random_tensor(1, [1, 512]);
        let constants = Tensor::zeros([1], &gpu);
        let around = Around { norm: None, bias: false, constants: &constants };
        let found = linear_steps(x.clone().to_device(&gpu), core::iter::once(&weight), around);
        let expected = Tensor::<2>::from_data(TensorData::new(stored.reference(x), [1, 37]), &Device::flex());
        assert_near(found, expected, "in pieces");
    }
}

/// Two of each kind, so that neighbours of one kind follow those of another.
#[test]
fn weights_are_stacked_and_multiplied_one_after_the_other() {
    let Some(gpu) = native_gpu() else { return };
    let kinds = BLOCKS.into_iter().zip(BLOCKS.into_iter().cycle().skip(1));
    for (seed, (kind, other)) in (1..).zip(kinds) {
        let stored = [(kind, 8), (kind, 12), (other, 4)];
        let stored = stored.map(|(kind, out)| Stored::blocks(seed, kind, [out, 512]));
        let weights = stored.each_ref().map(|stored| PackedWeight::pack(stored.rows(), &gpu).unwrap());
        let stacked = PackedWeight::stack(&weights.each_ref());
        assert_eq!(stacked.iter().map(PackedWeight::outputs).collect::<Vec<_>>(), [20, 4]);
        let (x, bias): (Tensor<2>, Tensor<2>) = (random_tensor(1, [3, 512]), random_tensor(2, [1, 24]));
        let expected = |row: usize| -> Vec<f32> {
            stored.iter().flat_map(|stored| stored.reference(x.clone().narrow(0, row, 1))).collect()
        };
        let found = linear_q_joined(x.clone().to_device(&gpu), &stacked);
        assert_close(&values(found.narrow(0, 1, 1)), &expected(1), 2e-3);
        let constants = bias.clone().flatten(0, 1).to_device(&gpu);
        let around = Around { norm: None, bias: true, constants: &constants };
        let found = linear_steps(x.clone().narrow(0, 2, 1).to_device(&gpu), stacked.iter(), around);
        let expected = Tensor::from_data(TensorData::new(expected(2), [1, 24]), &Device::flex()) + bias;
        assert_near(found, expected, "beside each other");
    }
}

#[test]
fn a_step_looks_up_its_token() {
    use burn::tensor::{DType, Int};

    let Some(gpu) = native_gpu() else { return };
    let angles: Tensor<2> = random_tensor(3, [5, 6]);
    for kind in BLOCKS {
        let stored = Stored::blocks(2, kind, [37, 512]);
        for limit in [1, 1 << 20] {
            let weight = PackedWeight::pack_pieces(&mut stored.rows(), limit, &gpu).unwrap();
            for token in [0, 1, 6, 36] {
                let words = TensorData::new(vec![token, 4, 0, 0, 0, 0, 0, 0, 0, 0], [10]);
                let step = Tensor::<1, Int>::from_data(words, (&gpu, DType::I32));
                let found = embed_step(&weight, &step, &angles.clone().to_device(&gpu), 0.5, &gpu);
                let row = &stored.values()[token as usize * 512..][..512];
                let expected: Vec<f32> = row.iter().map(|value| value * 0.5).collect();
                assert_close(&values(found), &expected, 1e-6);
                let words: Vec<i32> = step.into_data().try_to_vec().unwrap();
                let written: Vec<f32> =
                    words[4..].iter().map(|word| f32::from_bits(word.cast_unsigned())).collect();
                assert_eq!(written, values(angles.clone())[4 * 6..]);
            }
        }
    }
}
