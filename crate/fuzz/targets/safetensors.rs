//! Any bytes as a safetensors file: its header, every tensor.
#![no_main]

use inglenook_fuzz::formats::open_safetensors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = open_safetensors(bytes.to_vec()) else { return };
    for name in file.names() {
        let info = file.info(name);
        if let (Ok((values, shape)), Some(info)) = (file.read_f32(name), info) {
            assert_eq!(values.len(), shape.iter().product::<usize>());
            assert_eq!(shape, info.shape);
        }
    }
});
