//! Files that lie: each must end in a typed error, at once, and never in a panic.
#![allow(clippy::unwrap_used)]

use inglenook::formats::{GgufFile, Segments, TensorFile, open_gguf, open_safetensors};
use inglenook::tokenizer::Tokenizer;
use inglenook::{ErrorCode, Result};
use proptest::prelude::*;

#[allow(dead_code)]
#[path = "../../crate/src/formats/gguf/fixture.rs"]
mod fixture;

use fixture::{Gguf, Tensor, text};

/// A safetensors file with this header, whatever it says.
fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// A safetensors file of two tensors, 24 bytes of data.
fn good_safetensors() -> Vec<u8> {
    safetensors(
        r#"{"__metadata__":{"format":"pt"},
            "one":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},
            "two":{"dtype":"F16","shape":[4],"data_offsets":[16,24]}}"#,
        &[0x3c; 24],
    )
}

/// A GGUF file with metadata of every kind and two tensors.
fn good_gguf() -> Vec<u8> {
    Gguf::default()
        .text("general.architecture", "bert")
        .u32("bert.block_count", 6)
        .entry("bert.attention.causal", 7, &[0])
        .texts("tokenizer.ggml.tokens", &["[UNK]", "\u{2581}a"])
        .i32s("tokenizer.ggml.token_type", &[3, 1])
        .tensor(Tensor::new("one", &[2, 2], 0, vec![0; 16]))
        .tensor(Tensor::new("two", &[32, 2], 8, vec![1; 68]))
        .bytes()
}

fn safetensors_code(bytes: Vec<u8>) -> ErrorCode {
    open_safetensors(bytes).unwrap_err().code
}

fn gguf_code(file: &Gguf) -> ErrorCode {
    open_gguf(file.bytes()).unwrap_err().code
}

/// Everything that can be asked of a file, for the panics that it might cause.
fn use_tensors(file: &TensorFile) {
    for name in file.names() {
        let info = file.info(name).unwrap();
        match file.read_f32(name) {
            Ok((values, shape)) => {
                assert_eq!(values.len(), shape.iter().product::<usize>());
                assert_eq!(shape, info.shape);
            }
            Err(error) => {
                assert_eq!(error.code, ErrorCode::UnsupportedDtype);
                let mut bytes = Vec::new();
                let _ = file.rows(name).map(|mut rows| rows.next(usize::MAX, &mut bytes).unwrap());
            }
        }
    }
}

/// The bytes in pieces so small that most values lie across two.
fn in_pieces(bytes: &[u8]) -> Segments {
    let mut segments = Segments::in_pieces_of(5);
    segments.push(bytes).unwrap();
    segments
}

fn try_safetensors(bytes: Vec<u8>) -> Result<TensorFile> {
    let file = open_safetensors(in_pieces(&bytes));
    file.iter().for_each(use_tensors);
    file
}

fn try_gguf(bytes: Vec<u8>) -> Result<GgufFile> {
    let file = open_gguf(in_pieces(&bytes));
    if let Ok(file) = &file {
        use_tensors(&file.tensors);
        let _ = Tokenizer::from_gguf(&file.metadata);
        let _ = file.metadata.u32s("tokenizer.ggml.token_type");
    }
    file
}

