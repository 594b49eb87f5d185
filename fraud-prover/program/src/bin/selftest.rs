//! Checks on the machine what the program has of its own: assembly, and keccak256 in software. Exits with code 0 if all of
//! it does what it should.
#![cfg_attr(target_arch = "riscv64", no_std, no_main)]
// Calls the functions under test as the compiler would, and looks at memory byte by byte.
#![allow(unsafe_code)]

#[cfg(target_arch = "riscv64")]
extern crate alloc;

#[cfg(target_arch = "riscv64")]
#[path = "../entry.rs"]
mod entry;
#[cfg(target_arch = "riscv64")]
#[path = "../hash.rs"]
mod hash;
#[cfg(target_arch = "riscv64")]
#[path = "../heap.rs"]
mod heap;
#[cfg(target_arch = "riscv64")]
#[path = "../machine.rs"]
#[allow(dead_code)]
mod machine;
#[cfg(target_arch = "riscv64")]
#[path = "../mem.rs"]
mod mem;

#[cfg(target_arch = "riscv64")]
mod program {
    use alloc::{boxed::Box, vec, vec::Vec};
    use alloy_primitives::{B256, keccak256};

    use crate::hash::keccak;

    unsafe extern "C" {
        fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8;
        fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8;
        fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8;
        fn memcmp(a: *const u8, b: *const u8, count: usize) -> i32;
    }

    /// Bytes around what a function may write, which must stay.
    const MARGIN: usize = 16;
    const ROOM: usize = 1200;

    /// Memory at an aligned address, read and written byte by byte, so that the compiler calls nothing for it.
    struct Bytes(Box<[u64]>);

    impl Bytes {
        fn new(salt: usize) -> Self {
            let bytes = Self(vec![0; ROOM / 8].into());
            for i in 0..ROOM {
                bytes.set(i, pattern(i, salt));
            }
            bytes
        }

        fn at(&self, i: usize) -> *mut u8 {
            assert!(i < ROOM);
            self.0.as_ptr().cast::<u8>().cast_mut().wrapping_add(i)
        }

        fn get(&self, i: usize) -> u8 {
            // SAFETY: within the memory, as `at` checks.
            unsafe { self.at(i).read_volatile() }
        }

        fn set(&self, i: usize, byte: u8) {
            // SAFETY: as above; nobody else looks at it.
            unsafe { self.at(i).write_volatile(byte) }
        }
    }

    fn pattern(i: usize, salt: usize) -> u8 {
        (i.wrapping_mul(167) ^ (i >> 8).wrapping_mul(59) ^ salt) as u8
    }

    /// Some output if everything is right.
    pub(crate) fn run(boot_hash: [u8; 32]) -> Option<B256> {
        let right = copies() && moves() && fills() && compares() && hashes();
        right.then(|| B256::new(boot_hash))
    }

    fn counts() -> impl Iterator<Item = usize> + Clone {
        (0..140).chain([191, 192, 255, 256, 257, 511, 519, 1023])
    }

    fn copies() -> bool {
        let from = Bytes::new(1);
        (0..8).all(|to_at| {
            (0..8).all(|from_at| {
                counts().all(|count| {
                    let to = Bytes::new(2);
                    let (start, source) = (MARGIN + to_at, MARGIN + from_at);
                    // SAFETY: both ranges lie in memory of their own.
                    let result = unsafe { memcpy(to.at(start), from.at(source), count) };
                    result == to.at(start)
                        && (0..start + count + MARGIN).all(|i| {
                            let inside = (start..start + count).contains(&i);
                            to.get(i) == if inside { pattern(source + i - start, 1) } else { pattern(i, 2) }
                        })
                })
            })
        })
    }

    fn moves() -> bool {
        let offsets = (0..40).chain([64, 65, 72]);
        offsets.clone().all(|to_at| {
            offsets.clone().all(|from_at| {
                [0, 1, 7, 8, 16, 31, 32, 40, 64, 100].into_iter().all(|count| {
                    let bytes = Bytes::new(3);
                    // SAFETY: both ranges lie in one memory.
                    unsafe { memmove(bytes.at(to_at), bytes.at(from_at), count) };
                    (0..256).all(|i| {
                        let inside = (to_at..to_at + count).contains(&i);
                        bytes.get(i) == pattern(if inside { from_at + i - to_at } else { i }, 3)
                    })
                })
            })
        })
    }

    fn fills() -> bool {
        (0..8).all(|at| {
            counts().all(|count| {
                [0, 0x1a5].into_iter().all(|byte| {
                    let bytes = Bytes::new(4);
                    let start = MARGIN + at;
                    // SAFETY: the range lies in the memory.
                    unsafe { memset(bytes.at(start), byte, count) };
                    (0..start + count + MARGIN).all(|i| {
                        let inside = (start..start + count).contains(&i);
                        bytes.get(i) == if inside { byte as u8 } else { pattern(i, 4) }
                    })
                })
            })
        })
    }

    fn compares() -> bool {
        let a = Bytes::new(5);
        [0, 1, 3, 8].into_iter().all(|a_at| {
            [0, 3, 8, 16].into_iter().all(|b_at| {
                (0..80).all(|count| {
                    let b = Bytes::new(6);
                    for i in 0..count {
                        b.set(b_at + i, a.get(a_at + i));
                    }
                    // SAFETY: both ranges lie in memory.
                    let compare = || unsafe { memcmp(a.at(a_at), b.at(b_at), count) };
                    let equal = compare() == 0;
                    // A difference anywhere decides, and the first one does.
                    equal
                        && (0..count).all(|i| {
                            let byte = a.get(a_at + i);
                            if i + 1 < count {
                                b.set(b_at + count - 1, !a.get(a_at + count - 1));
                            }
                            b.set(b_at + i, byte ^ 0x80);
                            let sign = if byte < byte ^ 0x80 { -1 } else { 1 };
                            let right = compare().signum() == sign;
                            b.set(b_at + i, byte);
                            b.set(b_at + count - 1, a.get(a_at + count - 1));
                            right
                        })
                })
            })
        })
    }

    /// The accelerator and the software agree where both can be asked.
    fn hashes() -> bool {
        let bytes: Vec<u8> = (0..1024 + 8).map(|i| pattern(i, 7)).collect();
        (0..8).all(|start| {
            (0..=1024).step_by(1 + 2 * start).all(|len| {
                let input = &bytes[start..start + len];
                keccak(input) == keccak256(input).0
            })
        })
    }
}

#[cfg(not(target_arch = "riscv64"))]
fn main() {
    eprintln!("this program runs on the fault proof VM: `make program` builds it");
    std::process::exit(2);
}
