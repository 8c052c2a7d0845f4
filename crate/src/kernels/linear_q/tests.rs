//! Packed weights beside the scalar decoders: rows bit for bit, products in eight bits closely, and in f32 within what
//! the rounding of the activations allows.

#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "gpu")]
mod packed;
#[cfg(feature = "gpu")]
mod step;

use burn::tensor::{Device, Tensor, TensorData};

use super::{
    PackedWeight, Piece, gated_linear_q,
    layout::{BLOCK, Format, Order, PAIR, STEP, STEPS, TILE},
    linear_q, linear_q_each, multiplies_exactly,
    pack::Packer,
    rows_q,
};
use crate::{
    ErrorCode,
    formats::{
        Dtype, TensorRows,
        blocks::{Block, BlockFormat},
        dequantise::Decoder,
    },
    kernels::{
        cpu::linear_q::multiply_both_ways,
        gated_f32::{Gate, gated_f32},
        testing::{assert_close, random, random_tensor, values},
    },
};

/// Block types, and where their blocks hold an f16.
const BLOCKS: [(Dtype, &[usize]); 10] = [
    (Dtype::Q4_0, &[0]),
    (Dtype::Q4_1, &[0, 2]),
    (Dtype::Q5_0, &[0]),
    (Dtype::Q5_1, &[0, 2]),
    (Dtype::Q8_0, &[0]),
    (Dtype::Q2_K, &[80, 82]),
    (Dtype::Q3_K, &[108]),
    (Dtype::Q4_K, &[0, 2]),
    (Dtype::Q5_K, &[0, 2]),
    (Dtype::Q6_K, &[208]),
];
const DENSE: [Dtype; 3] = [Dtype::F32, Dtype::F16, Dtype::BF16];

/// A weight as a file stores it.
struct Stored {
    dtype: Dtype,
    shape: [usize; 2],
    bytes: Vec<u8>,
}

impl Stored {
    /// Random bits, with scales up to a hundredth of either sign.
    fn blocks(seed: u64, (dtype, scales): (Dtype, &[usize]), shape: [usize; 2]) -> Self {
        let format = BlockFormat::of(dtype).unwrap();
        let count = shape[0] * shape[1] / format.elements;
        let noise = random(seed, count * format.bytes);
        let mut bytes: Vec<u8> = noise.iter().map(|x| (x * 128.0).floor() as i8 as u8).collect();
        for (block, noise) in bytes.chunks_exact_mut(format.bytes).zip(noise.chunks(format.bytes)) {
            for at in scales {
                let scale = half::f16::from_f32(noise[*at] / 100.0);
                block[*at..at + 2].copy_from_slice(&scale.to_le_bytes());
            }
        }
        Self { dtype, shape, bytes }
    }

    fn dense(seed: u64, dtype: Dtype, shape: [usize; 2]) -> Self {
        let numbers = random(seed, shape[0] * shape[1]);
        let bytes = numbers.iter().flat_map(|&x| match dtype {
            Dtype::F32 => x.to_le_bytes().to_vec(),
            Dtype::F16 => half::f16::from_f32(x).to_le_bytes().to_vec(),
            _ => half::bf16::from_f32(x).to_le_bytes().to_vec(),
        });
        Self { dtype, shape, bytes: bytes.collect() }
    }

    fn rows(&self) -> TensorRows<'static> {
        TensorRows::of_bytes(self.dtype, self.shape, self.bytes.clone()).unwrap()
    }

    fn pack(&self) -> PackedWeight {
        PackedWeight::pack(self.rows(), &Device::flex()).unwrap()
    }

    fn values(&self) -> Vec<f32> {
        let mut values = Vec::new();
        Decoder::of(self.dtype).unwrap().decode(&self.bytes, &mut values);
        values
    }

    /// `x · Wᵀ` in Burn's operations.
    fn reference(&self, x: Tensor<2>) -> Vec<f32> {
        let weight = Tensor::<2>::from_data(TensorData::new(self.values(), self.shape), &x.device());
        values(x.matmul(weight.transpose()))
    }
}

