//! How much memory a language model takes while it is loaded, counted at the allocator. This program has one test, since
//! all of its threads are counted together.
#![allow(clippy::unwrap_used)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs::File,
    io::Read,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use inglenook::{
    device::Device,
    files::ModelFiles,
    tasks::language_model::{LanguageModel, LoadOptions},
};

const SMOLLM2: &str = "models/weights/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf";

struct Counted;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is the system allocator's own.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

#[test]
fn loading_takes_at_most_a_quarter_more_than_the_file() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(SMOLLM2);
    let mut file = File::open(path).unwrap();
    let length = file.metadata().unwrap().len() as usize;
    let before = NOW.load(Relaxed);
    let mut files = ModelFiles::default();
    files.open("model.gguf", Some(length), None).unwrap();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece).unwrap() {
            0 => break,
            count => files.push(&piece[..count]).unwrap(),
        }
    }
    files.close().unwrap();
    let model = LanguageModel::load(&mut files, Device::cpu(), LoadOptions::default(), &|_| {});
    let model = pollster::block_on(model).unwrap();
    let (most, after) = (MOST.load(Relaxed) - before, NOW.load(Relaxed) - before);
    println!("file {length} bytes, at most {most}, loaded {after}");
    assert!(most >= length && most * 4 <= length * 5, "{most} bytes for a file of {length}");
    drop(model);
}