#[test]
fn the_good_files_are_good() {
    let file = try_safetensors(good_safetensors()).unwrap();
    assert_eq!(file.names().collect::<Vec<_>>(), ["one", "two"]);
    let file = try_gguf(good_gguf()).unwrap();
    assert_eq!(file.tensors.names().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(file.metadata.u32("bert.block_count").unwrap(), 6);
}

#[test]
fn truncated_anywhere() {
    let safetensors = good_safetensors();
    for length in 0..safetensors.len() {
        let code = safetensors_code(safetensors[..length].to_vec());
        assert_eq!(code, ErrorCode::MalformedFile, "safetensors, {length} bytes");
    }
    let gguf = good_gguf();
    for length in 0..gguf.len() {
        let code = open_gguf(gguf[..length].to_vec()).unwrap_err().code;
        assert_eq!(code, ErrorCode::MalformedFile, "GGUF, {length} bytes");
    }
}

#[test]
fn every_bit_flipped() {
    let flipped = |bytes: &[u8], bit: usize| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    let allowed = [ErrorCode::MalformedFile, ErrorCode::UnsupportedFile, ErrorCode::UnsupportedDtype];
    let safetensors = good_safetensors();
    let gguf = good_gguf();
    for bit in 0..safetensors.len() * 8 {
        if let Err(error) = try_safetensors(flipped(&safetensors, bit)) {
            assert!(allowed.contains(&error.code), "safetensors, bit {bit}: {error:?}");
        }
    }
    for bit in 0..gguf.len() * 8 {
        if let Err(error) = try_gguf(flipped(&gguf, bit)) {
            assert!(allowed.contains(&error.code), "GGUF, bit {bit}: {error:?}");
        }
    }
}

#[test]
fn safetensors_headers_that_claim_too_much() {
    for length in [1u64 << 60, u64::MAX, 1 << 32, 100_000_001, 1000] {
        let bytes = [&length.to_le_bytes()[..], b"{}      "].concat();
        assert_eq!(safetensors_code(bytes), ErrorCode::MalformedFile, "{length}");
    }
}

#[test]
fn safetensors_headers_that_lie() {
    let tensor = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}"#)
    };
    let bytes = |shape: &str, offsets: &str| format!(r#"{{"a":{}}}"#, tensor("U8", shape, offsets));
    let pair = |second: &str, offsets: &str| {
        let (one, two) = (tensor("U8", "[4]", "[0,4]"), tensor("U8", "[4]", offsets));
        format!(r#"{{"a":{one},"{second}":{two}}}"#)
    };
    let data = [0; 8];
    assert!(open_safetensors(safetensors(&pair("b", "[4,8]"), &data)).is_ok());
    for (what, header) in [
        ("overlap", pair("b", "[2,6]")),
        ("the same place", pair("b", "[0,4]")),
        ("a hole", pair("b", "[5,9]")),
        ("the same name", pair("a", "[4,8]")),
        ("the same tensor", pair("a", "[0,4]")),
        ("bytes that belong to nothing", bytes("[4]", "[0,4]")),
        ("past the end", bytes("[16]", "[0,16]")),
        ("far past the end", bytes("[1152921504606846976]", "[0,1152921504606846976]")),
        ("a start other than 0", bytes("[7]", "[1,8]")),
        ("backwards", bytes("[8]", "[8,0]")),
        ("a negative shape", bytes("[-8]", "[0,8]")),
        ("a fractional shape", bytes("[8.0]", "[0,8]")),
        ("a shape of text", bytes(r#"["8"]"#, "[0,8]")),
        ("a negative offset", bytes("[8]", "[-8,0]")),
        ("three offsets", bytes("[8]", "[0,8,8]")),
        ("a shape that overflows", bytes("[4294967296,4294967296,8]", "[0,8]")),
        ("a shape that overflows to 8", bytes("[2305843009213693953,8]", "[0,8]")),
        ("a shape beyond 64 bits", bytes("[36893488147419103232]", "[0,8]")),
        ("another size than its shape", bytes("[9]", "[0,8]")),
        ("another size than its type", format!(r#"{{"a":{}}}"#, tensor("F32", "[8]", "[0,8]"))),
        ("an unknown type", format!(r#"{{"a":{}}}"#, tensor("F33", "[8]", "[0,8]"))),
        ("an unknown field", bytes("[8]", r#"[0,8],"at":1"#)),
        ("a missing field", r#"{"a":{"dtype":"U8","shape":[8]}}"#.to_owned()),
        ("metadata that are no texts", r#"{"__metadata__":{"a":[]}}"#.to_owned()),
        ("a list", "[]".to_owned()),
        ("nothing", String::new()),
        ("half a header", r#"{"a":"#.to_owned()),
        ("more than a header", "{} {}".to_owned()),
    ] {
        assert_eq!(safetensors_code(safetensors(&header, &data)), ErrorCode::MalformedFile, "{what}");
    }
}

#[test]
fn safetensors_headers_of_deep_json() {
    let depth = 200_000;
    for header in [
        "[".repeat(depth),
        r#"{"a":"#.repeat(depth),
        format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth)),
        format!(r#"{{"a":{{"dtype":{}"#, "[".repeat(depth)),
        format!(r#"{{"__metadata__":{{"a":{}1{}}}}}"#, "[".repeat(depth), "]".repeat(depth)),
    ] {
        assert_eq!(safetensors_code(safetensors(&header, &[])), ErrorCode::MalformedFile);
    }
}

#[test]
fn safetensors_headers_that_are_not_utf8() {
    let header = [&b"{\"\xff\":"[..], br#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#].concat();
    let bytes = [&(header.len() as u64).to_le_bytes()[..], &header].concat();
    assert_eq!(safetensors_code(bytes), ErrorCode::MalformedFile);
}

#[test]
fn files_of_another_kind() {
    for bytes in [&b"<!doctype html><title>404</title>"[..], b"PK\x03\x04", b"\x80\x02}q\x00.", &[0; 64]] {
        assert_eq!(safetensors_code(bytes.to_vec()), ErrorCode::MalformedFile);
        assert_eq!(open_gguf(bytes.to_vec()).unwrap_err().code, ErrorCode::MalformedFile);
    }
    assert_eq!(safetensors_code(good_gguf()), ErrorCode::MalformedFile);
    assert_eq!(open_gguf(good_safetensors()).unwrap_err().code, ErrorCode::MalformedFile);
}

#[test]
fn gguf_of_other_versions_and_byte_orders() {
    for version in [0, 1, 4, 5, u32::MAX, 2u32.swap_bytes(), 3u32.swap_bytes()] {
        let file = Gguf::default().version(version);
        assert_eq!(gguf_code(&file), ErrorCode::UnsupportedFile, "{version:#x}");
    }
    for version in [2, 3] {
        assert!(open_gguf(Gguf::default().version(version).bytes()).is_ok());
    }
}

#[test]
fn gguf_counts_that_no_file_could_hold() {
    for count in [1u64 << 40, 1 << 60, u64::MAX] {
        for place in [8, 16] {
            let mut bytes = good_gguf();
            bytes[place..place + 8].copy_from_slice(&count.to_le_bytes());
            assert_eq!(open_gguf(bytes).unwrap_err().code, ErrorCode::MalformedFile, "{count} at {place}");
        }
        for element in [0, 5, 8, 9, 12] {
            let array = [&u32::to_le_bytes(element)[..], &count.to_le_bytes(), &[0; 64]].concat();
            let file = Gguf::default().entry("key", 9, &array);
            assert_eq!(gguf_code(&file), ErrorCode::MalformedFile, "{count} of type {element}");
        }
        let file = Gguf::default().entry("key", 8, &count.to_le_bytes());
        assert_eq!(gguf_code(&file), ErrorCode::MalformedFile, "a text of {count} bytes");
    }
}

#[test]
fn gguf_metadata_that_lie() {
    let nested = (0..100_000).fold(Vec::new(), |inner, _| {
        let head = [&9u32.to_le_bytes()[..], &1u64.to_le_bytes()].concat();
        if inner.len() < 1_200_000 { [head, inner].concat() } else { inner }
    });
    for (what, file) in [
        ("the same key", Gguf::default().u32("key", 1).u32("key", 1)),
        ("an unknown type", Gguf::default().entry("key", 13, &[0; 8])),
        (
            "a list of an unknown type",
            Gguf::default().entry("key", 9, &[13, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        ("a boolean of 2", Gguf::default().entry("key", 7, &[2])),
        ("a text that is not UTF-8", Gguf::default().entry("key", 8, &[2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe])),
        ("deep lists", Gguf::default().entry("key", 9, &nested)),
        ("an alignment of 0", Gguf::default().u32("general.alignment", 0)),
        ("an alignment of 48", Gguf::default().u32("general.alignment", 48)),
        ("an alignment of 2^31", Gguf::default().u32("general.alignment", 1 << 31)),
        ("an alignment in words", Gguf::default().text("general.alignment", "32")),
    ] {
        assert_eq!(gguf_code(&file), ErrorCode::MalformedFile, "{what}");
    }
}

#[test]
fn gguf_tensors_that_lie() {
    let byte = |name: &str| Tensor::new(name, &[1], 24, vec![0]);
    for (what, tensors) in [
        ("the same name", vec![byte("a"), byte("a")]),
        ("the same place", vec![byte("a"), byte("b").at(0)]),
        ("overlap", vec![Tensor::new("a", &[40], 24, vec![0; 40]), byte("b").at(32)]),
        ("past the end", vec![byte("a").at(32)]),
        ("far past the end", vec![byte("a").at(1 << 60)]),
        ("past the address space", vec![byte("a").at(u64::MAX - 31)]),
        ("an odd offset", vec![byte("a"), byte("b").at(31)]),
        ("a negative shape", vec![Tensor::new("a", &[u64::MAX], 24, vec![0])]),
        ("a shape that overflows", vec![Tensor::new("a", &[1 << 33, 1 << 33], 0, vec![0; 4])]),
        ("a size that overflows", vec![Tensor::new("a", &[1 << 62], 0, vec![0; 4])]),
        ("more than there is", vec![Tensor::new("a", &[1 << 40], 8, vec![0; 34])]),
        ("rows of half a block", vec![Tensor::new("a", &[16, 2], 8, vec![0; 34])]),
        ("five dimensions", vec![Tensor::new("a", &[1, 1, 1, 1, 1], 0, vec![0; 4])]),
    ] {
        let file = tensors.into_iter().fold(Gguf::default(), Gguf::tensor);
        assert_eq!(gguf_code(&file), ErrorCode::MalformedFile, "{what}");
    }
    let dimensions = [&text("a")[..], &u32::MAX.to_le_bytes(), &[0; 64]].concat();
    let mut bytes = Gguf::default().bytes()[..8].to_vec();
    bytes.extend([1u64.to_le_bytes(), 0u64.to_le_bytes()].concat());
    bytes.extend(dimensions);
    assert_eq!(open_gguf(bytes).unwrap_err().code, ErrorCode::MalformedFile);
}

#[test]
fn types_that_cannot_be_read() {
    let unknown = Gguf::default().tensor(Tensor::new("a", &[32], 99, vec![0; 32]));
    assert_eq!(gguf_code(&unknown), ErrorCode::UnsupportedDtype);
    let known = Gguf::default().tensor(Tensor::new("a", &[256], 23, vec![0; 136]));
    let file = open_gguf(known.bytes()).unwrap();
    let error = file.tensors.read_f32("a").unwrap_err();
    assert_eq!((error.code, error.detail.as_deref()), (ErrorCode::UnsupportedDtype, Some("a")));
    let error = file.tensors.read_f32("b").unwrap_err();
    assert_eq!((error.code, error.detail.as_deref()), (ErrorCode::MissingTensor, Some("b")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = try_safetensors(bytes.clone());
        let _ = try_gguf(bytes.clone());
        let _ = Tokenizer::from_json(&bytes);
        let header = [&b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"[..], &bytes].concat();
        let _ = try_gguf(header);
        let length = [&(bytes.len() as u64).to_le_bytes()[..], &bytes].concat();
        let _ = try_safetensors(length);
    }

    #[test]
    fn good_files_with_random_bytes_in_them(
        place: prop::sample::Index,
        patch in proptest::collection::vec(any::<u8>(), 1..12),
    ) {
        for (bytes, gguf) in [(good_safetensors(), false), (good_gguf(), true)] {
            let mut bytes = bytes;
            let start = place.index(bytes.len());
            for (byte, new) in bytes[start..].iter_mut().zip(&patch) {
                *byte = *new;
            }
            let _ = if gguf { try_gguf(bytes).map(drop) } else { try_safetensors(bytes).map(drop) };
        }
    }
}
