//! Lies whose disputes end in a step of the honest side.
//!
//! Sides take turns, so it depends on how often an interval is narrowed down which of them is asked for a single step at last:
//! on the blocks that are proposed, and on the length of the machine's run, which no two runs of a test have in common.

use std::ops::Range;

use anyhow::{Context, Result, bail};
use rollup::interval::Interval;

use super::{Arena, Divergence, Lie, lie::last_depth};

/// A block to propose, of `targets`, and a lie about one of `wrong`, where the last claim is the liar's: the honest side answers
/// it by a step.
///
/// # Errors
/// No such pair exists. Of two targets where one is narrowed down once more than the other, one always does.
pub async fn ends_in_a_step(
    arena: &Arena,
    wrong: Range<u64>,
    targets: &[u64],
) -> Result<(u64, (Lie, Divergence))> {
    for block in wrong {
        let steps = arena.steps(block).await?;
        let fault = steps / 1_000 * 618;
        for target in targets {
            let blocks = Interval::between(0, *target).context("nothing to propose")?;
            if last_depth(blocks, block, steps, fault).is_multiple_of(2) {
                return Ok((*target, (Lie::WrongBalance { block }, Divergence::After(fault))));
            }
        }
    }
    bail!("no dispute about these blocks ends in a step of the honest side")
}