/// Every block type in shapes that are no multiples of a tile, one block wide and wider.
fn stored_blocks() -> impl Iterator<Item = (u64, Stored)> {
    BLOCKS.into_iter().enumerate().flat_map(|(i, kind)| {
        let unit = BlockFormat::of(kind.0).unwrap().elements;
        let shapes = [[1, 1], [3, 3], [6, 2], [9, 5], [4, 1]];
        (10 * i as u64..)
            .zip(shapes)
            .map(move |(seed, [out, blocks])| (seed, Stored::blocks(seed, kind, [out, blocks * unit])))
    })
}

/// The scale of a block of activations and its rounded elements, from the definition.
fn rounded(block: &[f32]) -> (f32, Vec<f64>) {
    let scale = block.iter().fold(0.0f32, |most, x| most.max(x.abs())) / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let rounded = block.iter().map(|x| f64::from((x * inverse).round_ties_even()) * f64::from(scale));
    (scale, rounded.collect())
}

/// Bytes of packed weights for each byte in a file, in thousandths. Loading must take at most a quarter more than the
/// file, and what is packed is most of it.
#[test]
fn packed_weights_take_little_more_than_the_file() {
    let ratios = [1000, 1000, 1000, 1000, 1000, 1238, 1055, 1056, 1045, 1010];
    for ((dtype, _), expected) in BLOCKS.into_iter().zip(ratios) {
        let format = BlockFormat::of(dtype).unwrap();
        for order in [Order::Quarters, Order::Interleaved] {
            for columns in [256, 2048] {
                let (bytes, rows) = Packer::in_order(format, columns, order).unwrap().tile();
                let stored = rows * columns / format.elements * format.bytes;
                let ratio = bytes as f64 / stored as f64;
                assert_eq!((ratio * 1000.0).round() as u32, expected, "{dtype:?}");
                assert!(ratio <= 1.25, "{dtype:?}");
            }
        }
    }
}

#[test]
fn products_match_the_rounded_oracle_and_stay_near_the_f32_product() {
    for (seed, stored) in stored_blocks() {
        let [out, columns] = stored.shape;
        let (weight, dequantised) = (stored.pack(), stored.values());
        for rows in [1, 2, 3, 5, 17] {
            let x: Tensor<2> = random_tensor(seed + 1000, [rows, columns]);
            let found = values(linear_q(x.clone(), &weight));
            let exact = stored.reference(x.clone());
            assert_eq!(found.len(), rows * out);
            for (i, (found, exact)) in found.iter().zip(exact).enumerate() {
                let (row, w) = (&values(x.clone())[i / out * columns..], &dequantised[i % out * columns..]);
                let (mut expected, mut size, mut rounding) = (0.0, 0.0, 0.0);
                for (x, w) in row[..columns].chunks(BLOCK).zip(w.chunks(BLOCK)) {
                    let (scale, x) = rounded(x);
                    expected += x.iter().zip(w).map(|(x, w)| x * f64::from(*w)).sum::<f64>();
                    size += x.iter().zip(w).map(|(x, w)| (x * f64::from(*w)).abs()).sum::<f64>();
                    rounding += f64::from(scale) / 2.0 * w.iter().map(|w| f64::from(w.abs())).sum::<f64>();
                }
                let at = format!("{} {:?}, {rows} rows, element {i}", stored.dtype, stored.shape);
                let error = (f64::from(*found) - expected).abs();
                assert!(error <= 1e-5 * size + 1e-9, "{at}: {found}, expected {expected}");
                let error = (f64::from(*found) - f64::from(exact)).abs();
                assert!(error <= 1.001 * rounding + 1e-5 * size, "{at}: {found}, far from {exact}");
            }
        }
    }
}

#[test]
fn one_row_and_many_give_the_same_bits() {
    for (seed, stored) in stored_blocks() {
        let x: Tensor<2> = random_tensor(seed, [7, stored.shape[1]]);
        let weight = stored.pack();
        let together = values(linear_q(x.clone(), &weight));
        let alone = (0..7).flat_map(|row| values(linear_q(x.clone().narrow(0, row, 1), &weight)));
        assert_eq!(together, alone.collect::<Vec<_>>(), "{} {:?}", stored.dtype, stored.shape);
    }
}

