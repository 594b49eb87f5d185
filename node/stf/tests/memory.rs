//! What hostile payloads can make the decoder allocate.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Instant,
};

use stf::codec::{MAX_DECOMPRESSED_SIZE, MAX_TRANSACTIONS, decode};

/// Counts what is allocated, and the most of it at a time.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes everything on to the system's allocator, and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn compress(plain: &[u8]) -> Vec<u8> {
    let params = brotli::enc::BrotliEncoderParams { quality: 5, lgwin: 24, ..Default::default() };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &plain[..], &mut out, &params).expect("memory does not fail");
    out
}

fn varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// One block with as many transactions of a kind as there is room for, or `most`; each is `kind`, and zeros in every
/// column.
fn full(kind: u8, bytes_each: usize, most: usize) -> Vec<u8> {
    let count = most.min((MAX_DECOMPRESSED_SIZE - 16) / bytes_each);
    let mut plain = vec![1, 1, 0, 0];
    varint(&mut plain, count);
    plain.resize(plain.len() + count, kind);
    plain.resize(plain.len() + count * (bytes_each - 1), 0);
    plain
}

/// A test of its own process: nothing else allocates meanwhile.
#[test]
fn hostile_payloads_cost_bounded_memory() {
    let mut many_blocks = vec![1];
    varint(&mut many_blocks, MAX_DECOMPRESSED_SIZE / 3 - 8);
    many_blocks.resize(MAX_DECOMPRESSED_SIZE - 8, 0);
    // Creations need no address: kind, nonce, gas, fee, exponent, value, length of data, and the signature.
    let cases = [
        ("zeros without end", vec![0; 256 << 20], false),
        ("blocks", many_blocks, false),
        ("raw transactions without end", full(3, 2, usize::MAX), false),
        ("empty raw transactions", full(3, 2, MAX_TRANSACTIONS), true),
        ("legacy creations", full(8, 71, MAX_TRANSACTIONS), true),
    ];
    for (name, plain, decodes) in cases {
        let payload = compress(&plain);
        drop(plain);
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        let start = Instant::now();
        let result = decode(&payload, 1, 0..usize::MAX);
        let (peak, time) = ((PEAK.load(Relaxed) - before) >> 20, start.elapsed());
        println!("{name}: {} bytes, {peak} MiB, {time:?}", payload.len());
        assert_eq!(result.is_ok(), decodes, "{name}: {:?}", result.err());
        assert!(peak < 192, "{name}: {peak} MiB");
    }
}
