use burn::tensor::{Int, Tensor, TensorData};
use burn_cubecl::CubeBackend;

use super::{Rows, round, round::VECTORS};
use crate::kernels::{
    linear_q::layout::BLOCK,
    testing::{native_gpu, random},
    wgsl::read_words,
};

/// The vectors that the rows `x` are rounded to.
fn rounded(x: Vec<f32>, shape @ [rows, columns]: [usize; 2]) -> Option<Vec<[u32; 4]>> {
    let gpu = native_gpu()?;
    let x =
        Tensor::<2>::from_data(TensorData::new(x, shape), &gpu).try_into_primitive::<CubeBackend>().unwrap();
    let words = Tensor::<2, Int>::from_primitive::<CubeBackend>(round(Rows::These(x)).0);
    let words = words.reshape([(rows * columns / BLOCK * VECTORS * 4) as i32]);
    let words = pollster::block_on(async { read_words(words).await.unwrap().await.unwrap() });
    Some(words.as_chunks().0.to_vec())
}

#[test]
fn rows_are_rounded_to_the_largest_of_their_block() {
    for (seed, shape @ [rows, columns]) in (1..).zip([[1, 32], [3, 64], [70, 96], [5, 4096]]) {
        let blocks = columns / BLOCK;
        // Where the scale is a power of two and nothing lies between two quants, every way of dividing gives the same.
        let quants: Vec<i8> = random(seed, rows * columns).iter().map(|x| (x * 127.0) as i8).collect();
        let mut quants = quants;
        quants.chunks_exact_mut(BLOCK).enumerate().for_each(|(i, block)| block[i * 5 % BLOCK] = -127);
        let scale = |block: usize| 2f32.powi(block as i32 % 9 - 4);
        let rests = random(seed + 50, rows * columns);
        let x = quants.iter().zip(rests).enumerate().map(|(i, (q, rest))| {
            let rest = if q.abs() == 127 { 0.0 } else { 0.45 * rest };
            (f32::from(*q) + rest) * scale(i / BLOCK)
        });
        let Some(found) = rounded(x.collect(), shape) else { return };
        for (i, block) in quants.chunks_exact(BLOCK).enumerate() {
            let (row, b) = (i / blocks, i % blocks);
            let vector = |part: usize| found[(b * VECTORS + part) * rows + row];
            let bytes: Vec<i8> = [vector(0), vector(1)]
                .as_flattened()
                .iter()
                .flat_map(|w| w.to_le_bytes())
                .map(|b| b as i8)
                .collect();
            assert_eq!(bytes, block, "block {b} of row {row}");
            let sum = |of: &[i8]| of.iter().map(|q| f32::from(*q)).sum::<f32>() * scale(i);
            let expected = [scale(i), sum(&block[..16]), sum(&block[16..]), sum(block)];
            let factors = vector(2).map(f32::from_bits);
            let close = |(f, e): (&f32, &f32)| (f - e).abs() <= 1e-6 * e.abs();
            assert!(factors.iter().zip(&expected).all(close), "{factors:?}, expected {expected:?}");
        }
    }
}

#[test]
fn zeros_are_zeros_and_what_is_no_number_is_none() {
    let mut x = vec![0.0; 4 * BLOCK];
    x[BLOCK] = 1e-42;
    x[2 * BLOCK + 5] = f32::NAN;
    x[3 * BLOCK + 9] = f32::INFINITY;
    let Some(found) = rounded(x, [4, BLOCK]) else { return };
    for row in [0, 1] {
        assert_eq!([found[row], found[4 + row]], [[0; 4]; 2], "row {row}");
        assert!(f32::from_bits(found[8 + row][0]).abs() < 1e-38);
    }
    for row in [2, 3] {
        assert!(!f32::from_bits(found[8 + row][0]).is_finite(), "row {row}");
    }
}