/// Of weights of the same and of different types, in one piece and in several.
#[test]
fn products_of_the_same_rows_are_those_of_each_weight() {
    let device = Device::flex();
    let mut weights: Vec<_> = (0..).zip(BLOCKS).map(|(i, kind)| Stored::blocks(i, kind, [11, 512])).collect();
    weights.push(Stored::blocks(50, BLOCKS[1], [29, 512]));
    weights.push(Stored::blocks(51, BLOCKS[1], [11, 512]));
    weights.push(Stored::dense(52, Dtype::F16, [11, 512]));
    let packed: Vec<_> = weights
        .iter()
        .zip([usize::MAX, 1].into_iter().cycle())
        .map(|(stored, limit)| PackedWeight::pack_pieces(&mut stored.rows(), limit, &device).unwrap())
        .collect();
    for (i, first) in packed.iter().enumerate() {
        for rows in [1, 5] {
            let x: Tensor<2> = random_tensor(7, [rows, 512]);
            let three = [first, &packed[(i + 1) % packed.len()], &packed[1]];
            let together = linear_q_each(x.clone(), three);
            for (weight, found) in three.into_iter().zip(together) {
                assert_eq!(found.dims(), [rows, weight.shape[0]]);
                assert_eq!(values(found), values(linear_q(x.clone(), weight)), "{} first", weights[i].dtype);
            }
            for by in [Gate::Silu, Gate::GeluTanh] {
                let (gate, up) = (linear_q(x.clone(), first), linear_q(x.clone(), &packed[11]));
                if gate.dims() == up.dims() {
                    let found = values(gated_linear_q(x.clone(), first, &packed[11], by));
                    assert_eq!(found, values(gated_f32(gate, up, by)));
                }
            }
        }
    }
}

/// Whichever way this machine takes.
#[test]
fn words_and_bytes_give_the_same_bits() {
    for (seed, stored) in stored_blocks() {
        let [out, columns] = stored.shape;
        let blocks = BlockFormat::of(stored.dtype).unwrap();
        let mut packer = Packer::new(blocks, columns, &Device::flex()).unwrap();
        let records = packer.pack_records(&mut stored.rows(), out).unwrap();
        let weight = records.weight(columns);
        for rows in [1, 2, 3, 9] {
            let [words, bytes] = multiply_both_ways(&random(seed, rows * columns), &weight, rows);
            assert_eq!(words, bytes, "{} {:?}, {rows} rows", stored.dtype, stored.shape);
        }
    }
}

#[test]
fn this_machine_multiplies_exactly() {
    assert!(multiplies_exactly());
}

#[test]
fn more_rows_than_are_multiplied_at_a_time() {
    let stored = Stored::blocks(4, BLOCKS[5], [5, 1 << 14]);
    let x: Tensor<2> = random_tensor(5, [30, 1 << 14]);
    let weight = stored.pack();
    let together = values(linear_q(x.clone(), &weight));
    let last = values(linear_q(x.narrow(0, 29, 1), &weight));
    assert_eq!(together[29 * 5..], last);
}

#[test]
fn rows_are_the_decoders_bit_for_bit() {
    let dense = DENSE.into_iter().map(|dtype| (0, Stored::dense(5, dtype, [19, 7])));
    for (_, stored) in stored_blocks().chain(dense) {
        let [out, columns] = stored.shape;
        let ids: Vec<u32> = (0..out as u32).chain([0, out as u32 - 1]).collect();
        let expected: Vec<f32> =
            ids.iter().flat_map(|id| stored.values()[*id as usize * columns..][..columns].to_vec()).collect();
        let found = values(rows_q(&ids, &stored.pack()));
        assert_eq!(found, expected, "{} {:?}", stored.dtype, stored.shape);
    }
}

#[test]
fn pieces_are_rows_of_one_weight() {
    let device = Device::flex();
    let dense = DENSE.into_iter().map(|dtype| Stored::dense(5, dtype, [37, 24]));
    let blocks = BLOCKS.into_iter().map(|kind| Stored::blocks(6, kind, [37, 512]));
    for stored in dense.chain(blocks) {
        let whole = stored.pack();
        let cut = PackedWeight::pack_pieces(&mut stored.rows(), 1, &device).unwrap();
        assert_eq!(whole.pieces.len(), 1);
        assert_eq!(cut.pieces.len(), 37usize.div_ceil(cut.piece_rows));
        assert!(cut.piece_rows <= 8);
        let x: Tensor<2> = random_tensor(7, [3, stored.shape[1]]);
        assert_eq!(values(linear_q(x.clone(), &cut)), values(linear_q(x, &whole)));
        let ids = [0, 8, 9, 36, 36, 3, 20];
        assert_eq!(values(rows_q(&ids, &cut)), values(rows_q(&ids, &whole)));
    }
}

