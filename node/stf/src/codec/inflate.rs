//! Bounded Brotli decompression without the standard library.

use alloc::{boxed::Box, vec, vec::Vec};
use brotli_decompressor::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper, SliceWrapperMut,
};

use super::{error::DecodeError, source::PayloadSource};

/// Decompressed bytes are produced in pieces of this size, so that a small payload costs little memory.
const PIECE: usize = 64 << 10;

/// Memory for the decompressor, from the global allocator. What one stream can make it ask for is bounded by the
/// format: a window of at most 16 MiB, and tables of some 100 KiB.
#[derive(Clone, Copy, Default)]
struct Heap;

struct Cells<T>(Box<[T]>);

impl<T> Default for Cells<T> {
    fn default() -> Self {
        Self(Vec::new().into_boxed_slice())
    }
}

impl<T> SliceWrapper<T> for Cells<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> SliceWrapperMut<T> for Cells<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Clone + Default> Allocator<T> for Heap {
    type AllocatedMemory = Cells<T>;

    fn alloc_cell(&mut self, len: usize) -> Cells<T> {
        Cells(vec![T::default(); len].into_boxed_slice())
    }

    fn free_cell(&mut self, _data: Cells<T>) {}
}

/// Decompresses one whole Brotli stream of at most `limit` bytes of output. Bytes behind the stream are an error. Reads no
/// further than the stream, or what is wrong with it, goes.
pub(super) fn inflate<P: PayloadSource>(
    payload: &mut P,
    limit: usize,
) -> Result<Result<Vec<u8>, DecodeError>, P::Error> {
    let mut state = BrotliState::new_strict(Heap, Heap, Heap);
    let mut output = Vec::new();
    let mut written = 0;
    let mut unread = payload.length();
    while unread > 0 {
        let input = payload.piece()?;
        if input.is_empty() {
            break;
        }
        unread = unread.saturating_sub(input.len() as u64);
        let (mut available_in, mut input_offset) = (input.len(), 0);
        loop {
            output.resize(usize::min(written + PIECE, limit), 0);
            let (mut available_out, mut output_offset, mut total) = (output.len() - written, written, 0);
            let result = BrotliDecompressStream(
                &mut available_in,
                &mut input_offset,
                input,
                &mut available_out,
                &mut output_offset,
                &mut output,
                &mut total,
                &mut state,
            );
            let progressed = output_offset > written;
            written = output_offset;
            match result {
                BrotliResult::ResultSuccess if available_in == 0 && unread == 0 => {
                    output.truncate(written);
                    return Ok(Ok(output));
                }
                BrotliResult::ResultSuccess => {
                    return Ok(Err(DecodeError::TrailingBytes(available_in as u64 + unread)));
                }
                BrotliResult::NeedsMoreInput => break,
                BrotliResult::NeedsMoreOutput if written >= limit => {
                    return Ok(Err(DecodeError::TooLarge(limit)));
                }
                BrotliResult::NeedsMoreOutput if progressed => {}
                BrotliResult::NeedsMoreOutput | BrotliResult::ResultFailure => {
                    return Ok(Err(DecodeError::Compression));
                }
            }
        }
    }
    Ok(Err(DecodeError::Truncated))
}