#[test]
fn views_of_larger_buffers_are_read_from_their_place() {
    let x: Tensor<2> = random_tensor(1, [9, 600]);
    let view = x.slice([2..7, 40..552]);
    for kind in BLOCKS {
        let stored = Stored::blocks(2, kind, [5, 512]);
        let copy = Tensor::<2>::from_data(view.to_data(), &Device::flex());
        let weight = stored.pack();
        assert_eq!(values(linear_q(view.clone(), &weight)), values(linear_q(copy, &weight)));
    }
}

#[test]
fn dense_weights_multiply_in_f32() {
    for (seed, [rows, columns, out]) in (1..).zip([[1, 3, 5], [5, 33, 16], [2, 400, 9], [17, 64, 1]]) {
        for dtype in DENSE {
            let stored = Stored::dense(seed, dtype, [out, columns]);
            let x: Tensor<2> = random_tensor(seed + 10, [rows, columns]);
            let found = values(linear_q(x.clone(), &stored.pack()));
            assert_close(&found, &stored.reference(x), 5e-5);
        }
    }
}

#[test]
fn activations_at_the_ends_of_their_range() {
    let stored = Stored::blocks(3, BLOCKS[0], [4, 64]);
    let weight = stored.pack();
    let row = |values: Vec<f32>| Tensor::<2>::from_data(TensorData::new(values, [1, 64]), &Device::flex());
    assert_eq!(values(linear_q(row(vec![0.0; 64]), &weight)), [0.0; 4]);
    assert_eq!(values(linear_q(row(vec![1e-42; 64]), &weight)), [0.0; 4]);
    let large = values(linear_q(row(vec![1e30; 64]), &weight));
    let expected = stored.reference(row(vec![1.0; 64]));
    large.iter().zip(expected).for_each(|(l, e)| assert!((l / 1e30 - e).abs() < 1e-5));
    assert!(values(linear_q(row(vec![f32::INFINITY; 64]), &weight)).iter().all(|y| y.is_nan()));
    for place in 0..64 {
        let spoiled = (0..64).map(|i| if i == place { -f32::NAN } else { 3.0 }).collect();
        assert!(values(linear_q(row(spoiled), &weight)).iter().all(|y| y.is_nan()), "NaN at {place}");
    }
}

/// Wherever in the weight the scale is, and in any of its pieces.
#[test]
fn a_scale_that_is_no_number_makes_products_and_rows_nan() {
    for (i, kind) in BLOCKS.into_iter().enumerate() {
        for spoiled in [half::f16::INFINITY, half::f16::NEG_INFINITY, half::f16::NAN] {
            let mut stored = Stored::blocks(i as u64, kind, [9, 512]);
            let last = stored.bytes.len() - BlockFormat::of(kind.0).unwrap().bytes + kind.1[0];
            stored.bytes[last..last + 2].copy_from_slice(&spoiled.to_le_bytes());
            let weight = PackedWeight::pack_pieces(&mut stored.rows(), 1, &Device::flex()).unwrap();
            for rows in [1, 3] {
                let found = values(linear_q(random_tensor(3, [rows, 512]), &weight));
                assert!(found.chunks(9).all(|row| row[8].is_nan() && row[0].is_finite()), "{}", kind.0);
            }
            assert!(values(rows_q(&[8], &weight)).iter().all(|value| value.is_nan()), "{}", kind.0);
        }
    }
}

/// A quant, from its place in the planes as the table of [`super::layout`] has it: `byte(plane, i)` is byte `i` of a
/// plane of the block.
fn quant(byte: impl Fn(usize, usize) -> u8, bits: usize, order: Order, place: (usize, usize)) -> i32 {
    let steps = (0..STEPS).flat_map(|s| (0..STEP).map(move |i| (s, i)));
    let (s, i) = steps.into_iter().find(|(s, i)| order.place(*s, *i) == place).unwrap();
    let field =
        |plane: usize, from: usize, count: u32| i32::from(byte(plane, i) >> from) & ((1 << count) - 1);
    match bits {
        2 => field(s / 4, s % 4 * 2, 2),
        3 => field(s / 4, s % 4 * 2, 2) | field(2, s, 1) << 2,
        4 => field(s / 2, s % 2 * 4, 4),
        5 => field(s / 2, s % 2 * 4, 4) | field(4, s, 1) << 4,
        6 => field(s / 2, s % 2 * 4, 4) | field(4 + s / 4, s % 4 * 2, 2) << 4,
        _ => i32::from(byte(s, i).cast_signed()),
    }
}

#[test]
fn quants_lie_as_documented_in_both_orders() {
    for (seed, stored) in stored_blocks() {
        let ([out, columns], blocks) = (stored.shape, BlockFormat::of(stored.dtype).unwrap());
        let format = Format::of(&blocks);
        for order in [Order::Quarters, Order::Interleaved] {
            let mut packer = Packer::in_order(blocks, columns, order).unwrap();
            let bytes: Vec<u8> = match order {
                Order::Quarters => {
                    let apart = packer.pack_apart(&mut stored.rows(), out).unwrap();
                    let tiles = out.div_ceil(TILE);
                    let bytes = tiles * format.tile_bytes(columns);
                    assert_eq!(4 * (apart.planes.len() + apart.scales.len()), bytes);
                    bytemuck::cast_slice(&apart.planes).to_vec()
                }
                Order::Interleaved => {
                    let records = packer.pack_records(&mut stored.rows(), out).unwrap();
                    records.weight(columns).records.to_vec()
                }
            };
            let place = |tile: usize, b: usize, plane: usize, i: usize| match order {
                Order::Quarters => (tile * columns / BLOCK + b) * format.block_bytes() + plane * STEP + i,
                Order::Interleaved => {
                    let per_record = format.record_columns() / BLOCK;
                    let record = format.pair_bytes(columns) / (columns / BLOCK / per_record);
                    tile / PAIR * format.pair_bytes(columns)
                        + b / per_record * record
                        + ((b % per_record * format.bits + plane) * PAIR + tile % PAIR) * STEP
                        + i
                }
            };
            let mut block = Block::default();
            for (n, stored_bytes) in stored.bytes.chunks_exact(blocks.bytes).enumerate() {
                blocks.unpack(stored_bytes, &mut block);
                for (e, expected) in block.quants[..blocks.elements].iter().enumerate() {
                    let (row, column) = (n * blocks.elements / columns, n * blocks.elements % columns + e);
                    let byte = |plane, i| bytes[place(row / TILE, column / BLOCK, plane, i)];
                    let found = quant(byte, format.bits, order, (row % TILE, column % BLOCK));
                    let at = format!("{} {seed} {order:?} {row} {column}", stored.dtype);
                    assert_eq!(found, i32::from(*expected), "{at}");
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_packed_is_a_typed_error() {
    let device = Device::flex();
    let pack = |dtype, shape, bytes: usize| {
        let rows = TensorRows::of_bytes(dtype, shape, vec![0; bytes]).unwrap();
        PackedWeight::pack(rows, &device).unwrap_err()
    };
    for (dtype, bytes) in [(Dtype::IQ4_NL, 36), (Dtype::MXFP4, 34), (Dtype::I32, 256), (Dtype::F64, 512)] {
        let error = pack(dtype, [2, 32], bytes);
        assert_eq!(error.code, ErrorCode::UnsupportedDtype);
        assert!(error.message.contains(&dtype.to_string()));
    }
    assert_eq!(pack(Dtype::Q4_0, [0, 32], 0).code, ErrorCode::TensorShape);
    assert_eq!(pack(Dtype::F32, [3, 0], 0).code, ErrorCode::TensorShape);
    let whole = Stored::blocks(1, BLOCKS[0], [4, 32]).pack();
    assert_eq!(whole.shape, [4, 32]);
    assert!(matches!(whole.pieces[..], [Piece::Records(_)]));
}
